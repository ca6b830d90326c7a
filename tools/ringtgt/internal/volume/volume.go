// Package volume keeps volumes as files in a pool's directory. The directory is the truth: NAME.img is a volume whose space is
// reserved, NAME.thin one that takes space as it is written. A file appears under its name only when it is complete and on the medium.
package volume

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"
)

// The errors, wrapped with the names concerned.
var (
	ErrNotFound    = errors.New("does not exist")
	ErrExists      = errors.New("exists already, with other values")
	ErrInvalid     = errors.New("is invalid")
	ErrNoSpace     = errors.New("there is not enough space")
	ErrUnsupported = errors.New("the file system of the pool cannot do this")
	ErrInUse       = errors.New("is in use")
)

const (
	thick     = ".img"
	thin      = ".thin"
	temporary = ".new-" // of files that are not complete
	// maxName leaves room for the suffix in a file name of 255 bytes, and for a prefix in names made of it.
	maxName = 200
	// sector is the unit of sizes: the smallest block of a LUN.
	sector = 512
)

// Volume is a volume.
type Volume struct {
	Name      string `json:"name"`
	Path      string `json:"path"`
	Size      int64  `json:"size"`
	Allocated int64  `json:"allocated"` // bytes that the file takes
	Thin      bool   `json:"thin"`
}

// String describes the volume for messages.
func (v *Volume) String() string {
	if v.Thin {
		return sizeText(v.Size) + ", thin"
	}
	return sizeText(v.Size) + ", not thin"
}

// sizeText keeps what is no whole number of a unit exact.
func sizeText(n int64) string {
	text := humanize.IBytes(uint64(n))
	if back, err := humanize.ParseBytes(text); err != nil || back != uint64(n) {
		text += fmt.Sprintf(" (%d bytes)", n)
	}
	return text
}

// Pool is an open directory. Names never lead out of it.
type Pool struct {
	dir  string
	root *os.Root
}

// Open opens the pool in dir.
func Open(dir string) (*Pool, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Pool{dir: dir, root: root}, nil
}

// Close closes the pool.
func (p *Pool) Close() error { return p.root.Close() }

// CheckName refuses names that are not those of volumes: lower-case letters, digits, dashes and dots, a letter or digit first.
func CheckName(name string) error {
	bad := strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
	})
	if name == "" || len(name) > maxName || bad || name[0] == '.' || name[0] == '-' {
		return fmt.Errorf("volume name %q %w: want 1 to %d of a-z, 0-9, - and ., a letter or digit first", name, ErrInvalid, maxName)
	}
	return nil
}

func checkSize(size int64) error {
	if size <= 0 || size%sector != 0 {
		return fmt.Errorf("size %d %w: want a multiple of %d bytes", size, ErrInvalid, sector)
	}
	return nil
}

// Get returns a volume.
func (p *Pool) Get(name string) (*Volume, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	for _, suffix := range []string{thick, thin} {
		info, err := p.root.Lstat(name + suffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("volume %s %w: %s is not a regular file", name, ErrInvalid, name+suffix)
		}
		return p.volume(name, suffix, info), nil
	}
	return nil, fmt.Errorf("volume %s %w", name, ErrNotFound)
}

func (p *Pool) volume(name, suffix string, info fs.FileInfo) *Volume {
	v := &Volume{Name: name, Path: filepath.Join(p.dir, name+suffix), Size: info.Size(), Thin: suffix == thin}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		v.Allocated = st.Blocks * 512 // stat(2): whatever the file system's block size
	}
	return v
}

