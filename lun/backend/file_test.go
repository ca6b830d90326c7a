package backend_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/need"
	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

func sized(t *testing.T, n int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	must.OK(t, os.WriteFile(path, nil, 0o600))
	must.OK(t, os.Truncate(path, n))
	return path
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	there := sized(t, 8192)
	for _, c := range []struct {
		spec backend.Spec
		want string
	}{
		{backend.Spec{Kind: "tape"}, `no backend "tape"`},
		{backend.Spec{Kind: backend.KindMemory}, "needs a size"},
		{backend.Spec{Kind: backend.KindNull}, "needs a size"},
		{backend.Spec{Kind: backend.KindMemory, Size: 512, Path: "x"}, "has no path"},
		{backend.Spec{Kind: backend.KindMemory, Size: 1000}, "no multiple of the block size"},
		{backend.Spec{Kind: backend.KindMemory, Size: -512}, "needs a size"},
		{backend.Spec{Kind: backend.KindMemory, Size: 1<<62 + 512}, "not between"},
		{backend.Spec{Kind: backend.KindMemory, Size: 1 << 61}, "cannot allocate memory"},
		{backend.Spec{Kind: backend.KindMemory, Size: 8192, BlockSize: 1024}, "neither 512 nor 4096"},
		{backend.Spec{Kind: backend.KindFile}, "needs a path"},
		{backend.Spec{Kind: backend.KindFile, Path: filepath.Join(dir, "none")}, "no such file"},
		{backend.Spec{Kind: backend.KindFile, Path: filepath.Join(dir, "none", "f"), Size: 8192}, "no such file or directory"},
		{backend.Spec{Kind: backend.KindFile, Path: filepath.Join(dir, "none"), Size: 8192, ReadOnly: true}, "no such file"},
		{backend.Spec{Kind: backend.KindFile, Path: dir}, "not a regular file"},
		{backend.Spec{Kind: backend.KindFile, Path: there, Size: 4100}, "no multiple of the block size"},
		{backend.Spec{Kind: backend.KindFile, Path: there, Size: 16384, ReadOnly: true}, "it is read-only"},
		{backend.Spec{Kind: backend.KindFile, Path: there, Direct: "maybe"}, "neither auto, on nor off"},
		{backend.Spec{Kind: backend.KindFile, Path: sized(t, 0)}, "has no whole block"},
		{backend.Spec{Kind: backend.KindFile, Path: sized(t, 511)}, "has no whole block"},
		{backend.Spec{Kind: backend.KindBlock}, "needs a path"},
		{backend.Spec{Kind: backend.KindBlock, Path: there}, "use file:"},
		{backend.Spec{Kind: backend.KindBlock, Path: there, Size: 8192}, "the size it has"},
		{backend.Spec{Kind: backend.KindBlock, Path: dir}, "not a block device"},
		{backend.Spec{Kind: backend.KindBlock, Path: filepath.Join(dir, "none")}, "no such file"},
	} {
		b, err := backend.Open(c.spec)
		if err == nil {
			b.Close()
			t.Errorf("%+v was opened, want an error that says %q", c.spec, c.want)
		} else if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), c.spec.String()) {
			t.Errorf("%+v: %q, want it to name what was asked for and to say %q", c.spec, err, c.want)
		}
	}
	if st, err := os.Stat(there); err != nil || st.Size() != 8192 {
		t.Errorf("a file that was refused changed: %v, %v", st, err)
	}
}

// TestFileSize: a file is made, or made larger, and never smaller.
func TestFileSize(t *testing.T) {
	for _, c := range []struct {
		name            string
		have, ask, want int64
		note            string
	}{
		{"made", -1, 12288, 12288, ""},
		{"as it is", 12288, 0, 12288, ""},
		{"as asked", 12288, 12288, 12288, ""},
		{"extended", 4096, 12288, 12288, "extended from 4096 to 12288"},
		{"larger than asked", 12288, 4096, 12288, "more than the 4096 asked for"},
		{"with a rest", 12388, 0, 12288, "ends in 100 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "disk")
			if c.have >= 0 {
				path = sized(t, c.have)
			}
			b := must.Get(backend.Open(backend.Spec{Kind: backend.KindFile, Path: path, Size: c.ask, Direct: backend.DirectOff}))(t)
			defer b.Close()
			check.Equal(t, int64(b.Geometry().Blocks)*512, c.want, "bytes that are served:")
			wantNote(t, b, c.note)
			left, _ := os.ReadDir(filepath.Dir(path))
			check.That(t, len(left) == 1, "left in the folder: %v", left)
		})
	}
}

