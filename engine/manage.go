package engine

import (
	"sync/atomic"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// abortGroup aborts tasks on all loops and waits until none is in the way any more. Then its job's done is called, on the loop that
// began it.
type abortGroup struct {
	pending atomic.Int64
	home    *loop
	job     abortJob
	hits    []map[*lun.Nexus]bool // by loop
}

// abortJob selects the tasks to abort, and does what follows when they have ended.
type abortJob interface {
	matches(t *task) bool
	// done is called on the loop that began the job, with the nexuses whose tasks were aborted.
	done(hit map[*lun.Nexus]bool)
}

// leave counts off one task, or one loop's search.
func (g *abortGroup) leave() {
	if g.pending.Add(-1) == 0 {
		g.home.Post(g)
	}
}

// Happen implements lun.Event.
func (g *abortGroup) Happen() {
	all := map[*lun.Nexus]bool{}
	for _, m := range g.hits {
		for n := range m {
			all[n] = true
		}
	}
	g.job.done(all)
}

// abortSearch is a group's search on one loop.
type abortSearch struct {
	g *abortGroup
	l *loop
}

// Happen implements lun.Event.
func (s abortSearch) Happen() {
	hit := map[*lun.Nexus]bool{}
	s.g.hits[s.l.index] = hit
	for _, c := range s.l.conns {
		if c != nil {
			c.abortMatching(s.g, hit)
		}
	}
	s.g.leave()
}

// manage carries out a task management function whose scope exceeds its connection (RFC 7143 11.5, SAM-5 7). The function is
// answered when the backends have released the tasks concerned, or those have been abandoned after abortGrace. The tasks of the
// issuing session are not among them: it has already ended, on all its connections, those that the function affects, and whatever it
// executes now comes after the function and will be answered.
func (c *conn) manage(st *session.Task) {
	l := c.loop
	tgt, nexus := c.target(), c.nexus()
	asked := asking{c: c, st: st, use: c.task(st).use}
	answer := asked.answer
	unit := nexus.Lookup(st.LUN)
	switch f := st.Manage; f {
	case pdu.TMFAbortTaskSet, pdu.TMFQueryTaskSet:
		// The session has all tasks of its nexus: it has already ended them, or checked whether there is one (SAM-5 7.10).
		if unit == nil {
			answer(pdu.TMFResponseLUNDoesNotExist)
			return
		}
		answer(pdu.TMFResponseComplete)
	case pdu.TMFClearTaskSet, pdu.TMFLogicalUnitReset:
		if unit == nil {
			answer(pdu.TMFResponseLUNDoesNotExist)
			return
		}
		l.sweepFor(sweepKey{fn: f, tgt: tgt, unit: unit, from: nexus}, asked)
	case pdu.TMFTargetColdReset:
		// It ends the sessions of all initiators. RFC 7143 11.5.1: "its execution privileges may be managed by iSCSI mechanisms";
		// who does not even see all units has no business with the sessions of those who do.
		if !nexus.SeesAll() {
			answer(pdu.TMFResponseAuthorizationFailed)
			return
		}
		l.sweepFor(sweepKey{fn: f, tgt: tgt, from: nexus}, asked)
	case pdu.TMFTargetWarmReset:
		l.sweepFor(sweepKey{fn: f, tgt: tgt, from: nexus}, asked)
	case pdu.TMFITNexusReset: // RFC 7144; all tasks were the session's
		nexus.Reset()
		answer(pdu.TMFResponseComplete)
	case pdu.TMFQueryAsyncEvent:
		if unit == nil {
			answer(pdu.TMFResponseLUNDoesNotExist)
			return
		}
		if key, asc, n := nexus.Attentions(unit); n > 0 {
			st.ManageInfo = [3]byte{min(byte(n), 3)<<4 | byte(key), byte(asc >> 8), byte(asc)} // SAM-5 7.9: depth, key, code
			answer(pdu.TMFResponseFunctionSucceeded)
			return
		}
		answer(pdu.TMFResponseComplete)
	default:
		answer(pdu.TMFResponseFunctionNotSupported)
	}
}

// AbortTasks implements lun.Aborter, for PREEMPT AND ABORT.
func (e *Engine) AbortTasks(from lun.Loop, u *lun.Unit, of lun.NexusSet, done lun.Event) {
	e.abortTasks(e.loops[from.Index()], preempting{u, of, done})
}

// preempting aborts the commands of some nexuses for a unit.
type preempting struct {
	u     *lun.Unit
	of    lun.NexusSet
	after lun.Event
}

func (p preempting) matches(t *task) bool {
	return t.unit() == p.u && p.of.Has(t.conn.nexus())
}

func (p preempting) done(map[*lun.Nexus]bool) { p.after.Happen() }

// abortTasks aborts the commands on all loops that match.
func (e *Engine) abortTasks(home *loop, job abortJob) {
	g := &abortGroup{home: home, job: job, hits: make([]map[*lun.Nexus]bool, len(e.loops))}
	g.pending.Store(int64(len(e.loops)))
	for _, l := range e.loops {
		l.Post(abortSearch{g, l})
	}
}

// abortMatching aborts the connection's tasks that match and counts them in g.
func (c *conn) abortMatching(g *abortGroup, hit map[*lun.Nexus]bool) {
	if c.nexus() == nil || c.tasks == nil {
		return
	}
	some := false
	c.s.AbortTasks(c.loop.now, func(st *session.Task) bool {
		t := c.task(st)
		if t.phase == taskAnswering || !g.job.matches(t) {
			return false // its answer is under way
		}
		some = true
		hit[c.nexus()] = true
		g.pending.Add(1)
		w := t.watch()
		w.groups = append(w.groups, g)
		return true
	})
	if some {
		c.mark()
	}
}

// unit is the unit that t was sent to, even if its initiator does not see it any more; nil if there is none.
func (t *task) unit() *lun.Unit {
	if u := t.l.Unit(); u != nil {
		return u
	}
	return t.conn.nexus().Lookup(t.s.LUN)
}

// leaveGroups counts the task off in the groups that wait for it.
func (t *task) leaveGroups() {
	if t.watched == nil {
		return
	}
	for _, g := range t.watched.groups {
		g.leave()
	}
	t.watched.groups = nil
}

// closeNexus ends the I_T nexus of a connection whose last PDU is staged, before that is sent: an initiator that reads a Logout
// Response may rely on it that whatever the nexus held (RESERVE(6), prevention of removal) is free. SessionDown comes only when
// the peer has closed.
func (c *conn) closeNexus() {
	if n := c.nexus(); n != nil {
		n.Close()
	}
}
