package power

import (
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// judge numbers the events from 1 and checks what block 0 of LUN 0 may hold after each.
func TestOracle(t *testing.T) {
	write := Event{Op: OpWrite, Blocks: 1}
	cmd := func(e Event, c int) Event { e.Cmd = c; return e }
	for _, c := range []struct {
		name   string
		events []Event
		may    []string // after each event: the commands whose data may be in the block; 0: none
	}{
		{"an acknowledged FUA write is there; before, it may be",
			[]Event{{Op: OpBegin}, cmd(write, 1), {Op: OpAck, Cmd: 1, Durable: true}},
			[]string{"0", "01", "1"}},
		{"a cached write is there once a sync that was sent after its end is over",
			[]Event{{Op: OpBegin}, cmd(write, 1), {Op: OpAck, Cmd: 1}, {Op: OpSync, Cmd: 2}, {Op: OpAck, Cmd: 2}},
			[]string{"0", "01", "01", "01", "1"}},
		{"a sync promises nothing of a write that it overtook",
			[]Event{{Op: OpBegin}, cmd(write, 1), {Op: OpSync, Cmd: 2}, {Op: OpAck, Cmd: 1}, {Op: OpAck, Cmd: 2}},
			[]string{"0", "01", "01", "01", "01"}},
		{"a sync of other blocks promises nothing",
			[]Event{{Op: OpBegin}, cmd(write, 1), {Op: OpAck, Cmd: 1}, {Op: OpSync, Cmd: 2, LBA: 1, Blocks: 1}, {Op: OpAck, Cmd: 2}},
			[]string{"0", "01", "01", "01", "01"}},
		{"a sync of another unit promises nothing",
			[]Event{{Op: OpBegin}, cmd(write, 1), {Op: OpAck, Cmd: 1}, {Op: OpSync, Cmd: 2, LUN: 1}, {Op: OpAck, Cmd: 2, LUN: 1}},
			[]string{"0", "01", "01", "01", "01"}},
		{"a write without an answer may be there for ever, until the next",
			[]Event{{Op: OpBegin}, cmd(write, 1), {Op: OpTick}, cmd(write, 2), {Op: OpAck, Cmd: 2, Durable: true}},
			[]string{"0", "01", "01", "012", "2"}},
		{"what was promised stays while the next write is under way",
			[]Event{{Op: OpBegin}, cmd(write, 1), {Op: OpAck, Cmd: 1, Durable: true}, cmd(write, 2)},
			[]string{"0", "01", "1", "12"}},
	} {
		for i := range c.events {
			c.events[i].N = i + 1
		}
		o, err := NewOracle(c.events)
		must.OK(t, err, "%s", c.name)
		for i, may := range c.may {
			for cmd := range 3 {
				var block [BlockSize]byte
				if cmd > 0 {
					Value{Cmd: cmd}.Put(block[:])
				}
				want := strings.Contains(may, string(rune('0'+cmd)))
				if got := o.Block(0, 0, i+1, block[:]) == ""; got != want {
					t.Errorf("%s: after event %d a block of command %d is right: %v, want %v", c.name, i+1, cmd, got, want)
				}
			}
		}
	}
}

// State other than blocks follows the same rule: an acknowledged change is there, and one under way may be.
func TestOracleOfReservationsAndIdentities(t *testing.T) {
	one, two := Reservations([]uint64{1}, 0, 0), Reservations([]uint64{2, 1}, 5, 1)
	o, err := NewOracle([]Event{
		{N: 1, Op: OpBegin}, {N: 2, Op: OpIdentity, NAA: "61"},
		{N: 3, Op: OpReserve, Cmd: 1, Reservations: one}, {N: 4, Op: OpAck, Cmd: 1},
		{N: 5, Op: OpReserve, Cmd: 2, Reservations: two},
		{N: 6, Op: OpMode, Cmd: 3, WCE: false}, {N: 7, Op: OpAck, Cmd: 3},
	})
	must.OK(t, err)
	none := Reservations(nil, 0, 0)
	for event, right := range map[int]string{2: none, 4: one, 5: two, 7: one} {
		if what := o.Reserved(0, event, right); what != "" {
			t.Errorf("after event %d: %s", event, what)
		}
	}
	for event, wrong := range map[int]string{2: one, 4: none, 5: none, 7: none} {
		check.That(t, o.Reserved(0, event, wrong) != "", "after event %d the unit may have %s", event, wrong)
	}
	if o.Identity(0, 1, "any") != "" || o.Identity(0, 2, "61") != "" || o.Identity(0, 2, "62") == "" || o.Identity(1, 2, "any") != "" {
		t.Error("identities")
	}
	if o.WriteCache(0, 5, false) == "" || o.WriteCache(0, 6, true) != "" || o.WriteCache(0, 6, false) != "" || o.WriteCache(0, 7, true) == "" {
		t.Error("write cache")
	}
	check.That(t, o.Unit(0, 1, nil) == "" && o.Unit(0, 2, nil) != "", "a unit may be missing until an initiator has seen it, and no longer")
}

// A copy's blocks are those of its source, which must be certain.
func TestOracleOfCopies(t *testing.T) {
	events := []Event{
		{N: 1, Op: OpWrite, Cmd: 1, LUN: 1, LBA: 7, Blocks: 1}, {N: 2, Op: OpAck, Cmd: 1, LUN: 1, Durable: true},
		{N: 3, Op: OpWrite, Cmd: 2, Blocks: 1, Fill: FillCopy, From: 1, FromLBA: 7}, {N: 4, Op: OpAck, Cmd: 2, Durable: true},
	}
	o := must.Get(NewOracle(events))(t)
	var block [BlockSize]byte
	Value{Cmd: 1}.Put(block[:])
	if what := o.Block(0, 0, 4, block[:]); what != "" {
		t.Error(what)
	}
	events[1].Durable = false
	if _, err := NewOracle(events); err == nil {
		t.Error("a copy of a block that is not certain was taken")
	}
}

// A unit may report a failed SANITIZE only if one was under way.
func TestOracleOfSanitize(t *testing.T) {
	o, err := NewOracle([]Event{
		{N: 1, Op: OpBegin}, {N: 2, Op: OpWrite, Kind: "SANITIZE-OVERWRITE", Cmd: 1, Blocks: Blocks, Fill: FillZero},
		{N: 3, Op: OpTick}, {N: 4, Op: OpAck, Cmd: 1, Durable: true},
	})
	must.OK(t, err)
	for event, may := range map[int]bool{1: false, 2: true, 3: true, 4: false} {
		check.Equal(t, o.Failed(0, event) == "", may, "after event %d:", event)
	}
	check.That(t, o.Failed(1, 3) != "", "another unit's may fail")
}

func TestOracleRefusesWhatNoRunTells(t *testing.T) {
	for name, e := range map[string]Event{
		"a unit too many":   {N: 1, Op: OpWrite, Cmd: 1, LUN: LUNs, Blocks: 1},
		"beyond the end":    {N: 1, Op: OpWrite, Cmd: 1, LBA: Blocks, Blocks: 1},
		"before the first":  {N: 1, Op: OpWrite, Cmd: 1, LBA: -1, Blocks: 1},
		"an unknown fill":   {N: 1, Op: OpWrite, Cmd: 1, Blocks: 1, Fill: "?"},
		"copied from where": {N: 1, Op: OpWrite, Cmd: 1, Blocks: 1, Fill: FillCopy, From: LUNs},
	} {
		if _, err := NewOracle([]Event{e}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Half of one value and half of another is a mixture. So is a stamp at the wrong offset.
func TestStamps(t *testing.T) {
	var a, b [BlockSize]byte
	Value{3, 4}.Put(a[:])
	if v, ok := ValueOf(a[:]); !ok || v != (Value{3, 4}) {
		t.Errorf("%v, %v", v, ok)
	}
	if v, ok := ValueOf(make([]byte, BlockSize)); !ok || v != (Value{}) {
		t.Errorf("zeroes are %v, %v", v, ok)
	}
	Value{3, 5}.Put(b[:])
	copy(b[BlockSize/2:], a[BlockSize/2:])
	if v, ok := ValueOf(b[:]); ok {
		t.Errorf("a mixture is %v", v)
	}
}
