package main

// sessionMutants break the protocol: numbering, data, task management, login, the life of sessions.
var sessionMutants = []mutant{
	// The command window (RFC 7143 4.2.2.1). TestWindowPlantedBugs has the mutants that only an interleaving shows.
	{"window: a duplicate is taken", "session/window.go", "if turn&3 != slotFree || uint32(n) != sn {", "if uint32(n) != sn {", "session", "Window"},
	{"window: beyond MaxCmdSN", "session/window.go", "		if n > last {\n			return 0, false\n		}\n", "", "session", "Window"},
	{"window: a plug releases nothing", "session/window.go", "	if t == nil {\n		w.Release()\n	} else {\n		to.delivered(t)\n	}\n	if turn", "	if t != nil {\n		to.delivered(t)\n	}\n	if turn", "session", "Window"},
	{"window: a smaller window never comes", "session/window.go", "if uint32(v) <= uint32(v>>32) {", "if true {", "session", "Window|Resize"},
	{"window: withdrawing what was delivered", "session/window.go", "return uint32(n) == sn && turn&3 == slotFull && s.turn", "return uint32(n) == sn && s.turn", "session", "Window|Abort"},
	{"window: initiator not told of a reopened window", "session/nop.go", "	c.nopIn(pdu.ReservedTag)\n}", "}", "session", ""},
	{"window: redeliver dropped", "session/conn_turn.go", "d.redeliver = d.redeliver || again", "_ = again", "engine", "TestDelivery"},

	// Data-Out and R2T (11.7, 11.8).
	{"data-out: DataSN is not looked at", "session/dataout.go", "case h.DataSN() != s.dataSN:", "case false:", "session", "Data"},
	{"data-out: offset is not looked at", "session/dataout.go", "case h.BufferOffset() != s.next:", "case false:", "session", "Data"},
	{"data-out: beyond the burst", "session/dataout.go", "case n > s.end-s.next:", "case false:", "session", "Data"},
	{"data-out: any TTT is unsolicited", "session/dataout.go", "		if o.unsolicited {\n			return &o.first\n		}\n		return nil", "		return &o.first", "session", "Data|Unsolicited"},
	{"data-out: sequence too short", "session/dataout.go", "return s.next < s.end", "return false", "session", "Data|Short|Sequence"},
	{"r2t: more than MaxOutstandingR2T", "session/r2t.go", "&& uint32(o.n) < s.Params.MaxOutstandingR2T", "&& int(o.n) < len(o.solicited)", "session", "R2T|Data"},
	{"r2t: longer than MaxBurstLength", "session/r2t.go", "min(uint32(len(t.Out))-o.asked, c.sess.Params.MaxBurstLength)", "uint32(len(t.Out))-o.asked", "session", "R2T|Data|Burst"},
	{"r2t: TTT FFFFFFFFh", "session/r2t.go", "if tags.latest == pdu.ReservedTag {", "if false {", "session", "TTT"},

	// Answers.
	{"answer: residual overflow untold", "session/response.go", "case required > edtl:", "case false:", "session", "Residual|Overflow"},
	{"answer: residual underflow untold", "session/response.go", "case moved < edtl:", "case false:", "session", "Residual|Underflow"},
	{"answer: ExpDataSN with R2Ts", "session/response.go", "h.SetExpDataSN(t.st.in.dataSN)", "h.SetExpDataSN(t.st.in.dataSN + t.st.out.r2tSN)", "session", ""},
	{"answer: more data-in than the EDTL", "session/response.go", "uint32(min(uint64(len(t.Result.In)), uint64(t.EDTL)))", "uint32(len(t.Result.In))", "session", ""},
	{"answer: an initiator that does not answer pings keeps its connection", "session/nop.go", "	case n.askedAt != 0:\n		return false, true\n", "", "session", "NOP|Pong|Ping|Silent|Keep"},

	// Task management (11.5, 4.2.3.3).
	{"tmf: functions are not bounded", "session/tmf.go", "return m.begun > 0 && m.conn.session().functions.Load() >= maxFunctions", "return false", "session", "FunctionsAreBounded"},
	{"tmf: not even one for each connection", "session/tmf.go", "return m.begun > 0 && m.conn.session().functions.Load() >= maxFunctions", "return m.conn.session().functions.Load() >= maxFunctions", "session", "FunctionsAreBounded"},
	{"tmf: a fenced function does not count", "session/fence.go", "b.counts, t.st.tmf.counts = t.st.tmf.counts, false", "", "session", "UnacknowledgedFunctions"},
	{"tmf: a reset does not wait for its CmdSN", "session/tmf.go", "if !pdu.SNLess(m.conn.session().window.ExpCmdSN(), t.CmdSN) {", "if true {", "session", ""},
	{"tmf: what comes behind a reset is executed", "session/execute.go", "if len(c.tm.parts) > 0 && c.tm.bars(t) {", "if false {", "session", "Set|Reset|TMF"},
	{"tmf: RefCmdSN is not plugged", "session/tmf.go", "case pdu.SNLess(ref, t.CmdSN) && m.conn.plug(ref):", "case ref != ref:", "session", "Abort"},
	{"tmf: a later command is covered", "session/barrier.go", "	if pdu.SNLess(b.sn, r.CmdSN) || r.CmdSN == b.sn && !r.Immediate {\n		return false\n	}\n", "", "session", ""},
	{"tmf: another unit's task is covered", "session/barrier.go", "return r.LUN == b.lun\n	case", "return true\n	case", "session", ""},
	{"tmf: the response before the tasks have ended", "session/part.go", "		if m.ending(p.b) {\n			return\n		}\n", "", "session", ""},
	{"tmf: an unacknowledged fence opens", "session/tmf_conn.go", "return k.deaf() || pdu.SNLessEq(mark, k.c.sn.expStatSN)", "return k.deaf() || pdu.SNLessEq(mark, mark)", "session", "Fence"},

	// Login and authentication (6, 9.2).
	{"login: CHAP takes any response", "session/chap.go", "if subtle.ConstantTimeCompare(sum, response)&subtle", "if subtle.ConstantTimeCompare(sum, sum)&subtle", "session", "CHAP"},
	{"login: CHAP reflects", "session/chap.go", "if bytes.Equal(challenge, s.challenge) {", "if bytes.Equal(nil, s.challenge) {", "session", "CHAP"},
	{"login: a PDU that outlasts it", "session/login.go", "		l.notLogin(now, h) // at its header: the login may end before its data arrives\n", "", "session", "Outlasts|Login"},
	{"login: another initiator's session is joined", "session/registry.go", "case s.ISID != n.isid || s.InitiatorName != n.initiator:", "case false:", "session", "Join|Session"},
	{"login: a TSIH that is taken", "session/registry.go", "if t != 0 && r.sessions[t] == nil {", "if t != 0 {", "session", ""},

	// Changes while sessions are up.
	{"live: a login in progress sees the old target", "session/login_grant.go", "if err := l.admitted(); err != nil {", "if err := l.admitted(); false {", "session", "Change|Removed"},
	{"live: an old secret will do", "session/admit.go", "subtle.ConstantTimeCompare(acc.Secret, old.Secret) != 1", "subtle.ConstantTimeCompare(acc.Secret, old.Secret) > 1", "session", "Change"},
	{"live: a login in progress sees the old accounts for discovery", "session/admit.go", "if cfg := l.node.config(); cfg != l.settings {", "if cfg := l.node.config(); false {", "session", "Discovery"},
	{"live: a session that ends admits connections", "session/members.go", "if s.phase != sessionUp && s.phase != sessionKept {", "if s.phase >= sessionEnding {", "session", "LogOut"},
	{"live: a kept session is not ended", "session/ask.go", "	if s.keep != nil {\n		s.keep.host.Post", "	if false {\n		s.keep.host.Post", "session", "LogOut"},
	{"live: a session that was asked to end is kept", "session/members.go", "case lost && s.phase == sessionUp && ", "case lost && ", "session", "LogOut"},
	{"live: connections keep their old times", "session/configure.go", "		s.each(nil, Message{kind: messageConfigure})\n", "		_ = s\n", "session", "Configure"},
	{"live: an account that is gone protects its session", "session/registry.go", " && n.auth(s).Knows(o.Account) {", " {", "session", "NewAccount"},
	{"live: one connection's logout ends the session", "session/ask.go", "	if c.end.asking == askedConn {", "	if false {", "session", "LogOut"},

	{"logout: others go on", "session/logout.go", "o.others = s.quiesce(self, o.turn)", "", "session", "Logout"},
}
