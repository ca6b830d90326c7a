package peer

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memoryFile is a file in memory (memfd_create(2)) that another process opens by path: the pages are those of a file in /dev/shm,
// but it has no name there, so it goes with the last process that has it open.
type memoryFile struct{ f *os.File }

func newMemoryFile(size int64) (*memoryFile, error) {
	fd, err := unix.MemfdCreate("ringtgt-peer", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("peer: memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "memfd")
	if err := f.Truncate(size); err != nil {
		f.Close()
		return nil, fmt.Errorf("peer: %d bytes of memory: %w", size, err)
	}
	return &memoryFile{f}, nil
}

// path is valid until close.
func (m *memoryFile) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), m.f.Fd()) }

func (m *memoryFile) close() { _ = m.f.Close() }
