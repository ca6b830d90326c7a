package uring

import (
	"fmt"
	"syscall"

	"github.com/ringtgt/ringtgt/engine/giouring"
)

// CQE is a completion.
type CQE struct {
	UserData uint64
	Res      int32 // the result, or a negated errno
	Flags    uint32
}

// More reports that further completions of the same operation follow.
func (c CQE) More() bool { return c.Flags&giouring.CQEFMore != 0 }

// Notification reports whether this is the second completion of a SendMsgZC, and whether the kernel has copied the data after all.
func (c CQE) Notification() (is, copied bool) {
	return c.Flags&giouring.CQEFNotif != 0, uint32(c.Res)&giouring.NotifUsageZCCopied != 0
}

// BufferID returns the provided buffer the completion used, if any. A completion that carries one must be followed by
// a Recycle of it, even when its result is an error or 0.
func (c CQE) BufferID() (uint16, bool) {
	return uint16(c.Flags >> giouring.CQEBufferShift), c.Flags&giouring.CQEFBuffer != 0
}

// BufferMore reports that the kernel continues to fill the same buffer (an incremental BufRing).
func (c CQE) BufferMore() bool { return c.Flags&giouring.CQEFBufMore != 0 }

// Errno returns the error as a number, 0 if there is none.
func (c CQE) Errno() syscall.Errno {
	if c.Res < 0 {
		return syscall.Errno(-c.Res)
	}
	return 0
}

// Err returns the error, nil if there is none.
func (c CQE) Err() error {
	if c.Res < 0 {
		return syscall.Errno(-c.Res)
	}
	return nil
}

// String is for logs.
func (c CQE) String() string {
	return fmt.Sprintf("user_data %#x res %d flags %#x", c.UserData, c.Res, c.Flags)
}

// Pending reports whether Peek would find something now or after a Submit that does not wait.
func (r *Ring) Pending() bool {
	return r.g.CQReady() > r.seen || r.g.SQFlags()&(giouring.SQTaskrun|giouring.SQCQOverflow) != 0
}

// Peek returns the oldest completion not yet Seen. It makes no system call.
func (r *Ring) Peek() (CQE, bool) {
	if r.seen == r.ready && !r.look() {
		return CQE{}, false
	}
	if r.mixed && !r.measure() {
		return CQE{}, false
	}
	c := r.g.CQEAt(r.seen)
	return CQE{c.UserData, c.Res, c.Flags}, true
}

// Seen moves past the completion Peek returned.
func (r *Ring) Seen() {
	r.seen += r.width
	r.filler += r.width - 1
}

// look returns the seen completions to the kernel and counts the visible ones again.
func (r *Ring) look() bool {
	r.release()
	r.ready = r.g.CQReady()
	return r.ready > 0
}

// release returns the seen completions to the kernel, in one store for all of them.
func (r *Ring) release() {
	r.g.CQAdvance(r.seen)
	r.stats.CQEs += uint64(r.seen - r.filler)
	r.ready -= r.seen
	r.seen, r.filler = 0, 0
}
