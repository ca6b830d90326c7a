package uring

import (
	"syscall"
	"time"

	"github.com/ringtgt/ringtgt/engine/giouring"
)

// Nop completes with 0.
func (r *Ring) Nop(ud uint64) {
	e := r.sqe()
	e.PrepareNop()
	e.UserData = ud
}

// Cancel cancels the operation with user data target. Its own completion says 0, -ENOENT (there is none) or -EALREADY
// (too late to stop: it will complete by itself). The cancelled operation completes too, usually with -ECANCELED.
func (r *Ring) Cancel(target, ud uint64) {
	e := r.sqe()
	e.PrepareCancel64(target, 0)
	e.UserData = ud
}

// CancelFD cancels every operation on fd. Res is how many.
func (r *Ring) CancelFD(fd FD, ud uint64) {
	e := r.sqe()
	flags := giouring.AsyncCancelAll
	if fd.flags() != 0 {
		flags |= giouring.AsyncCancelFdFixed
	}
	e.PrepareCancelFd(fd.num(), flags)
	e.UserData = ud
}

// Timeout completes with -ETIME after d, or -ECANCELED after TimeoutRemove.
func (r *Ring) Timeout(d time.Duration, ud uint64) {
	e := r.sqe()
	// The kernel reads the timespec when it takes the entry, and no more entries than there are timespecs wait.
	ts := &r.timespecs[r.nextSpec&uint32(len(r.timespecs)-1)]
	r.nextSpec++
	*ts = syscall.NsecToTimespec(int64(max(d, 0)))
	e.PrepareTimeout(ts, 0, 0)
	e.UserData = ud
}

// TimeoutRemove cancels the timeout with user data target. Its own completion says 0 or -ENOENT.
func (r *Ring) TimeoutRemove(target, ud uint64) {
	e := r.sqe()
	e.PrepareTimeoutRemove(target, 0)
	e.UserData = ud
}

// PollAdd completes when fd is ready for mask (POLLIN, POLLOUT, ...), once or, with multishot, at every wake-up until
// a completion without More. Res is what is ready.
func (r *Ring) PollAdd(fd FD, mask uint32, multishot bool, ud uint64) {
	e := r.sqe()
	if multishot {
		e.PreparePollMultishot(fd.num(), mask)
	} else {
		e.PreparePollAdd(fd.num(), mask)
	}
	e.Flags = fd.flags()
	e.UserData = ud
}

// MsgRing posts a completion with user data and result on the ring whose FD is ring. Only a failure completes here.
func (r *Ring) MsgRing(ring int, data uint64, res uint32, ud uint64) {
	e := r.sqe()
	e.PrepareMsgRing(ring, res, data, 0)
	e.Flags = giouring.SqeCQESkipSuccess
	e.UserData = ud
}
