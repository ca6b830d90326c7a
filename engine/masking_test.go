package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/pdu"
)

// only exports a unit to the initiators with these ISIDs (rig.enter names them so).
func only(number int, initiators ...string) []lun.Export {
	return []lun.Export{{Initiators: initiators, LUN: number}}
}

const (
	first  = "iqn.2026-11.test:1"
	second = "iqn.2026-11.test:2"
)

// aborting counts the commands at a unit that are being aborted.
func (r *rig) aborting(u *lun.Unit) (n int) {
	for _, l := range r.e.loops {
		r.e.on(l, func() {
			for _, c := range l.conns {
				if c == nil {
					continue
				}
				for t := c.tasks; t != nil; t = t.next {
					if t.phase == taskAborting && t.unit() == u {
						n++
					}
				}
			}
		})
	}
	return n
}

// A task management function that names a LUN is for the unit that its initiator sees there (SAM-5 7.1), and of a reset of a unit all its
// commands are aborted, also those of an initiator that does not see it any more.
func TestTaskManagementNamesWhatIsSeen(t *testing.T) {
	t.Parallel()
	f, g := holding(memory(t, 1<<20)), holding(memory(t, 1<<20))
	r := newRigWith(t, Config{Cores: make([]int, 2)}, quietNode, f, g)
	units := r.target.Units()
	must.OK(t, units[0].SetExports(only(0, second)))
	must.OK(t, units[1].SetExports(only(0, first)))
	a, b := r.enter(1), r.enter(2)
	a.clearAttention(0)
	b.clearAttention(0)
	b.startRead(0, 0, 8)
	waitFor(t, "the command to reach its unit", func() bool { return f.Held() == 1 })

	a.wantManaged(a.manage(pdu.TMFLogicalUnitReset, 1, pdu.ReservedTag, 0), pdu.TMFResponseLUNDoesNotExist)
	must.OK(t, units[0].SetExports(only(0, first)))
	must.OK(t, units[1].SetExports(only(0, second)))
	b.clearAttention(0)
	b.startRead(0, 0, 8)
	waitFor(t, "another command to reach the other unit", func() bool { return g.Held() == 1 })
	reset := a.manage(pdu.TMFLogicalUnitReset, 0, pdu.ReservedTag, 0)
	waitFor(t, "the command of the initiator that lost sight of the unit to be aborted", func() bool {
		return r.aborting(units[0]) == 1
	})
	check.Equal(t, r.aborting(units[1]), 0, "aborted commands of the unit that has the number for another initiator:")
	f.Release(-1)
	a.wantManaged(reset, pdu.TMFResponseComplete)
	g.Release(-1)
	waitFor(t, "tasks and buffers to come back", r.quiet(2))
}

// RFC 7143 11.5.1: a warm reset is for the units that its initiator sees; a cold one, which ends the sessions of all initiators, is not for one
// that does not see every unit.
func TestResetsUnderMasking(t *testing.T) {
	t.Parallel()
	f, g := holding(memory(t, 1<<20)), holding(memory(t, 1<<20))
	r := newRigWith(t, Config{Cores: make([]int, 2)}, quietNode, f, g)
	must.OK(t, r.target.Units()[1].SetExports(only(1, second)))
	a, b := r.enter(1), r.enter(2)
	a.clearAttention(0)
	b.clearAttention(0)
	b.clearAttention(1)
	b.startRead(0, 0, 8)
	masked := b.startRead(1, 0, 8)
	waitFor(t, "the commands to reach their units", func() bool { return f.Held() == 1 && g.Held() == 1 })
	a.wantManaged(a.manage(pdu.TMFTargetColdReset, 0, pdu.ReservedTag, 0), pdu.TMFResponseAuthorizationFailed)
	reset := a.manage(pdu.TMFTargetWarmReset, 0, pdu.ReservedTag, 0)
	waitFor(t, "the command at the unit that both see to be aborted", func() bool { return r.aborting(r.target.Units()[0]) == 1 })
	f.Release(-1)
	a.wantManaged(reset, pdu.TMFResponseComplete)
	g.Release(-1)
	st, _ := b.finish(masked) // the aborted one gets no answer: the TAS bit is zero (SPC-4 7.5.9)
	check.Equal(t, st, 0, "a command at the unit that was not reset:")
	a.clearAttention(0)
	must.OK(t, r.target.Units()[1].SetExports(nil))
	tag := a.manage(pdu.TMFTargetColdReset, 0, pdu.ReservedTag, 0)
	answered := false
	for a.Recv() == nil {
		answered = answered || a.Header.Opcode() == pdu.OpTaskManagementResponse && a.Header.ITT() == tag
	}
	check.That(t, answered, "TARGET COLD RESET was not answered")
}

