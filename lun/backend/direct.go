package backend

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arenaAlign is the alignment of all memory that a command uses in a loop's arena: commands transfer whole logical blocks of
// at least 512 bytes.
const arenaAlign = 512

// setDirect determines the alignment that O_DIRECT requires for fd, which was opened with it, and blocks of bs bytes. It returns an
// error if O_DIRECT cannot be used.
func (d *disk) setDirect(fd int, bs int64) error {
	mem, off := int64(arenaAlign), bs
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &st)
	if err == nil && st.Mask&unix.STATX_DIOALIGN != 0 { // Linux 6.1; on older kernels the read below decides
		mem, off = int64(st.Dio_mem_align), int64(st.Dio_offset_align)
		if mem == 0 || off == 0 {
			return errors.New("the filesystem has no direct I/O for this file")
		}
	}
	switch {
	case bs%off != 0:
		return fmt.Errorf("direct I/O needs multiples of %d bytes here, and blocks have %d (use bs=4096)", off, bs)
	case mem > arenaAlign:
		return fmt.Errorf("direct I/O needs memory aligned to %d bytes here, and only %d is certain", mem, arenaAlign)
	}
	// On stacked filesystems the reported alignment may not be the real one: read one block as the data path will.
	buf, err := unix.Mmap(-1, 0, 2*arenaAlign+int(bs), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	defer unix.Munmap(buf)
	for _, at := range []int64{0, bs} {
		if _, err := unix.Pread(fd, buf[arenaAlign:arenaAlign+bs], at); err != nil && err != unix.EIO {
			return fmt.Errorf("a direct read of %d bytes at %d: %w", bs, at, err)
		}
	}
	d.align, d.memAlign = off, mem
	return nil
}

// openDirect opens path with flags, and with O_DIRECT if mode says so. why is the reason if mode allows O_DIRECT but it is not used.
func (d *disk) openDirect(path string, flags int, mode Direct, bs func(fd int) (int64, error)) (fd int, why string, err error) {
	flags |= unix.O_CLOEXEC | unix.O_NOCTTY
	if mode != DirectOff {
		fd, err = openRetry(path, flags|unix.O_DIRECT)
		if err == nil {
			size, err := bs(fd)
			if err != nil {
				unix.Close(fd)
				return -1, "", err
			}
			if err = d.setDirect(fd, size); err == nil {
				return fd, "", nil
			}
			unix.Close(fd)
			why = err.Error()
		} else if err == unix.EINVAL || err == unix.EOPNOTSUPP { // open(2): the filesystem does not support O_DIRECT
			why = "the filesystem refuses O_DIRECT"
		} else {
			return -1, "", forWriting(path, flags, err)
		}
		if mode == DirectOn {
			return -1, "", errors.New("direct=on: " + why)
		}
	}
	d.align, d.memAlign = 1, 1
	fd, err = openRetry(path, flags)
	return fd, why, forWriting(path, flags, err)
}

// forWriting adds to an error of open(2) that the medium can be served read-only, if it is readable.
func forWriting(path string, flags int, err error) error {
	if flags&unix.O_ACCMODE == unix.O_RDONLY || err != unix.EACCES && err != unix.EPERM && err != unix.EROFS {
		return err
	}
	fd, failed := openRetry(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY)
	if failed != nil {
		return err
	}
	unix.Close(fd)
	return fmt.Errorf("cannot be opened for writing: %w; with ,ro (read_only in the file) it is served read-only", err)
}

// openRetry is open(2), repeated after a signal.
func openRetry(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags, 0o600)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// aligned reports whether d can use b without a copy.
func (d *disk) aligned(b []byte) bool {
	return int64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))%d.memAlign == 0
}
