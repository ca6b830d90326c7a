package session

import (
	"fmt"
	"math/rand/v2"
)

// This file, too, is compiled a second time beside a rewritten window.go: see window_interleave_test.go.

// explorer plays connections that share a window, as a seed says, under a coop, and checks what docs/session.md promises.
type explorer struct {
	c   *coop
	w   Window
	rng *rand.Rand

	first, total uint64 // the numbers that are brought
	size, slots  int
	shared       bool
	conns        []*exploreConn
	numbers      []exploreNumber // by number - first
	tasks        map[*Task]*exploreTask

	receiver   coopPlain[int] // written in the receiver: its calls must be ordered
	inReceiver bool
	lastExp    uint64
	lastMax    uint64
	resizes    int
}

// exploreNumber is what became of a CmdSN.
type exploreNumber struct {
	begun     int  // offers that were begun
	accepted  int  // offers that were accepted
	plugged   bool // by the one that was accepted
	withdrawn bool
	delivered int
}

type exploreTask struct {
	n        uint64
	conn     *exploreConn
	accepted bool
	bytes    coopPlain[int] // of the request: written before Offer, read in the receiver
}

type exploreConn struct {
	e        *explorer
	own      []uint64 // numbers that it has still to bring
	inbox    []*Task
	waiting  []uint64 // accepted, and perhaps not delivered
	again    bool     // a Deliver is owed
	mischief int      // how often it does something odd
	told     uint32
	asked    bool
}

// explore plays the seed's schedule and returns what is wrong. atomics says that the window is one that changes threads in
// the midst of its calls.
func explore(seed uint64, atomics bool, trace func(string)) (err error) {
	rng := rand.New(rand.NewPCG(seed, 0x3720))
	e := &explorer{rng: rng, tasks: map[*Task]*exploreTask{}}
	e.size = 1 + rng.IntN(4)
	threads := 2 + rng.IntN(3)
	e.total = uint64(2 + rng.IntN(14))
	e.c = newCoop(rng, 30*int(e.total))
	e.c.trace = trace
	e.c.memory = &e.w
	e.first = uint64(rng.IntN(3))
	if rng.IntN(2) == 0 {
		e.first = 1<<32 - uint64(rng.IntN(6)) - 1
	}
	e.lastExp = uint64(uint32(e.first))
	e.numbers = make([]exploreNumber, e.total)
	e.shared = rng.IntN(8) > 0
	e.c.whole = !e.shared || !atomics
	e.w.Init(uint32(e.first), e.size, e.shared)
	e.slots = len(e.w.slots)
	e.first = uint64(uint32(e.first))
	e.lastMax = e.first + uint64(e.size) - 1
	for i := range threads {
		x := &exploreConn{e: e, mischief: rng.IntN(6)}
		e.conns = append(e.conns, x)
		e.c.start(fmt.Sprintf("conn%d", i), x.run)
	}
	for n := range e.total {
		x := e.conns[rng.IntN(threads)]
		x.own = append(x.own, e.first+n)
	}
	if trace != nil {
		trace(fmt.Sprintf("size %d, numbers %d to %d, shared %v, policy %d", e.size, e.first, e.first+e.total-1, e.shared, e.c.policy))
	}
	e.c.check = e.step
	defer func() {
		theCoop = nil
		if p := recover(); p != nil {
			f, ok := p.(coopFailure)
			if !ok {
				panic(p)
			}
			err = fmt.Errorf("%s", string(f))
		}
	}()
	e.c.run()
	e.rest()
	return nil
}

// wide is the number that sn means, near n.
func (e *explorer) wide(sn uint32, n uint64) uint64 { return n + uint64(int64(int32(sn-uint32(n)))) }

