package engine

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// How the simulated initiator opens connections, and how it recovers from losing one.

// connections opens, joins or recovers a connection when the session needs it.
func (s *simulation) connections() bool {
	ss := s.sess
	switch {
	case s.ending:
		return false
	case ss == nil || ss.over:
		s.leadingLogin()
		return true
	case !ss.up:
		if s.lead.state == simGone {
			s.leadingLogin() // the login failed
			return true
		}
		return false
	}
	s.notice()
	if s.giveUp() {
		return true
	}
	if len(s.holes) > 0 && s.rng.IntN(2) == 0 && s.plugHole() {
		return true
	}
	if s.recover() {
		return true
	}
	n := 0
	for _, c := range ss.conns {
		if c.state != simGone {
			n++
		}
	}
	if n < s.conns && s.rng.IntN(8) == 0 {
		s.join(s.freeCID())
		return true
	}
	return false
}

// leadingLogin starts a session. If the target still has the previous one, this reinstates it (RFC 7143, 6.3.5).
func (s *simulation) leadingLogin() {
	if s.sess != nil && s.sess.up {
		s.past = s.sess
	}
	first := ^uint32(0) - uint32(s.rng.IntN(40)) + 20
	s.sess = &simSession{w: s.simWorld, isid: [6]byte{0x80, 1, 2, 3, 4, 5}, cmdSN: first, first: first, exp: first, max: first - 1, cmds: map[uint32]*simCmd{}}
	s.holes, s.sent = nil, nil
	s.lead = s.sess.connect(uint16(s.rng.IntN(8)), s.rng.IntN(len(s.loops)), append(slices.Clone(s.keys), s.more...)...)
	s.stats["sessions"]++
}

func (s *simulation) join(cid uint16) { s.sess.connect(cid, s.rng.IntN(len(s.loops)), s.more...) }

// freeCID returns an unused CID.
func (s *simulation) freeCID() uint16 {
	for cid := uint16(s.rng.IntN(12)); ; cid++ {
		if !slices.ContainsFunc(s.sess.conns, func(c *simConn) bool { return c.cid == cid && c.state != simGone }) {
			return cid
		}
	}
}

// loggedIn processes a successful Login Response.
func (s *simulation) loggedIn(c *simConn) {
	s.moved = s.now
	if c.status != pdu.LoginSuccess {
		s.logf("%v: login refused, %#x", c, uint16(c.status))
		s.stats["refused"]++
		c.die("refused")
		switch c.status {
		case pdu.LoginSessionDoesNotExist:
			if c.sess == s.sess && c.sess.up {
				s.endSession(c.sess)
			}
		case pdu.LoginTooManyConnections:
			s.conns = max(1, s.conns-1)
		default:
			s.Fatalf("%v: login refused, %#x", c, uint16(c.status))
		}
		return
	}
	s.stats["login"]++
	if c == s.lead {
		if s.past != nil {
			s.endSession(s.past)
			s.past = nil
		}
		return
	}
	for _, o := range c.sess.conns {
		if o != c && o.cid == c.cid && o.state != simGone && o.state != simLogin {
			o.die("reinstated")
			s.resolved(o)
		}
	}
}

// endSession closes a session and all its connections.
func (s *simulation) endSession(ss *simSession) {
	ss.over = true
	for _, c := range ss.conns {
		if c.state != simGone {
			c.die("the session is over")
			c.state = simGone
		}
	}
	if ss != s.past && ss == s.sess {
		s.past = ss // its tasks may live on until its successor is in full feature phase
		s.holes = nil
		return
	}
	s.bury(ss)
}

// bury marks all requests of a session as over, since the target has ended it.
func (s *simulation) bury(ss *simSession) {
	for _, cmd := range ss.sorted() {
		s.done(cmd)
	}
}

// sorted returns the unanswered requests, oldest first.
func (ss *simSession) sorted() []*simCmd {
	var cmds []*simCmd
	for _, cmd := range ss.cmds {
		cmds = append(cmds, cmd)
	}
	slices.SortFunc(cmds, func(a, b *simCmd) int { return int(a.id) - int(b.id) })
	return cmds
}

// notice detects connections that have fallen silent.
func (s *simulation) notice() {
	for _, c := range s.sess.conns {
		if c.sock.s.IsSilent() && c.state != simGone && c.state != simLost && (s.calm || s.rng.IntN(20) == 0) {
			c.die("silent")
		}
	}
}

