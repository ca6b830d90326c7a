package session

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"strings"
)

// This file stands alone: window_interleave_test.go compiles it a second time, beside a copy of window.go that uses coopUint64
// for atomic.Uint64 and coopPlain for what is not atomic.

//lint:file-ignore U1000 what is unused here is used in that second build

// coop runs threads one at a time, and changes from one to another before each access to shared memory, as a seed says. It
// keeps vector clocks, by which it knows which accesses are ordered by the atomic ones (the Go memory model: an atomic
// operation that sees the effect of another comes after it).
type coop struct {
	rng     *rand.Rand
	policy  int
	threads []*coopThread
	cur     *coopThread
	quiet   bool // accesses are the checker's: they are no steps
	whole   bool // only explicit pauses are steps
	steps   int
	changes []int // policy 1: at these steps the running thread gets the lowest priority
	trace   func(string)
	memory  any // a pointer to the struct that the threads share
	names   map[uintptr]string
	check   func() // after each step
}

type coopThread struct {
	id    int
	name  string
	prio  int
	clock coopClock
	ready func() bool // nil: it can run
	yield func(struct{}) bool
	next  func() (struct{}, bool)
	stop  func()
	done  bool
}

const coopThreads = 6

type coopClock [coopThreads]uint32

func (c *coopClock) join(d *coopClock) {
	for i := range c {
		c[i] = max(c[i], d[i])
	}
}

// theCoop is the one that runs: coopUint64 has to find it.
var theCoop *coop

// coopFailure is what is wrong, as a panic's value.
type coopFailure string

// coopStopped ends a thread whose run is over.
const coopStopped = coopFailure("stopped")

func coopFail(format string, args ...any) { panic(coopFailure(fmt.Sprintf(format, args...))) }

func newCoop(rng *rand.Rand, steps int) *coop {
	c := &coop{rng: rng, policy: []int{0, 1, 1, 1, 2, 3}[rng.IntN(6)]}
	for range 1 + rng.IntN(3) {
		c.changes = append(c.changes, rng.IntN(steps))
	}
	theCoop = c
	return c
}

func (c *coop) start(name string, run func(t *coopThread)) {
	t := &coopThread{id: len(c.threads), name: name, prio: 100 + c.rng.IntN(100)}
	t.clock[t.id] = 1
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		defer func() {
			if p := recover(); p != nil && p != coopStopped {
				panic(p)
			}
		}()
		run(t)
	})
	c.threads = append(c.threads, t)
}

// run steps until all threads are done. Nobody can go on: that is a failure.
func (c *coop) run() {
	defer func() {
		for _, t := range c.threads {
			if t != c.cur { // the one that panicked is over
				t.stop()
			}
		}
	}()
	for {
		var can []*coopThread
		alive := false
		c.quiet = true
		for _, t := range c.threads {
			alive = alive || !t.done
			if !t.done && (t.ready == nil || t.ready()) {
				can = append(can, t)
			}
		}
		c.quiet = false
		if !alive {
			c.cur = nil
			return
		}
		if len(can) == 0 {
			coopFail("stuck: nobody can go on")
		}
		c.cur = c.choose(can)
		c.cur.ready = nil
		c.steps++
		if c.steps > 100000 {
			coopFail("no end")
		}
		if _, ok := c.cur.next(); !ok {
			c.cur.done = true
		}
		if c.check != nil {
			c.quiet = true
			c.check()
			c.quiet = false
		}
	}
}

// choose picks the next thread: at random, by priorities that change a few times (which finds what needs one thread to
// stop at one place for long), or the same for a while.
func (c *coop) choose(can []*coopThread) *coopThread {
	random := can[c.rng.IntN(len(can))]
	switch c.policy {
	case 0:
		return random
	case 1:
		for i, s := range c.changes {
			if c.steps == s && c.cur != nil {
				c.cur.prio = -i
			}
		}
		for _, t := range can {
			if t.prio > random.prio {
				random = t
			}
		}
		return random
	}
	for _, t := range can {
		if t == c.cur && c.rng.IntN(4+12*(c.policy-2)) > 0 {
			return t
		}
	}
	return random
}

// pause lets others run.
func (c *coop) pause() {
	if c.cur != nil && !c.quiet {
		if !c.cur.yield(struct{}{}) {
			panic(coopStopped)
		}
	}
}

