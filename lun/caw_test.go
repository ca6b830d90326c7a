package lun_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// worldWithoutMemory is one where Loop.Alloc gives nothing.
var worldWithoutMemory = luntest.Config{AllocFailEvery: 1}

func cawCDB(flags byte, lba uint64, n byte) [16]byte {
	c := cdb16(0x89, flags, lba, 0)
	c[13] = n
	return c
}

func TestCompareAndWrite(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig, bs int) {
		for _, n := range []int{1, 2, 100, 255} {
			old, data := pattern(n*bs, 1), pattern(n*bs, 2)
			copy(r.d.block(50, n), old)
			both := slices.Concat(old, data)
			a := r.do(cawCDB(0, 50, byte(n)), both...)
			r.want(a, good, "SBC-3 5.2: equal, so written")
			check.That(t, a.reqOut == int64(2*n*bs), "%d bytes required, want %d", a.reqOut, 2*n*bs)
			check.That(t, bytes.Equal(r.d.block(50, n), data), "the second half was not written")
			for _, at := range []int{0, n*bs - 1, n * bs / 2} {
				wrong := slices.Concat(data, old)
				wrong[at] ^= 0x10
				a = r.do(cawCDB(0, 50, byte(n)), wrong...)
				r.want(a, miscompare, "SBC-3 5.2: not equal")
				if !a.hasInfo || a.info != uint64(at) {
					t.Errorf("INFORMATION %d (%v), want the offset %d of the first byte that differs", a.info, a.hasInfo, at)
				}
				must.Be(t, bytes.Equal(r.d.block(50, n), data), "a miscompare wrote")
			}
		}
		r.want(r.do(cawCDB(0, 0, 0)), good, "no blocks")
		r.want(r.do(cawCDB(0, 1025, 0)), lbaOutOfRange, "SBC-3 5.2")
		r.want(r.do(cawCDB(0, 1024, 1), make([]byte, 2*bs)...), lbaOutOfRange, "SBC-3 5.2")
		r.want(r.do(cawCDB(0, 1<<63, 1), make([]byte, 2*bs)...), lbaOutOfRange, "SBC-3 5.2")
		r.wantField(r.do(cawCDB(0x20, 0, 1), make([]byte, 2*bs)...), 1, "WRPROTECT")
		// The halves of another amount of data cannot be told apart.
		for _, n := range []int{0, 1, 3, 4} {
			r.wantField(r.do(cawCDB(0, 0, 1), make([]byte, n*bs)...), 13, "the data-out is not two blocks")
		}
		r.wantField(r.do(cawCDB(0, 0, 0), make([]byte, 2*bs)...), 13, "256 blocks do not fit the field")
		if r.d.geom.Volatile {
			both := slices.Concat(r.d.block(0, 1), pattern(bs, 7))
			r.want(r.do(cawCDB(0x08, 0, 1), both...), good, "FUA")
			check.That(t, bytes.Equal(r.d.medium[:bs], both[bs:]), "FUA: not on the medium")
		}
	})
}

func TestOrWrite(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig, bs int) {
		for _, n := range []int{1, 700} { // one piece, and many
			old, data := pattern(n*bs, 0x21), pattern(n*bs, 0x43)
			want := make([]byte, n*bs)
			for i := range want {
				want[i] = old[i] | data[i]
			}
			copy(r.d.block(9, n), old)
			r.want(r.do(cdb16(0x8B, 0, 9, uint32(n)), data...), good, "SBC-3 5.5")
			check.That(t, bytes.Equal(r.d.block(9, n), want), "%d blocks are not the OR of what was and what came", n)
		}
		r.want(r.do(cdb16(0x8B, 0, 1024, 0)), good, "no blocks")
		r.want(r.do(cdb16(0x8B, 0, 1025, 0)), lbaOutOfRange, "SBC-3 5.5")
		r.want(r.do(cdb16(0x8B, 0, 1023, 2), make([]byte, 2*bs)...), lbaOutOfRange, "SBC-3 5.5")
		r.wantField(r.do(cdb16(0x8B, 0x40, 0, 1), make([]byte, bs)...), 1, "ORPROTECT")
		before := slices.Clone(r.d.block(1, 1))
		r.want(r.do(cdb16(0x8B, 0, 0, 2), pattern(bs, 3)...), good, "the blocks that came")
		check.That(t, bytes.Equal(r.d.block(1, 1), before), "a block that did not come was written")
	})
}

func atomicCDB(flags byte, lba uint64, boundary, n uint16) [16]byte {
	c := cdb16(0x9C, flags, lba, 0)
	c[10], c[11], c[12], c[13] = byte(boundary>>8), byte(boundary), byte(n>>8), byte(n)
	return c
}

func TestWriteAtomic(t *testing.T) {
	r := newRig(t, withPosted, withAtomic, withVolatile)
	data := pattern(512*512, 1)
	r.want(r.do(atomicCDB(0, 8, 0, 512), data...), good, "SBC-4 5.48")
	check.That(t, bytes.Equal(r.d.block(8, 512), data), "the blocks were not written")
	check.Equal(t, r.d.kinds(lun.OpWrite), 1, "writes, as it is whole or not at all:")
	r.want(r.do(atomicCDB(0x08, 0, 0, 8), data[:4096]...), good, "FUA")
	check.That(t, bytes.Equal(r.d.medium[:4096], data[:4096]), "FUA: not on the medium")
	r.want(r.do(atomicCDB(0, 0, 0, 0)), good, "no blocks")
	r.want(r.do(atomicCDB(0, 1032, 0, 0)), lbaOutOfRange, "beyond the end")
	r.want(r.do(atomicCDB(0, 1016, 0, 520), data...), lbaOutOfRange, "the range is looked at before the length")
	r.wantField(r.do(atomicCDB(0, 1, 0, 8), data[:4096]...), 2, "ATOMIC ALIGNMENT")
	r.wantField(r.do(atomicCDB(0, 0, 0, 9), data[:9*512]...), 12, "ATOMIC TRANSFER LENGTH GRANULARITY")
	r.wantField(r.do(atomicCDB(0, 0, 0, 520), data...), 12, "MAXIMUM ATOMIC TRANSFER LENGTH")
	r.wantField(r.do(atomicCDB(0, 0, 8, 8), data[:4096]...), 10, "MAXIMUM ATOMIC BOUNDARY SIZE is zero")
	r.wantField(r.do(atomicCDB(0x20, 0, 0, 8), data[:4096]...), 1, "WRPROTECT")
	r.want(r.do(atomicCDB(0, 0, 0, 16), data[:4096]...), invalidUnitInfo, "a part of it would not be atomic")

	plain := newRig(t)
	plain.want(plain.do(atomicCDB(0, 0, 0, 8), data[:4096]...), invalidOpcode, "the backend promises nothing")
}
