package session

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Connections on goroutines of their own share a window, with duplicates, stale and strange numbers, plugs, withdrawals, new
// sizes and the 2^32 wrap. What was accepted, given to the oracle, comes out of it as it came out of the window. The race
// detector watches the requests and the receiver, which have no lock of their own.
func TestWindowConcurrent(t *testing.T) {
	for _, size := range []int{1, 2, 3, 16, DefaultWindow} {
		for _, conns := range []int{1, 2, 4, 8} {
			t.Run(fmt.Sprintf("size=%d/conns=%d", size, conns), func(t *testing.T) {
				for seed := range uint64(3) {
					newRace(seed, size, conns, true).run(t)
				}
			})
		}
	}
}

// The same with a window that is not shared: any goroutine uses it, one at a time.
func TestWindowConcurrentAlone(t *testing.T) {
	for _, size := range []int{1, 3, 16} {
		for seed := range uint64(3) {
			newRace(seed, size, 3, false).run(t)
		}
	}
}

const raceTotal = 3000

type race struct {
	w        Window
	turn     sync.Mutex // of a window that is not shared
	shared   bool
	seed     uint64
	size     int
	base     int64
	conns    []*raceConn
	results  [raceTotal]raceResult
	began    time.Time
	timedOut atomic.Bool

	order []uint32 // what was delivered; the receiver's
}

type raceResult struct {
	begun, accepted, delivered atomic.Int32
	plugged, withdrawn         atomic.Bool
}

type raceConn struct {
	r       *race
	id      int
	rng     *rand.Rand
	own     []int64
	waiting []int64
	again   bool

	box     [2 * MaxWindow]*Task
	in      atomic.Uint32 // stored by the receiver
	out     uint32
	lastExp uint32
	lastMax uint32
}

func newRace(seed uint64, size, conns int, shared bool) *race {
	rng := rand.New(rand.NewPCG(seed, uint64(size*100+conns)))
	r := &race{seed: seed, size: size, shared: shared, began: time.Now()}
	r.base = int64(1)<<32 - int64(rng.IntN(raceTotal))
	r.w.Init(uint32(r.base), size, shared)
	for i := range conns {
		x := &raceConn{r: r, id: i, rng: rand.New(rand.NewPCG(seed, uint64(i)))}
		x.lastExp, x.lastMax = r.w.ExpCmdSN(), r.w.MaxCmdSN()
		r.conns = append(r.conns, x)
	}
	for n := range int64(raceTotal) {
		x := r.conns[rng.IntN(conns)]
		x.own = append(x.own, r.base+n)
	}
	return r
}

// wide makes a number of the wire one of the run's.
func (r *race) wide(sn uint32) int64 { return r.base + int64(int32(sn-uint32(r.base))) }

func (r *race) run(t *testing.T) {
	var wg sync.WaitGroup
	for _, x := range r.conns {
		wg.Go(x.run)
	}
	wg.Wait()
	exp, last := r.wide(r.w.ExpCmdSN()), r.wide(r.w.MaxCmdSN())
	if r.timedOut.Load() {
		t.Fatalf("seed %d: stuck at %d..%d of %d", r.seed, exp, last, r.base+raceTotal)
	}
	o := newOracle(r.base, r.size)
	var want []*Task
	for i := range r.results {
		n, sn := &r.results[i], r.base+int64(i)
		delivered := int32(1)
		task := &Task{CmdSN: uint32(sn)}
		if n.plugged.Load() || n.withdrawn.Load() {
			delivered, task = 0, nil
		}
		if n.accepted.Load() != 1 || n.delivered.Load() != delivered {
			t.Errorf("seed %d: %d was accepted %d times and delivered %d times (plug %v, withdrawn %v)", r.seed, sn,
				n.accepted.Load(), n.delivered.Load(), n.plugged.Load(), n.withdrawn.Load())
		}
		d, ok := o.offer(sn, task)
		if !ok {
			t.Fatalf("seed %d: the oracle refuses %d", r.seed, sn)
		}
		for range d {
			o.release()
		}
		want = append(want, d...)
	}
	if len(want) != len(r.order) {
		t.Fatalf("seed %d: %d requests delivered, want %d", r.seed, len(r.order), len(want))
	}
	for i, task := range want {
		if r.order[i] != task.CmdSN {
			t.Fatalf("seed %d: delivery %d is %d, want %d", r.seed, i, r.order[i], task.CmdSN)
		}
	}
	// All were released, and a size that changed is asked for again: the windows are equal.
	r.w.Resize(len(r.w.slots))
	o.resize(len(r.w.slots))
	if exp != o.exp || r.wide(r.w.MaxCmdSN()) != o.max {
		t.Errorf("seed %d: window %d..%d, want %d..%d", r.seed, exp, r.wide(r.w.MaxCmdSN()), o.exp, o.max)
	}
}

// call is a call of the window, one at a time where that is asked for.
func (r *race) call(f func()) {
	if !r.shared {
		r.turn.Lock()
		defer r.turn.Unlock()
	}
	f()
}

// delivered is the receiver of all connections: nothing guards order but the window.
func (x *raceConn) delivered(t *Task) {
	r := x.r
	if t.EDTL != t.CmdSN { // plain memory that the connection wrote: the race detector sees whether it is published
		panic("another request's bytes")
	}
	if n := len(r.order); n > 0 && int32(t.CmdSN-r.order[n-1]) <= 0 {
		panic(fmt.Sprintf("%d is delivered after %d", t.CmdSN, r.order[n-1]))
	}
	r.order = append(r.order, t.CmdSN)
	r.results[int32(t.CmdSN-uint32(r.base))].delivered.Add(1)
	o := r.conns[t.ID]
	in := o.in.Load()
	o.box[in%uint32(len(o.box))] = t
	o.in.Store(in + 1)
}

