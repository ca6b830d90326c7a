package lun_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// sizes are the forms of one command: how its CDB carries an LBA and a length, and how far they reach.
var sizes = []struct {
	name        string
	read, write byte
	cdb         func(op, flags byte, lba uint64, n uint32) [16]byte
	maxLBA      uint64
	maxBlocks   uint32
	flags       bool
}{
	{"6", 0x08, 0x0A, func(op, _ byte, lba uint64, n uint32) [16]byte { return cdb6(op, uint32(lba), byte(n)) }, 0x1FFFFF, 256, false},
	{"10", 0x28, 0x2A, func(op, f byte, lba uint64, n uint32) [16]byte { return cdb10(op, f, uint32(lba), uint16(n)) }, math.MaxUint32, 65535, true},
	{"12", 0xA8, 0xAA, func(op, f byte, lba uint64, n uint32) [16]byte { return cdb12(op, f, uint32(lba), n) }, math.MaxUint32, math.MaxUint32, true},
	{"16", 0x88, 0x8A, cdb16, math.MaxUint64, math.MaxUint32, true},
}

func TestReadWrite(t *testing.T) {
	for _, s := range sizes {
		t.Run(s.name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, r *rig, bs int) {
				for _, at := range []struct{ lba, n int }{{0, 1}, {7, 3}, {0, 200}, {1023, 1}, {1024 - 200, 200}} {
					data := pattern(at.n*bs, byte(at.lba))
					a := r.do(s.cdb(s.write, 0, uint64(at.lba), uint32(at.n)), data...)
					r.want(a, good, "SBC-3 5.33: the blocks are written")
					check.That(t, a.reqOut == int64(len(data)), "the CDB asks for %d bytes, reported %d", len(data), a.reqOut)
					check.That(t, bytes.Equal(r.d.block(at.lba, at.n), data), "the medium does not hold what was written")
					a = r.do(s.cdb(s.read, 0, uint64(at.lba), uint32(at.n)))
					r.want(a, good, "SBC-3 5.8: the blocks are read")
					if !bytes.Equal(a.in, data) || a.reqIn != int64(len(data)) {
						t.Errorf("read %d bytes (%d required) that are not the %d written", len(a.in), a.reqIn, len(data))
					}
				}
			})
		})
	}
}

func TestLengthZero(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig, bs int) {
		a := r.do(cdb6(0x08, 0, 0))
		r.want(a, good, "SBC-3 5.7")
		check.That(t, len(a.in) == 256*bs, "READ(6) of length 0 gave %d bytes, want 256 blocks, because SBC-3 5.7 says so", len(a.in))
		for _, s := range sizes[1:] {
			for _, op := range []byte{s.read, s.write} {
				r.want(r.do(s.cdb(op, 0, 0, 0)), good, "SBC-3 5.8: no blocks is not an error")
				r.want(r.do(s.cdb(op, 0, 1024, 0)), good, "the end of the medium is not beyond it")
				r.want(r.do(s.cdb(op, 0, 1025, 0)), lbaOutOfRange, "SBC-3 5.8: the LBA exceeds the capacity")
				r.want(r.do(s.cdb(op, 0, s.maxLBA, 0)), lbaOutOfRange, "SBC-3 5.8: the LBA exceeds the capacity")
			}
		}
	})
}

func TestBeyondTheEnd(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig, bs int) {
		before := len(r.d.log)
		for _, s := range sizes {
			for _, at := range []struct {
				lba uint64
				n   uint32
			}{{1024, 1}, {1023, 2}, {1000, 25}, {1020, 255}, {s.maxLBA, 1}, {s.maxLBA, 255}, {s.maxLBA / 2, 1}} {
				r.want(r.do(s.cdb(s.read, 0, at.lba, at.n)), lbaOutOfRange, "SBC-3 5.8: beyond the capacity")
				r.want(r.do(s.cdb(s.write, 0, at.lba, at.n), pattern(int(at.n)*bs, 1)...), lbaOutOfRange, "SBC-3 5.33: beyond the capacity")
			}
		}
		// 2^64 - 1 + 1, and the LBAs whose byte offset wraps.
		for _, lba := range []uint64{1 << 63, 1 << 55, 1 << 54, 1 << 52, 1<<55 - 1} {
			r.want(r.do(cdb16(0x88, 0, lba, 1)), lbaOutOfRange, "the byte offset must not wrap")
			r.want(r.do(cdb16(0x8A, 0, lba, 1), pattern(bs, 1)...), lbaOutOfRange, "the byte offset must not wrap")
		}
		check.That(t, len(r.d.log) == before, "%d requests reached the backend", len(r.d.log)-before)
	})
}

func TestMaximumTransferLength(t *testing.T) {
	r := newRig(t, withBlocks(3*lun.MaxTransfer/512))
	most := uint32(lun.MaxTransfer / 512)
	if a := r.do(cdb16(0x88, 0, 0, most)); a.String() != good || len(a.in) != lun.MaxTransfer {
		t.Errorf("READ of MAXIMUM TRANSFER LENGTH: %v, %d bytes", a, len(a.in))
	}
	r.wantField(r.do(cdb16(0x88, 0, 0, most+1)), 10, "SBC-3 6.5.3: more than MAXIMUM TRANSFER LENGTH")
	r.wantField(r.do(cdb12(0xA8, 0, 0, most+1)), 6, "SBC-3 6.5.3: more than MAXIMUM TRANSFER LENGTH")
	r.wantField(r.do(cdb10(0x28, 0, 0, uint16(most+1))), 7, "SBC-3 6.5.3: more than MAXIMUM TRANSFER LENGTH")
	r.wantField(r.do(cdb16(0x8A, 0, 0, most+1), pattern(lun.MaxTransfer, 1)...), 10, "SBC-3 6.5.3: more than MAXIMUM TRANSFER LENGTH")
	r.want(r.do(cdb16(0x88, 0, 0, math.MaxUint32)), lbaOutOfRange, "the range is looked at before the length")
}

