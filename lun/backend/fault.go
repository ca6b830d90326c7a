package backend

import (
	"math/rand/v2"
	"sync"

	"github.com/ringtgt/ringtgt/lun"
)

// Fate is what Fault does to one request. The zero Fate lets it pass.
type Fate struct {
	// Delay is how many nanoseconds of the loop's clock pass before the request gets to the backend behind.
	Delay int64
	// Hold keeps the request from the backend behind until Release or Fail; HoldAnswer lets it there, and keeps what the
	// backend says. A backend that never answers is one that nobody releases.
	Hold, HoldAnswer bool
	// Err, not nil, is the request's end after its first Moved bytes (a multiple of the block size, less than its length)
	// went through the backend behind.
	Err   error
	Moved int64
}

// Chances says how often, of a million requests each, a Fault with a seed does what. The rest passes.
type Chances struct {
	Delay    int   // by up to MaxDelay
	MaxDelay int64 // nanoseconds
	Error    int   // Err before anything moved
	Partial  int   // Err after a part of a read or write moved
	Never    int   // no answer until Release
	Err      error // nil: lun.ErrMedium
}

// Fault stands before a backend and misbehaves: by chance from a seed, or as a test decides request by request. It is for
// tests and demonstrations: unlike the others it takes a lock and allocates. It never is lun.Mapped, so that reads too
// come by.
type Fault struct {
	behind lun.Backend

	mu     sync.Mutex
	decide func(r *lun.Request) Fate
	rng    *rand.Rand
	odds   Chances
	held   []*faulted // in the order they came
	seen   int
	before int // requests that have not got to the backend behind yet, nor ended
	closed bool
}

var _ Backend = (*Fault)(nil)

// NewFault puts a Fault before b. It lets everything pass until Decide, Chance or Hold says otherwise.
func NewFault(b lun.Backend) *Fault { return &Fault{behind: b} }

// Decide has fn say what happens to each request from now on; nil: Chance's odds do. fn must not call f.
func (f *Fault) Decide(fn func(r *lun.Request) Fate) {
	f.mu.Lock()
	f.decide = fn
	f.mu.Unlock()
}

// Chance has a seed decide by odds. The same seed and the same order of requests give the same faults.
func (f *Fault) Chance(seed uint64, odds Chances) {
	if odds.Err == nil {
		odds.Err = lun.ErrMedium
	}
	f.mu.Lock()
	f.rng, f.odds, f.decide = rand.New(rand.NewPCG(seed, 0x6661756c74)), odds, nil
	f.mu.Unlock()
}

// Hold keeps every request from now on.
func (f *Fault) Hold() { f.Decide(func(*lun.Request) Fate { return Fate{Hold: true} }) }

// Pass lets every request from now on pass; those that are held stay.
func (f *Fault) Pass() { f.Decide(func(*lun.Request) Fate { return Fate{} }) }

// Seen is how many requests came so far.
func (f *Fault) Seen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// Held is how many are held.
func (f *Fault) Held() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.held)
}

// Release lets the oldest n held requests go on, each on its own loop; n < 0: all. It may be called from anywhere.
func (f *Fault) Release(n int) {
	for _, h := range f.take(n) {
		h.loop.Post(faultReleased{h})
	}
}

// Fail ends the oldest n held requests with err, nothing moved; n < 0: all.
func (f *Fault) Fail(n int, err error) {
	for _, h := range f.take(n) {
		h.loop.Post(faultFailed{h, err})
	}
}

func (f *Fault) take(n int) []*faulted {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n < 0 || n > len(f.held) {
		n = len(f.held)
	}
	out := f.held[:n:n]
	f.held = f.held[n:]
	return out
}

// faulted is a request on its way: a copy of the owner's, so that the backend behind answers here.
type faulted struct {
	lun.Request
	f        *Fault
	owner    *lun.Request
	loop     lun.Loop
	fate     Fate
	behind   bool // it got to the backend behind
	answered bool
	answer   error
}

// Submit implements lun.Backend.
func (f *Fault) Submit(l lun.Loop, r *lun.Request) {
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

// fate decides; under mu.
func (f *Fault) fate(r *lun.Request) (fate Fate) {
	if f.decide != nil {
		return f.decide(r)
	}
	if f.rng == nil {
		return fate
	}
	o := &f.odds
	bs := int64(f.behind.Geometry().BlockSize)
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

// goOn is what Release does, on the loop.
func (h *faulted) goOn() {
	if h.answered {
		h.end(h.Moved, h.answer)
		return
	}
	h.fate.Hold = false
	h.pass()
}

// pass takes the request, or as much of it as fate has, to the backend behind.
func (h *faulted) pass() {
	if h.fate.Err != nil {
		if h.fate.Moved <= 0 {
			h.end(0, h.fate.Err)
			return
		}
		h.Len, h.Buf = h.fate.Moved, h.Buf[:h.fate.Moved]
	}
	h.behind = true
	h.f.behind.Submit(h.loop, &h.Request)
	h.f.leave()
}

// leave counts a request out, and closes the backend behind when Close waited for it.
func (f *Fault) leave() {
	f.mu.Lock()
	f.before--
	last := f.closed && f.before == 0
	f.mu.Unlock()
	if last {
		f.behind.Close()
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
	if !h.behind {
		h.f.leave()
	}
	h.owner.Moved = moved
	h.owner.Done.RequestDone(h.owner, err)
}

// Geometry implements lun.Backend.
func (f *Fault) Geometry() lun.Geometry { return f.behind.Geometry() }

// Extents implements lun.Backend.
func (f *Fault) Extents(dst []lun.Extent, lba uint64, max int) ([]lun.Extent, error) {
	return f.behind.Extents(dst, lba, max)
}

// Notes implements Backend.
func (f *Fault) Notes() []string {
	notes := []string{"a fault injector stands before this unit"}
	if b, ok := f.behind.(Backend); ok {
		notes = append(notes, b.Notes()...)
	}
	return notes
}

// Sync implements Backend. Only Err of a Fate applies.
func (f *Fault) Sync() error {
	f.mu.Lock()
	fate := f.fate(&lun.Request{Kind: lun.OpSync})
	f.mu.Unlock()
	if fate.Err != nil {
		return fate.Err
	}
	if b, ok := f.behind.(Backend); ok {
		return b.Sync()
	}
	return nil
}

// Refresh implements Backend.
func (f *Fault) Refresh() (bool, error) {
	if b, ok := f.behind.(Backend); ok {
		return b.Refresh()
	}
	return false, nil
}

// Close implements lun.Backend: no more requests get in, and the backend behind is closed once those on their way have
// got to it or ended. What is held stays so, and keeps it open.
func (f *Fault) Close() error {
	f.mu.Lock()
	first := !f.closed
	f.closed = true
	idle := f.before == 0
	f.mu.Unlock()
	switch {
	case !first:
		return ErrClosed
	case idle:
		return f.behind.Close()
	}
	return nil
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

func (e faultReleased) Happen() { e.h.goOn() }
func (e faultPassed) Happen()   { e.h.pass() }
func (e faultFailed) Happen()   { e.h.end(0, e.err) }