// wantNote wants one note that contains s; none if s is empty.
func wantNote(t *testing.T, b backend.Backend, s string) {
	t.Helper()
	notes := b.Notes()
	switch {
	case s == "" && len(notes) != 0:
		t.Errorf("notes %q, want none", notes)
	case s != "" && (len(notes) != 1 || !strings.Contains(notes[0], s)):
		t.Errorf("notes %q, want one that says %q", notes, s)
	}
}

// TestFileLock: a file is served once; read-only units may share it.
func TestFileLock(t *testing.T) {
	path := sized(t, 8192)
	spec := func(ro bool) backend.Spec {
		return backend.Spec{Kind: backend.KindFile, Path: path, ReadOnly: ro, Direct: backend.DirectOff}
	}
	for _, c := range []struct {
		first, second, together bool
	}{{false, false, false}, {false, true, false}, {true, false, false}, {true, true, true}} {
		a := must.Get(backend.Open(spec(c.first)))(t)
		b, err := backend.Open(spec(c.second))
		if (err == nil) != c.together {
			t.Errorf("ro=%v beside ro=%v: %v", c.second, c.first, err)
		} else if err != nil && !strings.Contains(err.Error(), "is in use") {
			t.Errorf("the error says %q, want that it is in use", err)
		}
		if err == nil {
			b.Close()
		}
		a.Close()
	}
	// Closed is free again.
	b, err := backend.Open(spec(false))
	must.OK(t, err, "after Close")
	b.Close()
}

// TestFileRefresh: a file that was extended or cut has another geometry; what is not there any more is a medium error.
func TestFileRefresh(t *testing.T) {
	path := sized(t, 8192)
	b := must.Get(backend.Open(backend.Spec{Kind: backend.KindFile, Path: path, Direct: backend.DirectOff}))(t)
	for _, c := range []struct {
		size    int64
		changed bool
	}{{8192, false}, {16384, true}, {16384 + 511, false}, {4096, true}} {
		must.OK(t, os.Truncate(path, c.size))
		changed, err := b.Refresh()
		check.That(t, err == nil && changed == c.changed, "at %d bytes: changed is %v (%v), want %v", c.size, changed, err, c.changed)
		check.Equal(t, b.Geometry().Blocks, uint64(c.size/512), "at %d bytes: blocks", c.size)
	}
	r := &lun.Request{Kind: lun.OpWrite, Off: 8192, Len: 512, Buf: make([]byte, 512)}
	if err := submit(t, b, r); !errors.Is(err, lun.ErrMedium) {
		t.Errorf("a write beyond what is left: %v, want ErrMedium", err)
	}
	if st, _ := os.Stat(path); st.Size() != 4096 {
		t.Errorf("the write made the file %d bytes long", st.Size())
	}
	// Cut without an inspection: the read finds the end.
	must.OK(t, os.Truncate(path, 512))
	r = &lun.Request{Kind: lun.OpRead, Off: 0, Len: 4096, Buf: make([]byte, 4096)}
	if err := submit(t, b, r); !errors.Is(err, lun.ErrMedium) || r.Moved != 512 {
		t.Errorf("a read over the end: %v after %d bytes, want ErrMedium after 512", err, r.Moved)
	}
	b.Close()
	if _, err := b.Refresh(); err != lun.ErrGone {
		t.Errorf("Refresh after Close: %v, want ErrGone", err)
	}
	if _, err := b.Extents(nil, 0, 1); err != nil {
		t.Errorf("Extents of a thick file after Close: %v", err)
	}
}

