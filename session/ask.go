package session

import "net/netip"

// Member is one connection of a session, as a snapshot.
type Member struct {
	CID           uint16
	Local, Remote netip.AddrPort
	Loop          int
	Lost          bool // it is gone, and its session waits for a connection to continue it
}

func (c *Conn) member() Member {
	return Member{CID: c.cid, Local: c.cfg.Local, Remote: c.cfg.Remote, Loop: c.at}
}

// Members returns a snapshot of the session's connections. A session that has lost its last one has that, marked Lost.
func (s *Session) Members() []Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	ms := make([]Member, 0, len(s.conns)+1)
	for _, c := range s.conns {
		ms = append(ms, c.member())
	}
	if s.keep != nil {
		m := s.keep.member()
		m.Lost = true
		ms = append(ms, m)
	}
	return ms
}

// LogOut ends the session. It asks the initiator to log out on all connections (RFC 7143, 11.9.1, event 1) and closes those that are
// left after shutdownGrace; with force it closes all at once. No connection may join the session from now on, and it is not kept. The
// channel is closed when the session is over. LogOut leaves out the connection but, which may be nil: it ends in another way.
func (s *Session) LogOut(force bool, but *Conn) <-chan struct{} {
	m := Message{kind: messageLogOut}
	if force {
		m = Message{kind: messageFail, reason: errShutdown}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop(force)
	for _, c := range s.conns {
		if c != but {
			c.host.Post(m)
		}
	}
	if s.keep != nil {
		s.keep.host.Post(Message{kind: messageExpire, reason: errShutdown})
	}
	if s.over == nil {
		s.over = make(chan struct{})
		if s.phase == sessionGone {
			close(s.over)
		}
	}
	return s.over
}

// LogOutMember does the same for one connection; the session continues on the others. The channel is closed when the connection has
// left the session. It is nil if there is no such connection.
func (s *Session) LogOutMember(m Member, force bool) <-chan struct{} {
	post := Message{kind: messageLeave}
	if force {
		post = Message{kind: messageFail, reason: ErrClosed}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.cid != m.CID || c.cfg.Local != m.Local || c.cfg.Remote != m.Remote {
			continue
		}
		c.host.Post(post)
		if c.left == nil {
			c.left = make(chan struct{})
		}
		return c.left
	}
	return nil
}

// asking is what an initiator was asked to log out of.
type asking uint8

const (
	askedNothing asking = iota
	askedConn           // the connection: its session may go on, or be kept
	askedSession        // the session: it is not kept
)

// Shutdown asks the initiator to log out (RFC 7143, 11.9.1, event 1), and closes the connection if it has not done so after
// shutdownGrace.
func (c *Conn) Shutdown(now int64) { c.ask(now, askedSession) }

// Leave does the same for this connection alone: its session may continue on others.
func (c *Conn) Leave(now int64) { c.ask(now, askedConn) }

// ask may be called in any phase.
func (c *Conn) ask(now int64, what asking) {
	e := &c.end
	e.asking = max(e.asking, what)
	switch {
	case e.connPhase == connKeeping:
		c.expire(errShutdown)
	case e.deaf():
	case !c.fullFeature():
		c.fail(errShutdown)
	case c.sess.Discovery:
		c.finish(now, errShutdown)
	case e.by == 0:
		e.by = now + shutdownGrace
		c.reply(asyncLogout(shutdownGrace), nil)
	}
}

// unheeded closes a connection whose initiator was asked to log out, and has not.
func (c *Conn) unheeded(now int64) {
	if c.end.asking == askedConn {
		c.reply(asyncDropped(c.cid, c.sess.Params.DefaultTime2Wait), nil)
		c.finish(now, ErrClosed)
		return
	}
	c.reply(asyncDropAll(), nil)
	c.finish(now, errShutdown)
}
