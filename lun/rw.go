package lun

// mediaCommands transfer blocks: READ and WRITE of every length (SBC-3 5.7 to 5.12, 5.32 to 5.37).
var mediaCommands = []command{
	{op: 0x08, sa: noSA, name: "READ(6)", usage: [16]byte{1: 0x1F, 0xFF, 0xFF, 0xFF, 0x04},
		class: accessRead, flags: needsMedium | gated | mappedIn, plan: planRead, run: readMedium},
	{op: 0x28, sa: noSA, name: "READ(10)", usage: [16]byte{1: 0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04},
		class: accessRead, flags: needsMedium | gated | mappedIn, plan: planRead, run: readMedium},
	{op: 0xA8, sa: noSA, name: "READ(12)", usage: [16]byte{1: 0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessRead, flags: needsMedium | gated | mappedIn, plan: planRead, run: readMedium},
	{op: 0x88, sa: noSA, name: "READ(16)", usage: [16]byte{1: 0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessRead, flags: needsMedium | gated | mappedIn, plan: planRead, run: readMedium},
	{op: 0x0A, sa: noSA, name: "WRITE(6)", usage: [16]byte{1: 0x1F, 0xFF, 0xFF, 0xFF, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated, plan: planWrite, run: writeMedium},
	{op: 0x2A, sa: noSA, name: "WRITE(10)", usage: [16]byte{1: 0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated, plan: planWrite, run: writeMedium},
	{op: 0xAA, sa: noSA, name: "WRITE(12)", usage: [16]byte{1: 0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated, plan: planWrite, run: writeMedium},
	{op: 0x8A, sa: noSA, name: "WRITE(16)", usage: [16]byte{1: 0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated, plan: planWrite, run: writeMedium},
}

// Bits of byte 1 of a CDB that transfers blocks (SBC-3 5.8). Six-byte CDBs have none.
const (
	cdbProtect = 0xE0 // RDPROTECT, WRPROTECT, VRPROTECT, ORPROTECT
	cdbDPO     = 0x10
	cdbFUA     = 0x08
)

// extent returns LOGICAL BLOCK ADDRESS and TRANSFER LENGTH (or NUMBER OF LOGICAL BLOCKS ...) of a CDB in which their offsets follow
// from the operation code's group (SPC-4 4.2.5), and the offset of the length.
func extent(c *[16]byte) (lba, n uint64, at int) {
	switch c[0] >> 5 {
	case 0:
		// SBC-3 5.7: a TRANSFER LENGTH of zero is 256 blocks, in six-byte CDBs only.
		n = uint64(c[4])
		if n == 0 {
			n = 256
		}
		return uint64(cdb24(c, 1) & 0x1FFFFF), n, 4
	case 1, 2:
		return uint64(cdb32(c, 2)), uint64(cdb16(c, 7)), 7
	case 5:
		return uint64(cdb32(c, 2)), uint64(cdb32(c, 6)), 6
	default:
		return cdb64(c, 2), uint64(cdb32(c, 10)), 10
	}
}

func planRead(u *Unit, c *[16]byte) (out, in int64) {
	_, n, _ := extent(c)
	return 0, int64(n) * int64(u.blockSize())
}

func planWrite(u *Unit, c *[16]byte) (out, in int64) {
	_, n, _ := extent(c)
	return int64(n) * int64(u.blockSize()), 0
}

// holds reports whether n blocks from lba on are on the medium. A command of no blocks may name the end (SBC-3 5.8: "the
// specified LBA plus the specified number of logical blocks exceeds the capacity").
func (g *Geometry) holds(lba, n uint64) bool { return lba <= g.Blocks && n <= g.Blocks-lba }

// blocks makes the checks common to all commands that transfer blocks, and returns the command's range in bytes. ok is false if
// it ended t.
func (t *Task) blocks() (off, n int64, ok bool) {
	if t.CDB[0] >= 0x20 && t.CDB[1]&cdbProtect != 0 {
		// SBC-3 4.22: without protection information a nonzero PROTECT field is refused.
		t.checkField(1, 7)
		return 0, 0, false
	}
	lba, count, at := extent(&t.CDB)
	g := t.unit.geometry()
	if !g.holds(lba, count) {
		t.check(IllegalRequest, ascLBAOutOfRange)
		return 0, 0, false
	}
	bs := uint64(g.BlockSize)
	if count > MaxTransfer/bs { // SBC-3 6.5.3: beyond MAXIMUM TRANSFER LENGTH
		t.checkField(at, -1)
		return 0, 0, false
	}
	return int64(lba * bs), int64(count * bs), true
}

// writeThrough reports whether a write has to be on the medium before it completes: FUA, or the write cache is off.
func (t *Task) writeThrough() bool {
	return t.CDB[0] >= 0x20 && t.CDB[1]&cdbFUA != 0 || t.unit.is(stateWriteThrough)
}

func readMedium(t *Task) {
	off, n, ok := t.blocks()
	if !ok {
		return
	}
	if n == 0 {
		t.good()
		return
	}
	if t.CDB[0] >= 0x20 && t.CDB[1]&cdbFUA != 0 && t.unit.mapped == nil {
		// SBC-3 5.8: FUA reads from the medium, so the cache is flushed first.
		t.ioRange(OpSync, 0, 0, stepReadSynced)
		return
	}
	t.readBlocks(off, n)
}

func readSynced(t *Task, err error) {
	if err != nil {
		t.failed(err)
		return
	}
	if off, n, ok := t.blocks(); ok {
		t.readBlocks(off, n)
	}
}

// readBlocks makes [off, off+n) the data-in: in a Mapped backend's memory, even if Plan asked for a buffer, or in t.Buf.
func (t *Task) readBlocks(off, n int64) {
	if m := t.unit.mapped; m != nil {
		t.In = m.Bytes(off, int(n))
		t.good()
		return
	}
	if int64(len(t.Buf)) < n {
		t.check(HardwareError, ascInternalTargetFailure)
		return
	}
	t.io(OpRead, off, t.Buf[:n], false, stepRead)
}

func readDone(t *Task, err error) {
	if err != nil {
		t.failed(err)
		return
	}
	t.In = t.req.Buf
	t.good()
}

// dataOut cuts t.Out to n bytes. If the EXPECTED DATA TRANSFER LENGTH is less than the CDB asks for, the whole blocks are
// written and an overflow residual is reported (RFC 7143 11.4.5.1); a part of a block cannot be written. ok is false if it
// ended t.
func (t *Task) dataOut(n int64) (data []byte, ok bool) {
	data = t.Out
	if int64(len(data)) > n {
		data = data[:n]
	}
	if int64(len(data)) < n && len(data)%int(t.unit.blockSize()) != 0 {
		t.check(IllegalRequest, ascInvalidFieldInUnit)
		return nil, false
	}
	return data, true
}

// outBlocks returns the data of a write whose extent is in its CDB, and the extent's offset. ok is false if it ended t, as it does
// if there is nothing to write.
func (t *Task) outBlocks() (off int64, data []byte, ok bool) {
	off, n, ok := t.blocks()
	if !ok {
		return 0, nil, false
	}
	data, ok = t.dataOut(n)
	if ok && len(data) == 0 {
		t.good()
		return 0, nil, false
	}
	return off, data, ok
}

func writeMedium(t *Task) {
	off, data, ok := t.outBlocks()
	if !ok {
		return
	}
	through := t.writeThrough()
	t.write(off, data, through, writeDone(through))
}

// ioDone ends a task whose last request has completed.
func ioDone(t *Task, err error) {
	if err != nil {
		t.failed(err)
		return
	}
	t.good()
}
