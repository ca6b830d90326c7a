package backend_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// cutRig is a thin file of 16 blocks of 4096 bytes in a world whose clock the test moves.
type cutRig struct {
	t    *testing.T
	w    *luntest.World
	b    backend.Backend
	path string
}

const cutBlock = 4096

func newCutRig(t *testing.T, dir string, direct backend.Direct) *cutRig {
	t.Helper()
	r := &cutRig{t: t, w: luntest.NewWorld(t, luntest.Config{NoSync: true}), path: filepath.Join(dir, "disk")}
	b, err := backend.Open(backend.Spec{Kind: backend.KindFile, Path: r.path, Size: 16 * cutBlock, BlockSize: cutBlock, Thin: true, Direct: direct})
	must.OK(t, err)
	t.Cleanup(func() { b.Close() })
	r.b = b
	r.want(lun.OpWrite, 0, 16, nil, "it is the whole file")
	return r
}

// pass advances the loops' clock by ns.
func (r *cutRig) pass(ns int64) {
	done := false
	r.w.On(0, func(l *luntest.Loop) { l.After(ns, luntest.Func(func() { done = true })) })
	r.w.RunUntil("the time has passed", func() bool { return done })
}

// want checks the request's error and, for a failed request, how many bytes were good.
func (r *cutRig) want(kind lun.OpKind, block, n int64, want error, because string) *lun.Request {
	r.t.Helper()
	q := &lun.Request{Kind: kind, Off: block * cutBlock, Len: n * cutBlock}
	if kind == lun.OpRead || kind == lun.OpWrite {
		r.w.On(0, func(l *luntest.Loop) { q.Buf = l.Alloc(int(q.Len)) })
		for i := range q.Buf {
			q.Buf[i] = 0xA5
		}
	}
	if err := submitIn(r.t, r.w, r.b, q); !errors.Is(err, want) {
		r.t.Errorf("request %d of %d blocks at %d: %v, want %v, because %s", kind, n, block, err, want, because)
	}
	if q.Buf != nil {
		r.w.On(0, func(l *luntest.Loop) { l.Free(q.Buf) })
	}
	return q
}

func (r *cutRig) truncate(blocks int64) {
	r.t.Helper()
	must.OK(r.t, os.Truncate(r.path, blocks*cutBlock))
}

func (r *cutRig) wantSize(blocks int64) {
	r.t.Helper()
	if st, err := os.Stat(r.path); err != nil || st.Size() != blocks*cutBlock {
		r.t.Errorf("the file has %d bytes (%v), want %d: nothing may make it longer but its owner", st.Size(), err, blocks*cutBlock)
	}
}

// TestCutFile: lost blocks are medium errors for every request (SBC-4 4.18.1), and no request extends the file again, which would
// put zeroes in place of data.
func TestCutFile(t *testing.T) {
	for _, direct := range []backend.Direct{backend.DirectOff, backend.DirectOn} {
		t.Run("direct="+string(direct), func(t *testing.T) {
			dir, skip := t.TempDir(), ""
			if direct == backend.DirectOn {
				if dir, skip = directDir(t); dir == "" {
					t.Skip(skip)
				}
			}
			for _, first := range []lun.OpKind{lun.OpWrite, lun.OpDiscard, lun.OpZero, lun.OpRead} {
				sub := filepath.Join(dir, string(rune('a'+first)))
				must.OK(t, os.Mkdir(sub, 0o700))
				r := newCutRig(t, sub, direct)
				r.pass(1e6)
				r.truncate(10)
				r.want(first, 12, 2, lun.ErrMedium, "whoever comes first finds out")
				for _, kind := range []lun.OpKind{lun.OpRead, lun.OpWrite, lun.OpDiscard, lun.OpZero} {
					r.want(kind, 10, 1, lun.ErrMedium, "the first block behind the end is lost")
					r.want(kind, 15, 1, lun.ErrMedium, "the last one is")
					if q := r.want(kind, 8, 4, lun.ErrMedium, "two of four are lost"); q.Moved != 2*cutBlock {
						t.Errorf("%d bytes are said to be good, want two blocks", q.Moved)
					}
					r.want(kind, 9, 1, nil, "the block before the end is there")
				}
				r.wantSize(10)
			}
		})
	}
}

// TestCutFileStaysCut: a file that was extended again has zeroes where data was, and they are not returned as data.
func TestCutFileStaysCut(t *testing.T) {
	r := newCutRig(t, t.TempDir(), backend.DirectOff)
	r.truncate(10)
	if changed, err := r.b.Refresh(); !changed || err != nil {
		t.Errorf("Refresh of a file that was cut: %v, %v", changed, err)
	}
	r.truncate(20)
	if changed, err := r.b.Refresh(); !changed || err != nil || r.b.Geometry().Blocks != 20 {
		t.Errorf("Refresh of a file that grew: %v, %v, %d blocks", changed, err, r.b.Geometry().Blocks)
	}
	for _, kind := range []lun.OpKind{lun.OpRead, lun.OpWrite} {
		r.want(kind, 9, 1, nil, "it was never lost")
		r.want(kind, 10, 1, lun.ErrMedium, "it was lost")
		r.want(kind, 15, 1, lun.ErrMedium, "it was lost")
		r.want(kind, 16, 1, nil, "it is new")
	}
}

