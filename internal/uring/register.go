package uring

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrMemlock matches every MemlockError in errors.Is.
var ErrMemlock = errors.New("over the limit on locked memory")

// MemlockError says that memory could not be registered because of RLIMIT_MEMLOCK. Operations on it still work as
// Unregistered.
type MemlockError struct {
	Bytes int    // wanted
	Limit uint64 // RLIMIT_MEMLOCK of the process, in bytes; the user's other processes count against it too
	Err   error  // ENOMEM or EPERM
}

func (e *MemlockError) Error() string {
	return fmt.Sprintf("uring: registering %d bytes: over the limit on locked memory, RLIMIT_MEMLOCK, of %d bytes: %v",
		e.Bytes, e.Limit, e.Err)
}

// Unwrap makes errors.Is work for ErrMemlock and for the errno.
func (e *MemlockError) Unwrap() []error { return []error{ErrMemlock, e.Err} }

// RegisterSlabs makes an empty table of n slabs, at most MaxSlabs. It can be done once.
func (r *Ring) RegisterSlabs(n int) error {
	if n <= 0 || n > MaxSlabs || r.slabs != 0 {
		return fmt.Errorf("uring: a table of %d slabs after one of %d", n, r.slabs)
	}
	if _, err := r.g.RegisterBuffersSparse(uint32(n)); err != nil {
		return fmt.Errorf("uring: a table of %d slabs: %w", n, err)
	}
	r.slabs = n
	return nil
}

// SetSlab registers mem, of Map and at most MaxSlabBytes, as slab i; nil empties it. The kernel keeps its pages in
// memory until it is replaced and no operation uses it. After a MemlockError, continue without registration.
func (r *Ring) SetSlab(i int, mem []byte) error {
	if i < 0 || i >= r.slabs || len(mem) > MaxSlabBytes {
		return fmt.Errorf("uring: slab %d of %d with %d bytes", i, r.slabs, len(mem))
	}
	var iov [1]Iovec
	if len(mem) > 0 {
		iov[0].Base = unsafe.SliceData(mem)
		iov[0].SetLen(len(mem))
	}
	_, err := r.g.RegisterBuffersUpdateTag(uint32(i), iov[:], nil)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EPERM):
		var lim unix.Rlimit
		_ = unix.Getrlimit(unix.RLIMIT_MEMLOCK, &lim)
		return &MemlockError{Bytes: len(mem), Limit: lim.Cur, Err: err}
	}
	return fmt.Errorf("uring: slab %d: %w", i, err)
}

// RegisterFiles makes an empty table of n file slots, at most MaxFiles and RLIMIT_NOFILE. It can be done once.
func (r *Ring) RegisterFiles(n int) error {
	if n <= 0 || n > MaxFiles || r.files != 0 {
		return fmt.Errorf("uring: a table of %d files after one of %d", n, r.files)
	}
	if _, err := r.g.RegisterFilesSparse(uint32(n)); err != nil {
		return fmt.Errorf("uring: a table of %d files: %w", n, err)
	}
	r.files = n
	return nil
}

// SetFile puts descriptor fd into slot i, or empties the slot with -1. The slot keeps the file open by itself: fd may
// be closed.
func (r *Ring) SetFile(i int, fd int) error {
	if i < 0 || i >= r.files {
		return fmt.Errorf("uring: file slot %d of %d", i, r.files)
	}
	files := [1]int32{int32(fd)}
	if _, err := r.g.RegisterFilesUpdate(uint(i), files[:]); err != nil {
		return fmt.Errorf("uring: file slot %d: %w", i, err)
	}
	return nil
}