// TestThinFileGivesSpaceBack: a discard frees the file's blocks, and keeps its length.
func TestThinFileGivesSpaceBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	b, err := backend.Open(backend.Spec{Kind: backend.KindFile, Path: path, Size: 4 << 20, Thin: true, Direct: backend.DirectOff})
	must.OK(t, err)
	defer b.Close()
	used := func() int64 {
		var st unix.Stat_t
		must.OK(t, unix.Stat(path, &st))
		check.That(t, st.Size == 4<<20, "the file is %d bytes long", st.Size)
		return st.Blocks * 512
	}
	if n := used(); n > 65536 {
		t.Errorf("a new file takes %d bytes", n)
	}
	buf := bytes.Repeat([]byte{1}, 1<<20)
	must.OK(t, submit(t, b, &lun.Request{Kind: lun.OpWrite, Off: 1 << 20, Len: 1 << 20, Buf: buf, FUA: true}))
	if n := used(); n < 1<<20 {
		t.Errorf("1 MiB was written and %d bytes are taken", n)
	}
	must.OK(t, submit(t, b, &lun.Request{Kind: lun.OpDiscard, Off: 0, Len: 4 << 20}))
	if n := used(); n > 65536 {
		t.Errorf("all was discarded and %d bytes are taken", n)
	}
}

// TestDirectGoesOnAligned: a short direct transfer that ends off the alignment is gone on with from the aligned place
// before, for O_DIRECT takes no other.
func TestDirectGoesOnAligned(t *testing.T) {
	dir := orSkip(directDir(t))(t)
	b, err := backend.Open(backend.Spec{Kind: backend.KindFile, Path: filepath.Join(dir, "disk"), Size: 64 << 10, Direct: backend.DirectOn})
	must.OK(t, err)
	defer b.Close()
	wantNote(t, b, "")
	odd := true
	var offs []int64
	w := luntest.NewWorld(t, luntest.Config{Intercept: func(c *luntest.Call) (int, bool) {
		offs = append(offs, c.Off)
		if odd {
			odd = false
			c.Buf = c.Buf[:4096]
			if n, err := pio(c); err != nil || n != 4096 {
				t.Errorf("%v: %d, %v", c, n, err)
			}
			return 4096 + 100, true // the 100 were not moved: it must not rely on them
		}
		return 0, false
	}})
	var buf []byte
	w.On(0, func(l *luntest.Loop) { buf = l.Alloc(32 << 10) })
	want := bytes.Repeat([]byte("ringtgt!"), 4<<10)
	copy(buf, want)
	for _, kind := range []lun.OpKind{lun.OpWrite, lun.OpRead} {
		odd, offs = true, nil
		must.OK(t, submitIn(t, w, b, &lun.Request{Kind: kind, Off: 8192, Len: 32 << 10, Buf: buf}))
		check.That(t, len(offs) == 2 && offs[1] == 8192+4096, "calls at %v, want them at 8192 and 12288", offs)
		check.That(t, bytes.Equal(buf, want), "the bytes differ")
		if kind == lun.OpWrite {
			clear(buf)
		}
	}
}

func pio(c *luntest.Call) (int, error) {
	if c.Kind == luntest.CallRead {
		return unix.Pread(c.FD, c.Buf, c.Off)
	}
	return unix.Pwrite(c.FD, c.Buf, c.Off)
}

// TestDirectBounces: memory that O_DIRECT does not take goes through memory that it does.
func TestDirectBounces(t *testing.T) {
	dir := orSkip(directDir(t))(t)
	b, err := backend.Open(backend.Spec{Kind: backend.KindFile, Path: filepath.Join(dir, "disk"), Size: 64 << 10, Direct: backend.DirectOn})
	must.OK(t, err)
	defer b.Close()
	w := luntest.NewWorld(t, luntest.Config{})
	var page []byte
	w.On(0, func(l *luntest.Loop) { page = l.Alloc(8192) })
	buf := page[1:4097]
	want := bytes.Repeat([]byte("abcdefg."), 512)
	copy(buf, want)
	must.OK(t, submitIn(t, w, b, &lun.Request{Kind: lun.OpWrite, Off: 4096, Len: 4096, Buf: buf}))
	clear(buf)
	must.OK(t, submitIn(t, w, b, &lun.Request{Kind: lun.OpRead, Off: 4096, Len: 4096, Buf: buf}))
	check.That(t, bytes.Equal(buf, want), "the bytes differ")
	check.Equal(t, w.Loop(0).Outstanding(), 1, "buffers that are out, with the test's own:")
	w = luntest.NewWorld(t, luntest.Config{AllocFailEvery: 1})
	check.Equal(t, submitIn(t, w, b, &lun.Request{Kind: lun.OpRead, Off: 4096, Len: 4096, Buf: buf}), lun.ErrBusy, "without memory:")
}

