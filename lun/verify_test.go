package lun_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
)

var verifySizes = []struct {
	name          string
	verify, write byte
	cdb           func(op, flags byte, lba uint64, n uint32) [16]byte
	maxLBA        uint64
}{
	{"10", 0x2F, 0x2E, func(op, f byte, lba uint64, n uint32) [16]byte { return cdb10(op, f, uint32(lba), uint16(n)) }, math.MaxUint32},
	{"12", 0xAF, 0xAE, func(op, f byte, lba uint64, n uint32) [16]byte { return cdb12(op, f, uint32(lba), n) }, math.MaxUint32},
	{"16", 0x8F, 0x8E, cdb16, math.MaxUint64},
}

// BYTCHK in byte 1 (SBC-3 5.28).
const (
	bytchkBytes    = 1 << 1
	bytchkReserved = 2 << 1
	bytchkSame     = 3 << 1
)

func TestVerify(t *testing.T) {
	for _, s := range verifySizes {
		t.Run(s.name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, r *rig, bs int) {
				// More than one piece of a command of many pieces.
				lba, n := 5, 900
				data := pattern(n*bs, 1)
				copy(r.d.block(lba, n), data)
				cdb := func(flags byte, n int) [16]byte { return s.cdb(s.verify, flags, uint64(lba), uint32(n)) }
				r.want(r.do(cdb(0, n)), good, "BYTCHK 00b: the blocks can be read")
				r.want(r.do(cdb(bytchkBytes, n), data...), good, "BYTCHK 01b: they are equal")
				for _, at := range []int{0, bs, 600*bs + 17, len(data) - 1} {
					wrong := slices.Clone(data)
					wrong[at] ^= 0x40
					a := r.do(cdb(bytchkBytes, n), wrong...)
					r.want(a, miscompare, "BYTCHK 01b: a byte differs")
					check.That(t, a.hasInfo && a.info == uint64(at), "INFORMATION %d (%v), want the offset %d", a.info, a.hasInfo, at)
				}
				r.want(r.do(cdb(bytchkSame, n), data[:bs]...), miscompare, "BYTCHK 11b: the second block differs from the first")
				for i := range n {
					copy(r.d.block(lba+i, 1), data[:bs])
				}
				r.want(r.do(cdb(bytchkSame, n), data[:bs]...), good, "BYTCHK 11b: all blocks are the one sent")
				r.d.block(lba+800, 1)[3] ^= 1
				a := r.do(cdb(bytchkSame, n), data[:bs]...)
				r.want(a, miscompare, "BYTCHK 11b: one block differs")
				check.That(t, a.info == uint64(800*bs+3), "INFORMATION %d, want %d", a.info, 800*bs+3)
				r.want(r.do(s.cdb(s.verify, bytchkBytes, 1024, 0)), good, "no blocks")
				for _, at := range []struct {
					lba uint64
					n   uint32
				}{{1025, 0}, {1024, 1}, {1023, 2}, {s.maxLBA, 1}, {s.maxLBA, 0}} {
					r.want(r.do(s.cdb(s.verify, bytchkBytes, at.lba, at.n), make([]byte, int(at.n)*bs)...), lbaOutOfRange, "SBC-3 5.28")
					r.want(r.do(s.cdb(s.verify, 0, at.lba, at.n)), lbaOutOfRange, "SBC-3 5.28")
				}
				r.wantField(r.do(cdb(bytchkReserved, 1), data[:bs]...), 1, "BYTCHK 10b is reserved")
				r.wantField(r.do(cdb(0x20|bytchkBytes, 1), data[:bs]...), 1, "VRPROTECT without protection information")
				r.want(r.do(cdb(bytchkBytes, 2), data[:bs]...), invalidUnitInfo, "what did not come cannot be compared")
			})
		})
	}
}

