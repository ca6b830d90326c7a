package main

var sessionMutants = []mutant{
	{"session: redeliver dropped", "session/conn_turn.go", "c.redeliver = c.redeliver || again", "_ = again", "engine", "TestSimulation"},
	{"session: functions are not bounded", "session/tmf.go", "return c.tm.begun > 0 && c.sess.functions.Load() >= maxFunctions", "return false", "session", "FunctionsAreBounded"},
	{"session: a fenced function does not count", "session/fence.go", "b.counts, t.st.tmf.counts = t.st.tmf.counts, false", "", "session", "UnacknowledgedFunctions"},
}
