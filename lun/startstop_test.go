package lun_test

import (
	"bytes"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
)

func startStopCDB(imm, b4 byte) [16]byte { return [16]byte{0: 0x1B, 1: imm, 4: b4} }

const (
	eject   = 0x02
	load    = 0x03
	noFlush = 0x04
)

func prevent(v byte) [16]byte { return [16]byte{0: 0x1E, 4: v} }

func TestEjectAndLoad(t *testing.T) {
	r := newRig(t, withRemovable, withThin, withAtomic)
	for _, imm := range []byte{0, 1} {
		r.want(r.do(startStopCDB(imm, eject)), good, "SBC-3 5.22: LOEJ without START")
		block, two := make([]byte, 512), make([]byte, 1024)
		for name, c := range map[string]struct {
			cdb [16]byte
			out []byte
		}{
			"TEST UNIT READY": {testUnitReady(), nil}, "READ(6)": {cdb6(0x08, 0, 1), nil}, "READ(16)": {cdb16(0x88, 0, 0, 1), nil},
			"WRITE(10)": {cdb10(0x2A, 0, 0, 1), block}, "READ CAPACITY(10)": {[16]byte{0: 0x25}, nil},
			"READ CAPACITY(16)": {readCapacity16(32), nil}, "VERIFY": {cdb10(0x2F, 2, 0, 1), block},
			"SYNCHRONIZE CACHE": {cdb10(0x35, 0, 0, 0), nil}, "PRE-FETCH": {cdb10(0x34, 0, 0, 1), nil},
			"COMPARE AND WRITE": {cawCDB(0, 0, 1), two}, "ORWRITE": {cdb16(0x8B, 0, 0, 1), block},
			"WRITE SAME": {cdb10(0x41, 0, 0, 1), block}, "UNMAP": {[16]byte{0: 0x42, 8: 24}, unmapList([2]uint64{0, 1})},
			"GET LBA STATUS": {cdb16(0x9E, 0x12, 0, 24), nil}, "WRITE ATOMIC": {atomicCDB(0, 0, 0, 8), make([]byte, 4096)},
			"READ with a wrong field": {cdb10(0x28, 0xE0, 0, 1), nil},
		} {
			r.want(r.do(c.cdb, c.out...), noMedium, name+" without a medium")
		}
		r.want(r.do(inquiryCDB(false, 0, 96)), good, "INQUIRY needs no medium")
		r.want(r.do(modeSense6(0, 0x3F, 0, 255)), good, "MODE SENSE needs no medium")
		r.want(r.do(startStopCDB(imm, eject)), good, "ejecting what is ejected")
		r.want(r.do(startStopCDB(imm, load)), good, "SBC-3 5.22: LOEJ and START")
		r.wantAttentions(r.a, "the nexus that loaded the medium knows")
		r.wantAttentions(r.b, "the others do not", 0x2800)
		r.want(r.do(startStopCDB(imm, load)), good, "loading what is loaded")
		r.wantAttentions(r.b, "nothing changed")
	}
}

func TestStartStopWithoutLoEj(t *testing.T) {
	r := newRig(t, withRemovable, withVolatile)
	for _, b := range []byte{0, 1, noFlush, noFlush | 1, 0x10, 0x2F, 0xB2, 0xF3} {
		r.want(r.do(startStopCDB(0, b)), good, "there is no motor, and power conditions change nothing")
		r.want(r.do(testUnitReady()), good, "the unit stays ready")
	}
	data := pattern(512, 1)
	r.do(cdb10(0x2A, 0, 0, 1), data...)
	r.do(startStopCDB(0, noFlush))
	check.That(t, !bytes.Equal(r.d.medium[:512], data), "NO_FLUSH flushed")
	r.do(startStopCDB(0, 0))
	check.That(t, bytes.Equal(r.d.medium[:512], data), "SBC-3 5.22: stopping did not flush the cache")
	r.do(cdb10(0x2A, 0, 1, 1), data...)
	r.do(startStopCDB(0, eject))
	check.That(t, bytes.Equal(r.d.medium[512:1024], data), "SBC-3 5.22: ejecting did not flush the cache")
	r.d.fail = func(*lun.Request) error { return lun.ErrMedium }
	r.do(startStopCDB(0, load))
	r.want(r.do(startStopCDB(0, eject)), "4/0C00", "the cache could not be flushed")
	r.want(r.do(testUnitReady()), good, "so the medium is not ejected")

	fixed := newRig(t)
	fixed.wantField(fixed.do(startStopCDB(0, eject)), 4, "the medium of a unit that is not removable")
	fixed.want(fixed.do(prevent(1)), invalidOpcode, "there is nothing to prevent")
}

