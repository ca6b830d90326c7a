package lun_test

import (
	"bytes"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

// swap replaces unit 0 with another one and returns its medium.
func (r *rig) swap() (*lun.Unit, *disk) {
	r.tb.Helper()
	r.tg.RemoveUnit(0)
	d := newDisk(r.tb, lun.Geometry{Blocks: 1024, BlockSize: 512})
	return must.Get(r.tg.AddUnit(0, lun.UnitConfig{Backend: d, ID: "another"}))(r.tb), d
}

// A command that was sent to a unit must not act on another one that gets its LUN before the command is in a task set (SAM-5 4.7.5).
func TestCommandStaysWithItsUnit(t *testing.T) {
	r := newRig(t)
	var late []*call
	for i := range 3 {
		late = append(late, r.plan(0, r.a, 0, lun.AttrSimple, cdb10(0x2A, 0, uint32(i), 1), pattern(512, byte(i))))
	}
	inquiry := r.plan(0, r.a, 0, lun.AttrSimple, inquiryCDB(true, 0x83, 255), nil)
	_, d := r.swap()
	inquiry.begin()
	for _, c := range late {
		c.begin()
		r.want(c.wait(), noSuchLUN, "its unit was removed")
	}
	r.want(inquiry.wait(), good, "INQUIRY needs no unit")
	check.That(t, len(d.log) == 0 && bytes.Count(d.data, []byte{0}) == len(d.data), "the new unit's medium was accessed")
	r.wantAttentions(r.a, "the new unit's attention is still pending", 0x2900)
}

// Commands that are in the task set when their unit is removed end as if it had not been, at the gate too.
func TestTaskSetOfARemovedUnitEnds(t *testing.T) {
	r := newRig(t, withPosted)
	r.d.hold = func(*lun.Request) bool { return true }
	write := r.start(0, r.a, 0, lun.AttrSimple, cdb10(0x2A, 0, 7, 1), pattern(512, 1))
	ordered := r.start(0, r.a, 0, lun.AttrOrdered, cdb10(0x28, 0, 7, 1), nil)
	r.w.Run()
	r.tg.RemoveUnit(0)
	after := r.start(0, r.a, 0, lun.AttrSimple, cdb10(0x28, 0, 7, 1), nil)
	r.want(after.wait(), noSuchLUN, "it came after the removal")
	check.That(t, r.u.Removed() && !r.u.Idle(), "the unit is idle with commands in its task set")
	r.d.release()
	r.want(write.wait(), good, "it was in the task set")
	r.want(ordered.wait(), good, "it waited at the gate")
	check.That(t, bytes.Equal(ordered.in, pattern(512, 1)), "the ORDERED read does not see the write before it")
	check.That(t, r.u.Idle(), "the unit is not idle")
}

// What a command of a removed unit changes is not reported for the unit that has its LUN now, nor does it take that one's attentions.
func TestAttentionsOfARemovedUnit(t *testing.T) {
	for _, name := range []string{"capacity", "reset", "clear", "mode"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			old := r.u
			r.swap()
			switch name {
			case "capacity":
				r.d.geom.Blocks /= 2
				old.Refresh()
			case "reset":
				old.Reset(nil)
			case "clear":
				old.ClearTaskSet(r.b, nil)
			case "mode":
				r.d.geom.ReadOnly = true
				old.Refresh()
			}
			r.wantAttentions(r.a, "it is a new unit", 0x2900)
			c := r.login(3)
			r.wantAttentions(c, "the same for a new nexus", 0x2900)
			r.wantAttentions(c, "once")
		})
	}
}

// Each unit that has a LUN in turn begins with its own attention only, also if nobody took those of the one before.
func TestAttentionsOfALUNUsedAgain(t *testing.T) {
	r := newRig(t)
	other := must.Get(r.tg.AddUnit(1, lun.UnitConfig{Backend: newDisk(t, lun.Geometry{Blocks: 8, BlockSize: 512})}))(t)
	r.settle(r.a)
	on1 := func() answer { return r.start(0, r.a, 1<<48, lun.AttrSimple, testUnitReady(), nil).wait() }
	r.want(on1(), "6/2900", "a new unit")
	for range 3 {
		u, _ := r.swap()
		u.Reset(nil)
		u.Refresh()
	}
	r.swap()
	r.wantAttentions(r.a, "POWER ON covers all that came before it (SAM-5 5.14)", 0x2900)
	r.want(on1(), "6/3F0E", "the list changed")
	r.want(on1(), good, "a condition is pending once (SAM-5 5.14.1)")
	check.That(t, !other.Removed(), "the wrong unit was removed")
}

// A command that was sent when its LUN had no unit, or one that was hidden, does not act on a unit that came before it started: no
// memory was planned for it and no data asked for, so a WRITE would be a GOOD one of nothing.
func TestCommandIsNotForAUnitThatCameLater(t *testing.T) {
	for _, how := range []string{"added", "exported"} {
		t.Run(how, func(t *testing.T) {
			r := newRig(t)
			if how == "added" {
				r.tg.RemoveUnit(0)
			} else {
				must.OK(t, r.u.SetExports([]lun.Export{{Initiators: []string{"iqn.2026-11.com.example:nobody"}}}))
			}
			write := r.plan(0, r.a, 0, lun.AttrSimple, cdb10(0x2A, 0, 1, 1), pattern(512, 1))
			read := r.plan(0, r.a, 0, lun.AttrSimple, cdb10(0x28, 0, 1, 1), nil)
			d := r.d
			if how == "added" {
				d = newDisk(t, lun.Geometry{Blocks: 1024, BlockSize: 512})
				must.Get(r.tg.AddUnit(0, lun.UnitConfig{Backend: d, ID: "another"}))(t)
			} else {
				must.OK(t, r.u.SetExports(nil))
			}
			for _, c := range []*call{write, read} {
				c.begin()
				r.want(c.wait(), noSuchLUN, "there was no unit when it was sent")
			}
			check.That(t, len(d.log) == 0, "the new unit's medium was accessed")
		})
	}
}
