package state

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"go.etcd.io/bbolt"
)

var _ lun.Store = (*State)(nil)

func open(t *testing.T, dir string) *State {
	t.Helper()
	s := must.Get(Open(dir, 0))(t)
	t.Cleanup(func() { s.Close() })
	return s
}

func reopen(t *testing.T, s *State) *State {
	t.Helper()
	must.OK(t, s.Close())
	return open(t, s.Dir())
}

// Saved values survive a restart, in a directory that Open creates and only its owner can read.
func TestValuesSurvive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "state")
	s := open(t, dir)
	if v, err := s.Load("never saved"); v != nil || err != nil {
		t.Errorf("Load of a key never saved = %q, %v; want nil, nil", v, err)
	}
	big := bytes.Repeat([]byte("x"), 120<<10) // 1024 registrations
	for key, value := range map[string][]byte{"reservations/1": []byte("one"), "reservations/2": big} {
		must.OK(t, s.Save(key, value))
	}
	must.OK(t, s.Save("reservations/1", []byte("uno")))
	s = reopen(t, s)
	for key, want := range map[string][]byte{"reservations/1": []byte("uno"), "reservations/2": big} {
		if v, err := s.Load(key); err != nil || !bytes.Equal(v, want) {
			t.Errorf("Load(%s) = %d bytes, %v; want %d", key, len(v), err, len(want))
		}
	}
	must.OK(t, s.Save("reservations/2", nil))
	if v, err := s.Load("reservations/2"); v != nil || err != nil {
		t.Errorf("after saving nothing: %d bytes, %v", len(v), err)
	}
	for _, path := range []string{dir, filepath.Join(dir, databaseFile), filepath.Join(dir, lockFile)} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v; others must not read it", path, info.Mode(), err)
		}
	}
}

// Load gives a copy: the database's own memory goes away with its transaction.
func TestLoadCopies(t *testing.T) {
	s := open(t, t.TempDir())
	// more than a page: a small value may be a copy already
	want := strings.Repeat("value", 4096)
	must.OK(t, s.Save("k", []byte(want)))
	v := must.Get(s.Load("k"))(t)
	v[0] = 'X'
	if again, _ := s.Load("k"); string(again) != want {
		t.Error("the stored value is another one now")
	}
}

// holderDir is the variable that makes the test's binary the process of TestKilledProcessLeavesNoLock.
const holderDir = "STATE_HOLDER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holderDir); dir != "" {
		hold(dir)
	}
	os.Exit(m.Run())
}

// hold saves something in the directory and keeps it until the process is killed.
func hold(dir string) {
	s, err := Open(dir, 0)
	if err == nil {
		err = s.Save("k", []byte("saved"))
	}
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString("ready\n")
	io.Copy(io.Discard, os.Stdin) // the runtime would report select{} as a deadlock and end the process
	os.Exit(1)
}

// A second daemon's error names the process that has the directory. When that process ends, the directory is free.
func TestLockKeepsOthersOut(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := Open(dir, 0)
	must.Be(t, errors.Is(err, ErrInUse) && strings.Contains(err.Error(), "process "+strconv.Itoa(os.Getpid())), "second Open: %v", err)
	check.OK(t, s.Save("k", []byte("v")), "the first cannot save after the second tried")
	reopen(t, s)
}

