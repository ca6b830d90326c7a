package faulttest_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// ender counts the completions of a request.
type ender struct {
	n   int
	err error
}

func (e *ender) RequestDone(_ *lun.Request, err error) { e.n, e.err = e.n+1, err }

func faultOver(t *testing.T) (*faulttest.Backend, *backend.Memory, *luntest.World) {
	t.Helper()
	m, err := backend.NewMemory(backend.Spec{Kind: backend.KindMemory, Size: 1 << 20, BlockSize: 512})
	if err != nil {
		t.Fatal(err)
	}
	return faulttest.New(m), m, luntest.NewWorld(t, luntest.Config{Loops: 2})
}

// start submits a write of n bytes of c at off, on loop i.
func start(w *luntest.World, b lun.Backend, i int, off int64, n int, c byte) (*ender, *lun.Request) {
	end := &ender{}
	r := &lun.Request{Kind: lun.OpWrite, Off: off, Len: int64(n), Buf: bytes.Repeat([]byte{c}, n), Done: end}
	w.On(i, func(l *luntest.Loop) { b.Submit(l, r) })
	return end, r
}

// TestFaultHolds: what is held is not seen by the medium until it is released, oldest first, on its own loop.
func TestFaultHolds(t *testing.T) {
	f, m, w := faultOver(t)
	f.Hold()
	a, _ := start(w, f, 0, 0, 512, 1)
	b, _ := start(w, f, 1, 512, 512, 2)
	c, _ := start(w, f, 0, 1024, 512, 3)
	w.Run()
	if a.n+b.n+c.n != 0 || f.Held() != 3 || f.Seen() != 3 || m.Bytes(0, 1)[0] != 0 {
		t.Fatalf("held %d of %d; completions %d %d %d", f.Held(), f.Seen(), a.n, b.n, c.n)
	}
	f.Release(1)
	w.Run()
	if a.n != 1 || a.err != nil || b.n != 0 || m.Bytes(0, 1)[0] != 1 || m.Bytes(512, 1)[0] != 0 {
		t.Fatalf("after Release(1): completions %d %d %d", a.n, b.n, c.n)
	}
	f.Fail(1, lun.ErrNoSpace)
	w.Run()
	if b.n != 1 || b.err != lun.ErrNoSpace || m.Bytes(512, 1)[0] != 0 {
		t.Fatalf("after Fail(1): %d completions, %v", b.n, b.err)
	}
	f.Pass()
	d, _ := start(w, f, 0, 2048, 512, 4)
	w.Run()
	if d.n != 1 || c.n != 0 {
		t.Fatal("Pass lets new requests pass and leaves those held")
	}
	// Closed while one is held: it still ends, once, and the medium stays open until then.
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	late, _ := start(w, f, 0, 0, 512, 9)
	if late.err != lun.ErrGone {
		t.Errorf("after Close: %v, want ErrGone", late.err)
	}
	f.Release(-1)
	w.Run()
	if c.n != 1 || c.err != nil {
		t.Errorf("held over Close: %d completions, %v", c.n, c.err)
	}
	if err := m.Close(); err != backend.ErrClosed {
		t.Errorf("the medium is not closed after the last request: %v", err)
	}
}

// TestFaultHoldsAnswers: the medium has carried out the request, and the answer is held.
func TestFaultHoldsAnswers(t *testing.T) {
	f, m, w := faultOver(t)
	f.Decide(func(*lun.Request) faulttest.Fate { return faulttest.Fate{HoldAnswer: true} })
	a, r := start(w, f, 0, 0, 512, 1)
	w.Run()
	if a.n != 0 || m.Bytes(0, 1)[0] != 1 || f.Held() != 1 {
		t.Fatalf("%d completions, %d held, the medium has %d", a.n, f.Held(), m.Bytes(0, 1)[0])
	}
	f.Release(-1)
	w.Run()
	if a.n != 1 || a.err != nil || r.Moved != 512 {
		t.Fatalf("%d completions, %v, %d moved", a.n, a.err, r.Moved)
	}
}

// TestFaultPartial: an error in the middle has moved what was before it, and says how much.
func TestFaultPartial(t *testing.T) {
	f, m, w := faultOver(t)
	f.Decide(func(*lun.Request) faulttest.Fate { return faulttest.Fate{Err: lun.ErrMedium, Moved: 1024, Delay: 50} })
	a, r := start(w, f, 0, 0, 4096, 1)
	if a.n != 0 {
		t.Fatal("completed before its delay")
	}
	w.Run()
	if a.n != 1 || a.err != lun.ErrMedium || r.Moved != 1024 || w.Now() != 50 {
		t.Fatalf("%d completions at %d, %v, %d moved", a.n, w.Now(), a.err, r.Moved)
	}
	if b := m.Bytes(0, 2048); b[1023] != 1 || b[1024] != 0 {
		t.Error("the medium has something else than the first 1024 bytes")
	}
}

// TestFaultChance: odds are kept, roughly, and a seed repeats itself.
func TestFaultChance(t *testing.T) {
	run := func(seed uint64) (log []string) {
		f, _, w := faultOver(t)
		f.Chance(seed, faulttest.Chances{Error: 100_000, Partial: 100_000, Never: 50_000, Delay: 300_000, MaxDelay: 1000, Err: lun.ErrBusy})
		for i := range 1000 {
			end, r := start(w, f, i%2, 0, 4096, 1)
			w.Run()
			log = append(log, fmt.Sprintf("%d %v %d %d", end.n, end.err, r.Moved, w.Now()))
			if end.n == 1 && end.err == nil && r.Moved != 4096 || end.err != nil && (!errors.Is(end.err, lun.ErrBusy) || r.Moved >= 4096 || r.Moved%512 != 0) {
				t.Fatalf("request %d: %s", i, log[i])
			}
		}
		if h := f.Held(); h < 20 || h > 90 {
			t.Errorf("%d of 1000 never answered, the odds were 50", h)
		}
		return log
	}
	a := run(1)
	if !slices.Equal(a, run(1)) {
		t.Error("one seed gave two histories")
	}
	if slices.Equal(a, run(2)) {
		t.Error("two seeds gave one history")
	}
	failed := 0
	for _, s := range a {
		if bytes.Contains([]byte(s), []byte("busy")) {
			failed++
		}
	}
	if failed < 120 || failed > 260 {
		t.Errorf("%d of 1000 failed, the odds were 190", failed)
	}
}
