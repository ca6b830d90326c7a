package uring

import (
	"fmt"
	"syscall"
	"time"

	"github.com/ringtgt/ringtgt/engine/giouring"
)

// Submit submits the prepared entries and lets the kernel post pending completions. It does not wait, and makes no system call
// if there is nothing to do. An error is final: the ring cannot be used any more.
func (r *Ring) Submit() error {
	r.release()
	if r.g.SQReady() == 0 && r.g.SQFlags()&(giouring.SQTaskrun|giouring.SQCQOverflow) == 0 {
		return r.err
	}
	return r.enter(giouring.EnterGetEvents)
}

// SubmitAndWait submits the prepared entries and waits for a completion, a signal, or the end of the timeout (never, if it is
// negative). It may return without a completion. If there are completions already, or the timeout is 0, it does not wait. An
// error is final.
func (r *Ring) SubmitAndWait(timeout time.Duration) error {
	r.release()
	if timeout == 0 || r.g.CQReady() > 0 {
		return r.Submit()
	}
	if r.err != nil {
		return r.err
	}
	r.stats.Enters++
	r.stats.BlockingEnters++
	submit := r.g.FlushSQ()
	var errno syscall.Errno
	switch {
	case timeout < 0 && r.alone:
		errno = r.g.EnterWaitRaw(submit, 1, r.waitFlags)
	case timeout < 0:
		errno = r.g.EnterTimeout(submit, 1, r.waitFlags, nil)
	default:
		r.timeout = syscall.NsecToTimespec(int64(timeout)) // in r: passed through the Kernel interface, a local variable would be allocated
		errno = r.g.EnterTimeout(submit, 1, r.waitFlags, &r.timeout)
	}
	r.stats.SQEs += uint64(submit - r.g.SQReady())
	return r.check(errno)
}

// enter submits without waiting. With flags EnterGetEvents the kernel also posts pending completions.
func (r *Ring) enter(flags uint32) error {
	if r.err != nil {
		return r.err
	}
	r.stats.Enters++
	submit := r.g.FlushSQ()
	var n uint
	var errno syscall.Errno
	if submit <= maxRawEntries {
		n, errno = r.g.EnterRaw(submit, flags)
	} else {
		n, errno = r.g.EnterSys(submit, 0, flags)
	}
	if errno != 0 {
		return r.check(errno)
	}
	r.stats.SQEs += uint64(n)
	return nil
}

// check handles the errors of enter. It ignores transient ones: a signal, a timeout, a kernel short of memory or of space for
// completions (the entries stay in the queue for the next turn).
func (r *Ring) check(errno syscall.Errno) error {
	switch errno {
	case 0, syscall.EINTR, syscall.ETIME, syscall.EAGAIN, syscall.EBUSY:
		return nil
	case syscall.EEXIST, syscall.EBADF, syscall.EINVAL:
		// Registered indexes are per thread: EBADF or EINVAL means that this thread has no such index.
		r.err = fmt.Errorf("uring: used from another thread than the one that made it: %w", errno)
	case syscall.EBADR:
		r.err = fmt.Errorf("uring: the kernel lost completions for want of memory: %w", errno)
	default:
		r.err = fmt.Errorf("uring: enter: %w", errno)
	}
	return r.err
}

// sqe returns a free entry to prepare.
func (r *Ring) sqe() *giouring.SubmissionQueueEntry {
	if e := r.g.GetSQE(); e != nil {
		return e
	}
	return r.sqeFull()
}

// sqeFull frees entries by submitting. If the ring has failed it returns an entry that is never submitted; the next Submit
// returns the error.
func (r *Ring) sqeFull() *giouring.SubmissionQueueEntry {
	for range retryEnters {
		if r.enter(0) != nil {
			return &r.spare
		}
		if e := r.g.GetSQE(); e != nil {
			return e
		}
		_ = r.enter(giouring.EnterGetEvents) // completing something frees what the kernel lacks
	}
	r.err = fmt.Errorf("uring: the kernel takes no submissions: %w", syscall.EAGAIN)
	return &r.spare
}