func TestPreventAllow(t *testing.T) {
	r := newRig(t, withRemovable)
	refused := func(n *lun.Nexus, because string) {
		t.Helper()
		r.want(r.on(n, startStopCDB(0, eject)), removalStopped, because)
		r.want(r.on(n, testUnitReady()), good, "the medium is there")
	}
	r.want(r.do(prevent(1)), good, "SPC-4 6.17")
	refused(r.a, "SPC-4 6.17: removal is prevented")
	refused(r.b, "one nexus prevents it for all")
	r.want(r.on(r.b, prevent(0)), good, "b prevented nothing")
	refused(r.b, "a still prevents it")
	r.want(r.do(prevent(0)), good, "allowed again")
	r.want(r.do(startStopCDB(0, eject)), good, "nobody prevents it")
	r.want(r.do(prevent(1)), good, "without a medium too")
	r.want(r.do(startStopCDB(0, load)), removalStopped, "nor loaded")
	r.want(r.do(prevent(0)), good, "allowed again")
	r.want(r.do(startStopCDB(0, load)), good, "nobody prevents it")
	for _, v := range []byte{2, 3} {
		r.wantField(r.do(prevent(v)), 4, "obsolete")
	}
	r.settle(r.b)
	for name, end := range map[string]func(){
		"a logical unit reset":  func() { r.u.Reset(r.b) },
		"a target warm reset":   func() { r.tg.Reset(lun.ResetWarm, nil) },
		"a target cold reset":   func() { r.tg.Reset(lun.ResetCold, nil) },
		"the nexus's loss":      func() { r.a.Close(); r.a = r.login(1) },
		"the nexus's loss, two": func() { r.a.Close(); r.a.Close(); r.a = r.login(1) },
	} {
		r.want(r.do(prevent(1)), good, "SPC-4 6.17")
		end()
		r.settle(r.a)
		r.settle(r.b)
		r.want(r.on(r.b, startStopCDB(0, eject)), good, "SBC-3 5.13: prevention ends with "+name)
		r.want(r.on(r.b, startStopCDB(0, load)), good, "loaded again")
		r.settle(r.a)
	}
}

func TestReadOnly(t *testing.T) {
	r := newRig(t, withReadOnly, withThin, withAtomic)
	block, two := make([]byte, 512), make([]byte, 1024)
	for name, c := range map[string]struct {
		cdb [16]byte
		out []byte
	}{
		"WRITE(6)": {cdb6(0x0A, 0, 1), block}, "WRITE(16)": {cdb16(0x8A, 0, 0, 1), block}, "WRITE AND VERIFY": {cdb10(0x2E, 2, 0, 1), block},
		"COMPARE AND WRITE": {cawCDB(0, 0, 1), two}, "ORWRITE": {cdb16(0x8B, 0, 0, 1), block}, "WRITE SAME": {cdb10(0x41, 8, 0, 1), block},
		"UNMAP": {[16]byte{0: 0x42, 8: 24}, unmapList([2]uint64{0, 1})}, "WRITE ATOMIC": {atomicCDB(0, 0, 0, 8), make([]byte, 4096)},
		"SANITIZE": {[16]byte{0: 0x48, 1: 2}, nil},
	} {
		r.want(r.do(c.cdb, c.out...), writeProtected, name+" on a read-only unit")
	}
	r.want(r.do(cdb10(0x28, 0, 0, 1)), good, "it can be read")
	r.want(r.do(cdb10(0x2F, 0, 0, 1)), good, "and verified")
	for _, q := range r.d.log {
		check.That(t, q.Kind == lun.OpRead, "request %v reached a read-only medium", q.Kind)
	}
}
