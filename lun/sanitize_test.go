package lun_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

const (
	overwrite   = 0x01
	blockErase  = 0x02
	cryptoErase = 0x03
	exitFailure = 0x1F

	immed = 0x80
	ause  = 0x20
)

func sanitizeCDB(b1 byte, length int) [16]byte {
	return [16]byte{0: 0x48, 1: b1, 7: byte(length >> 8), 8: byte(length)}
}

// overwriteList is the parameter list of OVERWRITE (SBC-3 5.21.2).
func overwriteList(b0 byte, pattern ...byte) []byte {
	return append([]byte{b0, 0, byte(len(pattern) >> 8), byte(len(pattern))}, pattern...)
}

func TestSanitizeOverwrite(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig, bs int) {
		for _, n := range []int{1, 4, bs / 2, bs, 7} {
			r.do(cdb10(0x2A, 0, 1000, 1), pattern(bs, 9)...)
			p := pattern(n, 0x31)
			list := overwriteList(1, p...)
			r.want(r.do(sanitizeCDB(overwrite, len(list)), list...), good, "SBC-3 5.21.2")
			block := bytes.Repeat(p, bs/n+1)[:bs]
			for i := range 1024 {
				must.Be(t, bytes.Equal(r.d.block(i, 1), block), "a pattern of %d bytes: block %d is not it repeated", n, i)
			}
			check.That(t, !r.d.geom.Volatile || bytes.Equal(r.d.medium, r.d.data), "the operation ended before the medium had the pattern")
		}
		for _, passes := range []struct {
			b0   byte
			want byte
		}{{3, 0x5A}, {0x83, 0x5A}, {0x82, 0xA5}, {0x81, 0x5A}} {
			list := overwriteList(passes.b0, 0x5A)
			before := r.d.kinds(lun.OpSync)
			r.want(r.do(sanitizeCDB(overwrite, len(list)), list...), good, "OVERWRITE COUNT, INVERT")
			if r.d.data[0] != passes.want || r.d.data[len(r.d.data)-1] != passes.want {
				t.Errorf("after passes %#02x the medium holds %#02x, want %#02x", passes.b0, r.d.data[0], passes.want)
			}
			if n := r.d.kinds(lun.OpSync) - before; n != int(passes.b0&0x1F) {
				t.Errorf("%d passes reached the medium, want %d", n, passes.b0&0x1F)
			}
		}
		check.Equal(t, r.w.Loop(0).Outstanding(), 0, "work buffers that were not given back:")
	})
}

func TestSanitizeErase(t *testing.T) {
	for _, sa := range []byte{blockErase, cryptoErase} {
		r := newRig(t, withThin, withPosted, withVolatile)
		r.want(r.do(cdb10(0x41, 0, 0, 1024), pattern(512, 3)...), good, "the medium is filled")
		r.want(r.do(sanitizeCDB(sa, 0)), good, "SBC-3 5.21.3")
		if !bytes.Equal(r.d.medium, make([]byte, len(r.d.medium))) || slices.Contains(r.d.mapped, true) {
			t.Error("not every block is deallocated and reads as zeroes")
		}
		r.want(r.do(cdb10(0x28, 0, 0, 1)), good, "WABEREQ 01b: reads succeed")
		full := newRig(t)
		full.wantField(full.do(sanitizeCDB(sa, 0)), 1, "a fully provisioned unit has no such service action")
	}
}

func TestSanitizeFields(t *testing.T) {
	r := newRig(t, withThin)
	for sa := byte(0); sa < 32; sa++ {
		if sa != overwrite && sa != blockErase && sa != cryptoErase && sa != exitFailure {
			r.wantField(r.do(sanitizeCDB(sa, 0)), 1, "SPC-4 4.3.4: a service action that is not there")
		}
	}
	list := overwriteList(1, make([]byte, 512)...)
	for _, sa := range []byte{overwrite, blockErase, cryptoErase, exitFailure} {
		n, out := 0, []byte(nil)
		if sa == overwrite {
			n, out = len(list), list
		} else {
			r.wantField(r.do(sanitizeCDB(sa, 8), make([]byte, 8)...), 7, "SBC-3 5.21: no parameter list")
		}
		r.wantField(r.do(sanitizeCDB(sa|0x40, n), out...), 1, "a reserved bit")
		for i := 2; i <= 6; i++ {
			c := sanitizeCDB(sa, n)
			c[i] = byte(i)
			r.wantField(r.do(c, out...), i, "a reserved byte")
		}
	}
	for n := range 5 {
		r.wantField(r.do(sanitizeCDB(overwrite, n), list[:n]...), 7, "SBC-3 5.21.2: no pattern")
	}
	r.wantField(r.do(sanitizeCDB(overwrite, 517), append(list, 0)...), 7, "SBC-3 5.21.2: a pattern longer than a block")
	for name, l := range map[string][]byte{
		"OVERWRITE COUNT zero": overwriteList(0, 1, 2, 3, 4), "TEST": overwriteList(0x21, 1, 2, 3, 4),
		"no pattern": {1, 0, 0, 0, 9}, "a longer pattern": {1, 0, 0, 5, 9, 9, 9, 9}, "longer than a block": {1, 0, 2, 4, 9, 9, 9, 9},
	} {
		r.want(r.do(sanitizeCDB(overwrite, len(l)), l...), invalidParam, name)
	}
	r.want(r.do(sanitizeCDB(overwrite, 100), overwriteList(1, 1)...), listLengthError, "less data than the CDB says")
	r.want(r.do(sanitizeCDB(exitFailure, 0)), good, "nothing has failed")
	check.That(t, len(r.d.log) == 0, "a refused SANITIZE reached the medium")
}