// TestDirectFallsBack: where O_DIRECT does not do, auto serves without and says so, and on refuses. A filesystem on 4096-byte
// sectors takes no direct I/O of 512-byte blocks.
func TestDirectFallsBack(t *testing.T) {
	device := orSkip(loopDevice(t, 64<<20, 4096))(t)
	mkfs := need.Program(t, "mkfs.ext4", "e2fsprogs")
	if out, err := exec.Command(mkfs, "-q", device).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	dir := t.TempDir()
	if err := unix.Mount(device, dir, "ext4", 0, ""); err != nil {
		t.Skipf("cannot mount ext4 here: %v", err)
	}
	t.Cleanup(func() {
		check.OK(t, unix.Unmount(dir, 0), "umount")
	})
	spec := backend.Spec{Kind: backend.KindFile, Path: filepath.Join(dir, "disk"), Size: 8 << 20}
	b := must.Get(backend.Open(spec))(t)
	wantNote(t, b, "through the page cache: direct I/O needs multiples of 4096 bytes")
	check.OK(t, submit(t, b, &lun.Request{Kind: lun.OpWrite, Off: 512, Len: 512, Buf: make([]byte, 512)}), "a write of one block")
	b.Close()
	spec.Direct = backend.DirectOn
	if b, err := backend.Open(spec); err == nil {
		b.Close()
		t.Error("direct=on was opened")
	} else if !strings.Contains(err.Error(), "multiples of 4096 bytes") {
		t.Errorf("direct=on: %v", err)
	}
	spec.BlockSize = 4096
	b = must.Get(backend.Open(spec))(t) // blocks of 4096 bytes
	wantNote(t, b, "")
	b.Close()
}

// TestBlockSizeOfDevice: logical blocks that are smaller than the device's cannot be served, directly or not.
func TestBlockSizeOfDevice(t *testing.T) {
	path := orSkip(loopDevice(t, 1<<20, 4096))(t)
	for _, d := range []backend.Direct{backend.DirectOn, backend.DirectAuto, backend.DirectOff} {
		b, err := backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path, BlockSize: 512, Direct: d})
		if err == nil {
			b.Close()
			t.Errorf("direct=%s: 512-byte blocks on 4096-byte sectors were opened", d)
		} else if !strings.Contains(err.Error(), "logical blocks of 4096 bytes") {
			t.Errorf("direct=%s: %v", d, err)
		}
	}
	b := must.Get(backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path}))(t)
	defer b.Close()
	check.Equal(t, b.Geometry().BlockSize, 4096, "block size, which is the device's:")
}

// TestFileGrow: a file grows by the daemon, never shrinks, and does not grow over blocks that it has lost.
func TestFileGrow(t *testing.T) {
	path := sized(t, 8192)
	b := must.Get(backend.Open(backend.Spec{Kind: backend.KindFile, Path: path, Direct: backend.DirectOff}))(t)
	f := b.(backend.Growable)
	for _, c := range []struct {
		to, blocks int64
	}{{4096, 16}, {16384, 32}, {16384, 32}} {
		must.OK(t, f.Grow(c.to), "to %d", c.to)
		must.Get(b.Refresh())(t)
		check.Equal(t, b.Geometry().Blocks, uint64(c.blocks), "after Grow(%d): blocks", c.to)
	}
	must.OK(t, os.Truncate(path, 4096))
	check.That(t, f.Grow(32768) != nil, "a file that was cut grew")
	b.Close()
	check.Equal(t, f.Grow(65536), error(lun.ErrGone), "Grow after Close:")
}

// TestFileGrowReserves: a file whose space is reserved has all of it reserved when it has grown; a sparse one stays sparse.
func TestFileGrowReserves(t *testing.T) {
	for _, reserved := range []bool{true, false} {
		path := sized(t, 1<<20)
		if reserved {
			must.OK(t, os.WriteFile(path, bytes.Repeat([]byte{1}, 1<<20), 0o600))
		}
		b := must.Get(backend.Open(backend.Spec{Kind: backend.KindFile, Path: path, Direct: backend.DirectOff}))(t)
		must.OK(t, b.(backend.Growable).Grow(4<<20))
		var st unix.Stat_t
		must.OK(t, unix.Stat(path, &st))
		check.Equal(t, st.Size, 4<<20, "size")
		check.Equal(t, st.Blocks*512 >= 4<<20, reserved, "all is reserved:")
		b.Close()
	}
}
