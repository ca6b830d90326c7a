package lun_test

import (
	"bytes"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// fuzzKinds are the units that FuzzCDB sends commands to.
var fuzzKinds = [][]option{
	{withMapped},
	{withPosted, withVolatile, withThin, withRemovable, withAtomic},
	{withMapped, with4K, withThin, withAtomic},
	{withVolatile, with4K, withReadOnly, withRemovable},
	{withPosted, withThin, withUnit(func(u *lun.UnitConfig) { u.PhysicalBlock = 4096; u.SanitizeRate = 1 << 20 })},
}

// fuzzRecord is one command of FuzzCDB's input: control, CDB, length of the data-out (2), eight bytes of data-out that are
// repeated.
const fuzzRecord = 1 + 16 + 2 + 8

// Bits of the control byte.
const (
	fuzzNexus = 0x01 // which nexus
	fuzzAttr  = 0x0E // attribute
	fuzzRun   = 0x10 // let the world run to its end first
	fuzzStep  = 0x20 // let one event happen first
	fuzzAbort = 0x40 // abort the oldest command that has not ended
	fuzzLUN   = 0x80 // a LUN that is not there; with fuzzAbort: abandon instead
)

// FuzzCDB sends sequences of any commands with any data to a small unit of each kind. Nothing panics, every command ends
// exactly once with a status and sense data that fit together, data-in is never more than Plan said, no byte beside the
// medium is touched, and the unit is idle in the end.
func FuzzCDB(f *testing.F) {
	record := func(ctl byte, cdb [16]byte, n int, data ...byte) []byte {
		r := append([]byte{ctl}, cdb[:]...)
		r = append(r, byte(n>>8), byte(n))
		return append(r, append(data, make([]byte, 8)...)[:8]...)
	}
	for kind := range fuzzKinds {
		for first := 0; first < 256; first += 4 { // every operation code, with fields in the usual places
			seed := []byte{byte(kind)}
			for op := first; op < first+4; op++ {
				for _, sa := range []byte{0, 1, 2, 3, 0x0C, 0x10, 0x12, 0x1F} {
					cdb := [16]byte{0: byte(op), 1: sa, 5: 1, 8: 2, 9: 3, 13: 2}
					seed = append(append(seed, record(0, cdb, 4096, 1, 2, 3, 4)...), record(0x11, cdb, 0)...)
				}
			}
			f.Add(seed)
		}
		f.Add(bytes.Join([][]byte{{byte(kind)},
			record(0, cdb10(0x2A, 0, 3, 1), 512, 1), record(4, read(3), 0), record(6, cawCDB(0, 3, 1), 1024, 1),
			record(0x43, cdb16(0x93, 8, 0, 64), 512, 0), record(0x20, [16]byte{0: 0x42, 8: 24}, 24, 0, 22, 0, 16), record(0xD0, sanitizeCDB(overwrite, 8), 8, 1, 0, 0, 4),
			record(1, modeSense10(0, 0x3F, 0xFF, 255), 0), record(0x10, sanitizeCDB(blockErase|immed, 0), 0), record(0, testUnitReady(), 0),
		}, nil))
	}
	f.Fuzz(fuzzCDB)
}

func fuzzCDB(t *testing.T, input []byte) {
	if len(input) == 0 {
		return
	}
	kind := fuzzKinds[int(input[0])%len(fuzzKinds)]
	r := newRigIn(t, luntest.Config{Seed: uint64(input[0])}, append([]option{withBlocks(64), withStore(newStore())}, kind...)...)
	var calls []*call
	for in := input[1:]; len(in) >= fuzzRecord && len(calls) < 64; in = in[fuzzRecord:] {
		ctl, n := in[0], int(in[17])<<8|int(in[18])
		switch {
		case ctl&fuzzRun != 0:
			r.w.Run()
		case ctl&fuzzStep != 0:
			r.w.Step()
		}
		if ctl&fuzzAbort != 0 {
			for _, c := range calls {
				if c.ended == 0 {
					r.w.On(0, func(*luntest.Loop) {
						if c.task.Abort(); ctl&fuzzLUN != 0 {
							c.task.Abandon()
						}
					})
					break
				}
			}
		}
		nexus, where := r.a, uint64(0)
		if ctl&fuzzNexus != 0 {
			nexus = r.b
		}
		if ctl&(fuzzLUN|fuzzAbort) == fuzzLUN {
			where = 3 << 48
		}
		data := bytes.Repeat(in[19:27], n/8+1)[:n]
		calls = append(calls, r.start(0, nexus, where, lun.Attr(ctl&fuzzAttr>>1), [16]byte(in[1:17]), data))
	}
	r.w.Run()
	for _, c := range calls {
		c.sound(r)
	}
	check.That(t, r.u.Idle(), "the unit is not idle")
	check.Equal(t, r.w.Loop(0).Outstanding(), 0, "work buffers that were not given back:")
}

// sound checks what holds for the end of every command.
func (c *call) sound(r *rig) {
	t := c.task
	must.Be(r.tb, c.ended == 1, "command %x ended %d times", t.CDB, c.ended)
	if c.aborted {
		return
	}
	out, in := luntest.Plan(t.Nexus, t.LUN, &t.CDB, true)
	if len(t.In) > in || len(t.Out) > out {
		r.tb.Errorf("command %x: %d bytes of data-in and %d of data-out, planned %d and %d", t.CDB, len(t.In), len(t.Out), in, out)
	}
	if len(t.In) > 0 && len(t.Buf) > 0 && &t.In[0] != &t.Buf[0] {
		r.tb.Errorf("command %x: data-in is not in the buffer that Plan asked for", t.CDB)
	}
	if t.RequiredIn != int64(len(t.In)) || t.RequiredOut < 0 {
		r.tb.Errorf("command %x: %d bytes of data-in, %d required; %d of data-out required", t.CDB, len(t.In), t.RequiredIn, t.RequiredOut)
	}
	switch t.Status {
	case lun.StatusGood, lun.StatusBusy, lun.StatusReservationConflict, lun.StatusTaskSetFull, lun.StatusTaskAborted:
		check.That(r.tb, t.SenseLen == 0, "command %x: sense data with status %#02x", t.CDB, t.Status)
	case lun.StatusCheckCondition:
		if s := t.Sense[:t.SenseLen]; len(s) < 8 || int(s[7])+8 != len(s) || c.key == 0 || s[0]&0x7F != 0x70 && s[0] != 0x72 {
			r.tb.Errorf("command %x: sense data % x", t.CDB, s)
		}
	default:
		r.tb.Errorf("command %x: status %#02x", t.CDB, t.Status)
	}
}
