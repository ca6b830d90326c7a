package giouring

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Sigset is the kernel's signal mask for a wait, bit n-1 for signal n.
type Sigset uint64

// FlushSQ publishes the prepared entries and returns how many the kernel has not taken yet: the number to submit.
func (ring *Ring) FlushSQ() uint32 {
	sq := &ring.sq
	if sq.sqeHead != sq.sqeTail {
		sq.sqeHead = sq.sqeTail
		atomic.StoreUint32(sq.tail, sq.sqeTail)
	}
	return sq.sqeTail - atomic.LoadUint32(sq.head)
}

// EnterRaw is io_uring_enter(2) that never blocks: min_complete is 0. The scheduler is not told of the call, so it
// costs as little as a call can, and must not wait for anything.
func (ring *Ring) EnterRaw(submit, flags uint32) (uint, syscall.Errno) {
	if k := ring.kernel; k != nil {
		return k.Enter(ring.ringFd, submit, 0, flags, nil)
	}
	n, _, errno := syscall.RawSyscall6(sysEnter, ring.enterFd, uintptr(submit), 0,
		uintptr(flags|ring.enterFlags), 0, 0)
	return uint(n), errno
}

// EnterSys is io_uring_enter(2) with no argument, made with the scheduler's knowledge: it may block, or be long.
func (ring *Ring) EnterSys(submit, waitNr, flags uint32) (uint, syscall.Errno) {
	if k := ring.kernel; k != nil {
		return k.Enter(ring.ringFd, submit, waitNr, flags, nil)
	}
	n, _, errno := syscall.Syscall6(sysEnter, ring.enterFd, uintptr(submit), uintptr(waitNr),
		uintptr(flags|ring.enterFlags), 0, 0)
	return uint(n), errno
}

// Enter is io_uring_enter(2) with a signal mask of 8 bytes or none.
func (ring *Ring) Enter(submitted uint32, waitNr uint32, flags uint32, sig unsafe.Pointer) (uint, error) {
	return ring.Enter2(submitted, waitNr, flags, sig, 8)
}

// Enter2 is io_uring_enter(2). With waitNr 0 it does not block and is made without telling the scheduler; with a
// greater one the scheduler knows that the thread may sleep.
func (ring *Ring) Enter2(submitted uint32, waitNr uint32, flags uint32, sig unsafe.Pointer, size int) (uint, error) {
	if waitNr == 0 && sig == nil {
		n, errno := ring.EnterRaw(submitted, flags)
		if errno != 0 {
			return 0, errno
		}
		return n, nil
	}
	n, _, errno := syscall.Syscall6(sysEnter, ring.enterFd, uintptr(submitted), uintptr(waitNr),
		uintptr(flags|ring.enterFlags), uintptr(sig), uintptr(size))
	if errno != 0 {
		return 0, errno
	}
	return uint(n), nil
}

// submit enters the kernel with what is prepared, and only if there is a reason to.
func (ring *Ring) submit(waitNr, flags uint32) (uint, error) {
	n := ring.FlushSQ()
	if waitNr > 0 || ring.flags&SetupIOPoll != 0 || ring.SQFlags()&(SQCQOverflow|SQTaskrun) != 0 {
		flags |= EnterGetEvents
	}
	need := n > 0
	if ring.flags&SetupSQPoll != 0 {
		need = ring.SQFlags()&SQNeedWakeup != 0
		if need {
			flags |= EnterSQWakeup
		}
	}
	if !need && flags&EnterGetEvents == 0 {
		return uint(n), nil
	}
	return ring.Enter(n, waitNr, flags, nil)
}

// Submit hands the prepared entries to the kernel and returns how many it took.
func (ring *Ring) Submit() (uint, error) { return ring.submit(0, 0) }

// SubmitAndWait submits and waits until waitNr completions are visible.
func (ring *Ring) SubmitAndWait(waitNr uint32) (uint, error) { return ring.submit(waitNr, 0) }