// recover takes the next step to recover from a lost connection.
func (s *simulation) recover() bool {
	ss := s.sess
	for _, c := range ss.conns {
		if c.state != simLost || s.rng.IntN(4) > 0 && !s.calm || s.busyCID(c.cid) {
			continue
		}
		live := s.anyConn()
		switch n := s.rng.IntN(8); {
		case n < 3 && live != nil:
			s.logout(live, pdu.LogoutCloseConnection, c.cid, true) // immediate: a CmdSN may have been lost with c
			s.stats["logout of another"]++
		case n == 3 && live == nil && s.rng.IntN(2) == 0:
			s.join(s.freeCID()) // the session continues
			s.stats["continuation"]++
		case n == 4 && s.rng.IntN(6) == 0 && !s.calm:
			s.leadingLogin()
			s.stats["session reinstatement"]++
		default:
			s.join(c.cid)
			s.stats["reinstatement"]++
		}
		return true
	}
	return false
}

// busyCID reports whether a login, logout or recovery of a CID is under way.
func (s *simulation) busyCID(cid uint16) bool {
	for _, c := range s.sess.conns {
		if c.cid == cid && c.state == simLogin {
			return true
		}
	}
	for _, cmd := range s.sess.cmds {
		if cmd.kind == simLogout && cmd.h.Immediate() && (cmd.conn.state == simFull || cmd.conn.state == simLeaving) && (*pdu.LogoutRequest)(&cmd.h).CID() == cid {
			return true
		}
	}
	return false
}

// resolved is called when the target has ended all tasks of a connection. The connection's requests are over, and CmdSNs that
// may not have arrived must be plugged.
func (s *simulation) resolved(c *simConn) {
	c.state = simGone
	for _, cmd := range c.sess.sorted() {
		switch {
		case cmd.roaming:
			if cmd.doubtAt == 0 {
				cmd.doubtAt = s.now
			}
			if cmd.conn == c {
				s.done(cmd)
				s.hole(cmd)
			}
		case cmd.conn != c:
		case !cmd.h.Immediate() && pdu.SNLessEq(c.sess.exp, cmd.sn()) && cmd.prompt && s.rng.IntN(2) == 0 && s.retry(cmd):
		default:
			s.done(cmd)
			s.failed(cmd)
			s.hole(cmd)
		}
	}
}

// hole notes a CmdSN that the target may not have received.
func (s *simulation) hole(cmd *simCmd) {
	if !cmd.h.Immediate() && pdu.SNLessEq(cmd.conn.sess.exp, cmd.sn()) && cmd.conn.sess == s.sess {
		s.holes = append(s.holes, cmd)
	}
}

// retry resends a command unchanged on another connection, after the first was logged out (RFC 7143, 7.2.1).
func (s *simulation) retry(cmd *simCmd) bool {
	c := s.anyConn()
	if c == nil || c.sess != cmd.conn.sess {
		return false
	}
	cmd.conn, cmd.doubtAt = c, s.now
	cmd.got, cmd.dataSN, cmd.burst = nil, 0, 0
	s.queue(cmd, cmd.data()[:cmd.imm])
	s.stats["retry"]++
	return true
}

// plugHole sends ABORT TASK for a request that may not have arrived: its CmdSN then counts as received (RFC 7143, 11.6.1).
func (s *simulation) plugHole() bool {
	h := s.holes[0]
	if pdu.SNLess(h.sn(), s.sess.exp) || h.conn.sess != s.sess {
		s.holes = s.holes[1:]
		return true
	}
	c := s.anyConn()
	if c == nil {
		return false
	}
	s.holes = s.holes[1:]
	s.abort(c, h).plug = true
	s.stats["plug"]++
	return true
}

// abort sends an ABORT TASK for cmd on c.
func (s *simulation) abort(c *simConn, cmd *simCmd) *simCmd {
	m := s.newCmd(simManage, c, pdu.OpTaskManagementRequest, true)
	h := (*pdu.TaskManagementRequest)(&m.h)
	h.SetFunction(pdu.TMFAbortTask)
	h.BHS().SetLUN(cmd.lun << 48)
	h.SetReferencedTaskTag(cmd.h.ITT())
	h.SetRefCmdSN(cmd.sn())
	if cmd.h.Immediate() {
		h.SetRefCmdSN(m.sn())
	}
	m.target = cmd
	s.queue(m, nil)
	s.logf("%v: %v aborts %v", c, m, cmd)
	return m
}

// giveUp ends requests that will not be answered: those that another initiator's reset has cleared, and those whose fate is
// unknown.
func (s *simulation) giveUp() bool {
	impatient := func(cmd *simCmd) bool {
		return cmd.cleared && cmd.freed && !cmd.answered || cmd.doubtAt != 0 && s.now-cmd.doubtAt > 30e9 && cmd.conn.live()
	}
	some := false
	for _, cmd := range s.sess.cmds {
		some = some || impatient(cmd)
	}
	if !some {
		return false
	}
	for _, cmd := range s.sess.sorted() {
		switch {
		case !impatient(cmd):
		case cmd.cleared && cmd.freed:
			s.done(cmd)
			return true
		default:
			cmd.doubtAt = s.now
			s.abort(cmd.conn, cmd)
			return true
		}
	}
	return false
}