// TestFileCutToNothing: a unit keeps its capacity if the file has no block left (READ CAPACITY cannot express zero), and each block
// is a medium error.
func TestFileCutToNothing(t *testing.T) {
	r := newCutRig(t, t.TempDir(), backend.DirectOff)
	r.truncate(0)
	if changed, err := r.b.Refresh(); changed || err != nil || r.b.Geometry().Blocks != 16 {
		t.Errorf("Refresh: %v, %v, %d blocks; want the 16 that it had", changed, err, r.b.Geometry().Blocks)
	}
	r.want(lun.OpRead, 0, 1, lun.ErrMedium, "nothing is left")
	r.want(lun.OpWrite, 0, 1, lun.ErrMedium, "nothing is left")
	r.wantSize(0)
}

// TestHolesAreNoCut: a hole within the file reads as zeroes and can be written.
func TestHolesAreNoCut(t *testing.T) {
	r := newCutRig(t, t.TempDir(), backend.DirectOff)
	r.want(lun.OpDiscard, 4, 8, nil, "it is a thin file")
	r.pass(1e6)
	r.want(lun.OpRead, 5, 1, nil, "a hole is zeroes")
	r.want(lun.OpWrite, 6, 1, nil, "a hole can be written")
	r.want(lun.OpWrite, 15, 1, nil, "the last block is there")
}

// TestWritesLookRarely: checking the size does not cost every command a system call.
func TestWritesLookRarely(t *testing.T) {
	r := newCutRig(t, t.TempDir(), backend.DirectOff)
	r.pass(1e6)
	r.want(lun.OpWrite, 0, 1, nil, "it is there, and was looked at now")
	r.truncate(10)
	r.want(lun.OpWrite, 9, 1, nil, "it is there")
	r.want(lun.OpWrite, 12, 1, nil, "nobody has looked since")
	r.pass(1e6)
	r.want(lun.OpWrite, 13, 1, lun.ErrMedium, "a millisecond later somebody has")
}

// TestCutUnderSeveralLoops: a loss that one loop finds holds for all loops.
func TestCutUnderSeveralLoops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	b := must.Get(backend.Open(backend.Spec{Kind: backend.KindFile, Path: path, Size: 1 << 20, Direct: backend.DirectOff}))(t)
	defer b.Close()
	v := luntest.NewLive(t, 3)
	v.NoSync = true
	must.OK(t, os.Truncate(path, 512<<10))
	results := make(chan error)
	for i := range 3 {
		l := v.Loop(i)
		l.Post(luntest.Func(func() {
			for n := range 64 {
				buf := bytes.Repeat([]byte{byte(n)}, 512)
				r := &lun.Request{Kind: lun.OpWrite, Off: 512<<10 + int64(n)*4096, Len: 512, Buf: buf}
				r.Done = completion(func(err error) { results <- err })
				b.Submit(l, r)
			}
		}))
	}
	for range 3 * 64 {
		if err := <-results; !errors.Is(err, lun.ErrMedium) {
			t.Fatalf("a write behind the end: %v, want ErrMedium", err)
		}
	}
	if st, _ := os.Stat(path); st.Size() != 512<<10 {
		t.Errorf("the file has %d bytes", st.Size())
	}
}

type completion func(err error)

func (c completion) RequestDone(_ *lun.Request, err error) { go c(err) }

// TestBlockDeviceShrunk: a block beyond a device's new end is a medium error, not a full pool. A device that has lost its medium is
// NOT READY (SPC-4, 04/03).
func TestBlockDeviceShrunk(t *testing.T) {
	path := orSkip(loopDevice(t, 1<<20, 512))(t)
	for _, direct := range []backend.Direct{backend.DirectOn, backend.DirectOff} {
		b, err := backend.Open(backend.Spec{Kind: backend.KindBlock, Path: path, Direct: direct})
		must.OK(t, err)
		resize := func(n int64) {
			t.Helper()
			image := must.Get(os.ReadFile(filepath.Join("/sys/block", filepath.Base(path), "loop/backing_file")))(t)
			must.OK(t, os.Truncate(string(bytes.TrimSpace(image)), n))
			fd := must.Get(unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0))(t)
			defer unix.Close(fd)
			must.OK(t, unix.IoctlSetInt(fd, unix.LOOP_SET_CAPACITY, 0))
		}
		try := func(kind lun.OpKind, off int64, want error) {
			t.Helper()
			w := luntest.NewWorld(t, luntest.Config{NoSync: true})
			r := &lun.Request{Kind: kind, Off: off, Len: 4096}
			w.On(0, func(l *luntest.Loop) { r.Buf = l.Alloc(4096) })
			if err := submitIn(t, w, b, r); !errors.Is(err, want) {
				t.Errorf("direct=%s: request %d at %d: %v, want %v", direct, kind, off, err, want)
			}
		}
		try(lun.OpWrite, 768<<10, nil)
		resize(512 << 10)
		try(lun.OpWrite, 256<<10, nil)
		try(lun.OpRead, 768<<10, lun.ErrMedium)
		try(lun.OpWrite, 768<<10, lun.ErrMedium)
		try(lun.OpWrite, 512<<10-2048, lun.ErrMedium)
		resize(1 << 20)
		try(lun.OpWrite, 768<<10, nil)
		try(lun.OpRead, 768<<10, nil)
		b.Close()
	}
}

