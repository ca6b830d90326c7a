package engine

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// Liveness: work that can proceed does so without waiting for time to pass. A NOP-In would wake every loop sooner or later; no
// command may depend on that.

// quiet checks what must hold while every loop sleeps and neither the kernel nor the initiator has anything to do.
func (s *simulation) quiet() {
	w := s.simWorld
	for _, sl := range w.loops {
		l := sl.l
		switch {
		case l.dirty != nil || len(l.rearms) > 0 || l.released && l.shares.last != nil || l.starved:
			w.Fatalf("loop %d sleeps although it has work\n%s", l.index, s.standing())
		case !l.mail.empty():
			w.Fatalf("loop %d sleeps although it has messages\n%s", l.index, s.standing())
		}
	}
	for _, t := range w.targets {
		if c := t.c; c.dirty || c.wantRecv || c.stirred.Load() {
			w.Fatalf("%v: is to be looked at, and its loop sleeps\n%s", t, s.standing())
		}
	}
	w.checkLimits()
	ss := s.sess
	if ss == nil || !ss.up || ss.over || s.unsettled(ss) {
		return
	}
	s.told(ss)
	if w.holdsSome() {
		return // others may wait for the memory of those
	}
	for _, cmd := range ss.sorted() {
		if s.canGoOn(cmd) {
			w.Fatalf("%v can go on, and does not\n%s", cmd, s.standing())
		}
	}
}

// unsettled reports whether the session's requests have a reason to wait: a connection that joins or is lost, a function, a
// logout, a missing CmdSN.
func (s *simulation) unsettled(ss *simSession) bool {
	for _, c := range ss.conns {
		switch {
		case c.state == simGone:
		case c.state != simFull, c.sock.s.IsSilent(), c.sock.s.WasReset(), c.sock.target.deaf():
			return true
		}
	}
	for _, sl := range s.loops {
		if sl.l.arena.growth.fails() {
			return true // commands wait for memory
		}
	}
	for _, t := range s.targets {
		if t.c.s.Session() == nil || t.sock.conn.sess != ss || t.sock.conn.state != simFull {
			return true // it is ending, or it belongs to another session whose tasks hold memory
		}
	}
	for _, cmd := range ss.cmds {
		if cmd.kind >= simManage {
			return true
		}
	}
	return len(s.holes) > 0
}

// told checks that the initiator knows that the window is open. After a Resize it learns so with the next answer.
func (s *simulation) told(ss *simSession) {
	ss.unsaid = ss.unsaid && ss.max == ss.unsaidAt
	if !ss.unsaid && slices.ContainsFunc(s.targets, func(t *simTarget) bool { return t.c.tasks != nil }) {
		return
	}
	for _, n := range s.nexuses {
		if n.s.TSIH != ss.tsih || n.s.InitiatorName != simInitiator {
			continue
		}
		win := n.window()
		if exp := win.ExpCmdSN(); pdu.SNLess(ss.max, exp) && !pdu.SNLess(win.MaxCmdSN(), exp) {
			for _, o := range s.node.Sessions() {
				if o == n.s {
					s.Fatalf("the window is %d..%d, but the initiator was told of no CmdSN beyond %d\n%s", exp, win.MaxCmdSN(), ss.max, s.standing())
				}
			}
		}
	}
}

// canGoOn reports whether a request has no reason to wait: it and all before it have arrived whole, and the disks are idle.
func (s *simulation) canGoOn(cmd *simCmd) bool {
	c := cmd.conn
	if cmd.roaming || cmd.cleared || cmd.doubtAt != 0 || s.k.Deadline() != 0 || c.waiting(cmd) != nil {
		return false
	}
	for _, p := range c.sock.sent {
		if p.cmd == cmd {
			return false
		}
	}
	return cmd.h.Immediate() || pdu.SNLess(cmd.sn(), c.sock.target.nexus().next)
}
