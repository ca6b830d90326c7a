package uring

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Map returns n bytes of zeroed memory outside the Go heap, aligned to a page and rounded up to whole pages. Large
// mappings ask for huge pages. The memory stays until Unmap. It must not hold pointers into the Go heap: the garbage
// collector does not look there.
func Map(n int) ([]byte, error) {
	page := os.Getpagesize()
	if n <= 0 || n > maxMapBytes {
		return nil, fmt.Errorf("uring: a mapping of %d bytes", n)
	}
	n = (n + page - 1) &^ (page - 1)
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("uring: mapping %d bytes: %w", n, err)
	}
	if n >= hugeBytes {
		_ = unix.Madvise(mem, unix.MADV_HUGEPAGE) // a kernel without them serves small ones
	}
	return mem, nil
}

// Unmap unmaps memory of Map. The slice must be the one that Map returned.
func Unmap(mem []byte) error {
	if mem == nil {
		return nil
	}
	return unix.Munmap(mem)
}

// Populate faults the memory in now, so that the data path need not. It keeps the contents, and other threads may use the memory
// meanwhile. The process's memory map is locked for one huge page at a time.
func Populate(mem []byte) error {
	for at := 0; at < len(mem); at += hugeBytes {
		if err := unix.Madvise(mem[at:min(at+hugeBytes, len(mem))], unix.MADV_POPULATE_WRITE); err != nil {
			return fmt.Errorf("uring: populating %d of %d bytes: %w", at, len(mem), err)
		}
	}
	return nil
}

// Arena hands out pieces of one mapping. Pieces are not freed individually; Close frees all.
type Arena struct {
	mem  []byte
	used int
}

// NewArena maps an arena of at least n bytes.
func NewArena(n int) (*Arena, error) {
	mem, err := Map(n)
	if err != nil {
		return nil, err
	}
	return &Arena{mem: mem}, nil
}

// Bytes returns n zeroed bytes aligned to align, a power of two up to the page size. The error says that the arena is
// full.
func (a *Arena) Bytes(n, align int) ([]byte, error) {
	if n < 0 || align <= 0 || align&(align-1) != 0 || align > os.Getpagesize() {
		return nil, fmt.Errorf("uring: %d bytes aligned to %d", n, align)
	}
	start := (a.used + align - 1) &^ (align - 1)
	if n > len(a.mem)-start {
		return nil, fmt.Errorf("uring: arena of %d bytes has no %d left after %d", len(a.mem), n, a.used)
	}
	a.used = start + n
	return a.mem[start : start+n : start+n], nil
}

// Close unmaps the arena.
func (a *Arena) Close() error {
	mem := a.mem
	a.mem, a.used = nil, 0
	return Unmap(mem)
}

// Alloc places n zero values of T in the arena. T may hold pointers only to memory that is mapped too.
func Alloc[T any](a *Arena, n int) ([]T, error) {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if size == 0 || n <= 0 || n > len(a.mem)/size {
		return nil, fmt.Errorf("uring: %d values of %d bytes in an arena of %d", n, size, len(a.mem))
	}
	b, err := a.Bytes(n*size, int(unsafe.Alignof(zero)))
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n), nil
}

func pointer(p []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(p)) }

func address(p []byte) uintptr { return uintptr(pointer(p)) }

// length is len(p) as the kernel takes it. A longer slice is cut to what one transfer can move.
func length(p []byte) uint32 { return uint32(min(len(p), MaxTransfer)) }
