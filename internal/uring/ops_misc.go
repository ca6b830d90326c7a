package uring

import "github.com/ringtgt/ringtgt/engine/giouring"

// CancelFD cancels every operation on fd. Res is their number.
func (r *Ring) CancelFD(fd FD, ud uint64) {
	e := r.sqe()
	flags := giouring.AsyncCancelAll
	if fd.flags() != 0 {
		flags |= giouring.AsyncCancelFdFixed
	}
	e.PrepareCancelFd(fd.num(), flags)
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
