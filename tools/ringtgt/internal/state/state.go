// Package state keeps what must survive a restart of the daemon, in one directory: persistent reservations, saved mode
// pages and the identities of disks. They are in an embedded database; a lock keeps a second daemon out.
package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// Files of a state directory.
const (
	databaseFile = "state.db"
	lockFile     = "lock"
	// SocketFile is the name of the control socket, which package control makes.
	SocketFile = "control.sock"
)

// State is an open state directory. Its methods may be called from any goroutine.
type State struct {
	dir  string
	lock *os.File
	db   *bbolt.DB
	file os.FileInfo // the database's, as it was opened

	mu    sync.Mutex // guards the following copies of the database's disks and units
	disks *Disks
	units map[string]Identity
}

// ErrInUse is wrapped by Open's error if another daemon has the directory.
var ErrInUse = errors.New("is in use")

// ErrOpenToOthers is wrapped by Open's error if other users may write to the directory.
var ErrOpenToOthers = errors.New("may be written by others")

// Open opens and locks the state in dir, and creates it if there is none. It waits at most wait for a lock that another process
// holds: a killed daemon holds it until the kernel has torn down its rings.
func Open(dir string, wait time.Duration) (*State, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	s := &State{dir: dir}
	if err := s.acquire(wait); err != nil {
		return nil, err
	}
	// The text that a daemon was writing when it was killed. Nothing reads it.
	if err := os.Remove(filepath.Join(dir, OwnedFile+fresh)); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.lock.Close()
		return nil, err
	}
	if err := s.open(); err != nil {
		s.lock.Close()
		return nil, err
	}
	return s, nil
}

// Dir returns the directory's absolute path.
func (s *State) Dir() string { return s.dir }

// Close releases the directory.
func (s *State) Close() error {
	err := s.db.Close()
	return errors.Join(err, s.lock.Close())
}

// makeDir makes dir and its missing parents. It syncs each new entry, so that dir survives a crash.
func makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// checkDir refuses a directory whose files another user could replace: it has the identities and reservations of disks, and the
// control socket.
func checkDir(dir string) error {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return fmt.Errorf("state directory %s: %w", dir, err)
	}
	if us := os.Geteuid(); int(st.Uid) != us && st.Uid != 0 {
		return fmt.Errorf("state directory %s %w: it belongs to user %d, and the daemon runs as %d", dir, ErrOpenToOthers, st.Uid, us)
	}
	if st.Mode&0o022 != 0 {
		return fmt.Errorf("state directory %s %w: its mode is %#o; `chmod go-w %s` mends that", dir, ErrOpenToOthers, st.Mode&0o7777, dir)
	}
	return nil
}

// acquire locks the directory for this process. The kernel releases the lock when the process ends, however it ends; the number in
// the file is only for people.
func (s *State) acquire(wait time.Duration) error {
	f, err := openOwn(filepath.Join(s.dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	deadline := time.Now().Add(wait)
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK && err != unix.EINTR || !time.Now().Before(deadline) {
			break
		}
		time.Sleep(lockPoll)
	}
	if err == unix.EWOULDBLOCK {
		pid, _ := io.ReadAll(io.LimitReader(f, maxPID))
		f.Close()
		who := "another ringtgt"
		if n, err := strconv.Atoi(strings.TrimSpace(string(pid))); err == nil {
			who += fmt.Sprintf(" (process %d)", n)
		}
		return fmt.Errorf("state directory %s %w by %s", s.dir, ErrInUse, who)
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("lock state directory %s: %w", s.dir, err)
	}
	s.lock = f
	return nil
}

// openOwn opens a regular file in the state directory. It does not follow links: they are not ours, and would make us write
// elsewhere.
func openOwn(path string, flags int, mode os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, mode)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%s is a link, and no file of ours", path)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// open opens the database, or makes one: it is complete before it gets its name, so that a crash leaves none or all of it.
func (s *State) open() error {
	path := filepath.Join(s.dir, databaseFile)
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		fresh := path + ".new"
		if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		db, err := openDB(fresh)
		if err == nil {
			err = db.Close()
		}
		if err == nil {
			err = os.Rename(fresh, path)
		}
		if err == nil {
			err = syncDir(s.dir)
		}
		if err != nil {
			return fmt.Errorf("make %s: %w", path, err)
		}
	}
	db, err := openDB(path)
	if err != nil {
		return unusable(path, err)
	}
	s.db = db
	if s.file, err = os.Lstat(path); err != nil {
		db.Close()
		return err
	}
	err = db.View(func(tx *bbolt.Tx) (err error) {
		s.disks, s.units, err = load(s.dir, tx)
		return err
	})
	if err != nil {
		db.Close()
		return unusable(path, err)
	}
	return nil
}

func unusable(path string, err error) error {
	return fmt.Errorf("%s cannot be used: %w; if you move it away, a new one is created, and persistent reservations and the identities of disks are lost", path, err)
}

func openDB(path string) (db *bbolt.DB, err error) {
	// On a foreign file bbolt may fail or panic. On a truncated one it reads beyond the
	// mapping: a fault that would end the process if it were not turned into a panic.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("it is damaged: %v", r)
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: databaseWait, OpenFile: openOwn})
	if err != nil {
		return nil, err
	}
	current := false
	err = db.View(func(tx *bbolt.Tx) error {
		// Check now that every page lies within the file. One that does not would end the daemon when it is read later.
		if info, err := os.Stat(path); err != nil {
			return err
		} else if info.Size() < tx.Size() {
			return fmt.Errorf("it is damaged: of %d bytes %d are left", tx.Size(), info.Size())
		}
		meta := tx.Bucket(bucketMeta)
		current = meta != nil && string(meta.Get(keyVersion)) == version
		return nil
	})
	if err == nil && !current { // a write transaction costs a sync
		err = db.Update(prepare)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// Load implements lun.Store.
func (s *State) Load(key string) (value []byte, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		if v := tx.Bucket(bucketValues).Get([]byte(key)); v != nil {
			value = append([]byte{}, v...)
		}
		return nil
	})
	return value, err
}

// Save implements lun.Store: bbolt has synced the file when it returns. An empty value removes the key.
func (s *State) Save(key string, value []byte) error {
	return s.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketValues)
		if len(value) == 0 {
			return b.Delete([]byte(key))
		}
		return b.Put([]byte(key), value)
	})
}

// update writes to the database, if it is still the one that the next start reads: data written to a file that was deleted or
// replaced is lost when this process ends.
func (s *State) update(write func(*bbolt.Tx) error) error {
	path := filepath.Join(s.dir, databaseFile)
	if at, err := os.Lstat(path); err != nil {
		return fmt.Errorf("the database is not at its path any more: %w", err)
	} else if !os.SameFile(at, s.file) {
		return fmt.Errorf("%s is not the database that was opened", path)
	}
	return s.db.Update(write)
}
