package engine

import (
	"context"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// withdrawals are the ways in which the first initiator loses unit 1, to be tried while its commands wait for something.
var withdrawals = []struct {
	name string
	do   func(r *rig) error
}{
	{"masked", func(r *rig) error { return r.e.SetExports(context.Background(), r.unit(1), only(1, second), false) }},
	{"removed", func(r *rig) error { return r.e.RemoveUnit(context.Background(), r.unit(1), false) }},
}

// Held commands to a unit that is taken away from their initiator are refused at once, without a wait for the rate, which has long to go.
// What they had paid is returned. Others keep their place.
func TestMaskedHeldCommands(t *testing.T) {
	for _, w := range withdrawals {
		t.Run(w.name, func(t *testing.T) {
			r := newLimited(t)
			i, other := r.login(1), r.login(2)
			r.e.SetUnitQoS(r.unit(1), Rate{ReadIOPS: 1, WriteIOPS: 1})
			r.e.SetInitiatorQoS(r.target, []InitiatorRate{{Rate: Rate{ReadIOPS: 10, Burst: time.Second}}})
			r.e.Status()
			late := r.login(3, "InitiatorName", first, "InitialR2T", "Yes", "ImmediateData", "No")
			i.good(i.startRead(1, 0, 8))
			i.good(i.startWrite(1, 0, make([]byte, 4096)))
			tags := []uint32{i.startRead(1, 0, 8), i.startRead(1, 8, 8), i.startWrite(1, 0, make([]byte, 4096))}
			r.held(3)
			theirs := other.startRead(1, 0, 8)
			r.held(4)
			itt := late.start(1, rawclient.RW10(true, 0, 8), 4096, true, nil)
			late.read()
			ttt := (*pdu.R2T)(&late.Header).TTT()

			must.OK(t, w.do(r.rig))
			got := map[uint32]bool{}
			for range tags {
				a := must.Get(i.Answer())(t)
				got[a.ITT] = true
				check.Equal(t, i.sense(), noUnitThere, "the sense of a held command:")
			}
			for k, itt := range tags {
				check.That(t, got[itt], "command %d has no answer", k)
			}
			late.dataOut(1, itt, ttt, make([]byte, 4096))
			late.wantSense(itt, noUnitThere, "it came when its initiator had lost the unit")
			if w.name == "masked" {
				r.held(1)
				r.pass(time.Second + tick)
				other.good(theirs)
			} else {
				other.wantSense(theirs, noUnitThere, "its unit was removed")
			}
			r.held(0)
		})
	}
}

// Neither do such commands wait for memory: whoever has it may keep it.
func TestMaskedCommandsThatWait(t *testing.T) {
	for _, w := range withdrawals {
		t.Run(w.name, func(t *testing.T) {
			disk := faulttest.New(memory(t, 8<<20)) // its reads need memory of the arena
			r := newRigWith(t, Config{Cores: make([]int, 1), ArenaPerLoop: maxBlock}, quietNode, memory(t, 8<<20), disk)
			i := r.login(1)
			hog := r.login(9, "InitiatorName", first, "InitialR2T", "Yes", "ImmediateData", "No")
			hog.hoard(4)
			waitFor(t, "the writes to have arrived", func() bool { return r.e.Status().Loops[0].Tasks == 4 })
			waits := i.startRead(1, 0, maxBlock/512)
			waitFor(t, "the read to have arrived", func() bool { return r.e.Status().Loops[0].Tasks == 5 })
			check.Equal(t, disk.Seen(), 0, "reads that got memory:")

			must.OK(t, w.do(r))
			i.wantSense(waits, noUnitThere, "its unit is gone")
			hog.Conn.Close()
			waitFor(t, "tasks and memory to come back", r.quiet(1))
		})
	}
}

// The rate may let a command go on just when its unit has gone, before the loop refuses what waits. It does not wait for memory then.
func TestMaskedCommandsThatStart(t *testing.T) {
	disk := faulttest.New(memory(t, 8<<20))
	r := &limited{newTimed(t, Config{ArenaPerLoop: maxBlock}, memory(t, 8<<20), disk)}
	i := r.login(1)
	hog := r.login(9, "InitiatorName", first, "InitialR2T", "Yes", "ImmediateData", "No")
	r.e.SetUnitQoS(r.unit(1), Rate{ReadIOPS: 1})
	r.e.Status()
	i.good(i.startRead(1, 0, 8))
	hog.hoard(4)
	waitFor(t, "the writes to have arrived", func() bool { return r.e.Status().Loops[0].Tasks == 4 })
	itt := i.startRead(1, 0, maxBlock/512)
	r.held(1)
	must.OK(t, r.unit(1).SetExports(only(1, second))) // the first half of Engine.SetExports
	r.pass(time.Second + tick)
	i.wantSense(itt, noUnitThere, "its unit is gone")
	check.Equal(t, disk.Seen(), 1, "reads that got memory:")
}

// A command that is ended while the backend has it does not hold up those of initiators that still see the unit: COMPARE AND WRITE has it
// alone, but not for as long as the backend likes.
func TestMaskedCommandHoldsNobodyUp(t *testing.T) {
	f := holding(memory(t, 1<<20))
	r := newRigWith(t, Config{Cores: make([]int, 2)}, quietNode, memory(t, 1<<20), f)
	i, other := r.login(1), r.login(2)
	alone := i.start(1, []byte{0x89, 13: 1, 15: 0}, 1024, true, make([]byte, 1024))
	waitFor(t, "the command to reach the backend", func() bool { return f.Held() == 1 })
	waits := other.startRead(1, 8, 8)
	waitFor(t, "the read to be at the gate", func() bool { return tasks(r) == 2 })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.e.SetExports(ctx, r.unit(1), only(1, second), true) }()
	i.wantSense(alone, noUnitThere, "it was ended")
	other.good(waits)
	f.Release(-1)
	must.OK(t, <-done)
	waitFor(t, "tasks and buffers to come back", r.quiet(2))
}