// TestLostDeviceIsNoLackOfPunching: ENODEV means that the device is gone for now. It must not turn hole punching off for good.
func TestLostDeviceIsNoLackOfPunching(t *testing.T) {
	b, err := backend.Open(backend.Spec{Kind: backend.KindFile, Path: filepath.Join(t.TempDir(), "disk"), Size: 1 << 20, Thin: true, Direct: backend.DirectOff})
	must.OK(t, err)
	defer b.Close()
	lost := true
	var modes []uint32
	w := luntest.NewWorld(t, luntest.Config{Intercept: func(c *luntest.Call) (int, bool) {
		modes = append(modes, c.Mode)
		return -int(unix.ENODEV), lost
	}})
	if err := submitIn(t, w, b, &lun.Request{Kind: lun.OpDiscard, Off: 0, Len: 8192}); !errors.Is(err, lun.ErrGone) {
		t.Errorf("a discard on a lost device: %v, want ErrGone", err)
	}
	lost, modes = false, nil
	check.OK(t, submitIn(t, w, b, &lun.Request{Kind: lun.OpDiscard, Off: 0, Len: 8192}), "a discard on one that is back")
	if len(modes) != 1 || modes[0]&unix.FALLOC_FL_PUNCH_HOLE == 0 {
		t.Errorf("it was carried out by fallocate modes %#x, want one that punches", modes)
	}
}

// TestSyncAfterCut: a sync promises that acknowledged data is on the medium (SBC-4 5.31), and data that was cut off is not. One sync
// fails for each cut, whichever request found it. The unit reports it to every nexus.
func TestSyncAfterCut(t *testing.T) {
	r := newCutRig(t, t.TempDir(), backend.DirectOff)
	r.want(lun.OpSync, 0, 0, nil, "all is there")
	r.pass(1e6)
	r.truncate(10)
	r.want(lun.OpSync, 0, 0, lun.ErrMedium, "blocks that were acknowledged are gone")
	r.want(lun.OpSync, 0, 0, nil, "that was told")
	r.pass(1e6)
	r.truncate(8)
	r.b.Inspect()
	r.want(lun.OpSync, 0, 0, lun.ErrMedium, "more are gone, and an inspection found it first")
	r.want(lun.OpSync, 0, 0, nil, "that was told")
}

// TestLostBlocksAreNotDeallocated: deallocated blocks read as zeroes (LBPRZ, SBC-4 4.7.4.4) and lost blocks do not. So GET LBA
// STATUS must not report lost blocks as deallocated.
func TestLostBlocksAreNotDeallocated(t *testing.T) {
	r := newCutRig(t, t.TempDir(), backend.DirectOff)
	r.want(lun.OpDiscard, 2, 2, nil, "it is a thin file")
	r.want(lun.OpDiscard, 12, 2, nil, "it is a thin file")
	want := func(because string, want ...lun.Extent) {
		t.Helper()
		got, err := r.b.Extents(nil, 0, 10)
		check.That(t, err == nil && slices.Equal(got, want), "%v (%v), want %v, because %s", got, err, want, because)
		if part, err := r.b.Extents(nil, 11, 1); err != nil || len(part) != 1 || !part[0].Mapped || part[0].LBA != 11 {
			t.Errorf("from LBA 11 on: %v (%v), want it mapped", part, err)
		}
	}
	want("all is there", lun.Extent{LBA: 0, Blocks: 2, Mapped: true}, lun.Extent{LBA: 2, Blocks: 2},
		lun.Extent{LBA: 4, Blocks: 8, Mapped: true}, lun.Extent{LBA: 12, Blocks: 2}, lun.Extent{LBA: 14, Blocks: 2, Mapped: true})
	r.truncate(8)
	want("8 to 15 are lost", lun.Extent{LBA: 0, Blocks: 2, Mapped: true}, lun.Extent{LBA: 2, Blocks: 2}, lun.Extent{LBA: 4, Blocks: 12, Mapped: true})
	r.truncate(3)
	want("3 to 15 are", lun.Extent{LBA: 0, Blocks: 2, Mapped: true}, lun.Extent{LBA: 2, Blocks: 1}, lun.Extent{LBA: 3, Blocks: 13, Mapped: true})
	r.truncate(20)
	must.Get(r.b.Refresh())(t)
	want("what is new is not allocated", lun.Extent{LBA: 0, Blocks: 2, Mapped: true}, lun.Extent{LBA: 2, Blocks: 1},
		lun.Extent{LBA: 3, Blocks: 13, Mapped: true}, lun.Extent{LBA: 16, Blocks: 4})
}