// logout sends a Logout Request on c.
func (s *simulation) logout(c *simConn, reason pdu.LogoutReason, cid uint16, immediate bool) {
	if !immediate && pdu.SNLess(c.sess.max, c.sess.cmdSN) {
		immediate = true
	}
	m := s.newCmd(simLogout, c, pdu.OpLogoutRequest, immediate)
	h := (*pdu.LogoutRequest)(&m.h)
	h.SetReason(reason)
	h.SetCID(cid)
	// "After sending the Logout Request PDU, an initiator MUST NOT send any new iSCSI requests on the closing connection"
	// (11.14): queued requests stay unsent.
	for _, o := range c.sess.conns {
		if o.state == simFull && (reason == pdu.LogoutCloseSession || o.cid == cid && o == c) {
			o.state, o.queue = simLeaving, nil
		}
	}
	s.queue(m, nil)
}

// loggedOut processes a Logout Response.
func (s *simulation) loggedOut(m *simCmd, code pdu.LogoutResponseCode) {
	h := (*pdu.LogoutRequest)(&m.h)
	ss := m.conn.sess
	s.done(m)
	switch {
	case code == pdu.LogoutResponseCleanupFailed:
		// Another logout is under way.
	case h.Reason() == pdu.LogoutCloseSession && code == pdu.LogoutResponseSuccess:
		ss.over = true
		for _, c := range ss.conns {
			c.die("logged out")
			c.state = simGone
		}
		s.holes = nil
		s.bury(ss)
		if s.past == ss {
			s.past = nil
		}
	case h.Reason() == pdu.LogoutCloseConnection:
		for _, c := range ss.conns {
			if c.cid != h.CID() || c.state == simGone || c.state == simLogin {
				continue
			}
			if c.state == simFull && code != pdu.LogoutResponseSuccess {
				continue
			}
			c.die("logged out")
			s.resolved(c)
		}
	default:
		s.Fatalf("%v: logout reason %d is answered %d", m.conn, h.Reason(), code)
	}
}

// async processes an Asynchronous Message (RFC 7143, 11.9).
func (s *simulation) async(c *simConn, h *pdu.AsyncMessage) {
	s.stats["async"]++
	switch h.AsyncEvent() {
	case pdu.AsyncEventLogoutRequest:
		if c.state == simFull && s.rng.IntN(3) > 0 {
			s.logout(c, pdu.LogoutCloseConnection, c.cid, true)
		}
	case pdu.AsyncEventDropConnection:
		for _, o := range c.sess.conns {
			// The message may be older than the connection that uses the CID now.
			if o.cid == h.Parameter1() && o.sock.target != nil && o.sock.target.c.phase >= connClosed {
				o.die("the target says so")
			}
		}
	case pdu.AsyncEventTasksTerminated:
		s.terminated(c, h)
	case pdu.AsyncEventDropAllConnections:
	default:
		s.Fatalf("%v: Asynchronous Message, event %d", c, h.AsyncEvent())
	}
}

// terminated is event 5, of FastAbort: "Stop Data-Out transfers on that connection for all active TTTs for the affected LUN",
// and "Acknowledge the StatSN of the Async Message PDU via a NOP-Out PDU with ITT=0xffffffff ..., while copying the LUN
// field" (11.9.1). Whether tasks with an R2T are over is known later.
func (s *simulation) terminated(c *simConn, h *pdu.AsyncMessage) {
	if c.sess.params.TaskReporting != session.ReportFastAbort {
		s.Fatalf("%v: Asynchronous Message, event 5, without FastAbort", c)
	}
	if c.state != simFull {
		return
	}
	for _, r := range c.sess.sorted() {
		if r.conn == c && r.lun<<48 == h.LUN() && r.asked {
			if r.doubtAt == 0 {
				r.doubtAt = s.now
			}
			c.stopData(r)
		}
	}
	b := c.header(pdu.OpNOPOut, pdu.ReservedTag, true)
	b.SetLUN(h.LUN())
	(*pdu.NOPOut)(&b).SetTTT(pdu.ReservedTag)
	c.queue = append([]*simSender{{pdus: [][]byte{c.encode(&b, nil)}}}, c.queue...)
	s.stats["terminated"]++
}

// stopData drops queued Data-Out PDUs.
func (c *simConn) stopData(cmd *simCmd) {
	if x := c.waiting(cmd); x != nil && !c.unsent(cmd) {
		x.pdus = slices.DeleteFunc(x.pdus, func(b []byte) bool {
			return (*pdu.DataOut)(b[:pdu.BHSLen]).TTT() != pdu.ReservedTag
		})
		if len(x.pdus) == 0 {
			c.forget(cmd)
		}
	}
}
