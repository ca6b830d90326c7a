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
type part struct {
	b     *barrier
	stage partStage
	luns  []uint64 // logical units of the tasks that were stopped
	by    int64    // when patience ends, 0 never, undated until the loop says what time it is
	mark  uint32   // ExpStatSN that is waited for
}

// partStage is how far a connection is with its part.
type partStage uint8

const (
	partOpens  partStage = iota // at the origin: earlier CmdSNs have not arrived. Commands of the set are held back
	partStops                   // and tasks are being stopped. A report is owed
	partWaits                   // and all of them have ended
	partClears                  // nothing is held back any more, but answers that precede the function's; some are queued. A report is owed
	partAsks                    // their acknowledgement is waited for. A report is owed
	partFences                  // the function's own response is to be acknowledged, here or at the origin
)

const undated = -1

// raises announces the function or ORDERED command t, whose turn has come, to the other connections. All requests before it in
// CmdSN order have reached them or their inboxes, and later ones will follow. It is called during delivery, on the loop with
// index from, which may be any.
func (s *Session) raises(t *Task, from int) {
	b := newBarrier(t)
	s.raise(b, from)
	if b.fn == orderOnly {
		t.Conn.turns.hand(marker(t.Conn, b, true), from) // before t itself
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
			if !o.turns.hand(marker(o, b, true), from) {
				b.missing.Add(-1) // it is gone, and its tasks with it
			}
		}
	}
}

// showBarriers shows the session's barriers to c, which joins: it has nothing to report, but holds back what they do.
func (s *Session) showBarriers(c *Conn) {
	for _, b := range s.barriers {
		c.turns.hand(marker(c, b, false), c.Loop())
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
func (m *management) arrives(b *barrier, owes bool) {
	p := &part{b: b, stage: partWaits}
	stage := b.stage.Load()
	switch {
	case stage == barrierOver, stage == barrierPassed && !m.conn.session().fences():
		if owes {
			m.report(b)
		}
		return
	case stage == barrierPassed:
		p.stage = partFences
	case owes:
		p.stage = partStops
	}
	m.addPart(p)
	if p.stage == partStops {
		if b.fn == orderOnly {
			p.by = undated
			m.alert = true
		} else {
			m.stopFor(p)
		}
		m.partProgress(p)
		m.schedule()
	}
}

// welcome begins a visit.
func (m *management) addPart(p *part) {
	m.parts = append(m.parts, p)
	if p.b.fn == orderOnly {
		m.orders++
	}
	m.updateDiverts()
}

// visit finds a barrier's, nil when it is over here.
func (m *management) part(b *barrier) *part {
	i := slices.IndexFunc(m.parts, func(p *part) bool { return p.b == b })
	if i < 0 {
		return nil
	}
	return m.parts[i]
}

// forget ends a visit: what it held back goes on.
func (m *management) dropPart(b *barrier) {
	if b.origin == m.conn.self() && b.counts {
		b.counts = false
		m.functionOver(true)
	}
	n := len(m.parts)
	m.parts = slices.DeleteFunc(m.parts, func(p *part) bool { return p.b == b })
	if len(m.parts) != n {
		if b.fn == orderOnly {
			m.orders--
			m.orderMoved(b.lun)
		}
		m.release()
	}
}

// bars says that a function which is not carried out yet holds command r back.
func (m *management) bars(r *Task) bool {
	for _, p := range m.parts {
		if p.stage > partWaits {
			continue
		}
		if p.b.fn == orderOnly && p.b.holdsBack(r) || p.b.fn != orderOnly && p.b.spans(r) {
			return true
		}
	}
	return false
}

// release moves what nothing holds back any more: commands, and answers.
func (m *management) release() {
	for r := m.barred.head; r != nil; {
		next := r.next
		if !m.bars(r) {
			r.unlist()
			r.ready()
		}
		r = next
	}
	m.updateDiverts()
	for r := m.held.head; r != nil; {
		next := r.next
		if !m.holds(r) {
			r.unlist()
			m.conn.queueAnswer(r)
		}
		r = next
	}
	if m.conn.session().Params.TaskReporting == ReportFastAbort {
		m.askAgain()
	}
}

// report tells the origin that the connection has done its part of the round.
func (m *management) report(b *barrier) {
	if b.missing.Add(-1) == 0 && b.origin != m.conn.self() {
		o := b.origin
		if b.fn == orderOnly {
			o.host.Post(Message{kind: messageOrderMoved, lun: b.lun})
			return
		}
		o.host.Post(Message{kind: messageReported})
	}
}

// partProgress does what can be done for one visit.
func (m *management) partProgress(p *part) {
	if p.b.fn == orderOnly {
		m.orderProgress(p)
		return
	}
	if p.stage == partStops {
		if m.ending(p.b) {
			return
		}
		p.stage, p.by = partWaits, 0
		if p.b.fn == pdu.TMFAbortTask {
			m.dropPart(p.b)
		}
		m.report(p.b)
		return
	}
	m.fenceProgress(p)
}

// stopFor stops what the barrier covers.
func (m *management) stopFor(p *part) {
	// "MUST wait for responses on currently valid Target Transfer Tags of the affected tasks from the issuing initiator"
	// (4.2.3.3, a); with FastAbort the initiator sends nothing more (4.2.3.4).
	awaits := m.conn.session().Params.TaskReporting != ReportFastAbort
	m.conn.each(func(r *Task) {
		if r.st.phase == phaseArriving || r.st.phase == phaseAnswer || !p.b.covers(r) {
			return
		}
		if !slices.Contains(p.luns, r.LUN) {
			p.luns = append(p.luns, r.LUN)
		}
		if awaits && r.drain() {
			p.by = undated
			m.alert = true
			return
		}
		r.stop()
	})
}

// ending says that tasks which the barrier's function stopped have not ended.
func (m *management) ending(b *barrier) bool {
	found := false
	if m.stopped > 0 {
		m.conn.each(func(r *Task) { found = found || r.st.phase.stopped() && b.covers(r) })
	}
	return found
}

// leave makes the reports that a connection which leaves its session owes, and ends its own functions.
func (m *management) leave() {
	for _, p := range slices.Clone(m.parts) {
		switch {
		case p.b.origin == m.conn.self():
			m.lower(p.b)
		case p.stage == partStops || p.stage == partClears || p.stage == partAsks:
			m.report(p.b)
		}
	}
	m.parts, m.orders = nil, 0
}
