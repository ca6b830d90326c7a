package lun

import "errors"

// A medium that was gone when a command wanted it may come back: a network device does, a filesystem is mounted again. Each
// command that needs it finds out by itself, and TEST UNIT READY, which moves no data, must not say GOOD meanwhile (SPC-4
// 6.47): path checkers would send I/O to it again and again. So while the unit is marked gone, it reads a block to find out.

// testUnitReady: SPC-4 6.47. What else could make it fail was looked at before.
func testUnitReady(t *Task) {
	if !t.unit.is(stateGone) {
		t.good()
		return
	}
	if n := int64(t.unit.blockSize()); t.borrow(n) {
		t.io(OpRead, 0, t.scratch.work, false, probed)
	}
}

func probed(t *Task, err error) {
	switch {
	case errors.Is(err, ErrGone), errors.Is(err, ErrBusy):
		t.failed(err)
	default: // a block that cannot be read is on a medium that is there
		t.unit.clear(stateGone)
		t.good()
	}
}
