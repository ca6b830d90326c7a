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

// System is where a machine tells of its devices. Tests bring folders of their own.
type System struct {
	Sys  string // /sys
	Udev string // /run/udev/data
	Dev  string // /dev
}

// Host is this machine.
func Host() System { return System{Sys: "/sys", Udev: "/run/udev/data", Dev: "/dev"} }

// ErrKind is the error for what is neither a regular file nor a block device.
var ErrKind = errors.New("is neither a regular file nor a block device")

// OfPath looks at what path leads to on this machine. It opens no device.
func OfPath(path string) (Fingerprint, error) { return Host().OfPath(path) }

// OfFD looks at what is open as fd.
func OfFD(fd int) (Fingerprint, error) { return Host().OfFD(fd) }

const statxWants = unix.STATX_TYPE | unix.STATX_INO | unix.STATX_SIZE | unix.STATX_BTIME | unix.STATX_NLINK

// OfPath is OfPath on machine s.
func (s System) OfPath(path string) (Fingerprint, error) {
	var st unix.Statx_t
	if err := statx(unix.AT_FDCWD, path, 0, &st); err != nil {
		return Fingerprint{}, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return s.of(-1, path, &st)
	}
	// The file system's UUID takes a descriptor.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return s.of(-1, path, &st)
	}
	defer unix.Close(fd)
	return s.OfFD(fd)
}

// OfFD is OfFD on machine s.
func (s System) OfFD(fd int) (Fingerprint, error) {
	var st unix.Statx_t
	if err := statx(fd, "", unix.AT_EMPTY_PATH, &st); err != nil {
		return Fingerprint{}, err
	}
	return s.of(fd, "", &st)
}

// of makes the fingerprint of what st describes; it is open as fd, or at path.
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

// placeOf names a file or device until the machine restarts.
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

// file adds what tells a regular file from others. The names begin with prefix.
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
			// f_fsid is made of the file system's UUID here (btrfs: and of the subvolume's number, whose snapshots have equal
			// inodes). With others it may be the device's number, which another device has tomorrow.
			if fs.Fsid.Val == [2]int32{} {
				break
			}
			f.add(prefix+factFSID, fmt.Sprintf("%08x%08x", uint32(fs.Fsid.Val[1]), uint32(fs.Fsid.Val[0])))
		case unix.MSDOS_SUPER_MAGIC, exfatMagic, unix.FUSE_SUPER_MAGIC:
			inodes = false // numbered anew at each mount
		}
	}
	if inodes {
		f.add(prefix+factInode, fmt.Sprint(st.Ino))
	}
	if st.Mask&unix.STATX_BTIME != 0 && st.Btime.Sec != 0 {
		f.add(prefix+factBorn, time.Unix(st.Btime.Sec, int64(st.Btime.Nsec)).UTC().Format(time.RFC3339Nano))
	}
}

// Born is a file's birth time, when its file system knows it.
func (f Fingerprint) Born() (t time.Time, ok bool) {
	t, err := time.Parse(time.RFC3339Nano, f.get(factBorn))
	return t, err == nil
}

// fsUUID asks for the UUID of fd's file system: FS_IOC_GETFSUUID of Linux 6.9; "" when it has none or the kernel is older.
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
		return "" // it was given one after it was mounted, and will have it at the next mount
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

// attribute reads a small text file, "" when it cannot.
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
