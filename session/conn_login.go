package session

import (
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// loginConn has everything that a login uses of its connection.
type loginConn interface {
	// begin takes the CID of the first request, and the StatSN of the first response.
	begin(cid uint16, statSN uint32)
	// reply queues a Login Response.
	reply(h *pdu.BHS, data []byte)
	// fail closes the connection at once.
	fail(err error)
	// finish closes the connection once everything that is queued has been sent.
	finish(now int64, reason error)
	// enter registers a new session with the connection as its first. With entryWait, login.resume is called when the older
	// session of the I_T nexus has ended. It is called with the registry locked, and so is join.
	enter(s *Session) (entry, *LoginError)
	// join makes the connection a member of a session. With entryWait, login.resume is called when the older connection with its
	// CID has ended.
	join(s *Session, account string) (entry, *LoginError)
	// forget cancels the wait that enter or join began.
	forget(s *Session, joins bool)
	// place asks the host for the loop on which the connection will run.
	place(s *Session) int
	// grant begins full feature phase, after the last response was queued.
	grant(now int64, params ConnParams, leads bool)
}

// connLogin implements loginConn for a connection.
type connLogin struct{ *Conn }

func (c connLogin) begin(cid uint16, statSN uint32) { c.cid, c.sn.statSN = cid, statSN }

func (c connLogin) enter(s *Session) (entry, *LoginError) {
	s.Since = c.cfg.Wall.Add(time.Duration(c.now - c.cfg.Now))
	made, err := c.node.enter(s, c.Conn)
	if err == nil && made == entryMade {
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
	// The data path divides by these values and indexes with them, so they are bounded whatever was negotiated. newSession bounds
	// the session's.
	c.cp.MaxXmitDataSegmentLength = max(c.cp.MaxXmitDataSegmentLength, 512)
	c.cp.MaxRecvDataSegmentLength = min(c.cp.MaxRecvDataSegmentLength, MaxRecvDataSegmentLength)
	c.framer.SetLimits(maxAHS, int(c.cp.MaxRecvDataSegmentLength))
	c.framer.SetDigests(c.cp.HeaderDigest, c.cp.DataDigest)
	c.tm.updateDiverts()
	c.nop.start(now, c.node)
	c.sn.expStatSN = c.sn.statSN
	switch {
	case c.sess.Discovery:
		c.end.enters = DiscoveryUp
	case leads:
		c.end.enters = SessionUp
	default:
		c.end.enters = SessionJoined
	}
}

// Moved reports that the connection has moved to the loop that Move named.
func (c *Conn) Moved(now int64, loop int) {
	c.cfg.Loop = loop
	if c.login != nil && !c.end.deaf() {
		c.login.moved(now)
	}
}
