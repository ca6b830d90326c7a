package session

import (
	"slices"
	"sync/atomic"

	"github.com/ringtgt/ringtgt/pdu"
)

// barrier is the part of a task management function that all connections of its session share. Each connection does its part on
// its own loop, for the tasks that have allegiance to it (RFC 7143, 4.2.5.1), and reports to the barrier's origin, the connection
// on which the function arrived. docs/session.md, "Task management", has the order of events.
//
// A barrier serves one function and is never reused, so a late report does no harm.
type barrier struct {
	origin *Conn
	fn     pdu.TaskFunction
	lun    uint64
	sn     uint32 // CmdSN of the function
	tag    uint32 // of the task that ABORT TASK or QUERY TASK names

	// missing counts the connections that have yet to report in this round, the origin included.
	missing atomic.Int32
	counts  bool        // it counts toward the session's functions until it is over
	found   atomic.Bool // a connection has the task of ABORT TASK or QUERY TASK, or one of QUERY TASK SET
	barred  atomic.Bool // the tag of ABORT TASK or QUERY TASK is that of a task management function
	stage   atomic.Uint32
}

// Stages of a barrier, set by its origin under the session's mu.
const (
	barrierRaised uint32 = iota // the tasks that it covers are being stopped; then the host carries the function out
	barrierPassed               // the host has done so: held commands continue, and the response waits for its fence
	barrierOver
)

// The function codes of barriers that were not raised by a task management function. No request can carry them.
const (
	fenceOnly pdu.TaskFunction = 0x80 + iota // the fence of a command's response (fence_command.go)
	orderOnly                                // an ORDERED command (order.go)
)

// newBarrier makes the barrier of function t or ORDERED command t. One report is missing: the origin's own.
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

// overSet reports whether function t stops a set of tasks.
func (t *Task) overSet(s *Session) bool {
	switch t.Manage {
	case pdu.TMFAbortTaskSet, pdu.TMFClearTaskSet, pdu.TMFLogicalUnitReset, pdu.TMFTargetWarmReset, pdu.TMFTargetColdReset:
		return true
	case pdu.TMFITNexusReset:
		return s.Params.ProtocolLevel >= 2 // RFC 7144
	}
	return false
}

// spans reports whether r is in the function's task set.
func (b *barrier) spans(r *Task) bool {
	switch b.fn {
	case pdu.TMFAbortTaskSet, pdu.TMFClearTaskSet, pdu.TMFLogicalUnitReset, pdu.TMFQueryTaskSet, fenceOnly, orderOnly:
		return r.LUN == b.lun
	case pdu.TMFAbortTask, pdu.TMFQueryTask:
		return false
	}
	return true
}

// covers reports whether the function affects command r: r is in its task set and precedes it in CmdSN order (11.5.1).
func (b *barrier) covers(r *Task) bool {
	if r.st.kind != kindCommand || b.fn == fenceOnly {
		return false
	}
	if b.fn == pdu.TMFAbortTask {
		return r.ITT == b.tag
	}
	// An immediate command carries the next CmdSN without using it up, so one with the function's CmdSN precedes the function.
	if pdu.SNLess(b.sn, r.CmdSN) || r.CmdSN == b.sn && !r.Immediate {
		return false
	}
	return b.spans(r)
}

// raises announces the function or ORDERED command t, whose turn has come, to the other connections. All requests before it in
// CmdSN order have reached them or their inboxes, and later ones will follow. It is called during delivery, on any loop; from is
// the index of that loop.
func (s *Session) raises(t *Task, from int) {
	b := newBarrier(t)
	s.raise(b, from)
	if b.fn == orderOnly {
		t.Conn.turns.hand(marker(t.Conn, b, true), from) // before t itself
	}
}

// raise puts a marker into the inbox of every member except the origin.
func (s *Session) raise(b *barrier, from int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.barriers = append(s.barriers, b)
	for _, o := range s.conns {
		if o != b.origin {
			b.missing.Add(1) // before o can report
			if !o.turns.hand(marker(o, b, true), from) {
				b.missing.Add(-1) // o has ended, and so have its tasks
			}
		}
	}
}

// showBarriers gives the session's barriers to c, which is joining. It has nothing to report, but holds back the same commands as
// the other connections.
func (s *Session) showBarriers(c *Conn) {
	for _, b := range s.barriers {
		c.turns.hand(marker(c, b, false), c.Loop())
	}
}

// marker makes the task that stands for a barrier in the inbox of a connection.
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

// pass ends the first round: commands behind the function continue. It reports whether there are other members, each of which
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