// A VERIFY of a whole disk moves nothing to the initiator, so its length has no bound but the disk's: it runs in pieces.
func TestVerifyOfManyPieces(t *testing.T) {
	r := newRig(t, withPosted, withBlocks(20000))
	r.want(r.do(cdb16(0x8F, 0, 0, 20000)), good, "SBC-3 5.28")
	check.Equal(t, r.d.kinds(lun.OpRead), 40, "reads of 256 KiB:")
	r.d.fail = func(q *lun.Request) error {
		if q.Off < 9<<20 {
			return nil
		}
		return lun.ErrBlock
	}
	a := r.do(cdb16(0x8F, 0, 0, 20000))
	r.want(a, "3/1100", "a block cannot be read")
	check.That(t, a.info == 9<<20/512, "INFORMATION is LBA %d, want %d", a.info, 9<<20/512)
	check.Equal(t, r.w.Loop(0).Outstanding(), 0, "work buffers that were not given back:")
}

// Comparing memory takes no I/O, and still leaves the loop to others.
func TestVerifyOfMemoryGivesTheLoop(t *testing.T) {
	r := newRig(t, withMapped, withBlocks(32<<20/512))
	c := r.start(0, r.a, 0, lun.AttrSimple, cdb16(0x8F, bytchkSame, 0, 32<<20/512), make([]byte, 512))
	turns := 0
	for c.ended == 0 && r.w.Step() {
		turns++
	}
	r.want(c.answer, good, "all blocks are zeroes")
	check.That(t, turns >= 7, "32 MiB were compared in %d turns of the loop, want one in 4 MiB", turns)
}

func TestWriteAndVerify(t *testing.T) {
	for _, s := range verifySizes {
		t.Run(s.name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, r *rig, bs int) {
				data := pattern(600*bs, 4)
				for _, flags := range []byte{0, bytchkBytes} {
					clear(r.d.data)
					r.want(r.do(s.cdb(s.write, flags, 3, 600), data...), good, "SBC-3 5.38")
					check.That(t, bytes.Equal(r.d.block(3, 600), data), "the blocks were not written")
					if r.d.geom.Volatile && !bytes.Equal(r.d.medium[3*bs:603*bs], data) {
						t.Error("what was verified is not on the medium")
					}
				}
				r.want(r.do(s.cdb(s.write, 0, 1024, 0)), good, "no blocks")
				r.want(r.do(s.cdb(s.write, 0, 1025, 0)), lbaOutOfRange, "SBC-3 5.38")
				r.want(r.do(s.cdb(s.write, bytchkBytes, 1023, 2), data[:2*bs]...), lbaOutOfRange, "SBC-3 5.38")
				for _, flags := range []byte{bytchkReserved, bytchkSame, 0x20} {
					r.wantField(r.do(s.cdb(s.write, flags, 0, 1), data[:bs]...), 1, "BYTCHK 1xb is reserved, WRPROTECT refused")
				}
				r.want(r.do(s.cdb(s.write, bytchkBytes, 0, 2), data[:bs]...), good, "the blocks that came are written and compared")
			})
		})
	}
}

func TestWriteAndVerifyFindsABadMedium(t *testing.T) {
	r := newRig(t, withPosted)
	data := pattern(1024, 4)
	r.d.fail = func(q *lun.Request) error {
		if q.Kind == lun.OpRead {
			r.d.block(3, 2)[700] ^= 1 // the medium kept something else
		}
		return nil
	}
	a := r.do(cdb10(0x2E, bytchkBytes, 3, 2), data...)
	r.want(a, miscompare, "SBC-3 5.38: the medium does not hold what was written")
	check.That(t, a.info == 700, "INFORMATION %d, want 700", a.info)
}

func TestNoWorkBuffer(t *testing.T) {
	r := newRigIn(t, worldWithoutMemory, withPosted)
	for name, c := range map[string]struct {
		cdb [16]byte
		out []byte
	}{
		"VERIFY":            {cdb10(0x2F, 0, 0, 9), nil},
		"COMPARE AND WRITE": {[16]byte{0: 0x89, 13: 1}, make([]byte, 1024)},
		"ORWRITE":           {cdb16(0x8B, 0, 0, 1), make([]byte, 512)},
		"WRITE SAME":        {cdb10(0x41, 0, 0, 9), pattern(512, 1)},
		"SANITIZE":          {[16]byte{0: 0x48, 1: 0x01, 8: 8}, []byte{1, 0, 0, 4, 1, 2, 3, 4}},
	} {
		r.want(r.do(c.cdb, c.out...), "status 08", name+" is BUSY without memory, and may be tried again")
	}
}
