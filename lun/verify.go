package lun

import "bytes"

// verifyCommands: VERIFY (SBC-3 5.28 to 5.31) and WRITE AND VERIFY (SBC-3 5.38 to 5.41).
var verifyCommands = []command{
	{op: 0x2F, sa: noSA, name: "VERIFY(10)", usage: [16]byte{1: 0xF6, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04},
		class: accessRead, flags: needsMedium | gated, plan: planVerify, run: verifyMedium},
	{op: 0xAF, sa: noSA, name: "VERIFY(12)", usage: [16]byte{1: 0xF6, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessRead, flags: needsMedium | gated, plan: planVerify, run: verifyMedium},
	{op: 0x8F, sa: noSA, name: "VERIFY(16)", usage: [16]byte{1: 0xF6, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessRead, flags: needsMedium | gated, plan: planVerify, run: verifyMedium},
	{op: 0x2E, sa: noSA, name: "WRITE AND VERIFY(10)", usage: [16]byte{1: 0xF6, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated, plan: planWrite, run: writeAndVerify},
	{op: 0xAE, sa: noSA, name: "WRITE AND VERIFY(12)", usage: [16]byte{1: 0xF6, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated, plan: planWrite, run: writeAndVerify},
	{op: 0x8E, sa: noSA, name: "WRITE AND VERIFY(16)", usage: [16]byte{1: 0xF6, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated, plan: planWrite, run: writeAndVerify},
}

// byteCheck is the BYTCHK field (SBC-3 5.28, table 76).
type byteCheck uint8

const (
	checkMedium byteCheck = 0 // the blocks can be read
	checkBytes  byteCheck = 1 // they equal the data-out
	checkSame   byteCheck = 3 // each equals the one block of data-out
)

func bytchk(c *[16]byte) byteCheck { return byteCheck(c[1] >> 1 & 3) }

func planVerify(u *Unit, c *[16]byte) (out, in int64) {
	_, n, _ := extent(c)
	switch bytchk(c) {
	case checkBytes:
		return int64(n) * int64(u.blockSize()), 0
	case checkSame:
		return int64(min(n, 1)) * int64(u.blockSize()), 0
	}
	return 0, 0
}

func verifyMedium(t *Task) {
	lba, n, at := extent(&t.CDB)
	g := t.unit.geometry()
	check := bytchk(&t.CDB)
	switch {
	case t.CDB[1]&cdbProtect != 0:
		t.checkField(1, 7)
	case check != checkMedium && check != checkBytes && check != checkSame:
		t.checkField(1, 2)
	case !g.holds(lba, n):
		t.check(IllegalRequest, ascLBAOutOfRange)
	case check == checkBytes && n > uint64(MaxTransfer/g.BlockSize):
		t.checkField(at, -1)
	case int64(len(t.Out)) < t.RequiredOut: // missing data cannot be compared
		t.check(IllegalRequest, ascInvalidFieldInUnit)
	default:
		t.verify(check, int64(lba)*int64(g.BlockSize), int64(n)*int64(g.BlockSize))
	}
}

// writeAndVerify writes to the medium, then reads it back, and compares the data unless BYTCHK is zero.
func writeAndVerify(t *Task) {
	if c := bytchk(&t.CDB); c != checkMedium && c != checkBytes {
		t.checkField(1, 2)
		return
	}
	off, data, ok := t.outBlocks()
	if !ok {
		return
	}
	t.scratch.off, t.scratch.left = off, int64(len(data))
	t.write(off, data, true, stepVerifyWritten)
}

func writtenToVerify(t *Task, err error) {
	if err != nil || t.writeThrough() && t.unit.owed(t.Nexus, promisesWrite, t.Loop.Now()) {
		throughDone(t, err)
		return
	}
	t.verify(bytchk(&t.CDB), t.scratch.off, t.scratch.left)
}

// verify checks the n bytes at off piece by piece, as check requires.
func (t *Task) verify(check byteCheck, off, n int64) {
	t.scratch.check = check
	t.scratch.off, t.scratch.left, t.scratch.moved = off, n, 0
	if t.unit.mapped != nil && check == checkMedium {
		t.good() // memory can be read
		return
	}
	if t.unit.mapped == nil && n > 0 && !t.borrow(n) {
		return
	}
	verifyNext(t)
}

func verifyNext(t *Task) {
	s := &t.scratch
	for s.left > 0 {
		n := min(s.left, ioPiece)
		if t.unit.mapped == nil {
			t.io(OpRead, s.off, s.work[:n], false, stepVerifyRead)
			return
		}
		if !t.verifyPiece(t.unit.mapped.Bytes(s.off, int(n))) {
			return
		}
		if t.spent(n) {
			t.pause(stepVerify)
			return
		}
	}
	t.good()
}

func verifyRead(t *Task, err error) {
	if err != nil {
		t.failed(err)
		return
	}
	if t.verifyPiece(t.req.Buf) {
		verifyNext(t)
	}
}

// verifyPiece checks the next piece of the medium. It returns false if it ended t.
func (t *Task) verifyPiece(medium []byte) bool {
	s := &t.scratch
	at := -1
	switch s.check {
	case checkBytes:
		at = mismatch(medium, t.Out[s.moved:s.moved+int64(len(medium))])
	case checkSame:
		bs := int(t.unit.blockSize())
		for i := 0; i < len(medium) && at < 0; i += bs {
			if at = mismatch(medium[i:i+bs], t.Out[:bs]); at >= 0 {
				at += i
			}
		}
	}
	if at >= 0 {
		// The INFORMATION field is the offset, from the first byte compared, of the first that differs (as SBC-3 5.2 says
		// for COMPARE AND WRITE).
		t.checkInfo(Miscompare, ascMiscompareVerify, uint64(s.moved+int64(at)))
		return false
	}
	s.off += int64(len(medium))
	s.moved += int64(len(medium))
	s.left -= int64(len(medium))
	return true
}

// mismatch returns the index of the first byte that differs in two slices of the same length, -1 if none does.
func mismatch(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}
