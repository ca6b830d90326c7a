package lun

import "encoding/binary"

// provisioningCommands: UNMAP (SBC-3 5.25), WRITE SAME (SBC-3 5.42), GET LBA STATUS (SBC-3 5.4).
var provisioningCommands = []command{
	{op: 0x41, sa: noSA, name: "WRITE SAME(10)", usage: [16]byte{1: 0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated, plan: planWriteSame, run: writeSame},
	{op: 0x93, sa: noSA, name: "WRITE SAME(16)", usage: [16]byte{1: 0xF9, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated, plan: planWriteSame, run: writeSame},
	{op: 0x42, sa: noSA, name: "UNMAP", usage: [16]byte{1: 0x01, 7: 0xFF, 0xFF, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated | thinOnly, plan: planOut16(7), run: unmap},
	{op: 0x9E, sa: 0x12, name: "GET LBA STATUS", usage: [16]byte{2: 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessRead, flags: needsMedium | gated, plan: planIn32(10), run: lbaStatus},
}

const (
	unmapHeader     = 8
	unmapDescriptor = 16
)

// unmap: SBC-3 5.25. All descriptors are checked before any block is deallocated.
func unmap(t *Task) {
	length := int(cdb16(&t.CDB, 7))
	switch {
	case t.CDB[1]&1 != 0: // ANCHOR, and ANC_SUP is zero
		t.checkField(1, 0)
		return
	case length == 0:
		t.good()
		return
	case length < unmapHeader, len(t.Out) < length:
		t.check(IllegalRequest, ascParameterListLength)
		return
	}
	list := t.Out[:length]
	// SBC-3 5.25.2: an incomplete descriptor is ignored.
	size := int(binary.BigEndian.Uint16(list[2:]))
	if size > length-unmapHeader {
		t.check(IllegalRequest, ascParameterListLength)
		return
	}
	count := size / unmapDescriptor
	if count > maxUnmapDescriptors {
		t.checkParam(2, -1)
		return
	}
	g := t.unit.geometry()
	sum := uint64(0)
	for i := range count {
		lba, n := descriptorAt(list, i)
		if !g.holds(lba, n) {
			t.check(IllegalRequest, ascLBAOutOfRange)
			return
		}
		if sum += n; sum > maxUnmapBlocks {
			t.checkParam(unmapHeader+i*unmapDescriptor+8, -1)
			return
		}
	}
	t.scratch.moved = 0 // the next descriptor
	t.scratch.blocks = uint64(count)
	t.ranges(OpDiscard)
}

// nextDescriptor makes the next UNMAP block descriptor the range to work on. It returns false if there is none.
func nextDescriptor(t *Task) bool {
	s := &t.scratch
	if uint64(s.moved) == s.blocks {
		return false
	}
	lba, n := descriptorAt(t.Out, int(s.moved))
	bs := int64(t.unit.blockSize())
	s.moved++
	s.off, s.left = int64(lba)*bs, int64(n)*bs
	return true
}

func descriptorAt(list []byte, i int) (lba, n uint64) {
	d := list[unmapHeader+i*unmapDescriptor:]
	return binary.BigEndian.Uint64(d), uint64(binary.BigEndian.Uint32(d[8:]))
}