// await lets others run until ready.
func (c *coop) await(ready func() bool) {
	c.cur.ready = ready
	c.pause()
}

// access is a step: it reports whether clocks are kept for it.
func (c *coop) access() bool {
	if c == nil || c.cur == nil || c.quiet || c.whole {
		return false
	}
	c.pause()
	return true
}

func (c *coop) note(addr any, format string, args ...any) {
	if c.trace != nil {
		c.trace(fmt.Sprintf("%5d %s  %s %s", c.steps, c.cur.name, c.nameOf(addr), fmt.Sprintf(format, args...)))
	}
}

// nameOf finds a name for shared memory.
func (c *coop) nameOf(addr any) string {
	if c.names == nil {
		c.names = map[uintptr]string{}
		c.nameIn("", reflect.ValueOf(c.memory).Elem())
	}
	if name := c.names[reflect.ValueOf(addr).Pointer()]; name != "" {
		return name
	}
	return "(a request, or the receiver)"
}

func (c *coop) nameIn(path string, v reflect.Value) {
	switch {
	case strings.HasPrefix(v.Type().Name(), "coop"):
		c.names[v.UnsafeAddr()] = path[1:]
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			c.nameIn(path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			c.nameIn(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	}
}

// coopUint64 is atomic.Uint64.
type coopUint64 struct {
	v     uint64
	clock coopClock
}

func (a *coopUint64) Load() uint64 {
	if c := theCoop; c.access() {
		c.cur.clock.join(&a.clock)
		c.note(a, "is %s", coopTurn(a.v))
	}
	return a.v
}

func (a *coopUint64) Store(v uint64) {
	if c := theCoop; c.access() {
		a.clock = c.cur.clock
		c.cur.clock[c.cur.id]++
		c.note(a, "= %s", coopTurn(v))
	}
	a.v = v
}

func (a *coopUint64) Add(d uint64) uint64 {
	if c := theCoop; c.access() {
		a.both(c)
		c.note(a, "+ %d = %s", int64(d), coopTurn(a.v+d))
	}
	a.v += d
	return a.v
}

func (a *coopUint64) CompareAndSwap(old, new uint64) bool {
	if c := theCoop; c.access() {
		if a.v != old {
			c.cur.clock.join(&a.clock)
			c.note(a, "is %s, not %s", coopTurn(a.v), coopTurn(old))
			return false
		}
		a.both(c)
		c.note(a, "%s -> %s", coopTurn(old), coopTurn(new))
	}
	if a.v != old {
		return false
	}
	a.v = new
	return true
}

// both is an access that reads and writes.
func (a *coopUint64) both(c *coop) {
	t := c.cur
	t.clock.join(&a.clock)
	a.clock = t.clock
	t.clock[t.id]++
}

// coopTurn shows a value as itself and as a number with two bits.
func coopTurn(v uint64) string { return fmt.Sprintf("%d (%d.%d)", v, v>>2, v&3) }

// coopPlain is memory that is not atomic: two accesses, one a write, that nothing orders are a failure.
type coopPlain[T any] struct {
	v      T
	writer int
	wrote  uint32 // the writer's own clock then
	reads  coopClock
}

func (p *coopPlain[T]) get() T {
	if c := theCoop; c.access() {
		t := c.cur
		if p.wrote > t.clock[p.writer] {
			coopFail("data race: %s reads %s, which %s writes", t.name, c.nameOf(p), c.threads[p.writer].name)
		}
		p.reads[t.id] = t.clock[t.id]
		c.note(p, "is %v", p.v)
	}
	return p.v
}

func (p *coopPlain[T]) set(v T) {
	if c := theCoop; c.access() {
		t := c.cur
		if p.wrote > t.clock[p.writer] {
			coopFail("data race: %s writes %s, which %s writes", t.name, c.nameOf(p), c.threads[p.writer].name)
		}
		for i, r := range p.reads {
			if r > t.clock[i] {
				coopFail("data race: %s writes %s, which %s reads", t.name, c.nameOf(p), c.threads[i].name)
			}
		}
		p.writer, p.wrote = t.id, t.clock[t.id]
		c.note(p, "= %v", v)
	}
	p.v = v
}
