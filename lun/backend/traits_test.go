package backend_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// blockdev changes a loop device. It stays read-only when another file is attached, so the cleanup makes it writable.
func blockdev(t *testing.T, path, arg string) {
	t.Helper()
	run := func(arg string) {
		if out, err := exec.Command("blockdev", arg, path).CombinedOutput(); err != nil {
			t.Errorf("blockdev %s: %v: %s", arg, err, out)
		}
	}
	run(arg)
	t.Cleanup(func() { run("--setrw") })
}

// TestDeviceChangesUnderWay: `blockdev --setro` and a change of queue/write_cache are seen by the next Look, both ways, and
// a sync reaches the device all the time.
func TestDeviceChangesUnderWay(t *testing.T) {
	path := orSkip(loopDevice(t, 1<<20, 512))(t)
	syncs := 0
	w := luntest.NewWorld(t, luntest.Config{Intercept: func(c *luntest.Call) (int, bool) {
		if c.Kind == luntest.CallSync {
			syncs++
		}
		return 0, false
	}})
	b := must.Get(backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path}))(t)
	defer b.Close()
	do := func(kind lun.OpKind) error {
		r := &lun.Request{Kind: kind, Len: 4096}
		w.On(0, func(l *luntest.Loop) { r.Buf = l.Alloc(4096) })
		return submitIn(t, w, b, r)
	}
	blockdev := func(arg string) { t.Helper(); blockdev(t, path, arg) }
	if b.Look() || b.Geometry().ReadOnly {
		t.Errorf("nothing changed, and yet: %+v", b.Geometry())
	}
	blockdev("--setro")
	if !b.Look() || !b.Geometry().ReadOnly {
		t.Errorf("after --setro: %+v", b.Geometry())
	}
	if err := do(lun.OpWrite); !errors.Is(err, lun.ErrReadOnly) {
		t.Errorf("a write after --setro: %v", err)
	}
	if err := do(lun.OpSync); err != nil || syncs != 1 {
		t.Errorf("a sync after --setro: %v; what was written before may be dirty, and %d syncs reached the device", err, syncs)
	}
	blockdev("--setrw")
	if !b.Look() || b.Geometry().ReadOnly || do(lun.OpWrite) != nil {
		t.Errorf("after --setrw: %+v", b.Geometry())
	}
	cache := filepath.Join("/sys/block", filepath.Base(path), "queue/write_cache")
	for _, mode := range []string{"write through", "write back", "write through"} {
		if err := os.WriteFile(cache, []byte(mode), 0o200); err != nil {
			t.Skipf("queue/write_cache cannot be changed here: %v", err)
		}
		b.Look()
		if g := b.Geometry(); g.Volatile != (mode == "write back") {
			t.Errorf("with the cache at %q the unit says Volatile: %v", mode, g.Volatile)
		}
		before := syncs
		if err := do(lun.OpSync); err != nil || syncs != before+1 {
			t.Errorf("with the cache at %q: %v, %d syncs reached the device", mode, err, syncs-before)
		}
	}
}

// TestDeviceIsReadOnlyFromTheStart: a read-only device is served read-only, and a note says why.
func TestDeviceIsReadOnlyFromTheStart(t *testing.T) {
	path := orSkip(loopDevice(t, 1<<20, 512))(t)
	blockdev(t, path, "--setro")
	b := must.Get(backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path}))(t)
	defer b.Close()
	if !b.Geometry().ReadOnly || len(b.Notes()) == 0 {
		t.Errorf("%+v with notes %q", b.Geometry(), b.Notes())
	}
}

// TestRefusedRangesComeBack: EINVAL is about one range, so that the next discard punches again; EOPNOTSUPP holds until the
// medium is looked at again.
func TestRefusedRangesComeBack(t *testing.T) {
	var refuse unix.Errno
	var modes []uint32
	w := luntest.NewWorld(t, luntest.Config{Intercept: func(c *luntest.Call) (int, bool) {
		if c.Kind != luntest.CallAllocate {
			return 0, false
		}
		modes = append(modes, c.Mode&^unix.FALLOC_FL_KEEP_SIZE)
		return -int(refuse), refuse != 0
	}})
	b, err := backend.Open(backend.Spec{Kind: backend.KindFile, Path: filepath.Join(t.TempDir(), "disk"), Size: 1 << 20, Thin: true, Direct: backend.DirectOff})
	must.OK(t, err)
	defer b.Close()
	discard := func(e unix.Errno) []uint32 {
		t.Helper()
		refuse, modes = e, nil
		check.OK(t, submitIn(t, w, b, &lun.Request{Kind: lun.OpDiscard, Len: 8192}), "a discard where fallocate says %v", e)
		return modes
	}
	const punch, zero = unix.FALLOC_FL_PUNCH_HOLE, unix.FALLOC_FL_ZERO_RANGE
	for _, step := range []struct {
		say  unix.Errno
		look bool
		want []uint32
	}{
		{0, false, []uint32{punch}},
		{unix.EINVAL, false, []uint32{punch, zero}},
		{0, false, []uint32{punch}},
		{unix.EOPNOTSUPP, false, []uint32{punch, zero}},
		{0, false, nil}, // zeroes are written
		{0, true, []uint32{punch}},
	} {
		if step.look {
			b.Look()
		}
		got := discard(step.say)
		if len(got) != len(step.want) || len(got) > 0 && got[0] != step.want[0] {
			t.Errorf("fallocate says %v, looked again %v: tried %#x, want %#x", step.say, step.look, got, step.want)
		}
	}
}
