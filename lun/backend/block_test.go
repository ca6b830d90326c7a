package backend_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
)

// TestBlockDeviceIsExclusive: O_EXCL keeps a second unit out, and a mounted device.
func TestBlockDeviceIsExclusive(t *testing.T) {
	path := orSkip(loopDevice(t, 1<<20, 512))(t)
	a := must.Get(backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path}))(t)
	if b, err := backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path}); err == nil {
		b.Close()
		t.Error("a device was opened twice")
	} else if !strings.Contains(err.Error(), "is in use") {
		t.Errorf("the error says %q, want that it is in use", err)
	}
	a.Close()
	b, err := backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path})
	must.OK(t, err, "after Close")
	b.Close()
}

// TestBlockDeviceGeometry: what a loop device says of itself in sysfs is what the unit says.
func TestBlockDeviceGeometry(t *testing.T) {
	path := orSkip(loopDevice(t, 1<<20, 512))(t)
	attr := func(name string) string {
		b := must.Get(os.ReadFile(filepath.Join("/sys/block", filepath.Base(path), "queue", name)))(t)
		return strings.TrimSpace(string(b))
	}
	for _, bs := range []uint32{512, 4096} {
		b, err := backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path, BlockSize: bs, Thin: true, Direct: backend.DirectOn})
		must.OK(t, err)
		g := b.Geometry()
		want := lun.Geometry{
			Blocks: 1 << 20 / uint64(bs), BlockSize: bs, Thin: true,
			Rotating: attr("rotational") == "1", Volatile: attr("write_cache") == "write back",
		}
		if phys := attr("physical_block_size"); phys == "4096" && bs == 512 {
			want.PhysShift = 3
		}
		check.That(t, g == want, "bs=%d: %+v, want %+v", bs, g, want)
		wantNote(t, b, "does not tell which blocks are allocated")
		b.Close()
	}
}

// TestBlockDeviceRefresh: a device that grew is seen.
func TestBlockDeviceRefresh(t *testing.T) {
	path := orSkip(loopDevice(t, 1<<20, 512))(t)
	b := must.Get(backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path}))(t)
	defer b.Close()
	if changed, err := b.Refresh(); changed || err != nil {
		t.Errorf("Refresh of what is as it was: %v, %v", changed, err)
	}
	name := must.Get(os.ReadFile(filepath.Join("/sys/block", filepath.Base(path), "loop/backing_file")))(t)
	must.OK(t, os.Truncate(strings.TrimSpace(string(name)), 2<<20))
	if out, err := exec.Command("losetup", "--set-capacity", path).CombinedOutput(); err != nil {
		t.Fatalf("losetup --set-capacity: %v: %s", err, out)
	}
	if changed, err := b.Refresh(); !changed || err != nil || b.Geometry().Blocks != 4096 {
		t.Errorf("Refresh after the device grew: %v, %v, %d blocks", changed, err, b.Geometry().Blocks)
	}
}