func TestProtectionIsRefused(t *testing.T) {
	r := newRig(t)
	for _, s := range sizes[1:] {
		for p := byte(1); p < 8; p++ {
			r.wantField(r.do(s.cdb(s.read, p<<5, 0, 1)), 1, "SBC-3 4.22: no protection information, so RDPROTECT is zero")
			r.wantField(r.do(s.cdb(s.write, p<<5, 0, 1), pattern(512, 1)...), 1, "SBC-3 4.22: WRPROTECT is zero")
		}
	}
	check.That(t, r.d.kinds(lun.OpWrite) == 0, "a refused write reached the medium")
}

func TestFUA(t *testing.T) {
	r := newRig(t, withVolatile)
	data := pattern(512, 3)
	r.want(r.do(cdb10(0x2A, 0x10, 5, 1), data...), good, "DPO is a hint")
	must.Be(t, !bytes.Equal(r.d.medium[5*512:6*512], data), "the test's cache does not cache")
	r.want(r.do(cdb10(0x2A, 0x08, 6, 1), data...), good, "FUA")
	check.That(t, bytes.Equal(r.d.medium[6*512:7*512], data), "a write with FUA ended before it was on the medium (SBC-3 5.33)")
	check.That(t, bytes.Equal(r.do(cdb10(0x28, 0x08, 5, 1)).in, data), "a read with FUA did not give the last data written")
	check.That(t, bytes.Equal(r.d.medium[5*512:6*512], data), "a read with FUA gave what the medium does not hold (SBC-3 5.8)")
}

// RFC 7143 11.4.5.1: an EXPECTED DATA TRANSFER LENGTH below what the CDB asks for limits the transfer and leaves an
// overflow residual; it is no error of the command.
func TestShortDataOut(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig, bs int) {
		old := pattern(2*bs, 9)
		r.do(cdb10(0x2A, 0, 0, 2), old...)
		data := pattern(2*bs, 5)
		a := r.do(cdb10(0x2A, 0, 0, 2), data[:bs]...)
		r.want(a, good, "the blocks that came are written")
		check.That(t, a.reqOut == int64(2*bs), "the CDB asks for %d bytes, reported %d", 2*bs, a.reqOut)
		if !bytes.Equal(r.d.block(0, 1), data[:bs]) || !bytes.Equal(r.d.block(1, 1), old[bs:]) {
			t.Error("not exactly the first block was written")
		}
		r.want(r.do(cdb10(0x2A, 0, 0, 2)), good, "no data, nothing written")
		r.want(r.do(cdb10(0x2A, 0, 1, 1), data[:200]...), invalidUnitInfo, "a part of a block cannot be written")
		check.That(t, bytes.Equal(r.d.block(1, 1), old[bs:]), "a refused write reached the medium")
	})
}

func TestMappedReadIsNotCopied(t *testing.T) {
	r := newRig(t, withMapped)
	r.do(cdb10(0x2A, 0, 3, 2), pattern(1024, 1)...)
	cdb := cdb10(0x28, 0, 3, 2)
	if _, in := luntest.Plan(r.a, 0, &cdb, false); in != 0 {
		t.Errorf("a READ from memory plans a buffer of %d bytes", in)
	}
	c := r.start(0, r.a, 0, lun.AttrSimple, cdb, nil)
	c.wait()
	check.That(t, &c.task.In[0] == &r.d.data[3*512], "the data-in is not where the backend has it")
	if _, in := luntest.Plan(r.a, 0, &cdb, true); in != 1024 {
		t.Errorf("Plan(true) plans %d bytes, want 1024", in)
	}
	r.copy = true
	c = r.start(0, r.a, 0, lun.AttrSimple, cdb, nil)
	c.wait()
	check.That(t, &c.task.In[0] == &r.d.data[3*512], "with a buffer, which the caller fills, the data-in is not where the backend has it")
}

func TestBackendErrors(t *testing.T) {
	for _, c := range []struct {
		err   error
		read  string
		write string
	}{
		{lun.ErrMedium, "3/1100", "3/0C00"},
		{lun.ErrBlock, "3/1100", "3/0C00"},
		{lun.ErrNoSpace, "7/2707", "7/2707"},
		{lun.ErrReadOnly, "7/2700", "7/2700"},
		{lun.ErrBusy, "status 08", "status 08"},
		{lun.ErrGone, "2/0403", "2/0403"},
		{bytes.ErrTooLarge, targetFailure, targetFailure},
	} {
		r := newRig(t, withPosted)
		r.d.fail = func(q *lun.Request) error { q.Moved = 512; return c.err }
		a := r.do(cdb10(0x28, 0, 9, 4))
		r.want(a, c.read, c.err.Error())
		if known := c.err == lun.ErrBlock; a.hasInfo != known || known && a.info != 10 {
			t.Errorf("%v: INFORMATION is %d (%v), want LBA 10 if it is known, because SBC-4 4.18.1: the first block in error", c.err, a.info, a.hasInfo)
		}
		check.That(t, len(a.in) == 0, "a failed read has data-in")
		r.want(r.do(cdb10(0x2A, 0, 9, 4), pattern(2048, 1)...), c.write, c.err.Error())
	}
}
