package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// durability: FUA makes each part of its write durable before completion (SBC-3 4.15), and a sync covers everything that was
// acknowledged before it.
func durability(t *testing.T, s Suite, w Want) {
	var calls []luntest.Call
	r := s.rig(t, w, luntest.Config{Seed: 2, MaxDelay: 1000, ShortEvery: 3, ShortUnit: 4096, Intercept: func(c *luntest.Call) (int, bool) {
		calls = append(calls, *c)
		return 0, false
	}})
	if !s.Queued || !r.b.Geometry().Volatile {
		for _, fua := range []bool{false, true} { // it only has to succeed
			r.write(0, pattern(0, r.bs, 1), fua)
		}
		if err := r.do(lun.OpSync, 0, 0, nil, false); err != nil {
			t.Errorf("sync: %v", err)
		}
		return
	}
	for _, fua := range []bool{false, true} {
		calls = nil
		r.write(0, pattern(0, 64*r.bs, 1), fua)
		if len(calls) == 0 {
			t.Fatal("a write made no call")
		}
		for _, c := range calls {
			if c.Kind != luntest.CallWrite || c.DSync != fua {
				t.Errorf("a write with FUA=%v made the call %v", fua, &c)
			}
		}
	}
	for _, c := range []struct{ off, n int64 }{{0, 0}, {r.bs, r.bs}} {
		calls = nil
		if err := r.do(lun.OpSync, c.off, c.n, nil, false); err != nil {
			t.Fatalf("sync: %v", err)
		}
		if len(calls) != 1 || calls[0].Kind != luntest.CallSync {
			t.Errorf("a sync of [%d, +%d) made the calls %v", c.off, c.n, calls)
		}
	}
}

// loops: requests of several loops, in flight together and completed in any order, have the same effect as each alone where they
// do not overlap; and no buffer is accessed once its request is done.
func loops(t *testing.T, s Suite, w Want) {
	for seed := uint64(1); seed <= 5; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			const n, rounds = 4, 60
			r := s.rig(t, w, luntest.Config{Seed: seed, Loops: n, MaxDelay: 10_000})
			rng := r.w.Rand()
			m := r.model()
			blocks := r.size / r.bs
			busy := make([]bool, blocks)
			var after []func()
			flying := 0
			for range rounds {
				for i := range n {
					at := rng.Int64N(blocks)
					count := 1 + rng.Int64N(min(blocks-at, 40))
					if overlaps(busy[at : at+count]) {
						continue
					}
					mark(busy[at:at+count], true)
					flying++
					r.random(i, at*r.bs, count*r.bs, m, func(late func()) {
						mark(busy[at:at+count], false)
						flying--
						if late != nil {
							after = append(after, late)
						}
					})
				}
				for range rng.IntN(12) {
					r.w.Step()
				}
			}
			r.w.RunUntil("all requests are done", func() bool { return flying == 0 })
			for _, f := range after {
				f()
			}
			r.wantIs(m.data)
			if s.Extents == Exact || s.Extents == Coarse {
				r.wantExtents(m)
			}
		})
	}
}

// random starts one random request on [off, off+n) and updates m. end is called at its completion; if it gets a function, it must
// call that when all requests are done.
func (r *rig) random(loop int, off, n int64, m *model, end func(late func())) {
	rng := r.w.Rand()
	l := r.w.Loop(loop)
	alloc := func() (b []byte) {
		r.w.On(loop, func(*luntest.Loop) { b = l.Alloc(int(n)) })
		return b
	}
	good := func(o *op) {
		if o.err != nil {
			r.t.Errorf("%s of %d bytes at %d: %v", kindName(o.Kind), n, off, o.err)
		}
	}
	switch rng.IntN(5) {
	case 0, 1:
		data := pattern(off, n, byte(rng.Uint32()))
		buf := alloc()
		copy(buf, data)
		m.write(off, data)
		r.submit(loop, lun.OpWrite, off, n, buf, rng.IntN(4) == 0, func(o *op) {
			good(o)
			l.Free(buf) // poisoned now: a later write of the backend would write the poison
			end(nil)
		})
	case 2, 3:
		buf := alloc()
		want := bytes.Clone(m.data[off : off+n])
		r.submit(loop, lun.OpRead, off, n, buf, false, func(o *op) {
			good(o)
			if !bytes.Equal(buf, want) {
				r.t.Errorf("read of %d bytes at %d gave something else than was there", n, off)
			}
			l.Free(buf) // checked when the world ends
			end(nil)
		})
	case 4:
		kind := lun.OpDiscard + lun.OpKind(rng.IntN(2))
		m.zero(off, n, kind == lun.OpDiscard)
		r.submit(loop, kind, off, n, nil, false, func(o *op) { good(o); end(nil) })
	}
}

