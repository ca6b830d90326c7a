package backend

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// asNobody runs do on a thread with the file system rights of an unprivileged user.
func asNobody(t *testing.T, do func()) {
	if os.Geteuid() != 0 {
		do()
		return
	}
	const nobody = 65534
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := unix.Setfsuid(nobody)
		if err == nil {
			do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Skipf("setfsuid: %v", err)
	}
}

// For a file that is readable but not writable the error suggests to serve it read-only. For an unreadable file it does not.
func TestOpenForWritingRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	must.OK(t, errors.Join(os.WriteFile(path, make([]byte, 8192), 0o600), os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755)))
	for _, direct := range []Direct{DirectAuto, DirectOff} {
		for _, tt := range []struct {
			mode     os.FileMode
			readOnly bool
			hint     bool
			err      error
		}{{0o444, false, true, unix.EACCES}, {0o000, false, false, unix.EACCES}, {0o000, true, false, unix.EACCES}, {0o444, true, false, nil}} {
			must.OK(t, os.Chmod(path, tt.mode))
			asNobody(t, func() {
				b, err := Open(Spec{Kind: KindFile, Path: path, Direct: direct, ReadOnly: tt.readOnly})
				if err == nil {
					b.Close()
				}
				check.That(t, errors.Is(err, tt.err), "mode %#o, read-only %v: %v, want %v", tt.mode, tt.readOnly, err, tt.err)
				if hint := err != nil && strings.Contains(err.Error(), "with ,ro"); hint != tt.hint {
					t.Errorf("mode %#o, read-only %v: %v, want the way out in it: %v", tt.mode, tt.readOnly, err, tt.hint)
				}
			})
		}
	}
}