// Commands are counted at their unit, whatever its number was when they came.
func TestLatencyCountsByUnit(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, Config{Cores: make([]int, 1)}, quietNode, memory(t, 1<<20), memory(t, 1<<20))
	units := r.target.Units()
	a := r.login(1)
	read := func(number byte) {
		t.Helper()
		a.clearAttention(number)
		st, _ := a.finish(a.startRead(number, 0, 1))
		check.Equal(t, st, 0, "READ of LUN %d:", number)
	}
	read(0)
	must.OK(t, units[0].SetExports(only(9, second)))
	must.OK(t, units[1].SetExports(only(0, first)))
	read(0)
	read(0)
	a.ping()
	counts := map[int]uint64{}
	for _, l := range r.e.Latency(0).Units {
		if l.Operation == OperationRead.String() {
			counts[l.LUN] += l.Commands
		}
	}
	check.That(t, counts[0] == 1 && counts[1] == 2, "READs by unit: %v, want 1 of unit 0 and 2 of unit 1", counts)
}

// SetExports returns when no command of an initiator that lost sight of the unit is in progress: whoever sees it next finds it at rest. The
// commands of others are not waited for.
func TestMaskedUnitIsAtRest(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"drains", "time is up", "force"} {
		t.Run(name, func(t *testing.T) {
			f := holding(memory(t, 1<<20))
			r := newRigWith(t, Config{Cores: make([]int, 2)}, quietNode, f)
			u := r.target.Units()[0]
			a, b := r.login(1), r.login(2)
			running := a.startWrite(0, 0, fill(4096, 1))
			other := b.startRead(0, 0, 8)
			waitFor(t, "the commands to reach the backend", func() bool { return f.Held() == 2 })
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- r.e.SetExports(ctx, u, only(0, second), name == "force") }()
			if name == "time is up" {
				waitFor(t, "the unit to be masked", func() bool { return r.masked(u) })
				cancel()
			}
			if name == "drains" {
				waitFor(t, "the unit to be masked", func() bool { return r.masked(u) })
				select {
				case err := <-done:
					t.Fatalf("it did not wait for the command: %v", err)
				default:
				}
				f.Release(-1)
				must.OK(t, <-done)
				a.wantStatus(running, 0, "it was in the task set")
			} else {
				a.wantSense(running, 0x52500, "it was ended")
				cancel() // the backend holds the request still
				var busy *UnitBusy
				err := <-done
				must.Be(t, errors.As(err, &busy) && busy.Commands == 1, "%v, want one command in the backend", err)
				f.Release(-1)
				<-busy.Released
			}
			b.wantStatus(other, 0, "its initiator sees the unit")
			waitFor(t, "everything to come back", r.quiet(2))
		})
	}
}

// masked reports whether the first initiator does not see the unit.
func (r *rig) masked(u *lun.Unit) (masked bool) {
	for _, l := range r.e.loops {
		r.e.on(l, func() {
			for _, c := range l.conns {
				if c != nil && c.nexus() != nil && c.nexus().InitiatorName == first {
					masked = !c.nexus().Sees(u)
				}
			}
		})
	}
	return masked
}