// SBC-3 4.11.1: while the operation runs everything but INQUIRY, REPORT LUNS and REQUEST SENSE is NOT READY, and neither
// aborts nor resets nor the loss of its nexus stop it.
func TestSanitizeGoesOn(t *testing.T) {
	for _, imm := range []byte{0, immed} {
		r := newRig(t, withPosted, withRemovable)
		r.d.hold = func(*lun.Request) bool { return true }
		list := overwriteList(1, 0x77)
		c := r.start(0, r.a, 0, lun.AttrSimple, sanitizeCDB(overwrite|imm, len(list)), list)
		r.w.RunUntil("the operation begins", func() bool { return len(r.d.held) > 0 })
		check.That(t, (c.ended != 0) == (imm != 0), "IMMED %#02x: ended %d times while the operation runs", imm, c.ended)
		busy := func() {
			t.Helper()
			for name, c := range map[string][16]byte{
				"TEST UNIT READY": testUnitReady(), "READ": cdb10(0x28, 0, 0, 1), "START STOP UNIT": startStopCDB(0, eject), "SANITIZE": sanitizeCDB(overwrite, 5),
				"MODE SENSE": modeSense6(0, 0x3F, 0, 255), "READ CAPACITY": {0: 0x25}, "EXIT FAILURE MODE": sanitizeCDB(exitFailure, 0),
			} {
				a := r.on(r.b, c, 1, 0, 0, 1, 1)
				r.want(a, sanitizing, name)
				check.That(t, a.specific[0] == 0x80, "%s: sense key specific % x has no progress indication", name, a.specific)
			}
			r.want(r.on(r.b, inquiryCDB(false, 0, 96)), good, "SBC-3 4.11.1: INQUIRY")
			r.want(r.on(r.b, [16]byte{0: 0xA0, 9: 64}), good, "SBC-3 4.11.1: REPORT LUNS")
			a := r.on(r.b, [16]byte{0: 0x03, 4: 252})
			r.want(a, good, "SBC-3 4.11.1: REQUEST SENSE")
			if a.in[2] != 2 || a.in[12] != 0x04 || a.in[13] != 0x1B || a.in[15] != 0x80 {
				t.Errorf("REQUEST SENSE % x, want SANITIZE IN PROGRESS with its progress", a.in)
			}
		}
		busy()
		if imm == 0 {
			r.w.On(0, func(l *lunLoop) { c.task.Abort() })
			must.Be(t, c.ended == 1 && c.aborted, "the command's abort waits for the operation")
		}
		r.u.Reset(r.a)
		r.tg.Reset(lun.ResetWarm, nil)
		r.tg.Reset(lun.ResetCold, nil)
		r.a.Close()
		r.settleSanitizing(r.b)
		busy()
		r.d.release()
		r.w.Run()
		r.want(r.on(r.b, testUnitReady()), good, "the operation has ended")
		check.That(t, r.d.data[0] == 0x77 && r.d.data[len(r.d.data)-1] == 0x77, "the medium was not overwritten")
	}
}

// settleSanitizing takes the unit attentions of n while its unit is not ready.
func (r *rig) settleSanitizing(n *lun.Nexus) {
	for r.on(n, testUnitReady()).key == lun.UnitAttention {
	}
}

