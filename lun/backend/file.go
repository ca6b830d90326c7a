package backend

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
)

// File keeps blocks in a regular file. Acknowledged data is in the page cache or the drive's cache until a sync or a
// FUA write (Geometry.Volatile). The file is locked (flock): a second daemon, or a second unit, cannot serve it.
type File struct {
	disk
	path string
	made bool // there was no file
}

var _ Backend = (*File)(nil)

// OpenFile opens or creates the file of s. It never makes an existing file smaller. After an error it leaves no file that it created.
func OpenFile(s Spec) (_ *File, err error) {
	f := &File{path: s.Path}
	defer func() {
		if err != nil && f.made {
			_ = os.Remove(s.Path) // the error that matters is the other one
		}
	}()
	f.regular = true
	f.geom = lun.Geometry{BlockSize: s.BlockSize, ReadOnly: s.ReadOnly, Thin: s.Thin}
	f.ask, f.lost = fileTraits, s.Lost
	if s.Size > 0 && !s.ReadOnly && s.Is.IsZero() {
		if f.made, err = create(s.Path, s.Size); err != nil {
			return nil, err
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(s.Path, &st); err != nil {
		if err == unix.ENOENT && s.Size == 0 {
			return nil, errors.New("there is no such file; with a size, file:PATH:SIZE creates it")
		}
		return nil, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFBLK:
		return nil, errors.New("is a block device: use block:" + s.Path)
	default:
		return nil, errors.New("is not a regular file")
	}
	flags := unix.O_RDWR
	if s.ReadOnly {
		flags = unix.O_RDONLY
	}
	fd, why, err := f.openDirect(s.Path, flags, s.Direct, func(int) (int64, error) { return int64(s.BlockSize), nil })
	if err != nil {
		return nil, err
	}
	if why != "" {
		f.notes = append(f.notes, fmt.Sprintf("file:%s is served through the page cache: %s", s.Path, why))
	}
	if err := f.open(fd, s); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return f, nil
}

// open finishes what OpenFile began, on an open descriptor.
func (f *File) open(fd int, s Spec) error {
	how := unix.LOCK_EX
	if s.ReadOnly {
		how = unix.LOCK_SH
	}
	if err := unix.Flock(fd, how|unix.LOCK_NB); err == unix.EWOULDBLOCK {
		return locked(fd)
	} else if err != nil {
		return fmt.Errorf("flock: %w", err)
	}
	if err := isStill(fd, s); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Nlink == 0 { // whoever deletes such files holds the lock meanwhile
		return errors.New("was deleted while it was opened")
	}
	size := st.Size
	if s.Size > 0 && size > s.Size {
		f.notes = append(f.notes, fmt.Sprintf("file:%s has %d bytes, more than the %d asked for; all of them are served", s.Path, size, s.Size))
	}
	if s.Size > size {
		if s.ReadOnly {
			return fmt.Errorf("has %d bytes, %d were asked for, and it is read-only", size, s.Size)
		}
		if err := unix.Ftruncate(fd, s.Size); err != nil {
			return fmt.Errorf("ftruncate to %d bytes: %w", s.Size, err)
		}
		if err := unix.Fsync(fd); err != nil {
			return fmt.Errorf("fsync: %w", err)
		}
		f.notes = append(f.notes, fmt.Sprintf("file:%s was extended from %d to %d bytes", s.Path, size, s.Size))
		size = s.Size
	}
	whole := f.setSize(size)
	if whole == 0 {
		return errors.New("has no whole block; with a size, file:PATH:SIZE extends it")
	}
	if rest := size - whole; rest != 0 {
		f.notes = append(f.notes, fmt.Sprintf("file:%s ends in %d bytes that make no block and are not served", s.Path, rest))
	}
	// Punching beyond the end changes nothing, and shows whether the file system supports it.
	if s.Thin && !s.ReadOnly {
		const hole = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
		if err := unix.Fallocate(fd, hole, (size+4095)/4096*4096, 4096); err != nil {
			return fmt.Errorf("thin needs a filesystem that can punch holes: %w", err)
		}
	}
	return f.init(fd)
}

func (d *disk) setSize(n int64) (whole int64) {
	whole = n / int64(d.geom.BlockSize) * int64(d.geom.BlockSize)
	d.size.Store(whole)
	return whole
}

// Made reports whether OpenFile created the file.
func (f *File) Made() bool { return f.made }

// create durably creates a file of size bytes at path if there is none. It has no name before it has its full size, so that a crash
// leaves neither a shorter file nor another name.
func create(path string, size int64) (made bool, err error) {
	if _, err := os.Lstat(path); err == nil || !errors.Is(err, os.ErrNotExist) {
		return false, nil // opening it finds out what it is
	}
	f, name, err := nameless(filepath.Dir(path), filepath.Base(path))
	if err != nil {
		return false, err
	}
	defer f.Close()
	if name != "" {
		defer os.Remove(name)
	}
	if err := f.Truncate(size); err != nil {
		return false, fmt.Errorf("cannot make it %d bytes long: %w", size, err)
	}
	if err := f.Sync(); err != nil {
		return false, err
	}
	// Unlike rename(2), link(2) replaces nothing, if another process has created the file meanwhile.
	if name == "" {
		name = fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	}
	if err := unix.Linkat(unix.AT_FDCWD, name, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW); err == unix.EEXIST {
		return false, nil
	} else if err != nil {
		return false, &os.LinkError{Op: "link", Old: name, New: path, Err: err}
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return true, err
	}
	defer dir.Close()
	return true, dir.Sync()
}

// nameless makes a file in dir without a name or, where the file system cannot do that (open(2), O_TMPFILE), with a hidden one.
func nameless(dir, base string) (f *os.File, name string, err error) {
	if f, err = os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600); err == nil {
		return f, "", nil
	}
	if f, err = os.CreateTemp(dir, "."+base+".*"); err != nil {
		return nil, "", err
	}
	return f, f.Name(), nil
}

// Refresh implements Backend: the file may have been extended, or cut with loss of data.
func (f *File) Refresh() (changed bool, err error) {
	if !f.life.enter(helper) {
		return false, lun.ErrGone
	}
	defer f.life.leave(helper)
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return false, err
	}
	f.ends(st.Size)
	before := f.size.Load()
	if st.Size < int64(f.geom.BlockSize) {
		return false, nil // a unit cannot have zero blocks; each block is a medium error
	}
	return f.setSize(st.Size) != before, nil
}

// Grow implements Growable.
func (f *File) Grow(n int64) error {
	if !f.life.enter(helper) {
		return lun.ErrGone
	}
	defer f.life.leave(helper)
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return err
	}
	switch {
	case st.Size >= n:
		return nil
	case f.geom.ReadOnly:
		return errors.New("is read-only")
	case st.Size < f.size.Load():
		return errors.New("was truncated, and must not hide that by growing again")
	}
	// A file whose space is all reserved stays so.
	if reserved := st.Blocks*512 >= st.Size; reserved && st.Size > 0 && !f.geom.Thin {
		if err := unix.Fallocate(f.fd, 0, st.Size, n-st.Size); err != nil && err != unix.EOPNOTSUPP {
			return errors.Join(fmt.Errorf("fallocate to %d bytes: %w", n, err), unix.Ftruncate(f.fd, st.Size))
		}
	}
	return f.extend(n)
}

// extend durably makes the file n bytes long.
func (f *File) extend(n int64) error {
	if err := unix.Ftruncate(f.fd, n); err != nil {
		return fmt.Errorf("ftruncate to %d bytes: %w", n, err)
	}
	if err := unix.Fsync(f.fd); err != nil {
		return fmt.Errorf("fsync: %w", err)
	}
	return nil
}
