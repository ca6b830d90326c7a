package lun

import "fmt"

// requestStep is what a task does when its request has completed. It is a number, not a function, so that the state of a task in the
// backend can be stored.
type requestStep uint8

const (
	stepEnd            requestStep = iota // end with GOOD or the request's error
	stepWritten                           // the same, for a write that must be on the medium
	stepSynced                            // the same, for a flush of everything
	stepRead                              // the buffer is the data-in
	stepReadSynced                        // READ with FUA: the cache has been flushed
	stepWrittenThrough                    // a write with FUA
	stepWrittenToFlush                    // a write that is followed by a flush
	stepRewritten                         // the repeat of a write with FUA that failed
	stepWriteSame                         // WRITE SAME: the next piece
	stepRange                             // OpDiscard, OpZero: the next piece
	stepVerifyRead                        // compare a piece
	stepVerifyWritten                     // WRITE AND VERIFY: read back what was written
	stepCompareRead                       // COMPARE AND WRITE
	stepOrRead                            // ORWRITE
	stepModeFlushed                       // MODE SELECT that turns the write cache off
	stepStopFlushed                       // START STOP UNIT
	stepProbed                            // TEST UNIT READY of a medium that is gone
)

var requestStepNames = [...]string{
	"end", "written", "synced", "read", "read synced", "written through", "written to flush", "rewritten", "write same", "range",
	"verify read", "verify written", "compare read", "or read", "mode flushed", "stop flushed", "probed",
}

func (s requestStep) String() string {
	if int(s) < len(requestStepNames) {
		return requestStepNames[s]
	}
	return fmt.Sprintf("requestStep(%d)", uint8(s))
}

// take carries out the step; err is the request's.
func (s requestStep) take(t *Task, err error) {
	switch s {
	case stepEnd:
		ioDone(t, err)
	case stepWritten:
		throughDone(t, err)
	case stepSynced:
		syncDone(t, err)
	case stepRead:
		readDone(t, err)
	case stepReadSynced:
		readSynced(t, err)
	case stepWrittenThrough:
		writtenThrough(t, err)
	case stepWrittenToFlush:
		writtenToFlush(t, err)
	case stepRewritten:
		rewritten(t, err)
	case stepWriteSame:
		sameNext(t, err)
	case stepRange:
		rangeNext(t, err)
	case stepVerifyRead:
		verifyRead(t, err)
	case stepVerifyWritten:
		writtenToVerify(t, err)
	case stepCompareRead:
		compareRead(t, err)
	case stepOrRead:
		orRead(t, err)
	case stepModeFlushed:
		modeFlushed(t, err)
	case stepStopFlushed:
		stopFlushed(t, err)
	case stepProbed:
		probed(t, err)
	default:
		panic(fmt.Sprintf("lun: no step %v after a request", s))
	}
}
