package engine

import (
	"errors"
	"slices"

	lunpkg "github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// Faults and unusual behaviour of the initiator, the network and other initiators.

// simSent is a request that may be sent a second time.
type simSent struct {
	cmd *simCmd
	b   []byte
}

func (s *simulation) remember(cmd *simCmd, b []byte) {
	if cmd.h.Immediate() {
		return
	}
	s.sent = append(s.sent, simSent{cmd, b})
	if len(s.sent) > 20 {
		s.sent = s.sent[1:]
	}
}

func (s *simulation) mischief() bool {
	ss := s.sess
	if ss == nil || !ss.up || ss.over {
		return false
	}
	c := s.anyConn()
	if c == nil {
		return false
	}
	switch s.rng.IntN(17) {
	case 0, 1:
		return s.duplicate(c)
	case 2:
		h := c.header(pdu.OpNOPOut, s.itt, false)
		s.itt++
		ss.cmdSN--
		(*pdu.NOPOut)(&h).SetTTT(pdu.ReservedTag)
		(*pdu.NOPOut)(&h).SetCmdSN(ss.cmdSN + []uint32{1 << 31, 1 << 30, 5000, ^uint32(4000)}[s.rng.IntN(4)])
		c.transmit(c.stamped(c.encode(&h, nil)), nil)
		s.stats["out of window"]++
	case 3, 4:
		return s.abortOne(false)
	case 5:
		return s.abortOne(true)
	case 6:
		return s.loseCommand()
	case 7, 8:
		return s.rng.IntN(4) == 0 && s.manageSet(c)
	case 9:
		if s.rng.IntN(12) > 0 {
			return false
		}
		s.logf("another initiator resets unit 0")
		s.stats["cleared"]++
		s.clear(s.loops[s.rng.IntN(len(s.loops))].l, 0)
	case 10, 11:
		return s.rng.IntN(3) == 0 && s.lose(c)
	case 12:
		return s.rng.IntN(4) == 0 && s.leave(c)
	case 13:
		if s.rng.IntN(4) > 0 || s.busyCID(c.cid) {
			return false
		}
		s.logf("%v: its CID logs in again", c)
		s.stats["reinstatement of a living one"]++
		s.join(c.cid)
	case 14:
		n := 1 + s.rng.IntN(16)
		s.logf("window resized to %d", n)
		s.stats["resize"]++
		c.sock.target.c.s.Session().Resize(n)
		if win := c.sock.target.nexus().window(); pdu.SNLess(ss.max, win.ExpCmdSN()) && !pdu.SNLess(win.MaxCmdSN(), win.ExpCmdSN()) {
			ss.unsaid, ss.unsaidAt = true, ss.max
		}
	case 16:
		if s.rng.IntN(6) > 0 {
			return false
		}
		s.limit()
	case 15:
		return s.rng.IntN(8) == 0 && s.administrator(c)
	}
	return true
}

// duplicate sends a request a second time: stale or within the window, on its own connection or on another one.
func (s *simulation) duplicate(c *simConn) bool {
	if len(s.sent) == 0 {
		return false
	}
	x := s.sent[s.rng.IntN(len(s.sent))]
	cmd := x.cmd
	arrived := cmd.executed != nil || cmd.answered && !cmd.rejected // otherwise the copy may be the one that is executed
	if cmd.conn.sess != s.sess || cmd.conn.unsent(cmd) || cmd.over != 0 && !arrived {
		return false
	}
	if cmd.conn == c {
		c.transmit(c.stamped(slices.Clone(x.b)), cmd)
	} else {
		// The copy that arrives first is executed. Only a read may be executed on either connection.
		if !arrived {
			if cmd.kind != simRead {
				return false
			}
			cmd.roaming = true
			if cmd.doubtAt == 0 {
				cmd.doubtAt = s.now
			}
		}
		h := cmd.h
		var data []byte
		switch {
		case cmd.writes():
			data = cmd.data()[:cmd.imm]
		case cmd.kind == simPing:
			data = cmd.ping
		}
		c.transmit(c.stamped(c.encode(&h, data)), cmd)
	}
	s.stats["duplicate"]++
	s.logf("%v: %v once more", c, cmd)
	return true
}

// abortOne aborts a command that was sent, on its own connection or on another one.
func (s *simulation) abortOne(elsewhere bool) bool {
	for _, cmd := range s.sess.sorted() {
		c := cmd.conn
		if !cmd.scsi() || s.rng.IntN(4) > 0 || c.waiting(cmd) != nil || !c.live() {
			continue
		}
		if elsewhere {
			if c = s.anyConn(); c == cmd.conn || cmd.h.Immediate() {
				return false
			}
		}
		s.abort(c, cmd)
		return true
	}
	return false
}

// loseCommand drops a queued command, as if the network had lost it, and plugs its CmdSN.
func (s *simulation) loseCommand() bool {
	for _, cmd := range s.sess.sorted() {
		c := cmd.conn
		if !cmd.scsi() || cmd.h.Immediate() || !c.live() || !c.unsent(cmd) || cmd.doubtAt != 0 {
			continue
		}
		s.done(cmd)
		s.holes = append(s.holes, cmd)
		s.stats["lost"]++
		s.logf("%v: %v is lost", c, cmd)
		return true
	}
	return false
}

// manageSet sends a function that affects many tasks.
func (s *simulation) manageSet(c *simConn) bool {
	fs := []pdu.TaskFunction{pdu.TMFAbortTaskSet, pdu.TMFClearTaskSet, pdu.TMFLogicalUnitReset, pdu.TMFLogicalUnitReset, pdu.TMFTargetWarmReset}
	f := fs[s.rng.IntN(len(fs))]
	if s.rng.IntN(60) == 0 {
		f = pdu.TMFTargetColdReset
	}
	immediate := s.rng.IntN(2) == 0
	if !immediate && pdu.SNLess(c.sess.max, c.sess.cmdSN) {
		return false
	}
	m := s.newCmd(simManage, c, pdu.OpTaskManagementRequest, immediate)
	h := (*pdu.TaskManagementRequest)(&m.h)
	h.SetFunction(f)
	m.lun = uint64(s.rng.IntN(simUnits))
	if f >= pdu.TMFTargetWarmReset {
		m.lun = 0
	}
	h.BHS().SetLUN(m.lun << 48)
	h.SetReferencedTaskTag(pdu.ReservedTag)
	s.queue(m, nil)
	s.stats["set"]++
	s.logf("%v: function %d", c, f)
	return true
}

// managed processes a Task Management Function Response.
func (s *simulation) managed(m *simCmd, resp pdu.TaskResponse) {
	s.done(m)
	if resp != pdu.TMFResponseComplete && resp != pdu.TMFResponseTaskDoesNotExist {
		s.Fatalf("%v: %v is answered %d", m.conn, m, resp)
	}
	ss := m.conn.sess
	if r := m.target; r != nil {
		// On the task's own connection "Task does not exist" means that it never ran, or its answer would have come first.
		// On another connection the task may still be alive.
		if ss.cmds[r.h.ITT()] == r && (resp == pdu.TMFResponseComplete || r.roaming || r.conn == m.conn && r.issued < m.issued) {
			s.done(r)
		}
		return
	}
	f := (*pdu.TaskManagementRequest)(&m.h).Function()
	for _, r := range ss.sorted() {
		// Only the target knows whether an immediate command came before the function. It may be answered or not.
		// Only the target knows whether an immediate command came before the function. It may be answered or not.
		if !r.scsi() && f >= pdu.TMFTargetWarmReset && !r.h.Immediate() && pdu.SNLess(r.sn(), m.sn()) {
			// It may be one that "can be considered to have been received" (4.2.3.3) although it was not.
			s.done(r)
			s.failed(r)
			if r.kind == simLogout {
				r.conn.die("its logout may be lost")
			}
		}
		if r.scsi() && (r.dead || r.h.Immediate()) && (f >= pdu.TMFTargetWarmReset || r.lun == m.lun) {
			s.done(r)
		}
	}
}

// lose breaks a connection: by a reset, by silence, or by the initiator's close.
func (s *simulation) lose(c *simConn) bool {
	switch s.rng.IntN(3) {
	case 0:
		c.sock.s.Reset()
	case 1:
		c.sock.s.Silence()
	case 2:
		c.die("closed")
	}
	s.stats["lose"]++
	s.logf("%v: is cut: reset %v silent %v", c, c.sock.s.WasReset(), c.sock.s.IsSilent())
	return true
}

// leave logs out a connection or the session.
func (s *simulation) leave(c *simConn) bool {
	switch s.rng.IntN(6) {
	case 0:
		if s.rng.IntN(3) > 0 {
			return false
		}
		s.logout(c, pdu.LogoutCloseSession, 0, s.rng.IntN(2) == 0)
		s.stats["logout of the session"]++
	case 1, 2:
		o := s.sess.conns[s.rng.IntN(len(s.sess.conns))]
		if o == c || s.busyCID(o.cid) {
			return false
		}
		s.logout(c, pdu.LogoutCloseConnection, o.cid, s.rng.IntN(2) == 0)
		s.stats["logout of another"]++
	case 3:
		s.leadingLogin()
		s.stats["session reinstatement"]++
	default:
		s.logout(c, pdu.LogoutCloseConnection, c.cid, s.rng.IntN(2) == 0)
		s.stats["logout"]++
	}
	return true
}

// administrator plays the target's administrator.
func (s *simulation) administrator(c *simConn) bool {
	t := c.sock.target.c
	sess := t.s.Session()
	force := s.rng.IntN(3) == 0
	what := "shutdown"
	switch s.rng.IntN(5) {
	case 0:
		onHome(t, func() { t.s.Shutdown(t.loop.now) })
	case 1:
		what = "termination"
		onHome(t, func() { t.s.Terminate(t.loop.now, errors.New("terminated")) })
	case 2:
		if sess == nil {
			return false
		}
		what = "logout of a session"
		sess.LogOut(force, nil)
	case 3:
		if sess == nil {
			return false
		}
		what = "logout of a connection"
		members := sess.Members()
		sess.LogOutMember(members[s.rng.IntN(len(members))], force)
	case 4:
		what = "configuration"
		s.node.Configure(session.NodeConfig{NOPInterval: int64(1+s.rng.IntN(30)) * 1e9, NOPTimeout: int64(5+s.rng.IntN(30)) * 1e9})
		same := *s.node.Targets()[0] // for the target it is another one
		s.node.SetTargets([]*session.Target{&same})
	}
	s.logf("the administrator: %s, force %v", what, force)
	s.stats["administrator"]++
	s.stats["administrator: "+what]++
	return true
}

// clear plays another initiator's LOGICAL UNIT RESET: the session's commands end without an answer.
func (s *simulation) clear(home *loop, lun uint64) {
	home.Post(query(func() { s.engine.abortTasks(home, clearing{s, lun}) }))
}

// clearing is the job of clear.
type clearing struct {
	s   *simulation
	lun uint64
}

func (j clearing) matches(t *task) bool {
	if t.s.LUN != j.lun<<48 {
		return false
	}
	for _, o := range j.s.targets {
		if o.c == t.conn {
			o.look()
			o.byITT[t.s.ITT].cleared = true
		}
	}
	return true
}

func (clearing) done(map[*lunpkg.Nexus]bool) {}

// onHome calls fn on the connection's loop, wherever it moves meanwhile.
func onHome(c *conn, fn func()) {
	l := c.home.Load()
	l.Post(query(func() {
		if c.home.Load() != l {
			onHome(c, fn)
			return
		}
		fn()
		if l.conns[c.index] == c {
			c.mark()
		}
	}))
}
