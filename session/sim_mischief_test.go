package session

import "github.com/ringtgt/ringtgt/pdu"

// What makes a simulated session hard.

// mischief is what makes a session hard.
func (s *sim) mischief() bool {
	r := s.rng
	switch r.IntN(7) {
	case 0: // a request again, whole: stale, or a duplicate within the window
		if len(s.sent) > 0 {
			s.toTarget = append(s.toTarget, s.sent[r.IntN(len(s.sent))]...)
			s.stats["duplicate"]++
		}
	case 1: // far out of the window
		h := s.read(512)
		s.cmdSN--
		h.SetCmdSN(s.cmdSN + []uint32{1 << 31, 1 << 30, 5000}[r.IntN(3)])
		s.toTarget = append(s.toTarget, s.encode(h.BHS(), nil)...)
	case 2: // data for no task
		h := s.dataOut(0x7777, pdu.ReservedTag, 0, 0, true)
		s.toTarget = append(s.toTarget, s.encode(h.BHS(), pattern(0, 100))...)
	case 3:
		if c := s.victim(); c != nil {
			return s.abort(c)
		}
	case 4:
		if r.IntN(30) == 0 {
			return s.reset()
		}
	case 5:
		if r.IntN(3) == 0 {
			return s.lose()
		}
	case 6: // another nexus clears the task set: no answers at all
		if r.IntN(40) == 0 {
			return s.cleared()
		}
	}
	return false
}

// victim picks a command that may be aborted: one that has left.
func (s *sim) victim() *simCmd {
	if s.rng.IntN(6) > 0 {
		return nil
	}
	var found *simCmd
	for _, c := range s.cmds {
		if c.kind <= simWrite && c.doomed == nil && !s.waits(c) && (found == nil || c.h.ITT() < found.h.ITT()) {
			found = c
		}
	}
	return found
}

// abort sends ABORT TASK, and what follows at once on the wire so that its place in the stream is known.
func (s *sim) abort(c *simCmd) bool {
	m := s.manage(pdu.TMFAbortTask, true)
	m.SetReferencedTaskTag(c.h.ITT())
	m.SetRefCmdSN((*pdu.SCSICommand)(&c.h).CmdSN())
	if c.h.Immediate() {
		m.SetRefCmdSN(m.CmdSN()) // an immediate command has no CmdSN of its own (11.5.5)
	}
	mc := &simCmd{kind: simManage, h: *m.BHS(), target: c}
	c.doomed = mc
	s.cmds[m.ITT()] = mc
	s.toTarget = append(s.toTarget, s.encode(m.BHS(), nil)...)
	s.stats["abort"]++
	s.logf("abort of %#x by %#x", c.h.ITT(), m.ITT())
	return true
}

// lose forgets a command before it has left, as if the wire had lost it, and aborts it: its CmdSN is plugged (11.6.1).
func (s *sim) lose() bool {
	for i, x := range s.senders {
		h := (*pdu.BHS)(x.pdus[0][:48])
		c := s.cmds[h.ITT()]
		if h.Opcode() != pdu.OpSCSICommand || h.Immediate() || c == nil || c.doomed != nil {
			continue
		}
		s.senders = append(s.senders[:i], s.senders[i+1:]...)
		s.stats["lost"]++
		return s.abort(c)
	}
	return false
}

// reset sends LOGICAL UNIT RESET, non-immediate, once everything before it has left.
func (s *sim) reset() bool {
	if len(s.senders) > 0 || pdu.SNLess(s.maxCmdSN, s.cmdSN) {
		return false
	}
	m := s.manage(pdu.TMFLogicalUnitReset, false)
	mc := &simCmd{kind: simManage, h: *m.BHS()}
	for _, c := range s.cmds {
		if c.kind <= simWrite && c.doomed == nil {
			c.doomed = mc
		}
	}
	s.cmds[m.ITT()] = mc
	s.toTarget = append(s.toTarget, s.encode(m.BHS(), nil)...)
	s.stats["reset"]++
	s.logf("reset by %#x", m.ITT())
	return true
}

// cleared aborts every command that the target knows of without an answer. What is on the wire is received first.
func (s *sim) cleared() bool {
	if len(s.toTarget)+len(s.senders)+len(s.inbox) > 0 {
		return false
	}
	var ended []uint32
	s.conn.AbortTasks(s.now, func(t *Task) bool {
		if !t.st.phase.stopped() {
			ended = append(ended, t.ITT)
		}
		return true
	})
	for _, itt := range ended {
		if c := s.cmds[itt]; c != nil && c.doomed == nil {
			delete(s.cmds, itt)
		}
	}
	s.pump()
	s.stats["cleared"]++
	return true
}
