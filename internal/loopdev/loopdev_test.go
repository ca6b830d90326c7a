package loopdev_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/loopdev"
)

// A test that detaches its device itself leaves the one alone that has the device's name next.
func TestDetachOnce(t *testing.T) {
	dir := t.TempDir()
	attach := func(t *testing.T, name string) *loopdev.Device {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := loopdev.Attach(t, file)
		if err != nil {
			t.Skip(err)
		}
		return d
	}
	behind := func(d *loopdev.Device) string {
		name, _ := os.ReadFile("/sys/block/" + filepath.Base(d.Path) + "/loop/backing_file")
		return filepath.Base(strings.TrimSpace(string(name)))
	}
	var second *loopdev.Device
	t.Run("first", func(in *testing.T) {
		first := attach(in, "first")
		if err := first.Detach(); err != nil {
			t.Fatal(err)
		}
		second = attach(t, "second")
		if second.Path != first.Path {
			t.Logf("%s is in use by another process now: not tried with the same name", first.Path)
		}
		if err := first.Detach(); err != nil {
			t.Error(err)
		}
	})
	if second == nil {
		t.Skip("no loop device")
	}
	if got := behind(second); got != "second" {
		t.Errorf("%s has the file %q behind it, want second", second.Path, got)
	}
}
