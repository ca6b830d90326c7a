package lun

import "errors"

// A medium that is gone may come back: a network device reconnects, a file system is mounted again. Commands that access it
// notice by themselves. TEST UNIT READY accesses nothing, but must not answer GOOD while the medium is gone (SPC-4 6.47), or path
// checkers would send I/O to the unit again and again. So while the unit is marked gone, TEST UNIT READY reads a block.

// testUnitReady: SPC-4 6.47. All other reasons to fail have been checked.
func testUnitReady(t *Task) {
	if !t.unit.is(stateGone) {
		t.good()
		return
	}
	if n := int64(t.unit.blockSize()); t.borrow(n) {
		t.io(OpRead, 0, t.scratch.work, false, stepProbed)
	}
}

func probed(t *Task, err error) {
	switch {
	case errors.Is(err, ErrGone), errors.Is(err, ErrBusy):
		t.failed(err)
	default: // a medium with an unreadable block is still there
		t.unit.clear(stateGone)
		t.good()
	}
}
