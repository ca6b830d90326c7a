package session

import (
	"slices"
	"sync/atomic"

	"github.com/ringtgt/ringtgt/pdu"
)

// barrier is a task-management function as all connections of its session see it. Each connection does its part on its own
// loop, for the tasks that have allegiance to it (RFC 7143, 4.2.5.1), and reports to the connection that the function came
// on, its origin. docs/session.md has the order of things.
//
// A barrier is made for one function and never used again, so that a report which comes late means nothing.
type barrier struct {
	origin *Conn
	fn     pdu.TaskFunction
	lun    uint64
	sn     uint32 // CmdSN of the function
	tag    uint32 // of the task that ABORT TASK or QUERY TASK is about

	// missing counts who has still to report: the connections of one round, the origin among them.
	missing atomic.Int32
	counts  bool        // it counts as one of the session's functions until it is over
	found   atomic.Bool // the task of ABORT TASK or QUERY TASK, or one of the set of QUERY TASK SET
	stage   atomic.Uint32
}

// Stages of a barrier, set by its origin under the session's mu.
const (
	barrierRaised uint32 = iota // what it covers is being stopped, then the host carries the function out
	barrierPassed               // the host has: what was held back goes on, the response waits for its fence
	barrierOver
)

// What stands for the function of a barrier that is none: no Task Management Function Request can ask for them.
const (
	fenceOnly pdu.TaskFunction = 0x80 + iota // the fence of a command's response (fence_command.go)
	orderOnly                                // an ORDERED command (order.go)
)

// newBarrier begins function t, or ORDERED command t. Its origin's own report is missing.
func newBarrier(t *Task) *barrier {
	b := &barrier{origin: t.Conn, fn: t.Manage, lun: t.LUN, sn: t.CmdSN}
	if t.st.kind == kindCommand {
		b.fn, b.tag = orderOnly, t.ITT
	} else {
		b.tag = (*pdu.TaskManagementRequest)(&t.st.ctl.h).ReferencedTaskTag()
	}
	b.missing.Store(1)
	t.st.tmf.barrier = b
	return b
}

// overSet says that function t is about a set of tasks, and stops it.
func (t *Task) overSet(s *Session) bool {
	switch t.Manage {
	case pdu.TMFAbortTaskSet, pdu.TMFClearTaskSet, pdu.TMFLogicalUnitReset, pdu.TMFTargetWarmReset, pdu.TMFTargetColdReset:
		return true
	case pdu.TMFITNexusReset:
		return s.Params.ProtocolLevel >= 2 // RFC 7144
	}
	return false
}

// spans says that r's task set is one that the function is about.
func (b *barrier) spans(r *Task) bool {
	switch b.fn {
	case pdu.TMFAbortTaskSet, pdu.TMFClearTaskSet, pdu.TMFLogicalUnitReset, pdu.TMFQueryTaskSet, fenceOnly, orderOnly:
		return r.LUN == b.lun
	case pdu.TMFAbortTask, pdu.TMFQueryTask:
		return false
	}
	return true
}

// covers says that the function affects command r: in its task set and before it in CmdSN order (11.5.1).
func (b *barrier) covers(r *Task) bool {
	if r.st.kind != kindCommand || b.fn == fenceOnly {
		return false
	}
	if b.fn == pdu.TMFAbortTask {
		return r.ITT == b.tag
	}
	// An immediate command carries the next CmdSN without taking it: with the function's own it came before.
	if pdu.SNLess(b.sn, r.CmdSN) || r.CmdSN == b.sn && !r.Immediate {
		return false
	}
	return b.spans(r)
}

// visit is a barrier's stay at one connection.
type visit struct {
	b     *barrier
	stage visitStage
	luns  []uint64 // logical units of the tasks that were stopped
	by    int64    // when patience ends, 0 never, undated until the loop says what time it is
	mark  uint32   // ExpStatSN that is waited for
}

// visitStage is how far a connection is with its part.
type visitStage uint8

