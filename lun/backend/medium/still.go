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
)

// StillAt says whether path still leads to what is open as fd; the error says what is so instead. It looks at places, not
// at fingerprints: a copy that was renamed over the file is another one. It may block as stat(2) does.
func StillAt(fd int, path string) error {
	var open, there unix.Statx_t
	if err := statx(fd, "", unix.AT_EMPTY_PATH, &open); err != nil {
		return fmt.Errorf("the open file: %w", err)
	}
	deleted := open.Mode&unix.S_IFMT == unix.S_IFREG && open.Nlink == 0
	switch err := statx(unix.AT_FDCWD, path, 0, &there); {
	case deleted && err == nil:
		return fmt.Errorf("%w; the open file was deleted", ErrOther)
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

// replaced compares the sequence number that the kernel gives every disk that appears (Linux 5.15), of the open device and
// of the one that has its number now.
func replaced(fd int, there *unix.Statx_t) bool {
	var seq uint64
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.BLKGETDISKSEQ, uintptr(unsafe.Pointer(&seq))); e != 0 {
		return false
	}
	now := attribute(Host().Sys, "dev/block", fmt.Sprintf("%d:%d", there.Rdev_major, there.Rdev_minor), "diskseq")
	return now != "" && now != strconv.FormatUint(seq, 10) // a partition has none of its own in sysfs
}

func rdev(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Rdev
	}
	return 0
}
