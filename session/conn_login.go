package session

// connLogin is a connection as its login uses it: the methods of loginConn, and no others.
type connLogin struct{ *Conn }

func (c connLogin) begin(cid uint16, statSN uint32) { c.cid, c.sn.statSN = cid, statSN }

func (c connLogin) enter(s *Session) (entry, error) {
	made, err := c.node.reg.enter(s, c.Conn)
	if made == entryMade {
		s.remember(c.Conn)
	}
	return made, err
}

func (c connLogin) join(s *Session, account string) (entry, *LoginError) {
	return s.join(c.Conn, account)
}

func (c connLogin) forget(s *Session, joins bool) {
	if joins {
		s.forgetWaiter(c.Conn)
	} else {
		c.node.reg.forgetWaiter(s, c.Conn)
	}
}

func (c connLogin) place(s *Session) int { return s.place(c.Conn) }

// grant begins full feature phase. The final Login Response is already queued.
func (c connLogin) grant(now int64, params ConnParams, leads bool) {
	c.login = nil
	c.cp = params
	// The data path divides by these and indexes with them, whatever was negotiated; for the session's, see newSession.
	c.cp.MaxXmitDataSegmentLength = max(c.cp.MaxXmitDataSegmentLength, 512)
	c.cp.MaxRecvDataSegmentLength = min(c.cp.MaxRecvDataSegmentLength, MaxRecvDataSegmentLength)
	c.framer.SetLimits(maxAHS, int(c.cp.MaxRecvDataSegmentLength))
	c.framer.SetDigests(c.cp.HeaderDigest, c.cp.DataDigest)
	c.tm.updateDiverts()
	c.nop.start(now, c.node)
	c.sn.expStatSN = c.sn.statSN
	switch {
	case c.sess.Discovery:
	case leads:
		c.end.enters = SessionUp
	default:
		c.end.enters = SessionJoined
	}
}

// Moved reports that the connection is on the loop that Move named.
func (c *Conn) Moved(now int64, loop int) {
	c.cfg.Loop = loop
	if c.login != nil && !c.end.deaf() {
		c.login.moved(now)
	}
}
