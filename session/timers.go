package session

// Timer returns when Advance is next to be called without input, in ns of the host's clock; 0: never.
func (c *Conn) Timer() int64 {
	e := &c.end
	if e.keeps {
		return e.keepBy
	}
	if e.closed || e.close {
		return 0
	}
	var at int64
	earliest := func(t int64) {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	earliest(e.flushBy)
	earliest(e.logoutBy)
	if !e.deaf {
		earliest(c.loginDue())
		if c.fullFeature() {
			earliest(c.nop.due())
			earliest(c.visitsDue())
			earliest(c.data.by)
		}
	}
	return at
}

// Advance does what is due.
func (c *Conn) Advance(now int64) {
	e := &c.end
	if e.keeps && now >= e.keepBy {
		c.expire()
	}
	if e.closed {
		return
	}
	if due := c.loginDue(); due != 0 && now >= due {
		c.loginTimer(now)
	}
	if e.flushBy != 0 && now >= e.flushBy {
		c.fail(errFlushTimeout)
	}
	if e.logoutBy != 0 && now >= e.logoutBy {
		c.asyncDrop()
		c.finish(now, errShutdown)
	}
	if c.fullFeature() {
		c.nopAdvance(now)
		c.visitsAdvance(now)
		c.dataAdvance(now)
	}
}
