package lun

import "bytes"

// WRITE SAME (SBC-3 5.42, 5.43), and how it, UNMAP and similar commands are carried out in pieces.

// Bits of byte 1 of WRITE SAME.
const (
	wsAnchor = 0x10
	wsUnmap  = 0x08
	wsNDOB   = 0x01 // (16) only
)

func planWriteSame(u *Unit, c *[16]byte) (out, in int64) {
	if c[0] == 0x93 && c[1]&wsNDOB != 0 {
		return 0, 0
	}
	return int64(u.blockSize()), 0
}

func writeSame(t *Task) {
	u, flags := t.unit, t.CDB[1]
	lba, n, at := extent(&t.CDB)
	g := u.geometry()
	ndob := t.CDB[0] == 0x93 && flags&wsNDOB != 0
	switch {
	case flags&cdbProtect != 0:
		t.checkField(1, 7)
	case flags&wsAnchor != 0: // SBC-3 5.42: ANC_SUP is zero here, and without UNMAP it is an error anyway
		t.checkField(1, 4)
	case flags&wsUnmap != 0 && !u.thin():
		t.checkField(1, 3)
	case flags&0x06 != 0 || flags&1 != 0 && !ndob: // PBDATA, LBDATA: obsolete
		t.checkField(1, highestBit(flags&0x07))
	case n == 0: // WSNZ is one (SBC-3 6.6.4): a forgotten length must not wipe the whole medium
		t.checkField(at, -1)
	case !g.holds(lba, n):
		t.check(IllegalRequest, ascLBAOutOfRange)
	case !ndob && (t.offered() != int64(g.BlockSize) || len(t.Out) < int(g.BlockSize)):
		// The data-out must be exactly one block; with any other length it is uncertain which block is meant.
		t.check(IllegalRequest, ascInvalidFieldInUnit)
	default:
		bs := int64(g.BlockSize)
		t.fill(ndob, flags&wsUnmap != 0, int64(lba)*bs, int64(n)*bs, int(bs))
	}
}

// fill writes t.Out's first block, or zeroes, to every block of the n bytes at off. If unmap is set, fill may deallocate the
// blocks instead if the data is what a deallocated block reads as (SBC-3 4.7.3.4: LBPRZ is one).
func (t *Task) fill(zeroes, unmap bool, off, n int64, bs int) {
	s := &t.scratch
	s.off, s.left, s.moved = off, n, 0
	zeroes = zeroes || allZero(t.Out[:bs])
	switch {
	case zeroes && unmap:
		t.ranges(OpDiscard)
	case zeroes:
		t.ranges(OpZero)
	default:
		if n > 0 && !t.borrow(n) {
			return
		}
		for i := 0; i+bs <= len(s.work); i += bs {
			copy(s.work[i:], t.Out[:bs])
		}
		sameNext(t, nil)
	}
}

func sameNext(t *Task, err error) {
	if err != nil {
		t.failed(err)
		return
	}
	s := &t.scratch
	if s.left == 0 {
		t.piecesDone()
		return
	}
	n := min(s.left, ioPiece)
	off := s.off
	s.off, s.left = s.off+n, s.left-n
	t.io(OpWrite, off, s.work[:n], false, stepWriteSame)
}

// ranges carries out kind (OpZero, OpDiscard) on the t.scratch.left bytes at t.scratch.off.
func (t *Task) ranges(kind OpKind) {
	t.scratch.kind = kind
	rangeNext(t, nil)
}

func rangeNext(t *Task, err error) {
	if err != nil {
		t.failed(err)
		return
	}
	s := &t.scratch
	for s.left == 0 {
		if nextDescriptor(t) {
			continue
		}
		t.piecesDone()
		return
	}
	n := min(s.left, zeroPiece)
	if s.kind == OpDiscard {
		n = min(s.left, discardPiece)
	}
	off := s.off
	s.off, s.left = s.off+n, s.left-n
	t.ioRange(s.kind, off, n, stepRange)
}

// piecesDone ends a command of many pieces. With the write cache off, one flush covers all of them.
func (t *Task) piecesDone() {
	if t.unit.is(stateWriteThrough) {
		t.ioRange(OpSync, 0, 0, stepWritten)
		return
	}
	t.good()
}

// zeroBlock is the content of a deallocated block.
var zeroBlock [4096]byte

func allZero(b []byte) bool { return bytes.Equal(b, zeroBlock[:len(b)]) }