// step is checked after every access to shared memory.
func (e *explorer) step() {
	exp, last := e.wide(e.w.ExpCmdSN(), e.lastExp), e.wide(e.w.MaxCmdSN(), e.lastMax)
	if exp < e.lastExp {
		coopFail("ExpCmdSN goes back from %d to %d", e.lastExp, exp)
	}
	if last < e.lastMax {
		coopFail("MaxCmdSN goes back from %d to %d", e.lastMax, last)
	}
	if last+1 < exp {
		coopFail("MaxCmdSN %d is behind ExpCmdSN %d", last, exp)
	}
	if last-exp+1 > uint64(e.slots) {
		coopFail("window %d..%d is larger than its %d slots", exp, last, e.slots)
	}
	for ; e.lastExp < exp; e.lastExp++ {
		if e.lastExp >= e.first+e.total || e.numbers[e.lastExp-e.first].begun == 0 {
			coopFail("ExpCmdSN %d passed %d, which nobody brought", exp, e.lastExp)
		}
	}
	e.lastMax = last
}

// rest is checked when everybody is done: the window is what it was at the start.
func (e *explorer) rest() {
	for i, n := range e.numbers {
		sn := e.first + uint64(i)
		delivered := 1
		if n.plugged || n.withdrawn {
			delivered = 0
		}
		if n.accepted != 1 || n.delivered != delivered {
			coopFail("%d: %d offers accepted, plug %v, withdrawn %v, %d times delivered", sn, n.accepted, n.plugged, n.withdrawn, n.delivered)
		}
	}
	exp, last := e.lastExp, e.lastMax
	if exp != e.first+e.total {
		coopFail("ExpCmdSN is %d at rest, want %d", exp, e.first+e.total)
	}
	v := e.w.size.Load()
	size, want := int(uint32(v)), int(v>>32)
	if got := int(last - exp + 1); got != size {
		coopFail("window is %d at rest, its size %d", got, size)
	}
	if size < want || size > e.slots || e.resizes == 0 && size != e.size {
		coopFail("size is %d at rest, %d is wanted", size, want)
	}
	// And it works: as many as are welcome, in reverse, twice around.
	for range 2*e.slots + 2 {
		exp, open := e.w.ExpCmdSN(), int(int32(e.w.MaxCmdSN()-e.w.ExpCmdSN()))+1
		var got exploreCount
		for i := open - 1; i >= 0; i-- {
			if ok, _ := e.w.Offer(exp+uint32(i), &Task{}, &got); !ok {
				coopFail("%d is refused afterwards (window %d..%d)", exp+uint32(i), exp, e.w.MaxCmdSN())
			}
		}
		if int(got) != open || e.w.ExpCmdSN() != exp+uint32(open) {
			coopFail("%d of %d delivered afterwards", got, open)
		}
		for range open {
			e.w.Release()
		}
		e.w.Resize(1 + e.rng.IntN(e.slots))
	}
}

type exploreCount int

func (c *exploreCount) delivered(*Task) { *c++ }

// delivered is the receiver of all connections.
func (x *exploreConn) delivered(t *Task) {
	e := x.e
	et := e.tasks[t]
	if et == nil {
		coopFail("a task is delivered that nobody offered, or twice")
	}
	if e.inReceiver {
		coopFail("%d is delivered while another is", et.n)
	}
	e.inReceiver = true
	quiet := e.c.quiet
	e.c.quiet = true
	if exp := e.wide(e.w.ExpCmdSN(), et.n); exp <= et.n || exp > et.n+windowRun {
		coopFail("ExpCmdSN is %d when %d is delivered", exp, et.n)
	}
	e.c.quiet = quiet
	e.receiver.set(e.receiver.get() + 1)
	if got := et.bytes.get(); got != int(et.n) {
		coopFail("%d is delivered with the bytes of %d", et.n, got)
	}
	if e.shared {
		e.c.pause()
	}
	delete(e.tasks, t)
	e.numbers[et.n-e.first].delivered++
	et.conn.inbox = append(et.conn.inbox, t)
	e.inReceiver = false
}

