package lun_test

import (
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

func (r *rig) wantAttentions(n *lun.Nexus, because string, want ...lun.ASC) {
	r.tb.Helper()
	if got := r.settle(n); !slices.Equal(got, want) {
		r.tb.Errorf("unit attentions %04x, want %04x, because %s", got, want, because)
	}
}

// SAM-5 5.14: what is pending, for whom, and in which order it is reported.
func TestUnitAttentions(t *testing.T) {
	r := newRig(t, withRemovable)
	c := r.login(3)
	r.wantAttentions(c, "SAM-5 6.2: a new I_T nexus", 0x2900)
	c.Close()
	c = r.login(3)
	r.wantAttentions(c, "SAM-5 6.3.4: its port was here before", 0x2907)

	r.u.Reset(r.a)
	for _, n := range []*lun.Nexus{r.a, r.b, c} {
		r.wantAttentions(n, "SAM-5 6.3.3: a logical unit reset, for the nexus that asked too", 0x2903)
	}
	r.tg.Reset(lun.ResetWarm, nil)
	r.wantAttentions(r.a, "a target warm reset", 0x2902)
	r.tg.Reset(lun.ResetCold, nil)
	r.wantAttentions(r.a, "a target cold reset, above the warm one... which b still has", 0x2901)
	r.wantAttentions(r.b, "SAM-5 5.14.1: precedence", 0x2901, 0x2902)
	r.settle(c)

	r.u.ClearTaskSet(r.a, func(n *lun.Nexus) bool { return n == r.b })
	r.wantAttentions(r.a, "it cleared the task set itself")
	r.wantAttentions(r.b, "its tasks were aborted", 0x2F00)
	r.wantAttentions(c, "it had no tasks")

	// The order is by precedence, not by age; each condition is pending once.
	r.d.geom.Blocks = 1000
	r.u.Refresh()
	r.u.Refresh()
	r.u.ClearTaskSet(r.b, nil)
	r.u.Reset(nil)
	r.d.geom.Blocks = 1024
	r.u.Refresh()
	r.wantAttentions(r.a, "SAM-5 5.14.1: 29h first", 0x2903, 0x2F00, 0x2A09)
}

func TestAttentionPrecedesTheCommand(t *testing.T) {
	r := newRig(t)
	for name, cdb := range map[string][16]byte{
		"READ": cdb10(0x28, 0, 0, 1), "an unknown command": {0: 0xFF}, "READ with a wrong field": cdb10(0x28, 0xE0, 0, 1),
		"MODE SENSE": modeSense6(0, 0x3F, 0, 255), "READ CAPACITY": {0: 0x25},
	} {
		r.u.Reset(nil)
		r.want(r.do(cdb), "6/2903", "SAM-5 5.14: "+name+" is not carried out")
		check.That(t, r.do(cdb).key != lun.UnitAttention, "%s: the unit attention was reported and is still pending", name)
	}
	writes := r.d.kinds(lun.OpWrite)
	r.u.Reset(nil)
	r.do(cdb10(0x2A, 0, 0, 1), pattern(512, 1)...)
	check.That(t, r.d.kinds(lun.OpWrite) == writes, "a write was carried out and reported a unit attention")
}

func TestAttentionAndExemptCommands(t *testing.T) {
	r := newRig(t)
	r.u.Reset(nil)
	r.want(r.do(inquiryCDB(false, 0, 96)), good, "SAM-5 5.14: INQUIRY is carried out")
	r.want(r.do([16]byte{0: 0xA0, 9: 64}), good, "SAM-5 5.14: REPORT LUNS is carried out")
	a := r.do([16]byte{0: 0x03, 4: 252})
	r.want(a, good, "SAM-5 5.14: REQUEST SENSE reports it as data")
	check.That(t, len(a.in) == 18 && a.in[2] == 6 && a.in[12] == 0x29 && a.in[13] == 3, "sense data % x, want UNIT ATTENTION 29/03", a.in)
	r.wantAttentions(r.a, "REQUEST SENSE clears what it reports")
	r.wantAttentions(r.b, "and for its own nexus alone", 0x2903)
	a = r.do([16]byte{0: 0x03, 1: 1, 4: 252})
	if len(a.in) != 8 || a.in[0] != 0x72 || a.in[1] != 0 {
		t.Errorf("sense data % x, want NO SENSE in descriptor format, because DESC is one", a.in)
	}
}

func TestCapacityChange(t *testing.T) {
	r := newRig(t)
	r.u.Refresh()
	r.wantAttentions(r.a, "nothing changed")
	r.d.geom.Blocks = 512
	r.u.Refresh()
	for _, n := range []*lun.Nexus{r.a, r.b} {
		r.wantAttentions(n, "SBC-3 4.8: every nexus at once", 0x2A09)
	}
	r.want(r.do(cdb10(0x28, 0, 512, 1)), lbaOutOfRange, "the new capacity holds")
	if a := r.do(readCapacity16(32)); a.in[6] != 1 || a.in[7] != 0xFF {
		t.Errorf("READ CAPACITY % x", a.in)
	}
}

func TestLUNListChange(t *testing.T) {
	r := newRig(t)
	u := must.Get(r.tg.AddUnit(1, lun.UnitConfig{Backend: newDisk(t, lun.Geometry{Blocks: 8, BlockSize: 512})}))(t)
	r.wantAttentions(r.a, "SPC-4 6.33: the list changed", 0x3F0E)
	on1 := func(n *lun.Nexus) answer { return r.start(0, n, 1<<48, lun.AttrSimple, testUnitReady(), nil).wait() }
	r.want(on1(r.a), "6/2900", "a new logical unit")
	r.want(on1(r.a), good, "once")
	r.want(r.on(r.b, [16]byte{0: 0xA0, 9: 64}), good, "REPORT LUNS")
	r.wantAttentions(r.b, "SPC-4 6.33: REPORT LUNS clears it")

	if got := r.tg.RemoveUnit(1); got != u {
		t.Fatalf("RemoveUnit gave %v", got)
	}
	r.want(on1(r.a), noSuchLUN, "it is gone")
	r.wantAttentions(r.a, "the list changed", 0x3F0E)
	if r.tg.RemoveUnit(1) != nil || r.tg.RemoveUnit(-1) != nil || r.tg.RemoveUnit(lun.MaxLUNs) != nil {
		t.Error("a unit was removed that is not there")
	}
	check.That(t, u.Idle(), "a unit without commands is not idle")
}

// The names of initiator ports come from peers: what is kept of them is bounded.
func TestSeenPortsAreBounded(t *testing.T) {
	r := newRig(t)
	for i := range 5000 {
		r.tg.NewNexus(lun.NexusConfig{InitiatorName: "iqn.x:" + string(rune('a'+i%26)), ISID: [6]byte{1, byte(i >> 8), byte(i)}, TPGT: 1, RelPort: 1}).Close()
	}
	n := r.login(9)
	n.Close()
	if got := r.settle(r.login(9)); !slices.Equal(got, []lun.ASC{0x2900}) {
		t.Errorf("a port beyond the bound: %04x, want it to be taken for a new one", got)
	}
}
