package session

// logoutConn has everything that a logout uses of its connection.
type logoutConn interface {
	// self identifies the connection to its session.
	self() *Conn
	session() *Session
	CID() uint16
	// busy reports whether the host has tasks of the connection.
	busy() bool
	// stopAll stops every task but one.
	stopAll(but *Task)
	// deafen stops every task and ignores input from now on.
	deafen()
	// fail closes the connection at once.
	fail(err error)
	// finish closes the connection once everything that is queued has been sent.
	finish(now int64, reason error)
}

// connLogout implements logoutConn for a connection.
type connLogout struct{ *Conn }

func (c connLogout) self() *Conn       { return c.Conn }
func (c connLogout) session() *Session { return c.sess }

func (c connLogout) busy() bool {
	busy := false
	c.tags.each(func(t *Task) {
		switch t.st.phase {
		case phaseDeferred, phaseRunning, phaseStop, phaseStopping, phaseUnwanted:
			busy = true
		}
	})
	return busy
}

func (c connLogout) deafen() {
	if c.end.connPhase == connOpen {
		c.end.move(connQuiet)
		if c.end.by == 0 {
			c.end.by = c.now + logoutTimeout
		}
	}
	c.stopAll(nil)
}
