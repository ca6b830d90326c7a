package giouring

import (
	"syscall"
	"unsafe"
)

// Kernel replaces Linux behind a ring: it implements the system calls of io_uring, reads entries from the memory of Map and
// writes completions there. Simulations supply one; upstream has nothing like it.
type Kernel interface {
	// Setup is io_uring_setup(2). It returns the ring's descriptor and completes p.
	Setup(entries uint32, p *Params) (fd uint, err error)
	// Map is mmap(2) of size bytes at one of the ring's offsets (OffSQRing, OffCQRing, OffSQEs). The memory is zeroed;
	// the kernel frees it after Close.
	Map(fd int, offset int64, size uintptr) (unsafe.Pointer, error)
	// Enter is io_uring_enter(2). A wait for completions that would be long may end early, with EINTR. ts is how long it may
	// last, nil forever.
	Enter(fd int, submit, wait, flags uint32, ts *syscall.Timespec) (uint, syscall.Errno)
	// Register is io_uring_register(2).
	Register(fd int, opcode uint32, arg unsafe.Pointer, nrArgs uint32) (uint, syscall.Errno)
	// Close is close(2) of the ring's descriptor.
	Close(fd int)
}

// SetKernel puts k behind a ring that is not set up yet.
func (ring *Ring) SetKernel(k Kernel) { ring.kernel = k }

func (ring *Ring) setup(entries uint32, p *Params) (uint, error) {
	if k := ring.kernel; k != nil {
		return k.Setup(entries, p)
	}
	return Setup(entries, p)
}
