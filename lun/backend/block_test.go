package backend_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
)

// TestBlockDeviceIsExclusive: O_EXCL keeps a second unit out, and a mounted device.
func TestBlockDeviceIsExclusive(t *testing.T) {
	path, skip := loopDevice(t, 1<<20, 512)
	if path == "" {
		t.Skip(skip)
	}
	a, err := backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path}); err == nil {
		b.Close()
		t.Error("a device was opened twice")
	} else if !strings.Contains(err.Error(), "is in use") {
		t.Errorf("the error says %q, want that it is in use", err)
	}
	a.Close()
	b, err := backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path})
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	b.Close()
}

// TestBlockDeviceGeometry: what a loop device says of itself in sysfs is what the unit says.
func TestBlockDeviceGeometry(t *testing.T) {
	path, skip := loopDevice(t, 1<<20, 512)
	if path == "" {
		t.Skip(skip)
	}
	attr := func(name string) string {
		b, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(path), "queue", name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	for _, bs := range []uint32{512, 4096} {
		b, err := backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path, BlockSize: bs, Thin: true, Direct: backend.DirectOn})
		if err != nil {
			t.Fatal(err)
		}
		g := b.Geometry()
		want := lun.Geometry{
			Blocks: 1 << 20 / uint64(bs), BlockSize: bs, Thin: true,
			Rotating: attr("rotational") == "1", Volatile: attr("write_cache") == "write back",
		}
		if phys := attr("physical_block_size"); phys == "4096" && bs == 512 {
			want.PhysShift = 3
		}
		if g != want {
			t.Errorf("bs=%d: %+v, want %+v", bs, g, want)
		}
		wantNote(t, b, "does not tell which blocks are allocated")
		b.Close()
	}
}

// TestBlockDeviceRefresh: a device that grew is seen.
func TestBlockDeviceRefresh(t *testing.T) {
	path, skip := loopDevice(t, 1<<20, 512)
	if path == "" {
		t.Skip(skip)
	}
	b, err := backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if changed, err := b.Refresh(); changed || err != nil {
		t.Errorf("Refresh of what is as it was: %v, %v", changed, err)
	}
	name, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(path), "loop/backing_file"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(strings.TrimSpace(string(name)), 2<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("losetup", "--set-capacity", path).CombinedOutput(); err != nil {
		t.Fatalf("losetup --set-capacity: %v: %s", err, out)
	}
	if changed, err := b.Refresh(); !changed || err != nil || b.Geometry().Blocks != 4096 {
		t.Errorf("Refresh after the device grew: %v, %v, %d blocks", changed, err, b.Geometry().Blocks)
	}
}