const (
	visitComes  visitStage = iota // at the origin: earlier CmdSNs have not arrived. Commands of the set are held back
	visitStops                    // and tasks are being stopped. A report is owed
	visitWaits                    // and all of them have ended
	visitClears                   // nothing is held back any more, but answers that precede the function's; some are queued. A report is owed
	visitAsks                     // their acknowledgement is waited for. A report is owed
	visitFences                   // the function's own response is to be acknowledged, here or at the origin
)

const undated = -1

// raise announces the function or ORDERED command t, whose turn has come, to the other connections. All requests before it in
// CmdSN order have reached them or their inboxes, and later ones will follow. It is called during delivery, on any loop.
func (c *Conn) raise(t *Task) {
	b := newBarrier(t)
	c.sess.raise(b, c.cfg.Loop)
	if b.fn == orderOnly {
		t.Conn.hand(marker(t.Conn, b, true), c.cfg.Loop) // before t itself
	}
}

// raise hands a marker to every member but the origin.
func (s *Session) raise(b *barrier, from int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.barriers = append(s.barriers, b)
	for _, o := range s.conns {
		if o != b.origin {
			b.missing.Add(1) // before o can report
			if !o.hand(marker(o, b, true), from) {
				b.missing.Add(-1) // it is gone, and its tasks with it
			}
		}
	}
}

// acquaint shows the session's barriers to c, which joins: it has nothing to report, but holds back what they do.
func (s *Session) acquaint(c *Conn) {
	for _, b := range s.barriers {
		c.hand(marker(c, b, false), c.cfg.Loop)
	}
}

// marker stands for a barrier in the inbox of a connection.
func marker(c *Conn, b *barrier, owes bool) *Task {
	m := &Task{Conn: c}
	m.st.kind = kindMarker
	m.st.tmf = tmfState{barrier: b, owes: owes}
	return m
}

// ask posts a message about b to every member but the origin; each must report.
func (s *Session) ask(b *barrier, kind messageKind) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.conns {
		if o != b.origin {
			n++
			b.missing.Add(1)
			o.host.Post(Message{kind: kind, barrier: b})
		}
	}
	return n
}

// pass ends the first round: commands behind the function go on. It reports whether there are other members, each of which
// clears the barrier and must report.
func (s *Session) pass(b *barrier) bool {
	s.mu.Lock()
	b.stage.Store(barrierPassed)
	s.mu.Unlock()
	return s.ask(b, messageClear) > 0
}

// lower ends a barrier.
func (s *Session) lower(b *barrier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.stage.Store(barrierOver)
	i := slices.Index(s.barriers, b)
	if i < 0 {
		return // never raised
	}
	s.barriers = slices.Delete(s.barriers, i, i+1)
	for _, o := range s.conns {
		if o != b.origin {
			o.host.Post(Message{kind: messageForget, barrier: b})
		}
	}
}

// meet is the marker's turn: commands of the function's set that come behind it are held back.
func (c *Conn) meet(b *barrier, owes bool) {
	v := &visit{b: b, stage: visitWaits}
	stage := b.stage.Load()
	switch {
	case stage == barrierOver, stage == barrierPassed && !c.sess.fences():
		if owes {
			c.report(b)
		}
		return
	case stage == barrierPassed:
		v.stage = visitFences
	case owes:
		v.stage = visitStops
	}
	c.welcome(v)
	if v.stage == visitStops {
		if b.fn == orderOnly {
			v.by = undated
			c.tm.alert = true
		} else {
			c.stopFor(v)
		}
		c.visitProgress(v)
		c.manageSoon()
	}
}

// welcome begins a visit.
func (c *Conn) welcome(v *visit) {
	c.tm.visits = append(c.tm.visits, v)
	if v.b.fn == orderOnly {
		c.tm.orders++
	}
	c.hold()
}

// visit finds a barrier's, nil when it is over here.
func (m *management) visit(b *barrier) *visit {
	i := slices.IndexFunc(m.visits, func(v *visit) bool { return v.b == b })
	if i < 0 {
		return nil
	}
	return m.visits[i]
}

