package lun

import "encoding/binary"

// Cost is what a command counts for where a unit's or an initiator's traffic is bounded: one command of a direction, and the bytes that it
// moves.
type Cost struct {
	Unit      *Unit // toward whose bounds it counts, beside its initiator's
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

// Costs are the costs of one command. Those after the first Free are Free as well.
type Costs [2]Cost

// Costs returns what the command costs, once its data-out has arrived. It counts what the medium has to do, as the block layers of Linux and
// QEMU do where they bound traffic:
//
//   - The bytes of the data that a READ or WRITE transfers. A write that also reads is a write: COMPARE AND WRITE, WRITE AND VERIFY.
//   - The blocks that VERIFY reads, and those that WRITE SAME writes, zeroes or not.
//   - For EXTENDED COPY, the blocks that it copies, as a read of its source and as a write to its destination.
//   - No bytes for what only deallocates: UNMAP, and WRITE SAME of zeroes with the UNMAP bit.
//
// Commands that the bounds must not delay are free: whatever keeps a path alive (TEST UNIT READY, reservations), and SYNCHRONIZE CACHE, on
// which other initiators' data may depend. SANITIZE has a bound of its own (UnitConfig.SanitizeRate).
func (t *Task) Costs() Costs {
	u := t.unit
	if u == nil || t.cmd == nil {
		return Costs{}
	}
	one := func(d Direction, bytes int64) Costs { return Costs{{u, d, bytes}} }
	switch t.CDB[0] {
	case 0x08, 0x28, 0xA8, 0x88: // READ
		return one(Reading, min(t.RequiredIn, MaxTransfer))
	case 0x0A, 0x2A, 0xAA, 0x8A, // WRITE
		0x2E, 0xAE, 0x8E, // WRITE AND VERIFY
		0x8B, 0x89, 0x9C: // ORWRITE, COMPARE AND WRITE, WRITE ATOMIC
		return one(Writing, min(t.RequiredOut, MaxTransfer))
	case 0x2F, 0xAF, 0x8F: // VERIFY
		return one(Reading, t.blocksCost())
	case 0x41, 0x93: // WRITE SAME
		zeroes := t.CDB[0] == 0x93 && t.CDB[1]&wsNDOB != 0 || allZero(t.Out[:min(len(t.Out), len(zeroBlock))])
		if zeroes && t.CDB[1]&wsUnmap != 0 {
			return one(Writing, t.RequiredOut)
		}
		return one(Writing, t.blocksCost())
	case 0x42: // UNMAP
		return one(Writing, 0)
	case 0x83: // EXTENDED COPY
		return t.copyCosts()
	}
	return Costs{}
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

// copyCosts returns what an EXTENDED COPY costs. All its segments count toward the units of its first one: initiators copy between two units
// with a command. A list that is refused counts as a write of no bytes.
func (t *Task) copyCosts() Costs {
	refused := Costs{{t.unit, Writing, 0}}
	list := t.Out
	if len(list) < copyHeader {
		return refused
	}
	targets, segments := int64(binary.BigEndian.Uint16(list[2:])), int64(binary.BigEndian.Uint32(list[8:]))
	if targets+segments > maxCopyList || int64(len(list)) < copyHeader+targets+segments {
		return refused
	}
	// The parser gives the sense data of a list that is wrong to a task of its own.
	op := &copyOp{parent: &Task{Nexus: t.Nexus, unit: t.unit, phase: taskRunning, driver: driverStepping}}
	first := copyHeader + int(targets)
	if !op.parseCSCDs(list[copyHeader:first]) || !op.parseSegments(list[first:first+int(segments)], first) {
		return refused
	}
	costs := refused
	for i := range op.segments {
		p, _, field := op.locate(&op.segments[i])
		if field != 0 {
			break // the copy ends here
		}
		if i == 0 {
			costs = Costs{{Unit: p.dst, Direction: Writing}, {Unit: p.src, Direction: Reading}}
		}
		costs[0].Bytes += p.length
		costs[1].Bytes += p.length
	}
	return costs
}
