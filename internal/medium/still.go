package medium

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Errors of StillAt.
var (
	ErrDeleted = errors.New("was deleted: its data is lost when this daemon stops, so copy it from an initiator first")
	ErrGone    = errors.New("nothing is at its path any more")
	ErrOther   = errors.New("something else is at its path now")
	// ErrUnlinked comes with ErrOther.
	ErrUnlinked = errors.New("the open file was deleted")
)

// StillAt checks that path still leads to the file or device open as fd; the error describes what is there instead. It compares places, not
// fingerprints: a copy that was renamed over the file is another file. It may block like stat(2).
func StillAt(fd int, path string) error {
	var open, there unix.Statx_t
	if err := statx(fd, "", unix.AT_EMPTY_PATH, &open); err != nil {
		return fmt.Errorf("the open file: %w", err)
	}
	deleted := open.Mode&unix.S_IFMT == unix.S_IFREG && open.Nlink == 0
	switch err := statx(unix.AT_FDCWD, path, 0, &there); {
	case deleted && err == nil:
		return fmt.Errorf("%w; %w", ErrOther, ErrUnlinked)
	case deleted:
		return ErrDeleted
	case err == unix.ENOENT || err == unix.ENOTDIR:
		return ErrGone
	case err != nil:
		return fmt.Errorf("its path: %w", err)
	case placeOf(&open) != placeOf(&there):
		return ErrOther
	case open.Mode&unix.S_IFMT == unix.S_IFBLK && replaced(fd, &there):
		return fmt.Errorf("%w: another device came under the same number", ErrOther)
	}
	return nil
}

// replaced compares the sequence numbers (Linux 5.15) of the open device and of the device that has its number now. The kernel
// gives every new disk a new one.
func replaced(fd int, there *unix.Statx_t) bool {
	var seq uint64
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.BLKGETDISKSEQ, uintptr(unsafe.Pointer(&seq))); e != 0 {
		return false
	}
	now := attribute(Host().Sys, "dev/block", fmt.Sprintf("%d:%d", there.Rdev_major, there.Rdev_minor), "diskseq")
	return now != "" && now != strconv.FormatUint(seq, 10) // partitions have none in sysfs
}

func rdev(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Rdev
	}
	return 0
}
