package uring

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// There are two ways to wake a loop that sleeps in SubmitAndWait.
//
// Another loop calls its own ring's Wake(target): one MSG_RING entry, submitted with whatever else it submits. A
// goroutine without a ring calls target.Notify: a write to an eventfd that the target polls.
//
// Both only wake. The messages themselves go through a queue, whose "sleeping" flag is set while the loop must be woken; a busy
// loop need not be. No message is lost if the sender first puts its message into the queue and then wakes the loop, and the
// loop checks the queue when Woken returns true, and before it sleeps.

// UserDataReserved is the first user data value that callers must not use.
const UserDataReserved = ^uint64(0) - 15

const (
	udWake   = UserDataReserved + iota // a message from Wake; or, on the sender, its failure
	udNotify                           // the eventfd's poll
)

// Wake wakes target, a ring of another thread or of this one. A closed target is not an error: this ring, or another that has
// its descriptor now, is woken unnecessarily.
func (r *Ring) Wake(target *Ring) { r.MsgRing(target.fd, udWake, 0, udWake) }

// Notify wakes the ring from any goroutine. Signals that have not been seen yet are merged. It never blocks, and does nothing
// once the ring is closed.
func (r *Ring) Notify() {
	if r.notify.pending.Swap(true) {
		return
	}
	r.notify.mu.RLock()
	defer r.notify.mu.RUnlock()
	if r.notify.fd < 0 {
		return
	}
	if k := r.notify.kernel; k != nil {
		k.Signal(r.notify.fd)
		return
	}
	one := uint64(1)
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(r.notify.fd), uintptr(unsafe.Pointer(&one)), 8)
}

// Woken reports whether c is a wake-up, and handles it if so. The loop calls it for every completion.
func (r *Ring) Woken(c CQE) bool {
	return c.UserData >= UserDataReserved && r.woken(c)
}

func (r *Ring) woken(c CQE) bool {
	if c.UserData == udNotify {
		// The counter is not read: each write wakes separately, and it never gets near 2^64.
		r.notify.pending.Store(false)
		if !c.More() && !r.closed {
			r.armNotify()
		}
	}
	return true
}

func (r *Ring) openNotify() error {
	fd, err := r.eventfd()
	if err != nil {
		return fmt.Errorf("uring: eventfd: %w", err)
	}
	r.notify.fd = fd
	r.armNotify()
	return nil
}

func (r *Ring) eventfd() (int, error) {
	if k := r.notify.kernel; k != nil {
		return k.Eventfd()
	}
	return unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
}

func (r *Ring) armNotify() { r.PollAdd(FD(r.notify.fd), unix.POLLIN, true, udNotify) }

func (r *Ring) closeNotify() {
	r.notify.mu.Lock()
	defer r.notify.mu.Unlock()
	if r.notify.fd >= 0 {
		if k := r.notify.kernel; k != nil {
			k.CloseEventfd(r.notify.fd)
		} else {
			_ = syscall.Close(r.notify.fd)
		}
		r.notify.fd = -1
	}
}
