package lun

import (
	"errors"
	"fmt"
)

// Errors of a backend's requests. A backend may wrap them. Any other error is reported as INTERNAL TARGET FAILURE, because
// nothing shows that the medium is at fault.
var (
	// ErrMedium: one or more blocks after r.Moved cannot be read or written.
	ErrMedium = errors.New("lun: unrecovered medium error")
	// ErrBlock is an ErrMedium with a known block: the one at r.Moved. The blocks before it were read or written.
	ErrBlock = fmt.Errorf("%w in the first block", ErrMedium)
	// ErrNoSpace is a thin provisioned medium whose pool is exhausted (SBC-3 4.7.3.6).
	ErrNoSpace = errors.New("lun: space allocation failed")
	// ErrReadOnly is a medium that refuses writes.
	ErrReadOnly = errors.New("lun: medium is write protected")
	// ErrGone is a medium that is no longer there.
	ErrGone = errors.New("lun: medium is gone")
	// ErrBusy is a lack of resources that passes: the command is answered BUSY and may be repeated.
	ErrBusy = errors.New("lun: busy")
	// ErrUnsupported is an operation that this backend does not have.
	ErrUnsupported = errors.New("lun: operation not supported")
)

// failed ends t with the status and sense data for a failed request.
func (t *Task) failed(err error) {
	switch {
	case t.req.Kind == OpSync && !errors.Is(err, ErrGone):
		t.lost(err)
	case errors.Is(err, ErrBusy):
		t.busy()
	case errors.Is(err, ErrNoSpace):
		t.check(DataProtect, ascSpaceAllocationFailed)
	case errors.Is(err, ErrReadOnly):
		t.check(DataProtect, ascWriteProtected)
	case errors.Is(err, ErrGone):
		t.check(NotReady, ascNotReadyManual)
	case errors.Is(err, ErrMedium):
		asc := ASC(ascUnrecoveredRead)
		if t.req.Kind != OpRead {
			asc = ascWriteError
		}
		// SBC-4 4.18.1: the information field holds the LBA of the first block in error, or VALID is zero.
		if lba, ok := t.badBlock(err); ok {
			t.checkInfo(MediumError, asc, lba)
		} else {
			t.check(MediumError, asc)
		}
	default:
		t.check(HardwareError, ascInternalTargetFailure)
	}
}

// badBlock returns the LBA of the first block in error if that is certain: the backend knows it, or there is only one block.
// Initiators consider the blocks before it done, so a guess would lose data.
func (t *Task) badBlock(err error) (lba uint64, ok bool) {
	bs, at := int64(t.unit.blockSize()), max(t.req.Moved, 0)
	one := t.req.Len <= bs
	if t.req.Kind == OpRead || t.req.Kind == OpWrite {
		one = t.req.Len-at <= bs
	}
	return uint64((t.req.Off + at) / bs), one || errors.Is(err, ErrBlock)
}