// A process that was killed leaves the directory free and what it saved in it.
func TestKilledProcessLeavesNoLock(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holderDir+"="+dir)
	out := must.Get(cmd.StdoutPipe())(t)
	in := must.Get(cmd.StdinPipe())(t)
	defer in.Close()
	must.OK(t, cmd.Start())
	ready := make([]byte, 6)
	if _, err := out.Read(ready); err != nil || string(ready) != "ready\n" {
		t.Fatalf("%q, %v", ready, err)
	}
	if _, err := Open(dir, 0); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), strconv.Itoa(cmd.Process.Pid)) {
		t.Errorf("while it lives: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	s := open(t, dir)
	if v, err := s.Load("k"); err != nil || string(v) != "saved" {
		t.Errorf("Load = %q, %v", v, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must.OK(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{file, filepath.Join(file, "below"), "/proc/no-such-directory/state"} {
		if s, err := Open(path, 0); err == nil {
			s.Close()
			t.Errorf("Open(%s) succeeded", path)
		}
	}
}

// A damaged or foreign database, or one of a later version, is refused, not repaired: its reservations would be lost silently.
func TestDamagedDatabase(t *testing.T) {
	whole := func(t *testing.T) string {
		s := open(t, t.TempDir())
		must.OK(t, s.Save("k", []byte("v")))
		s.Close()
		return s.Dir()
	}
	for name, damage := range map[string]func(t *testing.T, path string){
		"foreign": func(t *testing.T, path string) { write(t, path, []byte("this is no database")) },
		"cut": func(t *testing.T, path string) {
			must.OK(t, os.Truncate(path, 4096))
		},
		"zeroes": func(t *testing.T, path string) { write(t, path, make([]byte, 64<<10)) },
		"version": func(t *testing.T, path string) {
			db := must.Get(bbolt.Open(path, 0o600, nil))(t)
			defer db.Close()
			must.OK(t, db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyVersion, []byte("3")) }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := whole(t)
			path := filepath.Join(dir, databaseFile)
			damage(t, path)
			s, err := Open(dir, 0)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			check.That(t, strings.Contains(err.Error(), path+" cannot be used"), "%v", err)
			// the lock is free: moved away, a new one is made
			must.OK(t, os.Rename(path, path+".bad"))
			open(t, dir)
		})
	}
}

// A crash while the first database was made leaves a part under another name; the next start makes it anew.
func TestHalfMadeDatabase(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, databaseFile+".new"), []byte("half"))
	s := open(t, dir)
	check.OK(t, s.Save("k", []byte("v")))
}

func TestDamagedIdentity(t *testing.T) {
	for _, bucket := range [][]byte{bucketIdentity, bucketDisks} {
		s := open(t, t.TempDir())
		err := s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put([]byte("mem:iqn.x/0"), []byte("{")) })
		must.OK(t, err)
		s.Close()
		if s, err := Open(s.Dir(), 0); err == nil {
			s.Close()
			t.Errorf("opened with a damaged entry in %s: a disk must not become another one", bucket)
		}
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	must.OK(t, os.WriteFile(path, b, 0o600))
}

// A truncated database, as a damaged file system may leave it, is an error with advice, whatever its length: bbolt maps the
// file, and reading beyond its end is a fault (SIGBUS), not a panic.
func TestCutDatabaseIsAnError(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 64 { // so that used pages reach far into the file
		must.OK(t, s.Save("k"+strconv.Itoa(i), bytes.Repeat([]byte("x"), 4096)))
	}
	must.OK(t, s.Close())
	path := filepath.Join(dir, databaseFile)
	whole := must.Get(os.ReadFile(path))(t)
	page := os.Getpagesize()
	for pages := 2; pages < len(whole)/page; pages++ {
		dir := t.TempDir() // after a panic bbolt leaves the file locked
		must.OK(t, os.WriteFile(filepath.Join(dir, databaseFile), whole[:pages*page], 0o600))
		// Cut after the last used page, it is intact.
		if cut, err := Open(dir, 0); err == nil {
			for i := range 64 {
				if v, err := cut.Load("k" + strconv.Itoa(i)); err != nil || len(v) != 4096 {
					t.Errorf("%d of %d pages: value %d has %d bytes, %v", pages, len(whole)/page, i, len(v), err)
				}
			}
			cut.Close()
		} else if !strings.Contains(err.Error(), "cannot be used") {
			t.Errorf("%d of %d pages: %v", pages, len(whole)/page, err)
		}
	}
}

// A daemon that was killed while it saved what commands made leaves half a text, which is of no use.
func TestHalfATextIsRemoved(t *testing.T) {
	dir := t.TempDir()
	half := filepath.Join(dir, OwnedFile+fresh)
	must.OK(t, os.WriteFile(half, []byte("[[targ"), 0o600))
	must.OK(t, os.WriteFile(filepath.Join(dir, OwnedFile), []byte("whole"), 0o600))
	s, err := Open(dir, 0)
	must.OK(t, err)
	defer s.Close()
	_, err = os.Stat(half)
	must.Be(t, os.IsNotExist(err), "%v", err)
	must.Be(t, string(must.Get(os.ReadFile(filepath.Join(dir, OwnedFile)))(t)) == "whole", "owned.toml changed")
}