// A command that waits at the gate when the operation begins is not left there.
func TestSanitizeFreesTheGate(t *testing.T) {
	r := newRig(t, withPosted)
	r.d.hold = func(q *lun.Request) bool { return q.Kind == lun.OpRead }
	read := r.start(0, r.a, 0, lun.AttrSimple, cdb10(0x28, 0, 0, 1), nil)
	list := overwriteList(1, 0x77)
	s := r.start(0, r.a, 0, lun.AttrSimple, sanitizeCDB(overwrite, len(list)), list)
	write := r.start(0, r.b, 0, lun.AttrSimple, cdb10(0x2A, 0, 0, 1), pattern(512, 1))
	r.w.Run()
	must.Be(t, s.ended == 0 && write.ended == 0, "SANITIZE did not wait for the command before it")
	r.d.release()
	r.want(read.wait(), good, "it was there before")
	r.want(write.wait(), sanitizing, "it came behind the SANITIZE")
	r.want(s.wait(), good, "SBC-3 5.21")
}

func TestSanitizeFailure(t *testing.T) {
	for _, b1 := range []byte{overwrite, overwrite | ause} {
		kept := newStore()
		r := newRig(t, withPosted, withStore(kept))
		r.d.fail = func(q *lun.Request) error {
			if q.Kind == lun.OpWrite && q.Off > 0 {
				return lun.ErrMedium
			}
			return nil
		}
		list := overwriteList(1, 0x77)
		r.want(r.do(sanitizeCDB(b1, len(list)), list...), sanitizeFailed, "SBC-3 4.11.1")
		r.want(r.do(cdb10(0x28, 0, 0, 1)), sanitizeFailed, "the unit stays failed")
		r.want(r.do(inquiryCDB(false, 0, 96)), good, "INQUIRY is answered")
		if a := r.do([16]byte{0: 0x03, 4: 252}); a.in[2] != 3 || a.in[12] != 0x31 || a.in[13] != 0x03 {
			t.Errorf("REQUEST SENSE % x, want SANITIZE COMMAND FAILED", a.in)
		}
		after := newRig(t, withPosted, withStore(kept))
		for _, r := range []*rig{r, after} {
			if b1&ause != 0 {
				r.want(r.do(sanitizeCDB(exitFailure, 0)), good, "AUSE was one")
				r.want(r.do(testUnitReady()), good, "the failure was exited")
				break // the restart is looked at in the other case: EXIT has cleared the mark
			}
			r.want(r.do(sanitizeCDB(exitFailure, 0)), invalidField, "SBC-3 5.21.5: AUSE was zero")
			r.want(r.do(testUnitReady()), sanitizeFailed, "still failed, over a restart too")
			r.d.fail = nil
			r.want(r.do(sanitizeCDB(overwrite, len(list)), list...), good, "a SANITIZE that succeeds")
			r.want(r.do(testUnitReady()), good, "ends the failure")
		}
		last := newRig(t, withStore(kept))
		last.want(last.do(testUnitReady()), good, "the mark is gone from the store")
	}
}

func TestSanitizeRate(t *testing.T) {
	r := newRig(t, withBlocks(16<<20/512), withUnit(func(u *lun.UnitConfig) { u.SanitizeRate = 4 << 20 }))
	list := overwriteList(1, 0x77)
	began := r.w.Now()
	r.want(r.do(sanitizeCDB(overwrite, len(list)), list...), good, "SBC-3 5.21")
	if took := r.w.Now() - began; took < 3.8e9 || took > 4.2e9 {
		t.Errorf("16 MiB at 4 MiB a second took %d ns", took)
	}
	// Progress grows.
	began = r.w.Now()
	r.want(r.do(sanitizeCDB(overwrite|immed, len(list)), list...), good, "IMMED")
	for _, want := range []float64{0.25, 0.5, 0.75} {
		r.w.RunUntil("time passes", func() bool { return float64(r.w.Now()-began) >= want*4e9 })
		a := r.do([16]byte{0: 0x03, 4: 252})
		if got := float64(binary.BigEndian.Uint16(a.in[16:])) / 65536; got < want-0.03 || got > want+0.05 {
			t.Errorf("progress %.3f, want about %.2f (SPC-4 4.5.2.4.4)", got, want)
		}
	}
}

func TestRemoveWhileSanitizing(t *testing.T) {
	r := newRig(t, withBlocks(16<<20/512), withUnit(func(u *lun.UnitConfig) { u.SanitizeRate = 1 << 20 }))
	list := overwriteList(1, 0x77)
	c := r.start(0, r.a, 0, lun.AttrSimple, sanitizeCDB(overwrite, len(list)), list)
	r.w.RunUntil("the operation begins", func() bool { return len(r.d.log) > 2 })
	r.tg.RemoveUnit(0)
	check.That(t, !r.u.Idle(), "the unit is idle while a sanitize operation runs")
	r.w.Run()
	check.That(t, r.u.Idle() && c.ended == 1, "the operation did not stop with its unit")
	check.Equal(t, r.w.Loop(0).Outstanding(), 0, "work buffers that were not given back:")
}
