package session

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// members is the set of a session's connections, each from the grant of its login until the host has released it. A connection
// that is being replaced by one with the same CID remains a member beside its successor until it is gone.
type members struct {
	conns []*Conn
	homes []home // the last loop of each CID, for a connection that returns
	phase sessionPhase
	// keep is the lost last connection, which keeps the session until Time2Retain is over. A session that ends while it is kept
	// has one until that connection learns of it.
	keep    *Conn
	waiters []waiter // connections that wait for a member to be gone or quiet
	// barriers are those of task management functions in progress that affect whole task sets.
	barriers []*barrier
}

type home struct {
	cid  uint16
	loop int
}

// Conns returns a snapshot of the session's connections, for status.
func (s *Session) Conns() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.conns)
}

// each posts m to every member except but. A member may be gone when m arrives.
func (s *Session) each(but *Conn, m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c != but {
			c.host.Post(m)
		}
	}
}

// one posts m to one member.
func (s *Session) one(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) > 0 {
		s.conns[0].host.Post(m)
	}
}

// join makes c a member, or returns why not (RFC 7143, 11.13.5). If the CID is taken, "the login request performs the
// logout function of the old connection" (6.3.4): the old one ends, and c receives messageResumeLogin when it has; join is
// then called again.
func (s *Session) join(c *Conn, account string) (entry, *LoginError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Account != account {
		return 0, refuseForeign()
	}
	if s.phase != sessionUp && s.phase != sessionKept {
		return 0, refuse(pdu.LoginSessionDoesNotExist, "the session has ended or is about to")
	}
	var old *Conn
	others := map[uint16]bool{}
	for _, o := range s.conns {
		switch {
		case o == c: // it has been a member since it began to wait
		case o.cid == c.cid:
			old = o
		default:
			others[o.cid] = true
		}
	}
	if len(others) >= int(s.Params.MaxConnections) {
		return 0, refuse(pdu.LoginTooManyConnections, "the session has all the connections it negotiated")
	}
	if !slices.Contains(s.conns, c) {
		s.enroll(c)
	}
	if old != nil {
		s.waiters = append(s.waiters, waiter{why: waitJoin, who: c, of: old})
		old.host.Post(Message{kind: messageFail, reason: errConnReinstated})
		return entryWait, nil
	}
	return entryMade, nil
}

// enroll makes c a member, under mu.
func (s *Session) enroll(c *Conn) {
	s.conns = append(s.conns, c)
	c.sess = s
	s.showBarriers(c)
	if s.phase == sessionUp {
		return
	}
	s.move(sessionUp)
	if k := s.keep; k != nil {
		s.keep = nil
		k.host.Post(Message{kind: messageRelieved})
	}
}

// place asks the host on which loop to put c, given those of the session's other connections, and remembers the answer.
func (s *Session) place(c *Conn) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var loops []int
	for _, o := range s.conns {
		if o != c {
			loops = append(loops, o.at)
		}
	}
	last := -1
	if i := slices.IndexFunc(s.homes, func(h home) bool { return h.cid == c.cid }); i >= 0 {
		last = s.homes[i].loop
	}
	c.at = c.host.Place(loops, last)
	s.recordLoop(c)
	return c.at
}

// remember records the loop of the session's first connection, which stays where it was accepted.
func (s *Session) remember(c *Conn) {
	s.mu.Lock()
	s.recordLoop(c)
	s.mu.Unlock()
}

// recordLoop records the loop of c's CID. It is called under mu.
func (s *Session) recordLoop(c *Conn) {
	i := slices.IndexFunc(s.homes, func(h home) bool { return h.cid == c.cid })
	switch {
	case i >= 0:
		s.homes[i].loop = c.at
	case len(s.homes) < maxHomes:
		s.homes = append(s.homes, home{c.cid, c.at})
	}
}

// leaving is what becomes of a session when a connection has left it.
type leaving uint8

const (
	leftOthers leaving = iota // the session continues without it
	leftLogout                // the session was logged out: the others must close too
	leftKeeper                // it was the last, and keeps the session for Time2Retain
	leftNobody                // it was the last: the session is over
)

// leave removes a connection that is gone. If it was lost, not logged out, and was the last, the session may wait for another
// connection to continue it (6.3.6).
func (s *Session) leave(c *Conn, lost bool) leaving {
	s.mu.Lock()
	if i := slices.Index(s.conns, c); i >= 0 {
		s.conns = slices.Delete(s.conns, i, i+1)
	}
	if c.left != nil {
		close(c.left)
	}
	left := leftOthers
	switch {
	case len(s.conns) > 0 && s.phase == sessionEnding:
		left = leftLogout
	case len(s.conns) > 0:
	case lost && s.phase == sessionUp && !s.Discovery && s.Params.keepFor() > 0:
		s.move(sessionKept)
		s.keep, left = c, leftKeeper
	default:
		s.end()
		left = leftNobody
	}
	s.mu.Unlock()
	s.tell(func(w waiter) bool { return w.of == c })
	return left
}

// expire ends the session that c keeps, unless a connection has joined meanwhile.
func (s *Session) expire(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keep != c {
		return false
	}
	s.keep = nil
	s.end()
	return true
}

// close begins to end the session: no connection may join any more. It reports whether the session had not begun to end before.
func (s *Session) close() (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first = s.phase < sessionEnding
	s.end()
	return first
}

// closeAfter does the same if c is the only member, and reports whether no connection may join any more.
func (s *Session) closeAfter(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) == 1 && s.conns[0] == c {
		s.end()
	}
	return s.phase == sessionEnding
}

// quiesce quietens all members except by, whose logout turn waits for each of them, and returns their number.
func (s *Session) quiesce(by *Conn, turn uint32) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c != by {
			n++
			s.waiters = append(s.waiters, waiter{why: waitQuiet, who: by, of: c, turn: turn})
			c.host.Post(Message{kind: messageQuieten, from: by})
		}
	}
	return n
}

// quieted ends the waits for c to be quiet.
func (s *Session) quieted(c *Conn) {
	s.tell(func(w waiter) bool { return w.of == c && w.why == waitQuiet })
}

// forgetWaiter removes a login that ended while it waited. The member may stay for long, and many logins may come and go meanwhile.
func (s *Session) forgetWaiter(login *Conn) {
	s.mu.Lock()
	s.waiters = slices.DeleteFunc(s.waiters, func(w waiter) bool { return w.login(login) })
	s.mu.Unlock()
}

// tell ends the waits that match. It posts without the lock.
func (s *Session) tell(match func(waiter) bool) {
	s.mu.Lock()
	ws := take(&s.waiters, match)
	s.mu.Unlock()
	tell(ws)
}

// drop ends the members with that CID, and returns their number: there are two if a connection is being replaced and its
// successor's login waits for that. The logout turn of by waits for each of them.
func (s *Session) drop(cid uint16, by *Conn, turn uint32) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.cid == cid {
			n++
			s.waiters = append(s.waiters, waiter{why: waitDropped, who: by, of: c, turn: turn})
			c.host.Post(Message{kind: messageFail, reason: errLogout})
		}
	}
	return n
}

// byCID returns the member with a CID that is not being replaced, or nil.
func (s *Session) byCID(cid uint16) *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range slices.Backward(s.conns) {
		if c.cid == cid {
			return c
		}
	}
	return nil
}