// SubmitAndGetEvents submits and lets the kernel make the completions that are due, without waiting.
func (ring *Ring) SubmitAndGetEvents() (uint, error) { return ring.submit(0, EnterGetEvents) }

// GetEvents lets the kernel make the completions that are due, without waiting or submitting.
func (ring *Ring) GetEvents() (uint, error) { return ring.Enter(0, 0, EnterGetEvents, nil) }

// SQRingWait waits until a ring with SetupSQPoll has room for an entry.
func (ring *Ring) SQRingWait() (uint, error) {
	if ring.flags&SetupSQPoll == 0 || ring.SQSpaceLeft() > 0 {
		return 0, nil
	}
	n, errno := ring.EnterSys(0, 0, EnterSQWait)
	if errno != 0 {
		return 0, errno
	}
	return n, nil
}

// EnterTimeout is a blocking io_uring_enter(2) with EnterExtArg (FeatExtArg, 5.11): it submits, then waits for waitNr
// completions for at most ts. A nil ts waits for ever. minWait above 0 (FeatMinTimeout, 6.12) is how many microseconds
// to hold out for waitNr completions; after them one is enough. A nil sigmask leaves the thread's mask alone. flags is
// or-ed in (EnterNoIowait). It returns 0 as soon as it submitted anything, whatever the wait came to; else ETIME when
// the time passed, EINTR when a signal came.
func (ring *Ring) EnterTimeout(submit, waitNr, flags uint32, ts *syscall.Timespec, minWait uint32, sigmask *Sigset) syscall.Errno {
	if k := ring.kernel; k != nil {
		_, errno := k.Enter(ring.ringFd, submit, waitNr, flags|EnterGetEvents, ts)
		return errno
	}
	w := ring.wait
	w.arg = GetEventsArg{MinWaitUsec: minWait}
	if ts != nil {
		w.ts = *ts
		w.arg.Ts = uint64(uintptr(unsafe.Pointer(&w.ts)))
	}
	if sigmask != nil {
		w.mask = uint64(*sigmask)
		w.arg.Sigmask, w.arg.SigmaskSz = uint64(uintptr(unsafe.Pointer(&w.mask))), 8
	}
	_, _, errno := syscall.Syscall6(sysEnter, ring.enterFd, uintptr(submit), uintptr(waitNr),
		uintptr(EnterGetEvents|EnterExtArg|ring.enterFlags|flags), uintptr(unsafe.Pointer(&w.arg)), unsafe.Sizeof(w.arg))
	return errno
}

// SubmitAndWaitTimeout submits what is prepared and waits for waitNr completions for at most ts (nil: for ever), with
// sigmask in force if it is not nil. It returns the oldest completion. ETIME says that none came in time, EINTR that a
// signal came first, EAGAIN that entries were submitted and none completed.
func (ring *Ring) SubmitAndWaitTimeout(waitNr uint32, ts *syscall.Timespec, sigmask *Sigset) (*CompletionQueueEvent, error) {
	return ring.oldest(ring.EnterTimeout(ring.FlushSQ(), waitNr, 0, ts, 0, sigmask))
}

// SubmitAndWaitMinTimeout is SubmitAndWaitTimeout that is content with one completion once minWait microseconds passed
// (FeatMinTimeout, 6.12; EINVAL without).
func (ring *Ring) SubmitAndWaitMinTimeout(waitNr uint32, ts *syscall.Timespec, minWait uint32) (*CompletionQueueEvent, error) {
	if ring.features&FeatMinTimeout == 0 {
		return nil, syscall.EINVAL
	}
	return ring.oldest(ring.EnterTimeout(ring.FlushSQ(), waitNr, 0, ts, minWait, nil))
}

func (ring *Ring) oldest(errno syscall.Errno) (*CompletionQueueEvent, error) {
	switch {
	case ring.CQReady() > 0:
		return ring.CQEAt(0), nil
	case errno != 0:
		return nil, errno
	}
	return nil, syscall.EAGAIN
}
