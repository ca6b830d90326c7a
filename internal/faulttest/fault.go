// Package faulttest has a backend that misbehaves on purpose. It is for tests: no production package imports it.
package faulttest

import (
	"math/rand/v2"
	"sync"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
)

// Fate is what a Backend does to one request. The zero Fate passes it on.
type Fate struct {
	// Delay is how many nanoseconds of the loop's clock pass before the inner backend gets the request.
	Delay int64
	// Hold keeps the request from the inner backend until Release or Fail. HoldAnswer submits it and holds the completion.
	// A request that is never released models a medium that never answers.
	Hold, HoldAnswer bool
	// Err, if not nil, fails the request after its first Moved bytes (a multiple of the block size, less than its length)
	// went through the inner backend.
	Err   error
	Moved int64
}

// Chances are the odds of each fault, per million requests. All other requests pass.
type Chances struct {
	Delay    int   // by up to MaxDelay
	MaxDelay int64 // nanoseconds
	Error    int   // Err before anything moved
	Partial  int   // Err after a part of a read or write moved
	Never    int   // no completion until Release
	Err      error // nil: lun.ErrMedium
}

// Backend wraps another backend and misbehaves: by chance from a seed, or as a test decides request by request. Unlike the
// production backends it takes a lock and allocates. It is never lun.Mapped, so that it sees reads too.
type Backend struct {
	inner lun.Backend

	mu     sync.Mutex
	decide func(r *lun.Request) Fate
	rng    *rand.Rand
	odds   Chances
	held   []*faulted // in the order they came
	seen   int
	before int // requests that neither reached the inner backend nor ended
	closed bool
}

var _ backend.Backend = (*Backend)(nil)

// New wraps inner. Everything passes until Decide, Chance or Hold is called.
func New(inner lun.Backend) *Backend { return &Backend{inner: inner} }

// Decide makes fn choose the fate of each request from now on; with nil, the odds of Chance do. fn must not call f.
func (f *Backend) Decide(fn func(r *lun.Request) Fate) {
	f.mu.Lock()
	f.decide = fn
	f.mu.Unlock()
}

// Chance chooses by odds and a seed. The same seed and the same order of requests give the same faults.
func (f *Backend) Chance(seed uint64, odds Chances) {
	if odds.Err == nil {
		odds.Err = lun.ErrMedium
	}
	f.mu.Lock()
	f.rng, f.odds, f.decide = rand.New(rand.NewPCG(seed, 0x6661756c74)), odds, nil
	f.mu.Unlock()
}

// Hold holds every request from now on.
func (f *Backend) Hold() { f.Decide(func(*lun.Request) Fate { return Fate{Hold: true} }) }

// Pass passes every request from now on; those already held stay held.
func (f *Backend) Pass() { f.Decide(func(*lun.Request) Fate { return Fate{} }) }

// Seen is the number of requests submitted so far.
func (f *Backend) Seen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// Held is the number of requests held now.
func (f *Backend) Held() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.held)
}

// Release continues the oldest n held requests, each on its own loop; n < 0: all. Any goroutine may call it.
func (f *Backend) Release(n int) {
	for _, h := range f.take(n) {
		h.loop.Post(faultReleased{h})
	}
}

// Fail fails the oldest n held requests with err, with nothing moved; n < 0: all.
func (f *Backend) Fail(n int, err error) {
	for _, h := range f.take(n) {
		h.loop.Post(faultFailed{h, err})
	}
}

func (f *Backend) take(n int) []*faulted {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n < 0 || n > len(f.held) {
		n = len(f.held)
	}
	out := f.held[:n:n]
	f.held = f.held[n:]
	return out
}

// faulted is a request in progress: a copy of the owner's, so that the inner backend completes it here.
type faulted struct {
	lun.Request
	f        *Backend
	owner    *lun.Request
	loop     lun.Loop
	fate     Fate
	reached  bool // the inner backend has had it
	answered bool
	answer   error
}

// Submit implements lun.Backend.
func (f *Backend) Submit(l lun.Loop, r *lun.Request) {
	h := &faulted{f: f, owner: r, loop: l}
	h.Request = lun.Request{Kind: r.Kind, FUA: r.FUA, Off: r.Off, Len: r.Len, Buf: r.Buf, Done: h}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		r.Done.RequestDone(r, lun.ErrGone)
		return
	}
	f.seen++
	f.before++
	h.fate = f.fate(r)
	hold := h.fate.Hold
	if hold {
		f.held = append(f.held, h)
	}
	f.mu.Unlock()
	switch {
	case hold:
	case h.fate.Delay > 0:
		l.After(h.fate.Delay, faultPassed{h})
	default:
		h.pass()
	}
}

