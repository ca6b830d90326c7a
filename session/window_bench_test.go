package session

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// nobody is a receiver that only counts deliveries.
type nobody struct{ n int }

func (d *nobody) delivered(*Task) { d.n++ }

// One request from its arrival in order to its release, by one loop.
func BenchmarkWindow(b *testing.B) {
	for _, c := range []struct {
		name   string
		shared bool
	}{{"alone", false}, {"shared", true}} {
		b.Run(c.name, func(b *testing.B) {
			var w Window
			w.Init(0, DefaultWindow, c.shared)
			t, to := &Task{}, &nobody{}
			sn := uint32(0)
			for b.Loop() {
				w.Offer(sn, t, to)
				w.Release()
				sn++
			}
		})
	}
}

// The same with requests of which every other comes late: one waits in its slot, the next delivers two.
func BenchmarkWindowSwapped(b *testing.B) {
	var w Window
	w.Init(0, DefaultWindow, true)
	t, to := &Task{}, &nobody{}
	sn := uint32(0)
	for b.Loop() {
		w.Offer(sn^1, t, to)
		if sn&1 != 0 {
			w.Release()
			w.Release()
		}
		sn++
	}
}

// BenchmarkWindowContended has goroutines share the numbers of a window: one command is what the target does for one
// request (Welcome, Offer, its delivery to its connection, Release there, and the ExpCmdSN and MaxCmdSN of its answer).
//
// Each goroutine brings a run of 8 consecutive numbers, as a loop finds them in what it received, then those after the
// others' runs, never beyond MaxCmdSN, and then executes what was delivered to it. It yields when it has nothing to do. The
// work is what it does besides for each command, half before the Offer and half before the Release: "saturated" none, else
// nanoseconds. other-ns/op is the time of the CPUs in use that did not go into that work: the window, the deliveries, waiting.
func BenchmarkWindowContended(b *testing.B) {
	benchContended(b, func() commandWindow {
		s := new(Session) // where it is among other things
		s.window.Init(0, DefaultWindow, true)
		return &s.window
	})
}

// BenchmarkContendedMutex is the same with everything under one lock. It and the next have names apart from Window's: they
// are for comparison, and no news when they change.
func BenchmarkContendedMutex(b *testing.B) {
	benchContended(b, func() commandWindow { return newMutexWindow(DefaultWindow) })
}

// BenchmarkContendedMutexAtomic is the same with a lock in Offer alone.
func BenchmarkContendedMutexAtomic(b *testing.B) {
	benchContended(b, func() commandWindow { return newMutexAtomicWindow(DefaultWindow) })
}

func benchContended(b *testing.B, make func() commandWindow) {
	for _, work := range []time.Duration{0, 200, 1000} {
		load := fmt.Sprintf("work=%d", work.Nanoseconds())
		if work == 0 {
			load = "saturated"
		}
		for _, n := range []int{1, 2, 4, 8, 16} {
			b.Run(fmt.Sprintf("%s/goroutines=%d", load, n), func(b *testing.B) {
				contend(b, make(), n, spins(work/2))
			})
		}
	}
}

const benchRun = 8

func contend(b *testing.B, w commandWindow, n, work int) {
	loops := make([]*benchLoop, n)
	for i := range loops {
		loops[i] = &benchLoop{w: w, work: work, all: loops}
		for j := range loops[i].tasks {
			loops[i].tasks[j].ITT = uint32(i)
		}
	}
	total := uint32(b.N)
	var wg sync.WaitGroup
	b.ResetTimer()
	for i, l := range loops {
		wg.Go(func() { l.run(uint32(i), uint32(n), total) })
	}
	wg.Wait()
	b.StopTimer()
	if w.ExpCmdSN() != total || w.MaxCmdSN() != total+DefaultWindow-1 {
		b.Fatalf("ExpCmdSN %d MaxCmdSN %d after %d commands", w.ExpCmdSN(), w.MaxCmdSN(), total)
	}
	cpus := min(n, runtime.GOMAXPROCS(0))
	own := float64(2*work) * spinTime()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())*float64(cpus)/float64(b.N)-own, "other-ns/op")
}

// benchLoop is a loop with one connection.
type benchLoop struct {
	_ [64]byte
	// head counts what was delivered to this loop: only the window's holder stores it.
	head atomic.Uint32
	box  [2 * DefaultWindow]*Task
	_    [64]byte

	w        commandWindow
	all      []*benchLoop
	work     int
	tasks    [2 * DefaultWindow]Task
	offered  uint32
	answered uint32
	told     uint32 // the MaxCmdSN that this connection's initiator knows
	again    bool
	_        [64]byte
}

func (l *benchLoop) delivered(t *Task) {
	o := l.all[t.ITT]
	h := o.head.Load()
	o.box[h%uint32(len(o.box))] = t
	o.head.Store(h + 1)
}

func (l *benchLoop) run(i, n, total uint32) {
	l.told = l.w.MaxCmdSN()
	for base := i * benchRun; base < total; base += n * benchRun {
		for sn := base; sn < min(base+benchRun, total); sn++ {
			for int32(l.told-sn) < 0 {
				l.turn()
			}
			l.offer(sn)
		}
		l.turn()
	}
	for l.answered != l.offered {
		l.turn()
	}
}

