package backend

import (
	"errors"
	"sync/atomic"

	"github.com/ringtgt/ringtgt/lun"
)

// ErrClosed is returned by a second Close.
var ErrClosed = errors.New("backend: closed already")

// helper is the index in lifetime's counts of calls that run on no loop: Extents and Refresh.
const helper = lun.MaxLoops

// lifetime keeps a backend's resources until its last request is done. Each loop counts its own requests; Close marks the
// backend and the last to leave releases it. A request counts itself first and checks the mark afterwards; Close
// marks first and reads the counts afterwards, so that none is missed (both are sequentially consistent).
type lifetime struct {
	closed  atomic.Bool
	freed   atomic.Bool
	release func() error // called once
	counts  [lun.MaxLoops + 1]struct {
		n atomic.Int64
		_ [120]byte // two cache lines: adjacent ones are fetched in pairs
	}
}

// enter counts a request of loop i. It returns false, and does not count it, if the backend is closed.
func (f *lifetime) enter(i int) bool {
	f.counts[i].n.Add(1)
	if f.closed.Load() {
		f.leave(i)
		return false
	}
	return true
}

// leave ends the count of a request of loop i.
func (f *lifetime) leave(i int) {
	f.counts[i].n.Add(-1)
	if f.closed.Load() {
		f.free()
	}
}

// close admits no more requests, and releases the resources now or with the last request.
func (f *lifetime) close() error {
	if !f.closed.CompareAndSwap(false, true) {
		return ErrClosed
	}
	return f.free()
}

func (f *lifetime) free() error {
	for i := range f.counts {
		if f.counts[i].n.Load() != 0 {
			return nil
		}
	}
	if !f.freed.CompareAndSwap(false, true) {
		return nil
	}
	return f.release()
}