func overlaps(busy []bool) bool {
	for _, b := range busy {
		if b {
			return true
		}
	}
	return false
}

func mark(busy []bool, b bool) {
	for i := range busy {
		busy[i] = b
	}
}

// live runs loops on real threads, for the race detector; each works in a stripe of its own.
func live(t *testing.T, s Suite, w Want) {
	b, skip := s.Open(t, w)
	if b == nil {
		t.Skip(skip)
	}
	const n, rounds = 3, 150
	v := luntest.NewLive(t, n)
	v.NoSync = true
	bs := int64(w.BlockSize)
	stripe := w.Bytes / bs / n * bs
	var wait sync.WaitGroup
	for i := range n {
		wait.Add(1)
		l := v.Loop(i)
		walk := &walker{t: t, b: b, l: l, s: s, bs: bs, base: int64(i) * stripe, size: stripe, left: rounds, done: wait.Done}
		walk.model = make([]byte, stripe)
		l.Post(luntest.Func(walk.next))
	}
	for range 20 { // meanwhile, the calls that any goroutine may make
		b.Geometry()
		if _, err := b.Extents(nil, 0, 100); err != nil {
			t.Errorf("Extents: %v", err)
		}
	}
	wait.Wait()
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// walker writes, reads and discards on one live loop, one request after the other.
type walker struct {
	lun.Request
	t          *testing.T
	b          lun.Backend
	l          *luntest.LiveLoop
	s          Suite
	model      []byte
	bs         int64
	base, size int64
	left       int
	done       func()
	state      uint32
}

func (k *walker) draw(n int64) int64 {
	k.state = k.state*1664525 + 1013904223
	return int64(k.state>>8) % n
}

func (k *walker) next() {
	if k.left--; k.left < 0 {
		k.done()
		return
	}
	blocks := k.size / k.bs
	at := k.draw(blocks)
	n := (1 + k.draw(min(blocks-at, 30))) * k.bs
	at *= k.bs
	k.Request = lun.Request{Kind: [...]lun.OpKind{lun.OpWrite, lun.OpRead, lun.OpDiscard, lun.OpWrite, lun.OpRead, lun.OpZero, lun.OpSync}[k.draw(7)], Off: k.base + at, Len: n, Done: k}
	switch k.Kind {
	case lun.OpWrite:
		k.Buf = k.l.Alloc(int(n))
		copy(k.Buf, pattern(at, n, byte(k.left)))
		if !k.s.Forgets {
			copy(k.model[at:], k.Buf)
		}
	case lun.OpRead:
		k.Buf = k.l.Alloc(int(n))
	case lun.OpDiscard, lun.OpZero:
		clear(k.model[at : at+n])
	}
	k.b.Submit(k.l, &k.Request)
}

// RequestDone implements lun.Completion.
func (k *walker) RequestDone(r *lun.Request, err error) {
	at := r.Off - k.base
	if err != nil {
		k.t.Errorf("%s: %v", kindName(r.Kind), err)
	} else if r.Kind == lun.OpRead && !bytes.Equal(r.Buf, k.model[at:at+r.Len]) {
		k.t.Errorf("read of %d bytes at %d gave something else than was there", r.Len, r.Off)
	}
	if r.Buf != nil {
		k.l.Free(r.Buf)
	}
	k.l.Post(luntest.Func(k.next))
}

// short: a transfer that the kernel cuts short is continued until all bytes have moved.
func short(t *testing.T, s Suite, w Want) {
	calls := 0
	unit := int(w.BlockSize)
	if s.Ragged {
		unit = 1
	}
	r := s.rig(t, w, luntest.Config{Seed: 3, ShortEvery: 2, ShortUnit: unit, Intercept: func(c *luntest.Call) (int, bool) {
		calls++
		return 0, false
	}})
	m := r.model()
	for i := range 30 {
		at := int64(i) * 5
		data := pattern(at*r.bs, 40*r.bs, byte(i))
		r.write(at*r.bs, data, i%2 == 0)
		m.write(at*r.bs, data)
	}
	r.wantIs(m.data)
	if calls < 40 {
		t.Errorf("%d calls for 31 transfers: hardly one was cut short", calls)
	}
}

// errnos: an errno becomes one of the errors of package lun; after a transient one the call is repeated.
func errnos(t *testing.T, s Suite, w Want) {
	var fail func(c *luntest.Call) (int, bool)
	calls := 0
	r := s.rig(t, w, luntest.Config{Intercept: func(c *luntest.Call) (int, bool) {
		calls++
		if fail == nil {
			return 0, false
		}
		return fail(c)
	}})
	const n = 8
	buf := r.alloc(n * r.bs)
	always := func(e unix.Errno) func(*luntest.Call) (int, bool) {
		return func(*luntest.Call) (int, bool) { return -int(e), true }
	}
	for _, c := range []struct {
		errno unix.Errno
		want  error
	}{
		{unix.EIO, lun.ErrMedium}, {unix.ENODATA, lun.ErrMedium}, {unix.EILSEQ, lun.ErrMedium}, {unix.EREMOTEIO, lun.ErrMedium},
		{unix.ENOSPC, lun.ErrNoSpace}, {unix.EDQUOT, lun.ErrNoSpace},
		{unix.EROFS, lun.ErrReadOnly},
		{unix.ENXIO, lun.ErrGone}, {unix.ENODEV, lun.ErrGone}, {unix.ENOTCONN, lun.ErrGone}, {unix.ESTALE, lun.ErrGone},
		{unix.ENOLINK, lun.ErrGone}, {unix.ETIMEDOUT, lun.ErrGone}, {unix.EBADE, lun.ErrGone},
		{unix.ENOMEM, lun.ErrBusy}, {unix.EBUSY, lun.ErrBusy}, {unix.EAGAIN, lun.ErrBusy}, {unix.EINTR, lun.ErrBusy}, {unix.ECANCELED, lun.ErrBusy},
		{unix.ENOTRECOVERABLE, unix.ENOTRECOVERABLE},
	} {
		fail = always(c.errno)
		for _, kind := range []lun.OpKind{lun.OpRead, lun.OpWrite, lun.OpSync, lun.OpDiscard, lun.OpZero} {
			var b []byte
			if kind == lun.OpRead || kind == lun.OpWrite {
				b = buf
			}
			calls = 0
			wantErr(t, fmt.Sprintf("%s after %v", kindName(kind), c.errno), r.do(kind, 0, n*r.bs, b, false), c.want)
			if calls > 100 {
				t.Errorf("%s after %v was tried %d times", kindName(kind), c.errno, calls)
			}
		}
	}
	errnoMoved(t, r, &fail)
	errnoTransient(t, r, &fail, buf)
	// A medium that has neither holes nor zeroing gets zeroes written.
	for _, errno := range []unix.Errno{unix.EINVAL, unix.EOPNOTSUPP} {
		for _, kind := range []lun.OpKind{lun.OpDiscard, lun.OpZero} {
			fail = nil
			m := r.model()
			data := pattern(0, r.size, 5)
			r.write(0, data, false)
			m.write(0, data)
			fail = func(c *luntest.Call) (int, bool) {
				return -int(errno), c.Kind == luntest.CallAllocate || c.Kind == luntest.CallDiscard
			}
			r.ranged(kind, r.bs, r.size-3*r.bs)
			m.zero(r.bs, r.size-3*r.bs, true)
			r.wantIs(m.data)
		}
	}
	// The end of the file where blocks should be is a medium error, and so is a write that transfers nothing. This
	// comes last: a file that has ended has lost its blocks from there on. The write is before them.
	fail = func(*luntest.Call) (int, bool) { return 0, true }
	wantErr(t, "a read of nothing", r.do(lun.OpRead, n*r.bs, n*r.bs, buf, false), lun.ErrMedium)
	wantErr(t, "a write of nothing", r.do(lun.OpWrite, 0, n*r.bs, buf, false), lun.ErrMedium)
}

type failing = func(c *luntest.Call) (int, bool)

// errnoMoved: an error in the middle of a transfer.
func errnoMoved(t *testing.T, r *rig, fail *failing) {
	// Moved is the number of good bytes before the bad block.
	for _, kind := range []lun.OpKind{lun.OpRead, lun.OpWrite} {
		first := true
		*fail = func(c *luntest.Call) (int, bool) {
			if first {
				first = false
				c.Buf = c.Buf[:4096]
				return 0, false
			}
			return -int(unix.EIO), true
		}
		big := r.alloc(16384)
		o := r.submit(0, kind, 0, 16384, big, false, nil)
		r.w.Run()
		if !errors.Is(o.err, lun.ErrMedium) || o.Moved != 4096 {
			t.Errorf("%s with an error at byte 4096: %v, %d bytes moved", kindName(kind), o.err, o.Moved)
		}
	}
}

// errnoTransient: errors after which the call is repeated.
func errnoTransient(t *testing.T, r *rig, fail *failing, buf []byte) {
	const n = 8
	// A signal, a full queue and a worker that could not be created are transient. A transfer of nothing does not fail a write at once.
	for _, result := range []int{-int(unix.EINTR), -int(unix.EAGAIN), -int(unix.ECANCELED)} {
		for _, kind := range []lun.OpKind{lun.OpRead, lun.OpWrite, lun.OpSync, lun.OpDiscard, lun.OpZero} {
			times := 0
			*fail = func(*luntest.Call) (int, bool) {
				times++
				return result, times <= 2
			}
			var b []byte
			if kind == lun.OpRead || kind == lun.OpWrite {
				b = buf
			}
			err := r.do(kind, 0, n*r.bs, b, false)
			if kind == lun.OpSync && result != -int(unix.EINTR) {
				// fdatasync reports a write-back error once: a retry would succeed.
				if times != 1 || !errors.Is(err, lun.ErrBusy) {
					t.Errorf("a sync after result %d was tried %d times and ended with %v", result, times, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s after two results of %d: %v", kindName(kind), result, err)
			}
		}
	}
}

// closeBusy: Close does not wait; requests in flight still complete once, and later ones are refused.
func closeBusy(t *testing.T, s Suite, w Want) {
	r := s.rig(t, w, luntest.Config{Seed: 4, Loops: 2, MaxDelay: 1000, ShortEvery: 2, ShortUnit: 4096})
	var ops []*op
	for i := range 20 {
		kind := lun.OpKind(i % 5)
		var buf []byte
		if kind == lun.OpRead || kind == lun.OpWrite {
			r.w.On(i%2, func(l *luntest.Loop) { buf = l.Alloc(int(16 * r.bs)) })
		}
		ops = append(ops, r.submit(i%2, kind, int64(i)*16*r.bs, 16*r.bs, buf, false, nil))
	}
	for range 5 {
		r.w.Step()
	}
	r.close()
	late := r.submit(1, lun.OpRead, 0, r.bs, r.alloc(r.bs), false, nil)
	r.w.Run()
	for i, o := range ops {
		if o.ended != 1 || o.err != nil {
			t.Errorf("request %d (%s): completed %d times, %v", i, kindName(o.Kind), o.ended, o.err)
		}
	}
	if late.ended != 1 {
		t.Errorf("a request after Close was completed %d times", late.ended)
	}
	if !s.Forgets {
		wantErr(t, "a request after Close", late.err, lun.ErrGone)
	}
}