// forget ends a visit: what it held back goes on.
func (c *Conn) forget(b *barrier) {
	m := &c.tm
	if b.origin == c && b.counts {
		b.counts = false
		c.functionOver(true)
	}
	n := len(m.visits)
	m.visits = slices.DeleteFunc(m.visits, func(v *visit) bool { return v.b == b })
	if len(m.visits) != n {
		if b.fn == orderOnly {
			m.orders--
			c.orderMoved(b.lun)
		}
		c.letGo()
	}
}

// bars says that a function which is not carried out yet holds command r back.
func (m *management) bars(r *Task) bool {
	for _, v := range m.visits {
		if v.stage > visitWaits {
			continue
		}
		if v.b.fn == orderOnly && v.b.holdsBack(r) || v.b.fn != orderOnly && v.b.spans(r) {
			return true
		}
	}
	return false
}

// letGo moves what nothing holds back any more: commands, and answers.
func (c *Conn) letGo() {
	m := &c.tm
	for r := m.barred.head; r != nil; {
		next := r.next
		if !m.bars(r) {
			r.unlist()
			c.ready(r)
		}
		r = next
	}
	c.hold()
	for r := m.held.head; r != nil; {
		next := r.next
		if !m.holds(r) {
			r.unlist()
			r.move(phaseAnswer)
			c.answers.push(r)
		}
		r = next
	}
	if c.sess.Params.TaskReporting == ReportFastAbort {
		c.askAgain()
	}
}

// report tells the origin that the connection has done its part of the round.
func (c *Conn) report(b *barrier) {
	if b.missing.Add(-1) == 0 && b.origin != c {
		o := b.origin
		if b.fn == orderOnly {
			o.host.Post(Message{kind: messageOrderMoved, lun: b.lun})
			return
		}
		o.host.Post(Message{kind: messageReported})
	}
}

// visitProgress does what can be done for one visit.
func (c *Conn) visitProgress(v *visit) {
	if v.b.fn == orderOnly {
		c.orderProgress(v)
		return
	}
	if v.stage == visitStops {
		if c.ending(v.b) {
			return
		}
		v.stage, v.by = visitWaits, 0
		if v.b.fn == pdu.TMFAbortTask {
			c.forget(v.b)
		}
		c.report(v.b)
		return
	}
	c.fenceProgress(v)
}

// stopFor stops what the barrier covers.
func (c *Conn) stopFor(v *visit) {
	// "MUST wait for responses on currently valid Target Transfer Tags of the affected tasks from the issuing initiator"
	// (4.2.3.3, a); with FastAbort the initiator sends nothing more (4.2.3.4).
	awaits := c.sess.Params.TaskReporting != ReportFastAbort
	c.tags.each(func(r *Task) {
		if r.st.phase == phaseArriving || r.st.phase == phaseAnswer || !v.b.covers(r) {
			return
		}
		if !slices.Contains(v.luns, r.LUN) {
			v.luns = append(v.luns, r.LUN)
		}
		if awaits && c.drain(r) {
			v.by = undated
			c.tm.alert = true
			return
		}
		c.stop(r)
	})
}

// ending says that tasks which the barrier's function stopped have not ended.
func (c *Conn) ending(b *barrier) bool {
	found := false
	if c.tm.stopped > 0 {
		c.tags.each(func(r *Task) { found = found || r.st.phase.stopped() && b.covers(r) })
	}
	return found
}

// partVisits makes the reports that a connection which leaves its session owes, and ends its own functions.
func (c *Conn) partVisits() {
	for _, v := range slices.Clone(c.tm.visits) {
		switch {
		case v.b.origin == c:
			c.lower(v.b)
		case v.stage == visitStops || v.stage == visitClears || v.stage == visitAsks:
			c.report(v.b)
		}
	}
	c.tm.visits, c.tm.orders = nil, 0
}
