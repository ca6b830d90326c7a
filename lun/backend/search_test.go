package backend_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// badDisk is a file of 8192 blocks whose reads and writes fail with errno as a whole when they touch a block of bad, as those
// of O_DIRECT do.
type badDisk struct {
	t     *testing.T
	w     *luntest.World
	b     backend.Backend
	path  string
	bad   func(block int64) bool
	errno unix.Errno
	calls int
}

func newBadDisk(t *testing.T, cfg luntest.Config) *badDisk {
	d := &badDisk{t: t, path: filepath.Join(t.TempDir(), "disk"), errno: unix.EIO, bad: func(int64) bool { return false }}
	b := must.Get(backend.Open(backend.Spec{Kind: backend.KindFile, Path: d.path, Size: 8192 * 512, Direct: backend.DirectOff}))(t)
	t.Cleanup(func() { b.Close() })
	d.b = b
	cfg.Intercept = func(c *luntest.Call) (int, bool) {
		d.calls++
		for at := c.Off; at < c.Off+int64(len(c.Buf)); at += 512 {
			if d.bad(at / 512) {
				return -int(d.errno), true
			}
		}
		return 0, false
	}
	d.w = luntest.NewWorld(t, cfg)
	return d
}

func (d *badDisk) do(kind lun.OpKind, block, n int64) (*lun.Request, error) {
	d.t.Helper()
	q := &lun.Request{Kind: kind, Off: block * 512, Len: n * 512}
	d.w.On(0, func(l *luntest.Loop) { q.Buf = l.Alloc(int(q.Len)) })
	d.calls = 0
	err := submitIn(d.t, d.w, d.b, q)
	return q, err
}

// TestBadBlockIsFound: SBC-4 4.18.1: INFORMATION is the first block in error. A read that fails as a whole finds it, wherever
// it is, in a number of reads that the logarithm of its length bounds.
func TestBadBlockIsFound(t *testing.T) {
	for _, cfg := range []luntest.Config{{Seed: 1}, {Seed: 2, ShortEvery: 3, ShortUnit: 100}} {
		d := newBadDisk(t, cfg)
		rng := d.w.Rand()
		for range 200 {
			first, n := rng.Int64N(8000), 1+rng.Int64N(192)
			bad, second := first+rng.Int64N(n), first+rng.Int64N(n)
			d.bad = func(b int64) bool { return b == bad || b == second }
			q, err := d.do(lun.OpRead, first, n)
			if !errors.Is(err, lun.ErrBlock) || q.Off+q.Moved != min(bad, second)*512 {
				t.Fatalf("blocks [%d, +%d) with bad ones at %d and %d: %v, %d blocks good", first, n, bad, second, err, q.Moved/512)
			}
			check.That(t, cfg.ShortEvery != 0 || d.calls <= 18, "%d reads to find one of %d blocks", d.calls, n)
			d.bad = func(int64) bool { return false }
			if q, err := d.do(lun.OpRead, first, n); err != nil || q.Moved != n*512 {
				t.Fatalf("without a bad block: %v", err)
			}
		}
	}
}

// TestBadBlockThatPasses: a read that fails once succeeds if its parts can be read.
func TestBadBlockThatPasses(t *testing.T) {
	d := newBadDisk(t, luntest.Config{})
	must.OK(t, os.WriteFile(d.path, bytes.Repeat([]byte("ringtgt."), 8192*64), 0o600))
	for fails := 1; fails < 5; fails++ {
		left := fails
		d.bad = func(b int64) bool {
			if b == 100 && left > 0 {
				left--
				return true
			}
			return false
		}
		q, err := d.do(lun.OpRead, 64, 128)
		if err != nil || !bytes.Equal(q.Buf, bytes.Repeat([]byte("ringtgt."), 128*64)) {
			t.Errorf("after %d failures that passed: %v", fails, err)
		}
	}
}

// TestSearchIsBounded: on a disk that takes seconds for each bad read, the search ends before initiators give up, and no
// block is named.
func TestSearchIsBounded(t *testing.T) {
	quick, slow := newBadDisk(t, luntest.Config{}), newBadDisk(t, luntest.Config{MaxDelay: 4e9})
	for _, d := range []*badDisk{quick, slow} {
		d.bad = func(int64) bool { return true }
	}
	if q, err := quick.do(lun.OpRead, 0, 4096); !errors.Is(err, lun.ErrBlock) || q.Moved != 0 || quick.calls > 13 {
		t.Errorf("every block is bad: %v after %d bytes and %d reads, want the first block", err, q.Moved, quick.calls)
	}
	_, err := slow.do(lun.OpRead, 0, 4096)
	if !errors.Is(err, lun.ErrMedium) || errors.Is(err, lun.ErrBlock) || slow.calls > 4 {
		t.Errorf("every read takes seconds: %v after %d of them", err, slow.calls)
	}
}

// TestOtherReadErrors: other errors of a read start no search.
func TestOtherReadErrors(t *testing.T) {
	d := newBadDisk(t, luntest.Config{})
	d.bad = func(int64) bool { return true }
	for _, e := range []unix.Errno{unix.ENXIO, unix.ENOMEM, unix.EPERM} {
		d.errno = e
		if _, err := d.do(lun.OpRead, 0, 64); err == nil || errors.Is(err, lun.ErrMedium) || d.calls != 1 {
			t.Errorf("%v: %v after %d reads", e, err, d.calls)
		}
	}
}

// TestFailedWriteNamesNoBlock: initiators take the blocks before the one that INFORMATION names for written. So a write of
// several blocks that fails as a whole names none, and one over the end of a file that was cut writes what comes before.
func TestFailedWriteNamesNoBlock(t *testing.T) {
	d := newBadDisk(t, luntest.Config{})
	d.bad = func(b int64) bool { return b == 20 }
	q, err := d.do(lun.OpWrite, 16, 8)
	if !errors.Is(err, lun.ErrMedium) || errors.Is(err, lun.ErrBlock) || q.Moved != 0 || d.calls != 1 {
		t.Errorf("a write over a bad block: %v after %d bytes and %d writes", err, q.Moved, d.calls)
	}
	d.bad = func(int64) bool { return false }
	d.w.On(0, func(l *luntest.Loop) { l.After(1e7, luntest.Func(func() {})) })
	d.w.Run()
	must.OK(t, os.Truncate(d.path, 100*512))
	q = &lun.Request{Kind: lun.OpWrite, Off: 96 * 512, Len: 8 * 512}
	d.w.On(0, func(l *luntest.Loop) { q.Buf = l.Alloc(int(q.Len)) })
	copy(q.Buf, bytes.Repeat([]byte{0x5A}, 8*512))
	err = submitIn(t, d.w, d.b, q)
	got, _ := os.ReadFile(d.path)
	if !errors.Is(err, lun.ErrBlock) || q.Moved != 4*512 || !bytes.Equal(got[96*512:], bytes.Repeat([]byte{0x5A}, 4*512)) {
		t.Errorf("a write over the end: %v after %d bytes, which are % x...", err, q.Moved, got[96*512:96*512+4])
	}
}
