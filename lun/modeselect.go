package lun

import "encoding/binary"

// modeSelectState is the state of a MODE SELECT while it flushes and saves.
type modeSelectState struct {
	values modeValues
	saves  bool // SP: also in the Store
	unit   *Unit
	err    error
}

// modeSelect: SPC-4 6.10. The whole list is checked before any value changes.
func modeSelect(t *Task) {
	u, c := t.unit, &t.CDB
	length := int(c[4])
	if c[0] == 0x55 {
		length = int(cdb16(c, 7))
	}
	switch {
	case c[1]&0x10 == 0 && length != 0: // PF: pages before SCSI-2's format are not known
		t.checkField(1, 4)
		return
	case c[1]&0x02 != 0: // RTD
		t.checkField(1, 1)
		return
	case c[1]&0x01 != 0 && !u.savesMode(): // SP (SPC-4 6.10.1)
		t.checkField(1, 0)
		return
	case length == 0: // SPC-4 6.10.1: no data, no error
		t.good()
		return
	case len(t.Out) < length:
		t.check(IllegalRequest, ascParameterListLength)
		return
	}
	s := &modeSelectState{values: *u.mode.Load(), saves: c[1]&0x01 != 0}
	if !t.parseModeList(t.Out[:length], modeHeader(c[0]), &s.values) {
		return
	}
	t.scratch.any = s
	if old := u.mode.Load(); old.writeCache && !s.values.writeCache {
		// SBC-3 6.4.5: when the cache is turned off, cached data is written to the medium. MODE SELECT runs alone, so no write
		// can come in between.
		t.ioRange(OpSync, 0, 0, stepModeFlushed)
		return
	}
	modeFlushed(t, nil)
}

func modeFlushed(t *Task, err error) {
	s := t.scratch.any.(*modeSelectState)
	if err != nil {
		t.failed(err)
		return
	}
	if s.saves {
		s.unit = t.unit
		t.save(s)
		return
	}
	s.saved(t)
}

func (s *modeSelectState) save() { s.err = s.unit.saveMode(s.values) }

func (s *modeSelectState) saved(t *Task) {
	u := t.unit
	if s.err != nil {
		t.check(HardwareError, ascInternalTargetFailure)
		return
	}
	old := *u.mode.Load()
	u.setMode(s.values)
	if old != s.values {
		// SPC-4 6.10.1: every other I_T nexus gets a unit attention, because the pages are shared.
		u.attendAll(uaModeChanged, t.Nexus)
	}
	t.good()
}

// parseModeList reads a mode parameter list (SPC-4 7.5.4) with a header of head bytes into v. It returns false if it ended t.
func (t *Task) parseModeList(list []byte, head int, v *modeValues) bool {
	u := t.unit
	if len(list) < head {
		t.check(IllegalRequest, ascParameterListLength)
		return false
	}
	// SPC-4 7.5.5: MODE DATA LENGTH is reserved here, MEDIUM TYPE zero for disks, the device-specific byte ignored (SBC-3 6.4.1).
	medium, descriptors, long := list[1], int(list[3]), false
	if head == 8 {
		medium, descriptors, long = list[2], int(binary.BigEndian.Uint16(list[6:])), list[4]&1 != 0
	}
	if medium != 0 {
		t.checkParam(head/4, -1)
		return false
	}
	at := head
	if descriptors != 0 {
		size := 8
		if long {
			size = 16
		}
		if descriptors != size {
			t.checkParam(head-1, -1)
			return false
		}
		if len(list) < head+size {
			t.check(IllegalRequest, ascParameterListLength)
			return false
		}
		if !u.sameBlocks(list[head:head+size], long) {
			t.checkParam(head, -1)
			return false
		}
		at += size
	}
	for at < len(list) {
		n, ok := t.parseModePage(list, at, v)
		if !ok {
			return false
		}
		at += n
	}
	return true
}

// sameBlocks reports whether a block descriptor matches the unit's blocks; their number and size cannot be changed (SBC-3 6.4.2).
func (u *Unit) sameBlocks(d []byte, long bool) bool {
	g := u.geometry()
	if long {
		n := binary.BigEndian.Uint64(d)
		return (n == 0 || n == g.Blocks || n == ^uint64(0)) && binary.BigEndian.Uint32(d[12:]) == g.BlockSize
	}
	n := uint64(binary.BigEndian.Uint32(d))
	size := binary.BigEndian.Uint32(d[4:]) & 0xFFFFFF
	return (n == 0 || n == g.Blocks || n == 0xFFFFFFFF) && size == g.BlockSize
}

// parseModePage reads the page at list[at:] into v and returns its length. ok is false if it ended t.
func (t *Task) parseModePage(list []byte, at int, v *modeValues) (size int, ok bool) {
	u, b := t.unit, list[at:]
	code, sub, head := b[0]&0x3F, byte(0), 2
	if b[0]&0x40 != 0 {
		head = 4
	}
	if len(b) < head {
		t.check(IllegalRequest, ascParameterListLength)
		return 0, false
	}
	size = 2 + int(b[1])
	if head == 4 {
		sub, size = b[1], 4+int(binary.BigEndian.Uint16(b[2:]))
	}
	p := u.findModePage(code, sub)
	switch {
	case p == nil || head != p.header():
		t.checkParam(at, 5)
		return 0, false
	case size != p.size: // SPC-4 6.10.1: a wrong PAGE LENGTH
		t.checkParam(at+head-1, -1)
		return 0, false
	case len(b) < size:
		t.check(IllegalRequest, ascParameterListLength)
		return 0, false
	}
	var current, mask pageWriter
	have := p.build(u, v, current.grow(size))
	may := p.build(u, v, mask.grow(size))
	p.keepChangeable(u, may)
	for i := head; i < size; i++ {
		// SPC-4 6.10.1: an attempt to change a bit that is not changeable.
		if wrong := (b[i] ^ have[i]) &^ may[i]; wrong != 0 {
			t.checkParam(at+i, highestBit(wrong))
			return 0, false
		}
	}
	if p.take != nil {
		p.take(v, b)
	}
	return size, true
}

func highestBit(b byte) int {
	n := 7
	for b&0x80 == 0 {
		b, n = b<<1, n-1
	}
	return n
}
