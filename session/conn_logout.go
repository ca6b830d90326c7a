package session

// connLogout is a connection as its logout uses it: the methods of logoutConn, and no others.
type connLogout struct{ *Conn }

func (c connLogout) self() *Conn       { return c.Conn }
func (c connLogout) session() *Session { return c.sess }

func (c connLogout) busy() bool {
	busy := false
	c.tags.each(func(t *Task) {
		switch t.st.phase {
		case phaseRunning, phaseStop, phaseStopping, phaseUnwanted:
			busy = true
		}
	})
	return busy
}

func (c connLogout) deafen() {
	if c.end.connPhase == connOpen {
		c.end.move(connQuiet)
	}
	c.stopAll(nil)
}