// fate chooses the fate of r. The caller holds mu.
func (f *Backend) fate(r *lun.Request) (fate Fate) {
	if f.decide != nil {
		return f.decide(r)
	}
	if f.rng == nil {
		return fate
	}
	o := &f.odds
	bs := int64(f.inner.Geometry().BlockSize)
	hit := func(odds int) bool { return odds > 0 && f.rng.IntN(1_000_000) < odds }
	switch {
	case hit(o.Never):
		fate.Hold = true
	case hit(o.Error):
		fate.Err = o.Err
	case hit(o.Partial) && (r.Kind == lun.OpRead || r.Kind == lun.OpWrite) && r.Len > bs:
		fate.Err, fate.Moved = o.Err, (1+f.rng.Int64N(r.Len/bs-1))*bs
	}
	if o.MaxDelay > 0 && hit(o.Delay) {
		fate.Delay = 1 + f.rng.Int64N(o.MaxDelay)
	}
	return fate
}

// resume continues a released request, on its loop.
func (h *faulted) resume() {
	if h.answered {
		h.end(h.Moved, h.answer)
		return
	}
	h.fate.Hold = false
	h.pass()
}

// pass submits the request, or the part of it that its fate lets through, to the inner backend.
func (h *faulted) pass() {
	if h.fate.Err != nil {
		if h.fate.Moved <= 0 {
			h.end(0, h.fate.Err)
			return
		}
		h.Len, h.Buf = h.fate.Moved, h.Buf[:h.fate.Moved]
	}
	h.reached = true
	h.f.inner.Submit(h.loop, &h.Request)
	h.f.leave()
}

// leave is called when a request has reached the inner backend, or ended before; the last one completes a Close.
func (f *Backend) leave() {
	f.mu.Lock()
	f.before--
	last := f.closed && f.before == 0
	f.mu.Unlock()
	if last {
		f.inner.Close()
	}
}

// RequestDone implements lun.Completion for the copy.
func (h *faulted) RequestDone(_ *lun.Request, err error) {
	if err == nil {
		err = h.fate.Err
	}
	if !h.fate.HoldAnswer {
		h.end(h.Moved, err)
		return
	}
	h.answered, h.answer = true, err
	h.f.mu.Lock()
	h.f.held = append(h.f.held, h)
	h.f.mu.Unlock()
}

func (h *faulted) end(moved int64, err error) {
	if !h.reached {
		h.f.leave()
	}
	h.owner.Moved = moved
	h.owner.Done.RequestDone(h.owner, err)
}

// Geometry implements lun.Backend.
func (f *Backend) Geometry() lun.Geometry { return f.inner.Geometry() }

// QueueOp implements lun.OnQueue.
func (f *Backend) QueueOp() lun.QueueOp {
	if q, ok := f.inner.(lun.OnQueue); ok {
		return q.QueueOp()
	}
	return nil
}

// Extents implements lun.Backend.
func (f *Backend) Extents(dst []lun.Extent, lba uint64, max int) ([]lun.Extent, error) {
	return f.inner.Extents(dst, lba, max)
}

// Notes implements backend.Backend.
func (f *Backend) Notes() []string {
	notes := []string{"a fault injector wraps this unit"}
	if b, ok := f.inner.(backend.Backend); ok {
		notes = append(notes, b.Notes()...)
	}
	return notes
}

// Sync implements backend.Backend. Only the Err of a Fate applies.
func (f *Backend) Sync() error {
	f.mu.Lock()
	fate := f.fate(&lun.Request{Kind: lun.OpSync})
	f.mu.Unlock()
	if fate.Err != nil {
		return fate.Err
	}
	if b, ok := f.inner.(backend.Backend); ok {
		return b.Sync()
	}
	return nil
}

// Refresh implements backend.Backend.
func (f *Backend) Refresh() (bool, error) {
	if b, ok := f.inner.(backend.Backend); ok {
		return b.Refresh()
	}
	return false, nil
}

// Close implements lun.Backend. Later requests fail; the inner backend is closed once all earlier ones have reached it or
// ended. Held requests stay held and keep it open.
func (f *Backend) Close() error {
	f.mu.Lock()
	first := !f.closed
	f.closed = true
	idle := f.before == 0
	f.mu.Unlock()
	switch {
	case !first:
		return backend.ErrClosed
	case idle:
		return f.inner.Close()
	}
	return nil
}

// Look implements backend.Backend.
func (f *Backend) Look() bool {
	if b, ok := f.inner.(backend.Backend); ok {
		return b.Look()
	}
	return false
}

// Inspect implements backend.Backend.
func (f *Backend) Inspect() backend.Condition {
	if b, ok := f.inner.(backend.Backend); ok {
		return b.Inspect()
	}
	return backend.Condition{}
}

// Events of a request that was held or delayed.
type (
	faultReleased struct{ h *faulted }
	faultPassed   struct{ h *faulted }
	faultFailed   struct {
		h   *faulted
		err error
	}
)

func (e faultReleased) Happen() { e.h.resume() }
func (e faultPassed) Happen()   { e.h.pass() }
func (e faultFailed) Happen()   { e.h.end(0, e.err) }
