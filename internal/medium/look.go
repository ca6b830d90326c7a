package medium

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// System has the folders that describe a machine's devices. Tests use their own folders.
type System struct {
	Sys  string // /sys
	Udev string // /run/udev/data
	Dev  string // /dev
}

// Host is this machine.
func Host() System { return System{Sys: "/sys", Udev: "/run/udev/data", Dev: "/dev"} }

// ErrKind is the error for something other than a regular file or a block device.
var ErrKind = errors.New("is neither a regular file nor a block device")

// OfPath returns the fingerprint of the file or device at path on this machine. It does not open devices.
func OfPath(path string) (Fingerprint, error) { return Host().OfPath(path) }

// OfFD returns the fingerprint of the file or device open as fd.
func OfFD(fd int) (Fingerprint, error) { return Host().OfFD(fd) }

const statxWants = unix.STATX_TYPE | unix.STATX_INO | unix.STATX_SIZE | unix.STATX_BTIME | unix.STATX_NLINK

// OfPath is like the function OfPath, for machine s.
func (s System) OfPath(path string) (Fingerprint, error) {
	var st unix.Statx_t
	if err := statx(unix.AT_FDCWD, path, 0, &st); err != nil {
		return Fingerprint{}, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return s.of(-1, path, &st)
	}
	// Reading the file system's UUID needs a descriptor.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return s.of(-1, path, &st)
	}
	defer unix.Close(fd)
	return s.OfFD(fd)
}

// OfFD is like the function OfFD, for machine s.
func (s System) OfFD(fd int) (Fingerprint, error) {
	var st unix.Statx_t
	if err := statx(fd, "", unix.AT_EMPTY_PATH, &st); err != nil {
		return Fingerprint{}, err
	}
	return s.of(fd, "", &st)
}

// of returns the fingerprint of the file or device that st describes, which is open as fd or found at path.
func (s System) of(fd int, path string, st *unix.Statx_t) (Fingerprint, error) {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		f := Fingerprint{kind: File, places: []string{placeOf(st)}}
		f.file("", fd, path, st)
		f.add(factSize, fmt.Sprint(st.Size))
		return f, nil
	case unix.S_IFBLK:
		return s.device(st.Rdev_major, st.Rdev_minor), nil
	}
	return Fingerprint{}, ErrKind
}

// placeOf returns a name of a file or device that is valid until the machine restarts.
func placeOf(st *unix.Statx_t) string {
	if st.Mode&unix.S_IFMT == unix.S_IFBLK {
		return fmt.Sprintf("block %d:%d", st.Rdev_major, st.Rdev_minor)
	}
	return fmt.Sprintf("file %d:%d %d", st.Dev_major, st.Dev_minor, st.Ino)
}

// Magic numbers of file systems (statfs(2)) that golang.org/x/sys does not name.
const (
	exfatMagic = 0x2011BAB0
	zfsMagic   = 0x2FC12FC1
)

// file adds the facts that identify a regular file. Their names begin with prefix.
func (f *Fingerprint) file(prefix string, fd int, path string, st *unix.Statx_t) {
	var fs unix.Statfs_t
	var err error
	if fd >= 0 {
		f.add(prefix+factFSUUID, fsUUID(fd))
		err = unix.Fstatfs(fd, &fs)
	} else {
		err = unix.Statfs(path, &fs)
	}
	inodes := true
	if err == nil {
		switch int64(fs.Type) {
		case unix.EXT4_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, zfsMagic:
			// These derive f_fsid from the file system's UUID (btrfs also from the subvolume's number, since snapshots have equal
			// inodes). Others may use the device's number, which another device may have tomorrow.
			if fs.Fsid.Val == [2]int32{} {
				break
			}
			f.add(prefix+factFSID, fmt.Sprintf("%08x%08x", uint32(fs.Fsid.Val[1]), uint32(fs.Fsid.Val[0])))
		case unix.MSDOS_SUPER_MAGIC, exfatMagic, unix.FUSE_SUPER_MAGIC:
			inodes = false // renumbered at each mount
		}
	}
	if inodes {
		f.add(prefix+factInode, fmt.Sprint(st.Ino))
	}
	if st.Mask&unix.STATX_BTIME != 0 && st.Btime.Sec != 0 {
		f.add(prefix+factBorn, time.Unix(st.Btime.Sec, int64(st.Btime.Nsec)).UTC().Format(time.RFC3339Nano))
	}
}

// Born returns a file's birth time, if its file system records it.
func (f Fingerprint) Born() (t time.Time, ok bool) {
	t, err := time.Parse(time.RFC3339Nano, f.get(factBorn))
	return t, err == nil
}

// fsUUID returns the UUID of fd's file system (FS_IOC_GETFSUUID, Linux 6.9); "" if it has none or the kernel is older.
func fsUUID(fd int) string {
	const getFSUUID = 0x80111500 // _IOR(0x15, 0, struct fsuuid2)
	var u struct {
		n    uint8
		uuid [16]byte
	}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), getFSUUID, uintptr(unsafe.Pointer(&u))); e != 0 || int(u.n) > len(u.uuid) {
		return ""
	}
	if u.uuid == [16]byte{} {
		return "" // a UUID set after the mount is visible only from the next mount on
	}
	return hex.EncodeToString(u.uuid[:u.n])
}

func statx(dir int, path string, flags int, st *unix.Statx_t) error {
	for {
		err := unix.Statx(dir, path, flags|unix.AT_STATX_SYNC_AS_STAT, statxWants, st)
		if err != unix.EINTR {
			return err
		}
	}
}

// attribute returns the content of a small text file, or "".
func attribute(elem ...string) string {
	f, err := os.Open(filepath.Join(elem...))
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxAttribute))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
