package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// A user who may write to the directory could change the identities of disks and replace the control socket.
func TestDirectoryOpenToOthers(t *testing.T) {
	for _, mode := range []os.FileMode{0o777, 0o770, 0o702, 0o777 | os.ModeSticky} {
		dir := t.TempDir()
		must.OK(t, os.Chmod(dir, mode))
		s, err := Open(dir, 0)
		if err == nil {
			s.Close()
		}
		check.That(t, errors.Is(err, ErrOpenToOthers) && strings.Contains(err.Error(), "chmod go-w "+dir), "mode %v: %v", mode, err)
		if names, _ := os.ReadDir(dir); len(names) > 0 {
			t.Errorf("mode %v: refused, and %s was made in it", mode, names[0].Name())
		}
	}
	if os.Geteuid() != 0 {
		t.Log("not root: no directory of another user can be made here")
		return
	}
	dir := t.TempDir()
	must.OK(t, os.Chown(dir, 12345, -1))
	if s, err := Open(dir, 0); !errors.Is(err, ErrOpenToOthers) {
		if err == nil {
			s.Close()
		}
		t.Errorf("a directory of user 12345: %v", err)
	}
}

// A link in place of one of our files would make us write where its creator wants.
func TestLinksAreNotFollowed(t *testing.T) {
	for _, name := range []string{lockFile, databaseFile, databaseFile + ".new"} {
		for kind, plant := range map[string]func(victim, path string) error{
			"link": os.Symlink,
			"pipe": func(_, path string) error { return unix.Mkfifo(path, 0o600) },
		} {
			dir := t.TempDir()
			victim := filepath.Join(t.TempDir(), "victim")
			write(t, victim, []byte("precious"))
			must.OK(t, plant(victim, filepath.Join(dir, name)))
			s, err := Open(dir, 0)
			if err == nil {
				s.Close()
			}
			// the remains of an unfinished database are removed, whatever they are
			if refused := err != nil; refused == (name == databaseFile+".new") {
				t.Errorf("%s is a %s: %v", name, kind, err)
			}
			if b, err := os.ReadFile(victim); err != nil || string(b) != "precious" {
				t.Errorf("%s is a %s, and what it leads to became %q, %v", name, kind, b, err)
			}
		}
	}
}

// A lock that is released within the wait is acquired: a killed daemon holds it for a moment.
func TestOpenWaitsForTheLock(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	until := time.Now().Add(3 * lockPoll)
	if _, err := Open(dir, 3*lockPoll); !errors.Is(err, ErrInUse) || time.Now().Before(until) {
		t.Fatalf("%v, %v too early: a load of the machine makes it later, never earlier", err, time.Until(until))
	}
	opened := make(chan error)
	go func() {
		s, err := Open(dir, time.Minute)
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Fatalf("opened while another one had it: %v", err)
	default:
	}
	first.Close()
	check.OK(t, <-opened)
}