func (x *raceConn) offer(sn int64, plug bool) bool {
	r := x.r
	var t *Task
	if !plug {
		t = &Task{ID: uint32(x.id), CmdSN: uint32(sn), EDTL: uint32(sn)}
	}
	in := sn >= r.base && sn < r.base+raceTotal
	if in {
		r.results[sn-r.base].begun.Add(1)
	}
	var ok, again bool
	r.call(func() { ok, again = r.w.Offer(uint32(sn), t, x) })
	x.again = x.again || again
	if !ok {
		return false
	}
	if !in {
		panic(fmt.Sprintf("%d is accepted", sn))
	}
	r.results[sn-r.base].accepted.Add(1)
	if plug {
		r.results[sn-r.base].plugged.Store(true)
	} else {
		x.waiting = append(x.waiting, sn)
	}
	return true
}

func (x *raceConn) run() {
	r := x.r
	end := r.base + raceTotal
	for spins := 0; ; spins++ {
		if r.timedOut.Load() {
			return
		}
		x.look()
		if x.rng.IntN(4) == 0 {
			x.odd()
		}
		if x.again {
			r.call(func() { x.again = r.w.Deliver(x) })
		}
		for in := x.in.Load(); x.out != in; x.out++ {
			t := x.box[x.out%uint32(len(x.box))]
			if t.ID != uint32(x.id) || t.EDTL != t.CmdSN {
				panic("another's request")
			}
			r.call(func() { r.w.Release() })
			spins = 0
		}
		for k := 0; len(x.own) > 0 && k < 4 && x.own[0] <= r.wide(x.lastMax); k++ {
			// Mostly the next, else the one after it.
			i := 0
			if len(x.own) > 1 && x.own[1] <= r.wide(x.lastMax) && x.rng.IntN(4) == 0 {
				i = 1
			}
			sn := x.own[i]
			if !x.offer(sn, false) && r.results[sn-r.base].begun.Load() < 2 {
				panic(fmt.Sprintf("%d is refused, up to %d are welcome", sn, r.wide(x.lastMax)))
			}
			x.own = append(x.own[:i], x.own[i+1:]...)
			spins = 0
		}
		if len(x.own) == 0 && !x.again && r.wide(x.lastExp) == end && x.finished() {
			return
		}
		if spins > 100 && time.Since(r.began) > 30*time.Second {
			r.timedOut.Store(true)
		}
		runtime.Gosched()
	}
}

// finished says that every request of this connection was handed over and released.
func (x *raceConn) finished() bool {
	n := uint32(0)
	for _, sn := range x.waiting {
		if !x.r.results[sn-x.r.base].withdrawn.Load() {
			n++
		}
	}
	return x.out == n
}

// look checks what any loop may see at any time.
func (x *raceConn) look() {
	r := x.r
	exp := r.w.ExpCmdSN()
	last := r.w.MaxCmdSN()
	if int32(last-exp) < -1 {
		panic(fmt.Sprintf("ExpCmdSN %d, then MaxCmdSN %d", exp, last))
	}
	if int32(last-x.lastMax) < 0 || int32(exp-x.lastExp) < 0 {
		panic(fmt.Sprintf("window went back from %d..%d to %d..%d", x.lastExp, x.lastMax, exp, last))
	}
	if now := r.w.ExpCmdSN(); int32(last-now)+1 > int32(len(r.w.slots)) {
		panic(fmt.Sprintf("window %d..%d has %d slots", now, last, len(r.w.slots)))
	}
	for sn := r.wide(x.lastExp); sn < r.wide(exp); sn++ {
		if r.results[sn-r.base].begun.Load() == 0 {
			panic(fmt.Sprintf("ExpCmdSN %d passed %d, which nobody brought", exp, sn))
		}
	}
	x.lastExp, x.lastMax = exp, last
}

// odd is what a bad initiator does, or a busy host.
func (x *raceConn) odd() {
	r := x.r
	near := r.wide(x.lastExp) + int64(x.rng.IntN(r.size+4)) - 3
	in := near >= r.base && near < r.base+raceTotal
	switch x.rng.IntN(8) {
	case 0, 1:
		if in {
			x.offer(near, false)
		}
	case 2:
		if in {
			x.offer(near, x.rng.IntN(4) == 0)
		}
	case 3:
		x.offer(r.base-1-int64(x.rng.IntN(1000)), x.rng.IntN(2) == 0)
		x.offer(r.base+raceTotal+int64(len(r.w.slots)+x.rng.IntN(1000)), x.rng.IntN(2) == 0)
		x.offer(near+1<<31-int64(x.rng.IntN(2)), false)
	case 4, 5:
		for k := len(x.waiting) - 1; k >= 0 && k > len(x.waiting)-3; k-- {
			sn := x.waiting[k]
			r.call(func() {
				if r.w.Withdraw(uint32(sn)) {
					if r.results[sn-r.base].withdrawn.Swap(true) {
						panic(fmt.Sprintf("%d is withdrawn twice", sn))
					}
				}
			})
		}
	case 6:
		r.call(func() { r.w.Resize(1 + x.rng.IntN(len(r.w.slots))) })
	case 7:
		r.call(func() { x.again = r.w.Deliver(x) || x.again })
	}
}
