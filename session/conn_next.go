package session

// Next stores one event in ev and reports whether there was one. If room is false it returns only events that do not need the
// socket (see Event). Data-In PDUs and R2Ts are built here, one by one.
func (c *Conn) Next(now int64, room bool, ev *Event) bool {
	c.now = now
	ev.Task, ev.Release, ev.Data, ev.Copy, ev.Reason, ev.Session = nil, nil, nil, false, nil, nil
	ev.HeaderDigest, ev.DataDigest, ev.Last, ev.Keep = false, false, false, false
	if c.end.enters != 0 {
		// It precedes every other event of the session, Execute in particular: commands may have arrived in the same packet as the
		// Login Request, or another loop may have delivered them.
		ev.Kind, ev.Session = c.end.enters, c.sess
		c.end.enters = 0
		return true
	}
	if c.sess != nil {
		c.turns.look(now)
	}
	if c.todo.head != nil {
		c.nextTodo(ev)
		return true
	}
	if (c.end.connPhase != connOpen || c.login != nil) && c.nextOfLife(now, ev) {
		return true
	}
	if !room || c.end.mute() {
		return false
	}
	switch {
	case c.replies.n > 0:
		c.stamp(ev, c.replies.next(ev))
	case c.asking.head != nil:
		c.nextR2T(ev)
	case c.answers.head != nil:
		c.nextAnswer(now, ev)
	default:
		return c.end.nextFlush(ev, c.out.ends)
	}
	return true
}

// nextTodo returns what the host has to do for one task.
func (c *Conn) nextTodo(ev *Event) {
	t := c.todo.pop()
	ev.Task = t
	switch {
	case t.st.phase == phaseStop:
		t.move(phaseStopping)
		ev.Kind = Abort
	case t.st.kind == kindManagement:
		t.move(phaseRunning)
		ev.Kind = Manage
	default:
		t.move(phaseRunning)
		ev.Kind = Execute
		c.tm.orderMovedBy(t)
	}
}
