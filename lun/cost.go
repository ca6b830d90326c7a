package lun

// Cost is what a command counts for where a unit's or an initiator's traffic is bounded: one command of its direction, and the bytes
// that it moves.
type Cost struct {
	Direction Direction
	Bytes     int64
}

// Direction says which bound a command counts toward.
type Direction uint8

const (
	Free    Direction = iota // neither: it moves no blocks
	Reading                  // from the medium
	Writing                  // to it
)

// Cost returns what the command costs, once its data-out has arrived. Bytes are those of its data, and for commands that access
// the medium without transferring data, of the blocks: VERIFY and a WRITE SAME of anything but zeroes. A write that also reads,
// such as COMPARE AND WRITE, is a write. Commands that the bounds must not delay are free: whatever keeps a path alive
// (TEST UNIT READY, reservations), and SYNCHRONIZE CACHE, on which other initiators' data may depend.
func (t *Task) Cost() Cost {
	if t.unit == nil || t.cmd == nil {
		return Cost{}
	}
	switch t.CDB[0] {
	case 0x08, 0x28, 0xA8, 0x88: // READ
		return Cost{Reading, min(t.RequiredIn, MaxTransfer)}
	case 0x0A, 0x2A, 0xAA, 0x8A, // WRITE
		0x2E, 0xAE, 0x8E, // WRITE AND VERIFY
		0x8B, 0x89, 0x9C: // ORWRITE, COMPARE AND WRITE, WRITE ATOMIC
		return Cost{Writing, min(t.RequiredOut, MaxTransfer)}
	case 0x2F, 0xAF, 0x8F: // VERIFY
		return Cost{Reading, t.blocksCost()}
	case 0x41, 0x93: // WRITE SAME
		if t.CDB[0] == 0x93 && t.CDB[1]&wsNDOB != 0 || allZero(t.Out[:min(len(t.Out), len(zeroBlock))]) {
			return Cost{Writing, t.RequiredOut}
		}
		return Cost{Writing, t.blocksCost()}
	case 0x42, // UNMAP: it deallocates, and writes nothing
		0x83: // EXTENDED COPY: the blocks that it copies are not counted
		return Cost{Writing, 0}
	}
	return Cost{}
}

// blocksCost returns the bytes of the blocks that the CDB names, 0 if there are no such blocks.
func (t *Task) blocksCost() int64 {
	lba, n, _ := extent(&t.CDB)
	g := t.unit.geometry()
	if !g.holds(lba, n) {
		return 0
	}
	return int64(n) * int64(g.BlockSize)
}
