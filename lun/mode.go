package lun

import (
	"encoding/binary"
	"math"
)

// modeCommands: MODE SENSE and MODE SELECT (SPC-4 6.10 to 6.13).
var modeCommands = []command{
	{op: 0x1A, sa: noSA, name: "MODE SENSE(6)", usage: [16]byte{1: 0x08, 0xFF, 0xFF, 0xFF, 0x04},
		class: accessRead, plan: planIn8(4), run: modeSense},
	{op: 0x5A, sa: noSA, name: "MODE SENSE(10)", usage: [16]byte{1: 0x18, 0xFF, 0xFF, 7: 0xFF, 0xFF, 0x04},
		class: accessRead, plan: planIn16(7), run: modeSense},
	{op: 0x15, sa: noSA, name: "MODE SELECT(6)", usage: [16]byte{1: 0x13, 4: 0xFF, 0x04},
		class: accessWrite, flags: gated | exclusive, plan: planOut8(4), run: modeSelect},
	{op: 0x55, sa: noSA, name: "MODE SELECT(10)", usage: [16]byte{1: 0x13, 7: 0xFF, 0xFF, 0x04},
		class: accessWrite, flags: gated | exclusive, plan: planOut16(7), run: modeSelect},
}

// Page control of MODE SENSE (SPC-4 6.11.1).
const (
	pcCurrent = iota
	pcChangeable
	pcDefault
	pcSaved
)

const (
	allPages    = 0x3F
	allSubpages = 0xFF
)

// modeHeader is the mode parameter header's length (SPC-4 7.5.5).
func modeHeader(op byte) int {
	if op == 0x1A || op == 0x15 {
		return 4
	}
	return 8
}

func modeSense(t *Task) {
	u, c := t.unit, &t.CDB
	head := modeHeader(c[0])
	alloc := int(c[4])
	longLBA := false
	if head == 8 {
		alloc = int(cdb16(c, 7))
		longLBA = c[1]&0x10 != 0
	}
	pc, code, sub := c[2]>>6, c[2]&0x3F, c[3]

	if pc == pcSaved && !u.savesMode() {
		t.check(IllegalRequest, ascSavingNotSupported)
		return
	}
	values := u.modeBy(pc)

	var w pageWriter
	w.n = head
	if c[1]&0x08 == 0 { // DBD
		u.blockDescriptor(&w, longLBA)
	}
	descriptor := w.n - head
	known, found := u.modePages(&w, &values, pc, code, sub)
	if !found {
		if known || code == allPages {
			t.checkField(3, -1)
		} else {
			t.checkField(2, 5)
		}
		return
	}

	b := w.b[:w.n]
	specific := byte(0x10) // DPOFUA (SBC-3 6.4.1)
	if u.is(stateReadOnly) || values.protected && pc != pcChangeable {
		specific |= 0x80 // WP
	}
	if head == 4 {
		// SPC-4 7.5.5: the length does not count itself. All pages together fit one byte (see TestModeSenseFits6).
		b[0], b[2], b[3] = byte(min(w.n-1, math.MaxUint8)), specific, byte(descriptor)
	} else {
		binary.BigEndian.PutUint16(b[0:], uint16(w.n-2))
		b[3] = specific
		if longLBA && descriptor != 0 {
			b[4] = 1
		}
		binary.BigEndian.PutUint16(b[6:], uint16(descriptor))
	}
	t.reply(b, alloc)
}

// modeBy returns the values that a page control selects (SPC-4 6.11.1).
func (u *Unit) modeBy(pc byte) modeValues {
	switch pc {
	case pcDefault:
		return u.defaultMode()
	case pcSaved:
		return u.savedMode()
	}
	return *u.mode.Load()
}

// modePages writes the pages that a page code and subpage code name. known is set if a page has this code, found if one was
// written.
func (u *Unit) modePages(w *pageWriter, values *modeValues, pc, code, sub byte) (known, found bool) {
	for i := range modePages {
		p := &modePages[i]
		if !p.has(u) {
			continue
		}
		known = known || p.code == code
		switch {
		case code == allPages && (sub == allSubpages || sub == 0 && p.sub == 0):
		case p.code == code && (p.sub == sub || sub == allSubpages):
		default:
			continue
		}
		found = true
		page := p.build(u, values, w.grow(p.size))
		if pc == pcChangeable {
			p.keepChangeable(u, page)
		}
		if u.savesMode() {
			page[0] |= 0x80 // PS
		}
	}
	return known, found
}

// blockDescriptor writes the short or long LBA block descriptor (SBC-3 6.4.2).
func (u *Unit) blockDescriptor(w *pageWriter, long bool) {
	g := u.geometry()
	if long {
		b := w.grow(16)
		binary.BigEndian.PutUint64(b[0:], g.Blocks)
		binary.BigEndian.PutUint32(b[12:], g.BlockSize)
		return
	}
	b := w.grow(8)
	binary.BigEndian.PutUint32(b[0:], uint32(min(g.Blocks, math.MaxUint32)))
	binary.BigEndian.PutUint32(b[4:], g.BlockSize) // the first of these bytes is reserved, and zero for our block sizes
}
