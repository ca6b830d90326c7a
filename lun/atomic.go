package lun

// atomicCommands: WRITE ATOMIC(16) (SBC-4 5.48).
var atomicCommands = []command{
	{op: 0x9C, sa: noSA, name: "WRITE ATOMIC(16)", usage: [16]byte{1: 0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated | exclusive | atomicOnly, plan: planAtomic, run: writeAtomic},
}

// atomicBlocks is MAXIMUM ATOMIC TRANSFER LENGTH; 0 when the medium cannot promise it.
func (u *Unit) atomicBlocks() uint32 {
	g := u.geometry()
	n := min(g.AtomicBlocks, maxAtomic, MaxTransfer/g.BlockSize)
	return n - n%u.atomicUnit()
}

// atomicUnit is ATOMIC ALIGNMENT and ATOMIC TRANSFER LENGTH GRANULARITY in blocks.
func (u *Unit) atomicUnit() uint32 { return max(atomicUnit/u.blockSize(), 1) }

func planAtomic(u *Unit, c *[16]byte) (out, in int64) {
	return int64(cdb16(c, 12)) * int64(u.blockSize()), 0
}

func writeAtomic(t *Task) {
	u := t.unit
	g := u.geometry()
	lba, n := cdb64(&t.CDB, 2), uint64(cdb16(&t.CDB, 12))
	unit := uint64(u.atomicUnit())
	switch {
	case t.CDB[1]&cdbProtect != 0:
		t.checkField(1, 7)
	case !g.holds(lba, n):
		t.check(IllegalRequest, ascLBAOutOfRange)
	case cdb16(&t.CDB, 10) != 0: // SBC-4: MAXIMUM ATOMIC BOUNDARY SIZE is zero here
		t.checkField(10, -1)
	case lba%unit != 0 && n != 0:
		t.checkField(2, -1)
	case n > uint64(u.atomicBlocks()) || n%unit != 0:
		t.checkField(12, -1)
	case int64(len(t.Out)) < int64(n)*int64(g.BlockSize): // a part of it would not be atomic
		t.check(IllegalRequest, ascInvalidFieldInUnit)
	case n == 0:
		t.good()
	default:
		through := t.writeThrough()
		t.write(int64(lba)*int64(g.BlockSize), t.Out[:n*uint64(g.BlockSize)], through, writeDone(through))
	}
}
