package lun

import (
	"encoding/binary"
	"math"
)

// capacityCommands report the medium's size (SBC-3 5.15, 5.16).
var capacityCommands = []command{
	{op: 0x25, sa: noSA, name: "READ CAPACITY(10)", usage: [16]byte{2: 0xFF, 0xFF, 0xFF, 0xFF, 8: 0x01, 0x04},
		class: accessAllowed, flags: needsMedium, plan: planCapacity10, run: readCapacity10},
	{op: 0x9E, sa: 0x10, name: "READ CAPACITY(16)", usage: [16]byte{2: 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x04},
		class: accessAllowed, flags: needsMedium, plan: planIn32(10), run: readCapacity16},
}

func planCapacity10(*Unit, *[16]byte) (out, in int64) { return 0, 8 }

func readCapacity10(t *Task) {
	// SBC-3 5.15.2: PMI and LOGICAL BLOCK ADDRESS are obsolete, but with PMI zero the address still must be zero.
	if t.CDB[8]&1 == 0 && cdb32(&t.CDB, 2) != 0 {
		t.checkField(2, -1)
		return
	}
	g := t.unit.geometry()
	var data [8]byte
	binary.BigEndian.PutUint32(data[0:], uint32(min(g.Blocks-1, math.MaxUint32)))
	binary.BigEndian.PutUint32(data[4:], g.BlockSize)
	t.reply(data[:], len(data))
}

func readCapacity16(t *Task) {
	if t.CDB[14]&1 == 0 && cdb64(&t.CDB, 2) != 0 {
		t.checkField(2, -1)
		return
	}
	g := t.unit.geometry()
	var data [32]byte
	binary.BigEndian.PutUint64(data[0:], g.Blocks-1)
	binary.BigEndian.PutUint32(data[8:], g.BlockSize)
	data[13] = t.unit.physShift() // LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT
	if t.unit.thin() {
		data[14] = 0xC0 // LBPME, LBPRZ: a deallocated block reads as zeroes
	}
	t.reply(data[:], int(min(cdb32(&t.CDB, 10), MaxParam)))
}