// List returns all volumes by name.
func (p *Pool) List() ([]Volume, error) {
	entries, err := fs.ReadDir(p.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	out := []Volume{}
	for _, e := range entries {
		suffix := filepath.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), suffix)
		if suffix != thick && suffix != thin || CheckName(name) != nil || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		out = append(out, *p.volume(name, suffix, info))
	}
	slices.SortFunc(out, func(a, b Volume) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Create makes a volume. made is false if it is there already, with these values.
func (p *Pool) Create(name string, size int64, isThin bool) (made bool, err error) {
	if err := checkSize(size); err != nil {
		return false, err
	}
	v, err := p.Get(name)
	switch {
	case err == nil && v.Size == size && v.Thin == isThin:
		return false, nil
	case err == nil:
		return false, fmt.Errorf("volume %s %w: %s", name, ErrExists, v)
	case !errors.Is(err, ErrNotFound):
		return false, err
	}
	return true, p.make(name+suffixOf(isThin), func(f *os.File) error { return extend(f, size, isThin) })
}

func suffixOf(isThin bool) string {
	if isThin {
		return thin
	}
	return thick
}

// Files are the names that a volume's file may have.
func Files(name string) []string { return []string{name + thick, name + thin} }

// Snapshot makes a volume that shares the blocks of another until one of the two is written. made is false if it is there already.
func (p *Pool) Snapshot(from, name string) (made bool, err error) {
	src, err := p.Get(from)
	if err != nil {
		return false, err
	}
	v, err := p.Get(name)
	switch {
	case err == nil && v.Size == src.Size && v.Thin == src.Thin && name != from:
		return false, nil
	case err == nil:
		return false, fmt.Errorf("volume %s %w: %s", name, ErrExists, v)
	case !errors.Is(err, ErrNotFound):
		return false, err
	}
	in, err := p.root.OpenFile(filepath.Base(src.Path), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false, err
	}
	defer in.Close()
	return true, p.make(name+suffixOf(src.Thin), func(f *os.File) error {
		err := unix.IoctlFileClone(int(f.Fd()), int(in.Fd()))
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EXDEV) {
			return fmt.Errorf("%w: snapshots need reflinks, as XFS and Btrfs have them (%w)", ErrUnsupported, err)
		}
		return space(err)
	})
}

// make makes a file under a temporary name, fills it, and gives it its name when it is on the medium. A crash leaves no file or a
// complete one, and perhaps a temporary name, which Clean removes.
func (p *Pool) make(file string, fill func(*os.File) error) (err error) {
	tmp := temporary + rand.Text()
	f, err := p.root.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return space(err)
	}
	defer func() { err = errors.Join(err, p.root.Remove(tmp)) }()
	if err := errors.Join(fill(f), f.Sync(), f.Close()); err != nil {
		return space(err)
	}
	// A link, unlike a renaming, fails if the name is taken.
	if err := p.root.Link(tmp, file); err != nil {
		return space(err)
	}
	return p.sync()
}

// extend makes a file size bytes long.
func extend(f *os.File, size int64, isThin bool) error {
	if isThin {
		return f.Truncate(size)
	}
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("%w: it cannot reserve space; make the volume thin", ErrUnsupported)
	}
	return err
}

// space turns the errors of a full file system into ErrNoSpace.
func space(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

// Expand makes a volume longer that is not served. grown is false if it has this size already.
func (p *Pool) Expand(name string, size int64) (grown bool, err error) {
	if err := checkSize(size); err != nil {
		return false, err
	}
	v, err := p.Get(name)
	if err != nil {
		return false, err
	}
	if size <= v.Size {
		return false, shrinks(v, size)
	}
	f, err := p.root.OpenFile(filepath.Base(v.Path), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false, err
	}
	return true, space(errors.Join(extend(f, size, v.Thin), f.Sync(), f.Close()))
}

func shrinks(v *Volume, size int64) error {
	if size == v.Size {
		return nil
	}
	return fmt.Errorf("size %s %w: volume %s has %s, and cannot shrink", sizeText(size), ErrInvalid, v.Name, sizeText(v.Size))
}

// Delete removes a volume. deleted is false if it is not there. A file that is locked (flock) is in use: a unit that serves it holds a
// lock, and one that is just being opened finds, once it has the lock, that the file has lost its name.
func (p *Pool) Delete(name string) (deleted bool, err error) {
	v, err := p.Get(name)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	f, err := p.root.OpenFile(filepath.Base(v.Path), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false, err
	}
	defer f.Close() // with its lock
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return false, fmt.Errorf("volume %s %w: a process has locked %s", name, ErrInUse, v.Path)
	} else if err != nil {
		return false, err
	}
	if err := p.root.Remove(filepath.Base(v.Path)); err != nil {
		return false, err
	}
	return true, p.sync()
}

// Clean removes what an interrupted Create or Snapshot left. None may be in progress.
func (p *Pool) Clean() error {
	entries, err := fs.ReadDir(p.root.FS(), ".")
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), temporary) && e.Type().IsRegular() {
			errs = append(errs, p.root.Remove(e.Name()))
		}
	}
	return errors.Join(errs...)
}

// sync puts the directory's names on the medium.
func (p *Pool) sync() error {
	d, err := p.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
