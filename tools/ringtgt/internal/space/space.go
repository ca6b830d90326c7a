// Package space judges the free space behind files that grow as they are written: file systems that are nearly full, and those that
// promise more than they have.
package space

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"
)

// DefaultWarning is the percentage of free space at which a file system is nearly full.
const DefaultWarning = 10

// Usage is what a file takes of its file system, in bytes.
type Usage struct {
	Size      int64 // of the file, with its holes
	Allocated int64 // blocks that it has
	Total     int64 // of the file system
	Available int64 // to the daemon
	Device    uint64
}

// Look reads the usage of the file at path. It may block for as long as the file system does not answer.
func Look(path string) (u Usage, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return u, err
	}
	u.Size, u.Allocated = st.Size, st.Blocks*512
	return u, u.fileSystem(path, st.Dev)
}

// LookAbove returns the usage of a file of a size that will be created at path.
func LookAbove(path string, size int64) (u Usage, err error) {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		var st unix.Stat_t
		if err = unix.Stat(dir, &st); err == nil {
			u.Size = size
			return u, u.fileSystem(dir, st.Dev)
		}
		if dir == filepath.Dir(dir) {
			return u, err
		}
	}
}

func (u *Usage) fileSystem(path string, device uint64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return err
	}
	u.Total, u.Available, u.Device = int64(fs.Blocks)*int64(fs.Bsize), int64(fs.Bavail)*int64(fs.Bsize), device
	return nil
}

// Growth is how much the file can still take.
func (u *Usage) Growth() int64 { return max(u.Size-u.Allocated, 0) }

// FileSystem is a file system that holds files of units.
type FileSystem struct {
	Mount     string // mount point
	Total     int64
	Available int64
	Growth    int64 // of all files of units there
}

// Sum returns the file systems of the usages, by path; mount returns the mount point of a path.
func Sum(files map[string]Usage, mount func(path string) string) []FileSystem {
	byDevice := map[uint64]*FileSystem{}
	for path, u := range files {
		fs := byDevice[u.Device]
		if fs == nil {
			fs = &FileSystem{Mount: mount(path), Total: u.Total, Available: u.Available}
			byDevice[u.Device] = fs
		}
		fs.Growth += u.Growth()
	}
	out := make([]FileSystem, 0, len(byDevice))
	for _, fs := range byDevice {
		out = append(out, *fs)
	}
	slices.SortFunc(out, func(a, b FileSystem) int { return cmp.Compare(a.Mount, b.Mount) })
	return out
}

// Threshold returns the free space below which a file system is nearly full, for a percentage of it.
func Threshold(total int64, percent int) int64 { return total / 100 * int64(percent) }

// Problem is what is wrong with a file system.
type Problem uint8

const (
	None       Problem = iota
	Overcommit         // its files can grow by more than is free
	NearlyFull         // and less is free than the threshold
)

func (p Problem) String() string {
	return [...]string{"none", "over-committed", "nearly full"}[p]
}

// Judge returns what is wrong with the file system. One whose files have all their blocks is never in danger.
func (fs *FileSystem) Judge(percent int) Problem {
	switch {
	case fs.Growth == 0:
		return None
	case fs.Available < Threshold(fs.Total, percent):
		return NearlyFull
	case fs.Growth > fs.Available:
		return Overcommit
	}
	return None
}

// Warning describes what is wrong, "" if nothing is.
func (fs *FileSystem) Warning(percent int) string {
	p := fs.Judge(percent)
	if p == None {
		return ""
	}
	size := func(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
	return fmt.Sprintf("%s is %v: %s free of %s, and the files of LUNs there can grow by %s", fs.Mount, p, size(fs.Available), size(fs.Total), size(fs.Growth))
}
