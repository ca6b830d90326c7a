package lun

import "encoding/binary"

// Commands that read, decide and write atomically (SBC-3 5.2, 5.5). They pass the gate alone.
var readModifyWriteCommands = []command{
	{op: 0x89, sa: noSA, name: "COMPARE AND WRITE", usage: [16]byte{1: 0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 13: 0xFF, 0x00, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated | exclusive, plan: planCompareAndWrite, run: compareAndWrite},
	{op: 0x8B, sa: noSA, name: "ORWRITE(16)", usage: [16]byte{1: 0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated | exclusive, plan: planWrite, run: orWrite},
}

func planCompareAndWrite(u *Unit, c *[16]byte) (out, in int64) {
	return 2 * int64(c[13]) * int64(u.blockSize()), 0
}

// compareAndWrite: SBC-3 5.2. The first half of the data-out is compared, the second written.
func compareAndWrite(t *Task) {
	lba, n := cdb64(&t.CDB, 2), uint64(t.CDB[13])
	g := t.unit.geometry()
	switch {
	case t.CDB[1]&cdbProtect != 0:
		t.checkField(1, 7)
		return
	case !g.holds(lba, n):
		t.check(IllegalRequest, ascLBAOutOfRange)
		return
	case t.offered() != t.RequiredOut:
		// With any other length of data-out it is uncertain where the second half begins (an initiator that wants 256 blocks
		// writes 0 into the eight-bit field).
		t.checkField(13, -1)
		return
	case int64(len(t.Out)) < t.RequiredOut:
		t.check(IllegalRequest, ascInvalidFieldInUnit)
		return
	case n == 0:
		t.good()
		return
	}
	off, size := int64(lba)*int64(g.BlockSize), int64(n)*int64(g.BlockSize)
	t.scratch.off, t.scratch.left = off, size
	if m := t.unit.mapped; m != nil {
		t.compared(m.Bytes(off, int(size)))
		return
	}
	if t.borrowAll(size) {
		t.io(OpRead, off, t.scratch.work[:size], false, stepCompareRead)
	}
}

func compareRead(t *Task, err error) {
	if err != nil {
		t.failed(err)
		return
	}
	t.compared(t.req.Buf)
}

func (t *Task) compared(medium []byte) {
	half := t.scratch.left
	if at := mismatch(medium, t.Out[:half]); at >= 0 {
		// SBC-3 5.2: INFORMATION is the offset of the first byte that was not equal.
		t.checkInfo(Miscompare, ascMiscompareVerify, uint64(at))
		return
	}
	through := t.writeThrough()
	t.write(t.scratch.off, t.Out[half:2*half], through, writeDone(through))
}

// orWrite: SBC-3 5.5. The data-out is ORed with the medium, in the task's buffer, and written.
func orWrite(t *Task) {
	off, data, ok := t.outBlocks()
	if !ok {
		return
	}
	n := int64(len(data))
	t.scratch.off, t.scratch.left, t.scratch.moved = off, n, 0
	if m := t.unit.mapped; m != nil {
		or(data, m.Bytes(off, len(data)))
		through := t.writeThrough()
		t.write(off, data, through, writeDone(through))
		return
	}
	if t.borrow(n) {
		orNext(t)
	}
}

func orNext(t *Task) {
	s := &t.scratch
	if s.left == 0 {
		through := t.writeThrough()
		t.write(s.off-s.moved, t.Out[:s.moved], through, writeDone(through))
		return
	}
	t.io(OpRead, s.off, s.work[:min(s.left, ioPiece)], false, stepOrRead)
}

func orRead(t *Task, err error) {
	if err != nil {
		t.failed(err)
		return
	}
	s, n := &t.scratch, t.req.Len
	or(t.Out[s.moved:s.moved+n], t.req.Buf)
	s.off, s.moved, s.left = s.off+n, s.moved+n, s.left-n
	orNext(t)
}

// or ORs src into dst, eight bytes at a time: blocks are multiples of that.
func or(dst, src []byte) {
	for len(dst) >= 8 && len(src) >= 8 {
		binary.NativeEndian.PutUint64(dst, binary.NativeEndian.Uint64(dst)|binary.NativeEndian.Uint64(src))
		dst, src = dst[8:], src[8:]
	}
}
