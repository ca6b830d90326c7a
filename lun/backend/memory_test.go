package backend_test

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// submit carries one request out in a world of its own.
func submit(t *testing.T, b lun.Backend, r *lun.Request) error {
	t.Helper()
	w := luntest.NewWorld(t, luntest.Config{})
	return submitIn(t, w, b, r)
}

func submitIn(t *testing.T, w *luntest.World, b lun.Backend, r *lun.Request) error {
	t.Helper()
	var end ender
	r.Done = &end
	w.On(0, func(l *luntest.Loop) { b.Submit(l, r) })
	w.RunUntil("the request is done", func() bool { return end.n > 0 })
	return end.err
}

type ender struct {
	n   int
	err error
}

func (e *ender) RequestDone(_ *lun.Request, err error) { e.n, e.err = e.n+1, err }

// resident counts the pages of b that are in memory.
func resident(t *testing.T, b []byte) (n int) {
	t.Helper()
	vec := make([]byte, (len(b)+4095)/4096)
	if _, _, e := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&vec[0]))); e != 0 {
		t.Fatalf("mincore: %v", e)
	}
	for _, v := range vec {
		n += int(v & 1)
	}
	return n
}

// TestMemoryTakesWhatIsWritten: a thin memory unit takes a page for a page written, and gives it back when discarded.
func TestMemoryTakesWhatIsWritten(t *testing.T) {
	const size = 1 << 40
	b := must.Get(backend.NewMemory(backend.Spec{Kind: backend.KindMemory, Size: size, BlockSize: 512, Thin: true}))(t)
	defer b.Close()
	part := b.Bytes(1<<30, 1<<20)
	if n := resident(t, part); n != 0 {
		t.Fatalf("%d pages are taken before anything is written", n)
	}
	must.OK(t, submit(t, b, &lun.Request{Kind: lun.OpWrite, Off: 1<<30 + 512, Len: 8192, Buf: make([]byte, 8192)}))
	if n := resident(t, part); n != 3 {
		t.Fatalf("%d pages are taken by 16 blocks over 3 pages", n)
	}
	must.OK(t, submit(t, b, &lun.Request{Kind: lun.OpDiscard, Off: 0, Len: size}))
	if n := resident(t, part); n != 0 {
		t.Fatalf("%d pages are taken after all was discarded", n)
	}
}

// TestMemoryZeroesInBackground: clearing much memory is not done on the loop.
func TestMemoryZeroesInBackground(t *testing.T) {
	b, err := backend.NewMemory(backend.Spec{Kind: backend.KindMemory, Size: 64 << 20, BlockSize: 512})
	must.OK(t, err)
	defer b.Close()
	for _, c := range []struct {
		n      int64
		inline bool
	}{{4096, true}, {64 << 20, false}} {
		for _, kind := range []lun.OpKind{lun.OpZero, lun.OpDiscard} {
			w := luntest.NewWorld(t, luntest.Config{})
			var end ender
			r := &lun.Request{Kind: kind, Len: c.n, Done: &end}
			w.On(0, func(l *luntest.Loop) { b.Submit(l, r) })
			check.Equal(t, end.n == 1, c.inline, "%d bytes: done inside Submit is", c.n)
			w.Run()
			check.That(t, end.n == 1 && end.err == nil, "%d bytes: completed %d times, %v", c.n, end.n, end.err)
		}
	}
}

// TestMemoryAfterClose: what a send still holds shows zeroes, and no other unit's memory.
func TestMemoryAfterClose(t *testing.T) {
	b := must.Get(backend.NewMemory(backend.Spec{Kind: backend.KindMemory, Size: 1 << 20, BlockSize: 512}))(t)
	view := b.Bytes(0, 4096)
	must.OK(t, submit(t, b, &lun.Request{Kind: lun.OpWrite, Len: 512, Buf: []byte{511: 7}}))
	must.Be(t, view[511] == 7, "Bytes does not show what was written")
	must.OK(t, b.Close())
	check.That(t, view[511] == 0, "Close left what was written")
	check.Equal(t, b.Close(), backend.ErrClosed, "Close again:")
}

func addr(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
