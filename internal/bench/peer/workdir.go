package peer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// dirPattern names the directories of this package in the temporary directory.
const dirPattern = "ringtgt-peer-*"

// workDir is a target's directory: its control socket, its state. A lock on it that this process holds says that it is in
// use; the lock goes with the process, and so others tell what a killed one has left.
type workDir struct {
	path string
	lock *os.File
}

func newWorkDir() (*workDir, error) {
	sweep()
	path, err := os.MkdirTemp("", dirPattern)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	d := &workDir{path: path}
	if d.lock, err = lockDir(path); err != nil {
		_ = os.RemoveAll(path)
		return nil, fmt.Errorf("peer: %w", err)
	}
	return d, nil
}

func lockDir(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, &os.PathError{Op: "flock", Path: path, Err: err}
	}
	return f, nil
}

// remove removes the directory. It may be called more than once, and on nil.
func (d *workDir) remove() {
	if d == nil || d.lock == nil {
		return
	}
	_ = os.RemoveAll(d.path)
	_ = d.lock.Close()
	d.lock = nil
}

// sweep removes the directories of benchmarks that were killed.
func sweep() { _ = removeOld(os.TempDir(), time.Now()) }

// removeOld removes the directories in dir that no process holds. A directory between its making and its lock can be met here too: one that is
// younger than a start can take is left.
func removeOld(dir string, now time.Time) error {
	old, err := filepath.Glob(filepath.Join(dir, dirPattern))
	if err != nil {
		return err
	}
	for _, path := range old {
		var st unix.Stat_t
		if unix.Lstat(path, &st) != nil || int(st.Uid) != os.Geteuid() || st.Mode&unix.S_IFMT != unix.S_IFDIR ||
			now.Sub(time.Unix(st.Ctim.Unix())) < readyTimeout {
			continue
		}
		if f, lerr := lockDir(path); lerr == nil {
			err = errors.Join(err, os.RemoveAll(path))
			f.Close()
		}
	}
	return err
}
