// Package luntest runs the device server and its backends without an engine. World is a set of event loops under one
// fake clock and one seed, on one goroutine. It performs block I/O by plain system calls; the seed decides when, and in which
// order they complete. Live has the same interface with one goroutine per loop, for the race detector.
package luntest

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/lun"
)

// Config configures a World and its faults. The zero Config has one loop and completes everything in order at once.
type Config struct {
	Loops int
	Seed  uint64
	// MaxDelay bounds, in nanoseconds of the fake clock, how long after its submission a call is carried out, and again
	// how long after that its result is delivered. 0: first in, first out.
	MaxDelay int64
	// ShortEvery cuts one transfer in so many short, to a multiple of ShortUnit bytes (0 means 512). 0 means none.
	ShortEvery int
	ShortUnit  int
	// AllocFailEvery makes one Alloc in so many return nil. 0 means none.
	AllocFailEvery int
	// ArenaBytes bounds what Alloc has outstanding on one loop; beyond it Alloc returns nil. 0: 256 MiB.
	ArenaBytes int
	// NoSync omits what only a power loss would reveal: fdatasync, and RWF_DSYNC on writes. They are slow.
	NoSync bool
	// Intercept, when not nil, sees every call before it is carried out. It may change it, or return a result of its own
	// (bytes moved or a negated errno) and true.
	Intercept func(c *Call) (n int, done bool)
}

// maxSteps bounds the events of one World: a test that needs more has a livelock.
const maxSteps = 50_000_000

// World is a set of loops. All of it runs on the goroutine of the test; only Loop.Post may be called from others.
type World struct {
	t     testing.TB
	cfg   Config
	rng   *rand.Rand
	now   int64
	steps int
	turn  *Loop // whose turn it is; nil between turns and on a helper goroutine's behalf
	loops []*Loop

	mu     sync.Mutex // events: Post comes from anywhere
	seq    uint64
	events eventHeap
}

// NewWorld makes a World that reports misuse to t, and its seed when t fails.
func NewWorld(t testing.TB, cfg Config) *World {
	t.Helper()
	if cfg.Loops == 0 {
		cfg.Loops = 1
	}
	if cfg.ShortUnit == 0 {
		cfg.ShortUnit = 512
	}
	if cfg.ArenaBytes == 0 {
		cfg.ArenaBytes = 256 << 20
	}
	w := &World{t: t, cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x72696e67746774))}
	for i := range cfg.Loops {
		w.loops = append(w.loops, &Loop{w: w, index: i, arena: newArena(t, cfg.ArenaBytes)})
	}
	t.Cleanup(func() {
		for _, l := range w.loops {
			l.arena.close()
		}
		if t.Failed() {
			t.Logf("the world's seed was %d", cfg.Seed)
		}
	})
	return w
}

// Loop returns loop i.
func (w *World) Loop(i int) *Loop { return w.loops[i] }

// Loops returns the number of loops.
func (w *World) Loops() int { return len(w.loops) }

// Now returns the time of the fake clock, in nanoseconds.
func (w *World) Now() int64 { return w.now }

// Rand is the world's random source; what a test draws from it depends on the seed too.
func (w *World) Rand() *rand.Rand { return w.rng }

// On runs fn as a turn of loop i.
func (w *World) On(i int, fn func(l *Loop)) {
	l := w.loops[i]
	before := w.turn
	w.turn = l
	fn(l)
	w.turn = before
}

// Step carries out the next event, moving the clock to it. It returns false when there is none.
func (w *World) Step() bool {
	w.mu.Lock()
	if len(w.events) == 0 {
		w.mu.Unlock()
		return false
	}
	e := heap.Pop(&w.events).(event)
	w.mu.Unlock()
	if w.steps++; w.steps > maxSteps {
		w.t.Fatalf("luntest: %d events and no end (seed %d)", w.steps, w.cfg.Seed)
	}
	w.now = max(w.now, e.at)
	w.turn = e.loop
	e.fn()
	w.turn = nil
	return true
}

// Run carries out events until none is left.
func (w *World) Run() {
	for w.Step() {
	}
}

// RunUntil carries out events until cond holds, and fails the test if they run out before.
func (w *World) RunUntil(what string, cond func() bool) {
	w.t.Helper()
	for !cond() {
		if !w.Step() {
			w.t.Fatalf("luntest: nothing is left to happen and still not: %s (seed %d)", what, w.cfg.Seed)
		}
	}
}

// Idle reports whether nothing is left to happen.
func (w *World) Idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.events) == 0
}

// delay draws one delay.
func (w *World) delay() int64 {
	if w.cfg.MaxDelay == 0 {
		return 0
	}
	return w.rng.Int64N(w.cfg.MaxDelay)
}

// at schedules fn as a turn of l; a nil l is a helper goroutine's turn.
func (w *World) at(when int64, l *Loop, fn func()) {
	w.mu.Lock()
	w.seq++
	heap.Push(&w.events, event{at: when, seq: w.seq, loop: l, fn: fn})
	w.mu.Unlock()
}

// Loop is one event loop of a World.
type Loop struct {
	w     *World
	index int
	arena *arena
}

var _ lun.Loop = (*Loop)(nil)

// mine fails the test when l is used out of its turn: a loop's data must never be accessed from another.
func (l *Loop) mine(what string) {
	if l.w.turn != l {
		l.w.t.Helper()
		l.w.t.Fatalf("luntest: %s of loop %d called %s (seed %d)", what, l.index, l.w.whose(), l.w.cfg.Seed)
	}
}

func (w *World) whose() string {
	if w.turn == nil {
		return "outside any loop's turn"
	}
	return fmt.Sprintf("on the turn of loop %d", w.turn.index)
}

// HasTurn reports whether this loop runs now, so that the caller is on this loop's thread.
func (l *Loop) HasTurn() bool { return l.w.turn == l }

// Index numbers the loop.
func (l *Loop) Index() int { return l.index }

// Now is the fake clock in nanoseconds.
func (l *Loop) Now() int64 { return l.w.now }

// Post calls e.Happen on this loop soon. It may be called on any goroutine.
func (l *Loop) Post(e lun.Event) { l.w.at(l.w.now, l, e.Happen) }

// Go calls w.Do later, outside any loop's turn, and then w.Happen on this loop.
func (l *Loop) Go(work lun.Work) {
	l.mine("Go")
	w := l.w
	w.at(w.now+w.delay(), nil, func() {
		work.Do()
		w.at(w.now+w.delay(), l, work.Happen)
	})
}

// After calls e.Happen on this loop once d nanoseconds of the fake clock have passed.
func (l *Loop) After(d int64, e lun.Event) {
	l.mine("After")
	l.w.at(l.w.now+max(d, 0), l, e.Happen)
}

// Alloc allocates n bytes of poisoned, page-aligned memory off the Go heap. It returns nil if the arena is exhausted or the seed
// decides so.
func (l *Loop) Alloc(n int) []byte {
	l.mine("Alloc")
	if e := l.w.cfg.AllocFailEvery; e > 0 && l.w.rng.IntN(e) == 0 {
		return nil
	}
	return l.arena.alloc(n)
}

// Free frees memory of Alloc. It is poisoned; a later write to it fails the test.
func (l *Loop) Free(b []byte) {
	l.mine("Free")
	l.arena.free(b)
}

// Outstanding returns the number of buffers that were allocated and not freed.
func (l *Loop) Outstanding() int { return len(l.arena.out) }

// event is one thing that will happen.
type event struct {
	at   int64
	seq  uint64 // ties go by age
	loop *Loop
	fn   func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].seq < h[j].seq
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return e
}
