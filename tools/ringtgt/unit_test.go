package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun/backend"
	"golang.org/x/sys/unix"
)

// The daemon waits for a file that another process holds: a killed daemon holds it until the kernel has torn down its rings.
func TestOpenWaitsForTheMedium(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	must.OK(t, os.WriteFile(path, make([]byte, 8192), 0o600))
	holder := must.Get(os.Open(path))(t)
	must.OK(t, unix.Flock(int(holder.Fd()), unix.LOCK_EX))
	spec := backend.Spec{Kind: backend.KindFile, Path: path}
	if _, err := openBackend(spec, time.Now()); !errors.Is(err, backend.ErrInUse) {
		t.Fatalf("when there is no time left: %v", err)
	}
	until := time.Now().Add(3 * lockPoll)
	if _, err := openBackend(spec, until); !errors.Is(err, backend.ErrInUse) || time.Now().Before(until) {
		t.Fatalf("%v, %v too early: a load of the machine makes it later, never earlier", err, time.Until(until))
	}
	opened := make(chan error)
	go func() {
		b, err := openBackend(spec, time.Now().Add(time.Minute))
		if err == nil {
			err = b.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Fatalf("opened while it was locked: %v", err)
	default:
	}
	holder.Close()
	check.OK(t, <-opened)
}
