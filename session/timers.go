package session

// Timer returns when the host has to call Advance if no input arrives, in ns of its clock; 0 for never.
func (c *Conn) Timer() int64 {
	e := &c.end
	at := e.by
	earliest := func(t int64) {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	if !e.deaf() {
		if c.login != nil {
			earliest(c.login.next())
		} else {
			earliest(c.nop.due())
			earliest(c.tm.due())
			earliest(c.data.by)
		}
	}
	return at
}

// Advance handles all deadlines up to now.
func (c *Conn) Advance(now int64) {
	if c.end.deaf() {
		c.phaseTimer(now)
		return
	}
	if c.login != nil {
		c.login.timer(now)
	}
	c.phaseTimer(now)
	if c.fullFeature() {
		if asks, dead := c.nop.advance(now); dead {
			c.fail(errNoPong)
		} else if asks {
			c.nopIn(c.ttt.next())
		}
		c.tm.advance(now)
		if !c.end.deaf() && c.data.late(now, &c.tags) {
			c.fail(errNoData)
		}
	}
}

// phaseTimer ends a phase that has lasted too long.
func (c *Conn) phaseTimer(now int64) {
	if by := c.end.by; by == 0 || now < by {
		return
	}
	switch c.end.connPhase {
	case connQuiet:
		c.fail(errLogoutTimeout)
	case connOpen:
		c.unheeded(now)
	case connFlushing, connFlushed:
		c.fail(errFlushTimeout)
	case connKeeping:
		c.expire(errNotContinued)
	}
}