// offer brings n, or plugs it.
func (x *exploreConn) offer(n uint64, plug bool) bool {
	e := x.e
	var t *Task
	in := n >= e.first && n < e.first+e.total
	if !plug {
		t = &Task{CmdSN: uint32(n)}
		et := &exploreTask{n: n, conn: x}
		e.tasks[t] = et
		et.bytes.set(int(n))
	}
	if in {
		e.numbers[n-e.first].begun++
	}
	ok, again := e.w.Offer(uint32(n), t, x)
	x.again = x.again || again
	if !ok {
		delete(e.tasks, t)
		return false
	}
	if !in {
		coopFail("%d is accepted, which is not in the window", n)
	}
	if n > e.lastMax {
		coopFail("%d is accepted, beyond MaxCmdSN %d", n, e.lastMax)
	}
	r := &e.numbers[n-e.first]
	r.accepted++
	if r.accepted > 1 {
		coopFail("%d is accepted twice", n)
	}
	r.plugged = plug
	if !plug {
		x.waiting = append(x.waiting, n)
		if et := e.tasks[t]; et != nil {
			et.accepted = true
		}
	}
	return true
}

// run is a connection: it brings its numbers as they are welcome, in any order, executes what it is given, and does some
// odd things.
func (x *exploreConn) run(*coopThread) {
	e := x.e
	rng := e.rng
	for {
		e.c.pause()
		switch last := e.wide(e.w.MaxCmdSN(), e.first); {
		case x.mischief > 0 && rng.IntN(3) == 0:
			x.mischief--
			x.odd()
		case x.again && rng.IntN(2) == 0:
			x.again = e.w.Deliver(x)
		case len(x.inbox) > 0 && rng.IntN(2) == 0:
			x.inbox = x.inbox[1:]
			e.w.Release()
		case len(x.own) > 0 && x.own[0] <= last:
			// One of those that are welcome.
			k := 0
			for k+1 < len(x.own) && x.own[k+1] <= last && rng.IntN(2) == 0 {
				k++
			}
			n := x.own[k]
			x.own = append(x.own[:k:k], x.own[k+1:]...)
			if !x.offer(n, false) && e.numbers[n-e.first].begun < 2 {
				coopFail("%d is refused, which is welcome", n)
			}
		case x.again || len(x.inbox) > 0:
		case e.over():
			return
		default:
			e.c.await(func() bool {
				return len(x.inbox) > 0 || e.over() || len(x.own) > 0 && x.own[0] <= e.lastMax
			})
		}
	}
}

// over says that every number was brought, and delivered if it was not plugged.
func (e *explorer) over() bool { return e.lastExp == e.first+e.total && len(e.tasks) == 0 }

// odd is what a bad initiator does, or a busy host.
func (x *exploreConn) odd() {
	e := x.e
	rng := e.rng
	some := e.lastExp + uint64(rng.IntN(5)) - 2
	switch rng.IntN(8) {
	case 0: // a duplicate; maybe the first
		x.dup(some, false)
	case 1: // ABORT TASK of one that did not arrive
		x.dup(some, true)
	case 2: // out of the window, or of the order
		for _, n := range []uint64{e.first - 1, e.first + e.total + uint64(e.slots), some + 1<<31, some + 1<<31 - 1} {
			x.offer(n, rng.IntN(2) == 0)
		}
	case 3, 4: // ABORT TASK of one that waits
		if len(x.waiting) > 0 {
			n := x.waiting[rng.IntN(len(x.waiting))]
			r := &e.numbers[n-e.first]
			if e.w.Withdraw(uint32(n)) {
				if r.withdrawn {
					coopFail("%d is withdrawn twice", n)
				}
				r.withdrawn = true
				for t, et := range e.tasks {
					if et.n == n && et.accepted {
						delete(e.tasks, t)
					}
				}
			}
		}
	case 5:
		e.resizes++
		e.w.Resize(rng.IntN(e.slots + 2))
	case 6:
		exp := e.w.ExpCmdSN()
		last := e.w.MaxCmdSN()
		if int32(last-exp) < -1 {
			coopFail("ExpCmdSN %d, then MaxCmdSN %d", exp, last)
		}
		if x.asked && int32(last-x.told) < 0 {
			coopFail("MaxCmdSN %d, then %d", x.told, last)
		}
		x.told, x.asked = last, true
	case 7:
		x.again = e.w.Deliver(x) || x.again
	}
}

// dup offers a number that is perhaps another's to bring.
func (x *exploreConn) dup(n uint64, plug bool) {
	if n >= x.e.first && n < x.e.first+x.e.total && (x.e.w.Welcome(uint32(n)) || x.e.rng.IntN(2) == 0) {
		x.offer(n, plug)
	}
}
