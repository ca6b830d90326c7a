package engine

import (
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// sweep carries out task management functions that end the tasks of other sessions, on every loop. It visits every connection
// of the target, so functions that need the same sweep within a turn share it: an initiator that sends a thousand resets costs
// the others one sweep.
type sweep struct {
	sweepKey
	asked []asking
}

// sweepKey is the scope of a sweep: the tasks of all nexuses but from, for one unit of a target, or for all units if unit is nil.
type sweepKey struct {
	fn   pdu.TaskFunction
	tgt  *lun.Target
	unit *lun.Unit
	from *lun.Nexus
}

// asking is a function that waits for a sweep.
type asking struct {
	c   *conn
	st  *session.Task
	use uint64
}

// answer reports the result to the function's connection, unless that has ended meanwhile.
func (a asking) answer(resp pdu.TaskResponse) {
	if a.c.task(a.st).use == a.use {
		a.c.s.Managed(a.c.loop.now, a.st, byte(resp))
		a.c.mark()
	}
}

// sweepFor makes function a wait for a sweep, which begins at the end of the turn.
func (l *loop) sweepFor(k sweepKey, a asking) {
	for _, s := range l.sweeps {
		if s.sweepKey == k {
			s.asked = append(s.asked, a)
			return
		}
	}
	l.sweeps = append(l.sweeps, &sweep{sweepKey: k, asked: []asking{a}})
}

// launchSweeps begins the turn's sweeps.
func (l *loop) launchSweeps() {
	for i, s := range l.sweeps {
		l.sweeps[i] = nil
		l.stats.Sweeps++
		l.engine.abortTasks(l, s)
	}
	l.sweeps = l.sweeps[:0]
}

// matches reports whether the sweep ends t.
func (s *sweep) matches(t *task) bool {
	if t.conn.nexus() == s.from || t.conn.target() != s.tgt {
		return false
	}
	switch u := t.unit(); {
	case s.unit != nil:
		return u == s.unit
	case s.fn == pdu.TMFTargetWarmReset: // see lun.Target.Reset
		return u != nil && s.from.Sees(u)
	}
	return true
}

// done carries out the function on the units and answers all functions that waited for it.
func (s *sweep) done(hit map[*lun.Nexus]bool) {
	switch s.fn {
	case pdu.TMFClearTaskSet:
		s.unit.ClearTaskSet(s.from, func(n *lun.Nexus) bool { return hit[n] })
	case pdu.TMFLogicalUnitReset:
		s.unit.Reset(s.from)
	case pdu.TMFTargetWarmReset:
		s.tgt.Reset(lun.ResetWarm, s.from)
	case pdu.TMFTargetColdReset:
		s.tgt.Reset(lun.ResetCold, s.from)
		a := s.asked[0]
		a.c.loop.engine.dropTarget(s.tgt, a.c) // RFC 7143 11.5.1: all connections to it end, this one after its answer
	}
	for _, a := range s.asked {
		a.answer(pdu.TMFResponseComplete)
	}
}
