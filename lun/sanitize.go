package lun

import "encoding/binary"

// sanitizeCommands: SANITIZE (SBC-3 5.21 and 4.11).
var sanitizeCommands = []command{
	{op: 0x48, sa: saOverwrite, name: "SANITIZE, OVERWRITE", usage: [16]byte{1: 0xA0, 7: 0xFF, 0xFF, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated | exclusive | sanitizes, plan: planOut16(7), run: sanitize},
	{op: 0x48, sa: saBlockErase, name: "SANITIZE, BLOCK ERASE", usage: [16]byte{1: 0xA0, 7: 0xFF, 0xFF, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated | exclusive | sanitizes | thinOnly, plan: planOut16(7), run: sanitize},
	{op: 0x48, sa: saCryptoErase, name: "SANITIZE, CRYPTOGRAPHIC ERASE", usage: [16]byte{1: 0xA0, 7: 0xFF, 0xFF, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated | exclusive | sanitizes | thinOnly, plan: planOut16(7), run: sanitize},
	{op: 0x48, sa: saExitFailure, name: "SANITIZE, EXIT FAILURE MODE", usage: [16]byte{7: 0xFF, 0xFF, 0x04},
		class: accessWrite, flags: needsMedium | writesMedium | gated | exclusive | sanitizes, plan: planOut16(7), run: exitFailureMode},
}

const (
	saOverwrite   = 0x01
	saBlockErase  = 0x02
	saCryptoErase = 0x03
	saExitFailure = 0x1F
)

// Bits of byte 1 of SANITIZE.
const (
	sanitizeImmed    = 0x80
	sanitizeReserved = 0x40
	sanitizeAUSE     = 0x20 // allow unrestricted sanitize exit
)

// sanitizeFields refuses reserved values in the CDB, before a mistake erases the medium. It returns false if it ended t.
func sanitizeFields(t *Task) bool {
	if t.CDB[1]&sanitizeReserved != 0 {
		t.checkField(1, 6)
		return false
	}
	for i := 2; i <= 6; i++ {
		if t.CDB[i] != 0 {
			t.checkField(i, -1)
			return false
		}
	}
	if t.CDB[1]&0x1F != saOverwrite && cdb16(&t.CDB, 7) != 0 { // SBC-3 5.21.3 to 5.21.5
		t.checkField(7, -1)
		return false
	}
	return true
}

func sanitize(t *Task) {
	if !sanitizeFields(t) {
		return
	}
	u := t.unit
	s := &sanitizer{u: u, loop: t.Loop, passes: 1, kind: OpDiscard, unrestricted: t.CDB[1]&sanitizeAUSE != 0, ended: make(chan struct{})}
	if t.CDB[1]&0x1F == saOverwrite && !s.overwrite(t) {
		return
	}
	// Cryptographic erase: there is no key to change, so its promise, that the old data cannot be read, is kept by
	// deallocating every block, as BLOCK ERASE does.
	s.total = int64(s.passes) * int64(u.blocks()) * int64(u.blockSize())
	u.sanitizing.Store(s)
	u.clear(stateSanitizeFailed)
	u.set(stateSanitizing)
	if t.CDB[1]&sanitizeImmed != 0 {
		t.good()
	} else {
		// From here on the operation does not depend on the task (SBC-3 4.11.1: neither an abort nor a reset stops it), and
		// no command waits at the gate for it: each gets SANITIZE IN PROGRESS.
		s.waiter = t
		t.sanitizer = s
		u.gate.leave(t)
	}
	s.begin()
}

// overwrite parses the parameter list of an OVERWRITE (SBC-3 5.21.2). It returns false if it ended t.
func (s *sanitizer) overwrite(t *Task) bool {
	length := int(cdb16(&t.CDB, 7))
	bs := int(t.unit.blockSize())
	switch {
	case length < 5 || length > bs+4:
		t.checkField(7, -1)
		return false
	case len(t.Out) < length:
		t.check(IllegalRequest, ascParameterListLength)
		return false
	}
	list := t.Out[:length]
	pattern := int(binary.BigEndian.Uint16(list[2:]))
	switch {
	case list[0]&0x60 != 0: // TEST
		t.checkParam(0, 6)
		return false
	case list[0]&0x1F == 0: // OVERWRITE COUNT
		t.checkParam(0, 4)
		return false
	case pattern == 0 || pattern > bs || pattern > length-4:
		t.checkParam(2, -1)
		return false
	}
	if s.buf = t.Loop.Alloc(ioPiece); s.buf == nil {
		t.busy()
		return false
	}
	s.kind = OpWrite
	s.passes = int(list[0] & 0x1F)
	s.invert = list[0]&0x80 != 0
	// SBC-3 5.21.2: the pattern is repeated to the end of each block.
	for i := 0; i < len(s.buf); i++ {
		s.buf[i] = list[4+i%bs%pattern]
	}
	return true
}

// exitFailureMode: SBC-3 5.21.5. A failure of a sanitize operation without AUSE can only be cleared by one that succeeds.
func exitFailureMode(t *Task) {
	if !sanitizeFields(t) {
		return
	}
	u := t.unit
	u.mu.Lock()
	restricted := u.restrictedSanitize
	u.mu.Unlock()
	if u.is(stateSanitizeFailed) {
		if restricted {
			t.checkField(1, 4)
			return
		}
		t.save(failureLeft{u})
		return
	}
	t.good()
}

// failureLeft ends a unit's failure mode.
type failureLeft struct{ u *Unit }

func (f failureLeft) save() { f.u.markSanitize(nil) }

func (f failureLeft) saved(t *Task) {
	f.u.clear(stateSanitizeFailed)
	t.good()
}
