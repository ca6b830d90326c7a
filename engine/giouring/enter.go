package giouring

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// FlushSQ publishes the prepared entries and returns how many the kernel has not taken yet: the number to submit.
func (ring *Ring) FlushSQ() uint32 {
	sq := &ring.sq
	if sq.sqeHead != sq.sqeTail {
		sq.sqeHead = sq.sqeTail
		atomic.StoreUint32(sq.tail, sq.sqeTail)
	}
	return sq.sqeTail - atomic.LoadUint32(sq.head)
}

// EnterRaw is io_uring_enter(2) that never blocks: min_complete is 0. It bypasses the Go scheduler, so it costs as little as a
// system call can, and must not wait for anything.
func (ring *Ring) EnterRaw(submit, flags uint32) (uint, syscall.Errno) {
	if k := ring.kernel; k != nil {
		return k.Enter(ring.ringFd, submit, 0, flags, nil)
	}
	n, _, errno := syscall.RawSyscall6(sysEnter, ring.enterFd, uintptr(submit), 0,
		uintptr(flags|ring.enterFlags), 0, 0)
	return uint(n), errno
}

// EnterSys is io_uring_enter(2) with no argument, announced to the Go scheduler: it may block, or take long.
func (ring *Ring) EnterSys(submit, waitNr, flags uint32) (uint, syscall.Errno) {
	if k := ring.kernel; k != nil {
		return k.Enter(ring.ringFd, submit, waitNr, flags, nil)
	}
	n, _, errno := syscall.Syscall6(sysEnter, ring.enterFd, uintptr(submit), uintptr(waitNr),
		uintptr(flags|ring.enterFlags), 0, 0)
	return uint(n), errno
}

// EnterTimeout is a blocking io_uring_enter(2) with EnterExtArg (FeatExtArg, 5.11): it submits, then waits for waitNr
// completions for at most ts; a nil ts waits forever. flags is or-ed in (EnterNoIowait). Once anything was submitted the
// kernel reports success, however the wait ended; else ETIME after ts, EINTR after a signal.
func (ring *Ring) EnterTimeout(submit, waitNr, flags uint32, ts *syscall.Timespec) syscall.Errno {
	if k := ring.kernel; k != nil {
		_, errno := k.Enter(ring.ringFd, submit, waitNr, flags|EnterGetEvents, ts)
		return errno
	}
	w := ring.wait
	w.arg = GetEventsArg{}
	if ts != nil {
		w.ts = *ts
		w.arg.Ts = uint64(uintptr(unsafe.Pointer(&w.ts)))
	}
	_, _, errno := syscall.Syscall6(sysEnter, ring.enterFd, uintptr(submit), uintptr(waitNr),
		uintptr(EnterGetEvents|EnterExtArg|ring.enterFlags|flags), uintptr(unsafe.Pointer(&w.arg)), unsafe.Sizeof(w.arg))
	return errno
}

// EnterWaitRaw is io_uring_enter(2) that waits for waitNr completions and bypasses the Go scheduler: no other goroutine gets the
// caller's P, and no garbage collection can start, until it returns.
func (ring *Ring) EnterWaitRaw(submit, waitNr, flags uint32) syscall.Errno {
	if k := ring.kernel; k != nil {
		_, errno := k.Enter(ring.ringFd, submit, waitNr, flags|EnterGetEvents, nil)
		return errno
	}
	_, _, errno := syscall.RawSyscall6(sysEnter, ring.enterFd, uintptr(submit), uintptr(waitNr),
		uintptr(EnterGetEvents|ring.enterFlags|flags), 0, 0)
	return errno
}
