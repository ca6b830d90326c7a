package session

import "github.com/ringtgt/ringtgt/pdu"

// serials are the sequence numbers that the connection sends, and the one that the initiator has acknowledged.
type serials struct {
	statSN    uint32 // of the next response
	expStatSN uint32 // what the initiator acknowledged
	toldMax   uint32 // the last MaxCmdSN that was sent
}

// acknowledge takes an initiator's ExpStatSN: everything before it has arrived (RFC 7143, 4.2.2.2). A number that was
// never sent acknowledges nothing.
func (s *serials) acknowledge(exp uint32) {
	if pdu.SNLess(s.expStatSN, exp) && pdu.SNLessEq(exp, s.statSN) {
		s.expStatSN = exp
	}
}

// snRule says what a PDU does with StatSN.
type snRule uint8

const (
	snNext    snRule = iota // carries the next one and uses it up: every response
	snCurrent               // carries the next one and leaves it: R2T, NOP-In without Initiator Task Tag (11.8, 11.19.2)
	snNone                  // the field is reserved: Data-In without status (11.7.5)
)

// stamp completes the PDU in ev: the one place where StatSN, ExpCmdSN and MaxCmdSN are written.
func (c *Conn) stamp(ev *Event, rule snRule) {
	h := &ev.Header
	if rule != snNone {
		h.SetStatSN(c.sn.statSN)
	}
	if rule == snNext {
		c.sn.statSN++
	}
	exp, maxSN := c.cmdWindow()
	h.SetExpMaxCmdSN(exp, maxSN)
	c.sn.toldMax = maxSN
	if h.Opcode() != pdu.OpLoginResponse { // digests begin with full feature phase (13.1)
		ev.HeaderDigest, ev.DataDigest = c.cp.HeaderDigest, c.cp.DataDigest
	}
}

// cmdWindow returns ExpCmdSN and MaxCmdSN.
func (c *Conn) cmdWindow() (exp, maxSN uint32) {
	s := c.sess
	if s == nil {
		return c.login.window()
	}
	return s.window.ExpCmdSN(), s.window.MaxCmdSN()
}

// Next stores one event in ev and reports whether there was one. Without room it returns only those that do not need the socket
// (see Event). Data-In PDUs and R2Ts are made here, one by one.
func (c *Conn) Next(now int64, room bool, ev *Event) bool {
	c.now = now
	ev.Task, ev.Release, ev.Data, ev.Copy, ev.Reason, ev.Session = nil, nil, nil, false, nil, nil
	ev.HeaderDigest, ev.DataDigest, ev.Last, ev.Keep = false, false, false, false
	if c.end.enters != 0 {
		// It precedes every other event of the session, above all Execute: commands may have arrived in the same packet as the
		// Login Request, or another loop may have handed them over.
		ev.Kind, ev.Session = c.end.enters, c.sess
		c.end.enters = 0
		return true
	}
	if c.sess != nil {
		c.turns.look(now)
	}
	if c.todo.head != nil {
		c.nextTodo(ev)
		return true
	}
	if (c.end.connPhase != connOpen || c.login != nil) && c.nextOfLife(now, ev) {
		return true
	}
	if !room || c.end.mute() {
		return false
	}
	switch {
	case c.replies.n > 0:
		c.stamp(ev, c.replies.next(ev))
	case c.asking.head != nil:
		c.nextR2T(ev)
	case c.answers.head != nil:
		c.nextAnswer(now, ev)
	default:
		return c.end.nextFlush(ev, c.out.ends)
	}
	return true
}

// nextTodo returns what the host has to do for one task.
func (c *Conn) nextTodo(ev *Event) {
	t := c.todo.pop()
	ev.Task = t
	switch {
	case t.st.phase == phaseStop:
		t.move(phaseStopping)
		ev.Kind = Abort
	case t.st.kind == kindManagement:
		t.move(phaseRunning)
		ev.Kind = Manage
	default:
		t.move(phaseRunning)
		ev.Kind = Execute
		c.tm.orderMovedBy(t)
	}
}