func (l *benchLoop) offer(sn uint32) {
	if !l.w.Welcome(sn) {
		panic("not welcome")
	}
	spin(l.work)
	t := &l.tasks[l.offered%uint32(len(l.tasks))]
	t.CmdSN = sn
	ok, again := l.w.Offer(sn, t, l)
	if !ok {
		panic("refused")
	}
	l.offered++
	l.again = l.again || again
}

// turn executes what was delivered, or yields.
func (l *benchLoop) turn() {
	if l.again {
		l.again = l.w.Deliver(l)
	}
	h := l.head.Load()
	if h == l.answered {
		l.told = l.w.MaxCmdSN() // the initiator hears of it by others' answers
		runtime.Gosched()
		return
	}
	for ; l.answered != h; l.answered++ {
		if l.all[l.box[l.answered%uint32(len(l.box))].ITT] != l {
			panic("another's request")
		}
		spin(l.work)
		l.w.Release()
		_, l.told = l.w.ExpCmdSN(), l.w.MaxCmdSN()
	}
}

var spun atomic.Uint64

// spin computes for a while: n multiplications that wait for each other.
func spin(n int) {
	x := uint64(n)
	for range n {
		x = x*6364136223846793005 + 1442695040888963407
	}
	if x == 42 {
		spun.Store(x)
	}
}

// spinTime is how long one of them takes, in nanoseconds.
var spinTime = sync.OnceValue(func() float64 {
	const n = 100000
	best := time.Hour
	for range 20 {
		t := time.Now()
		spin(n)
		best = min(best, time.Since(t))
	}
	return float64(best.Nanoseconds()) / n
})

func spins(d time.Duration) int { return int(float64(d.Nanoseconds()) / spinTime()) }

// commandWindow is what Window and those it is compared with can do.
type commandWindow interface {
	ExpCmdSN() uint32
	MaxCmdSN() uint32
	Welcome(sn uint32) bool
	Offer(sn uint32, t *Task, to receiver) (ok, again bool)
	Deliver(to receiver) (again bool)
	Release()
}

// mutexWindow is Window as one would write it first: everything is guarded by a mutex.
type mutexWindow struct {
	mu       sync.Mutex
	exp, max uint32
	slots    []mutexSlot
}

type mutexSlot struct {
	task *Task
	full bool
}

func newMutexWindow(size int) *mutexWindow {
	return &mutexWindow{max: uint32(size) - 1, slots: make([]mutexSlot, size)}
}

func (m *mutexWindow) ExpCmdSN() uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.exp
}

func (m *mutexWindow) MaxCmdSN() uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.max
}

func (m *mutexWindow) slot(sn uint32) *mutexSlot { return &m.slots[sn%uint32(len(m.slots))] }

func (m *mutexWindow) welcome(sn uint32) bool {
	return int32(sn-m.exp) >= 0 && int32(m.max-sn) >= 0 && !m.slot(sn).full
}

func (m *mutexWindow) Welcome(sn uint32) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.welcome(sn)
}

func (m *mutexWindow) Offer(sn uint32, t *Task, to receiver) (ok, again bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.welcome(sn) {
		return false, false
	}
	*m.slot(sn) = mutexSlot{t, true}
	for s := m.slot(m.exp); s.full; s = m.slot(m.exp) {
		s.full = false
		m.exp++
		if s.task == nil {
			m.max++
		} else {
			to.delivered(s.task)
		}
	}
	return true, false
}

func (m *mutexWindow) Deliver(receiver) (again bool) { return false }

func (m *mutexWindow) Release() {
	m.mu.Lock()
	m.max++
	m.mu.Unlock()
}

// mutexAtomicWindow is the best that the mutex can do: it is taken once a command, in Offer; the numbers are read, and
// MaxCmdSN raised, without it.
type mutexAtomicWindow struct {
	mu       sync.Mutex
	exp, max atomic.Uint32
	slots    []mutexSlot
}

func newMutexAtomicWindow(size int) *mutexAtomicWindow {
	m := &mutexAtomicWindow{slots: make([]mutexSlot, size)}
	m.max.Store(uint32(size) - 1)
	return m
}

func (m *mutexAtomicWindow) ExpCmdSN() uint32 { return m.exp.Load() }
func (m *mutexAtomicWindow) MaxCmdSN() uint32 { return m.max.Load() }
func (m *mutexAtomicWindow) Release()         { m.max.Add(1) }

func (m *mutexAtomicWindow) slot(sn uint32) *mutexSlot { return &m.slots[sn%uint32(len(m.slots))] }

// Welcome leaves duplicates to Offer: their slot is looked at under the lock only.
func (m *mutexAtomicWindow) Welcome(sn uint32) bool {
	return int32(sn-m.exp.Load()) >= 0 && int32(m.max.Load()-sn) >= 0
}

func (m *mutexAtomicWindow) Offer(sn uint32, t *Task, to receiver) (ok, again bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.Welcome(sn) || m.slot(sn).full {
		return false, false
	}
	*m.slot(sn) = mutexSlot{t, true}
	for n := m.exp.Load(); ; {
		s := m.slot(n)
		if !s.full {
			return true, false
		}
		s.full = false
		n++
		m.exp.Store(n)
		if s.task == nil {
			m.max.Add(1)
		} else {
			to.delivered(s.task)
		}
	}
}

func (m *mutexAtomicWindow) Deliver(receiver) (again bool) { return false }
