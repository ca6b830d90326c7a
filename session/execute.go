package session

// ready hands a command whose data-out is complete to the host, unless a task management function has to be carried out first.
func (t *Task) ready() {
	c := t.Conn
	t.Times.ready(c.now, t.st.phase == phaseBarred)
	if len(c.tm.parts) > 0 && c.tm.bars(t) {
		t.move(phaseBarred)
		c.tm.barred.push(t)
		return
	}
	t.move(phaseReady)
	c.todo.push(t)
}

// Deferred reports that the host cannot start a command yet whose Execute it has taken. Until Started, ORDERED commands behind it
// wait as if it had not been handed over.
func (c *Conn) Deferred(t *Task) { t.move(phaseDeferred) }

// Started reports that the host starts a command after Deferred. If it returns false the host must not: an Abort is on its way.
func (c *Conn) Started(t *Task) bool {
	if t.st.phase != phaseDeferred {
		return false
	}
	t.move(phaseRunning)
	c.tm.orderMovedBy(t)
	return true
}

// Complete reports that the host has filled in t.Result.
func (c *Conn) Complete(now int64, t *Task) {
	switch t.st.phase {
	case phaseRunning:
		t.answer()
	case phaseStop, phaseStopping:
		t.free() // it was stopped
		c.tasksEnded()
	default:
		panic("session: Complete of a task that is not with the host")
	}
}

// answer queues a task whose response is known.
func (t *Task) answer() {
	c := t.Conn
	t.move(phaseAnswer) // first: divert may end the connection, which stops all tasks that are not answered
	c.tm.orderMovedBy(t)
	if c.tm.diverts && c.tm.divert(t) {
		return
	}
	c.answers.push(t)
}

// check ends a command that the host has never had with CHECK CONDITION.
func (t *Task) check() {
	t.Result = Result{Status: statusCheckCondition}
	t.answer()
}
