package session

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// oracle is a simple command window of RFC 7143, 4.2.2.1: 64-bit numbers, a map and a lock.
type oracle struct {
	mu           sync.Mutex
	exp, max     int64
	size, wanted int
	held         map[int64]*Task // nil values plug
}

func newOracle(exp int64, size int) *oracle {
	return &oracle{exp: exp, max: exp + int64(size) - 1, size: size, wanted: size, held: map[int64]*Task{}}
}

func (o *oracle) welcome(sn int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, held := o.held[sn]
	return sn >= o.exp && sn <= o.max && !held
}

// offer returns the delivered requests.
func (o *oracle) offer(sn int64, t *Task) (delivered []*Task, ok bool) {
	if !o.welcome(sn) {
		return nil, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held[sn] = t
	for {
		t, ok := o.held[o.exp]
		if !ok {
			return delivered, true
		}
		delete(o.held, o.exp)
		o.exp++
		if t != nil {
			delivered = append(delivered, t)
		} else {
			o.open()
		}
	}
}

// waiting returns the numbers of requests that wait for their turn.
func (o *oracle) waiting() (sns []int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for sn, t := range o.held {
		if t != nil {
			sns = append(sns, sn)
		}
	}
	slices.Sort(sns)
	return sns
}

func (o *oracle) withdraw(sn int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held[sn] = nil
}

func (o *oracle) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open()
}

func (o *oracle) open() {
	if o.size > o.wanted {
		o.size--
	} else {
		o.max++
	}
}

func (o *oracle) resize(n int) (rose bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wanted = n
	for o.size < n {
		o.size++
		o.max++
		rose = true
	}
	return rose
}

// deliveries is a receiver that records what it receives.
type deliveries struct{ tasks []*Task }

func (d *deliveries) delivered(t *Task) { d.tasks = append(d.tasks, t) }

// The window and the oracle agree on every number of a long random run across the 2^32 wrap: in order, early, stale,
// duplicate, beyond MaxCmdSN and half the number space away, plugs, withdrawals, and sizes that change.
func TestWindowAgainstOracle(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		size := 1 + rng.IntN(9)
		base := int64(1)<<32 - int64(rng.IntN(300))
		var w Window
		w.Init(uint32(base), size, seed%2 == 0)
		o := newOracle(base, size)
		live := 0
		var got deliveries
		for step := range 2000 {
			sn := o.exp + int64(rng.IntN(size+6)) - 3
			if rng.IntN(50) == 0 {
				sn += 1<<31 - int64(rng.IntN(2))
			}
			var task *Task
			if rng.IntN(4) > 0 {
				task = &Task{CmdSN: uint32(sn)}
			}
			// Numbers on the wire are modulo 2^32. A distance of 2^31 has no order and is never in a window.
			welcome := o.welcome(sn)
			if got := w.Welcome(uint32(sn)); got != welcome {
				t.Fatalf("seed %d step %d: Welcome(%d) = %v, want %v (exp %d max %d)", seed, step, sn, got, welcome, o.exp, o.max)
			}
			want, wantOK := o.offer(sn, task)
			ok, again := w.Offer(uint32(sn), task, &got)
			must.Be(t, ok == wantOK, "seed %d step %d: Offer(%d) = %v, want %v", seed, step, sn, ok, wantOK)
			must.Be(t, !again || !w.Deliver(&got), "seed %d step %d: more to deliver after twice %d", seed, step, size)
			if !slices.Equal(got.tasks, want) {
				t.Fatalf("seed %d step %d: %d delivered, want %d, or others", seed, step, len(got.tasks), len(want))
			}
			live += len(want)
			got.tasks = got.tasks[:0]
			for _, sn := range []int64{o.exp - 1, o.exp, o.exp + int64(rng.IntN(size+1))} {
				_, waits := o.held[sn]
				must.Be(t, waits || !w.Withdraw(uint32(sn)), "seed %d step %d: %d is withdrawn, which is not there", seed, step, sn)
			}
			if waiting := o.waiting(); len(waiting) > 0 && rng.IntN(8) == 0 { // an abort before its turn
				sn := waiting[rng.IntN(len(waiting))]
				must.Be(t, w.Withdraw(uint32(sn)), "seed %d step %d: %d waits, and cannot be withdrawn", seed, step, sn)
				o.withdraw(sn)
			}
			for live > 0 && rng.IntN(2) == 0 {
				w.Release()
				o.release()
				live--
			}
			if rng.IntN(40) == 0 {
				n := 1 + rng.IntN(size)
				if got, want := w.Resize(n), o.resize(n); got != want {
					t.Fatalf("seed %d step %d: Resize(%d) = %v, want %v", seed, step, n, got, want)
				}
			}
			if w.ExpCmdSN() != uint32(o.exp) || w.MaxCmdSN() != uint32(o.max) {
				t.Fatalf("seed %d step %d: exp %d max %d, want %d %d", seed, step, w.ExpCmdSN(), w.MaxCmdSN(), uint32(o.exp), uint32(o.max))
			}
		}
	}
}

// A loop releases the token after one request more than there are slots, and asks to be called again. (In a window that is not
// shared that cannot happen: no more requests can be there than the slots hold, and none arrives meanwhile.)
func TestWindowLetsGo(t *testing.T) {
	var w Window
	w.Init(0, 4, true)
	c := &refiller{w: &w, left: 20}
	for sn := range uint32(3) {
		w.Offer(sn+1, &Task{CmdSN: sn + 1}, c)
	}
	_, again := w.Offer(0, &Task{}, c)
	must.Be(t, again && c.n == 5, "%d delivered, again %v; want 5 of 24, and to be called again", c.n, again)
	calls := 1
	for ; again; calls++ {
		again = w.Deliver(c)
	}
	must.Be(t, c.n == 24 && calls == 5, "%d of 24 delivered in %d calls", c.n, calls)
}

// Any loop may continue where the token was left, without waiting for the loop that was asked to call again.
func TestWindowHandedOver(t *testing.T) {
	var w Window
	w.Init(0, 4, true)
	c := &refiller{w: &w, left: 20}
	for sn := range uint32(3) {
		w.Offer(sn+1, &Task{CmdSN: sn + 1}, c)
	}
	if _, again := w.Offer(0, &Task{}, c); !again {
		t.Fatal("not asked to call again")
	}
	before := c.n
	c.left = 0
	w.Resize(4)
	w.Withdraw(w.ExpCmdSN() + 3)
	if w.Welcome(w.ExpCmdSN()+3) || !w.Welcome(w.ExpCmdSN()+4) && w.MaxCmdSN() != w.ExpCmdSN()+3 {
		t.Fatalf("window %d..%d", w.ExpCmdSN(), w.MaxCmdSN())
	}
	var other deliveries
	if w.Deliver(&other) || len(other.tasks) != 3 || c.n != before {
		t.Fatalf("another delivered %d; want 3 and a plug passed", len(other.tasks))
	}
}

// refiller answers each request at once, and its initiator sends another.
type refiller struct {
	w       *Window
	n, left int
}

func (r *refiller) delivered(t *Task) {
	r.n++
	r.w.Release()
	if r.left--; r.left >= 0 {
		// It arrives on another loop, which finds the token held and returns.
		sn := t.CmdSN + 4
		if ok, again := r.w.Offer(sn, &Task{CmdSN: sn}, r); !ok || again {
			panic("the next is not taken")
		}
	}
}

// A closed window accepts nothing, not even ExpCmdSN.
func TestWindowClosed(t *testing.T) {
	var w Window
	var got deliveries
	w.Init(5, 1, true)
	if ok, _ := w.Offer(5, &Task{}, &got); !ok || len(got.tasks) != 1 {
		t.Fatal("the next number is not delivered")
	}
	must.Be(t, !w.Welcome(6) && w.MaxCmdSN() == w.ExpCmdSN()-1, "open with MaxCmdSN %d, ExpCmdSN %d", w.MaxCmdSN(), w.ExpCmdSN())
	w.Release()
	must.Be(t, w.Welcome(6), "closed after Release")
}

// "The target MUST silently ignore any non-immediate command outside of this range or non-immediate duplicates within the
// range" (RFC 7143, 4.2.2.1).
func TestCmdSNIgnoredSilently(t *testing.T) {
	r := newRig(t, withWindow(4))
	for _, d := range []uint32{^uint32(0), 4, 5, 100, 1 << 31, 1<<31 + 1} {
		h := r.read(512)
		r.cmdSN--
		h.SetCmdSN(r.cmdSN + d)
		r.send(h.BHS(), nil)
		r.wantIdle("CmdSN is outside the window")
	}
	first, task := r.started(512)
	dup := *first
	r.send(dup.BHS(), nil)
	r.wantIdle("this CmdSN was received before")
	early := r.readAt(first.CmdSN() + 2)
	r.wantIdle("an earlier CmdSN is missing")
	dup = *early
	dup.SetITT(r.nextITT())
	r.send(dup.BHS(), nil)
	r.wantIdle("this CmdSN waits in the window already")
	r.complete(task, Result{In: pattern(0, 512)})
	r.want(pdu.OpDataIn, "the first command is answered once")
	r.wantIdle("duplicates are not answered")
	gap := r.readAt(early.CmdSN() - 1)
	if a, b := r.wantExecute("the gap is closed"), r.wantExecute("and the next has its turn"); a.ITT != gap.ITT() || b.ITT != early.ITT() {
		t.Fatalf("executed %#x, %#x", a.ITT, b.ITT)
	}
}

// Commands are executed in CmdSN order whatever the order of their arrival (4.2.2.1).
func TestCmdSNOrder(t *testing.T) {
	r := newRig(t, withWindow(32))
	base := r.cmdSN
	order := []uint32{3, 1, 0, 2, 7, 6, 5, 4}
	var headers [8]*pdu.SCSICommand
	for i := range headers {
		headers[i] = r.read(0)
	}
	for _, i := range order {
		r.send(headers[i].BHS(), nil)
	}
	for i := range uint32(8) {
		if task := r.wantExecute("all have arrived"); task.CmdSN != base+i {
			t.Fatalf("CmdSN %d executed; want %d", task.CmdSN, base+i)
		}
	}
}

// MaxCmdSN follows the answers: the response that ends a command opens the window, so that an initiator at the limit can continue
// at once.
func TestWindowOpensWithTheResponse(t *testing.T) {
	r := newRig(t, withWindow(1))
	for range 5 {
		h, task := r.started(0)
		beyond := r.read(0)
		r.cmdSN--
		r.send(beyond.BHS(), nil)
		r.wantIdle("the window is closed")
		r.complete(task, Result{})
		resp := r.wantStatus(h.ITT(), statusGood, "it is done")
		if resp.MaxCmdSN() != r.cmdSN || resp.ExpCmdSN() != r.cmdSN {
			t.Fatalf("ExpCmdSN %d MaxCmdSN %d; want both %d", resp.ExpCmdSN(), resp.MaxCmdSN(), r.cmdSN)
		}
	}
}

// A window that was last reported closed and opens without a response is reported by a NOP-In.
func TestWindowReopensByNOPIn(t *testing.T) {
	r := newRig(t, withWindow(1))
	_, task := r.started(512)
	r.send(r.nopOut(r.nextITT(), pdu.ReservedTag, true), nil)
	w := r.want(pdu.OpNOPIn, "a ping is answered")
	if in := (*pdu.NOPIn)(&w.h); in.MaxCmdSN() != in.ExpCmdSN()-1 {
		t.Fatalf("window is not closed: %d..%d", in.ExpCmdSN(), in.MaxCmdSN())
	}
	r.abortTasks(func(*Task) bool { return true })
	r.stop(task)
	w = r.want(pdu.OpNOPIn, "the window opened without a response")
	in := (*pdu.NOPIn)(&w.h)
	must.Be(t, in.TTT() == pdu.ReservedTag && in.ITT() == pdu.ReservedTag, "NOP-In asks for an answer: %v", w)
	must.Be(t, in.MaxCmdSN() == r.cmdSN, "MaxCmdSN %d; want %d", in.MaxCmdSN(), r.cmdSN)
	r.wantIdle("told once")
	r.wantNoTasks()
}

// Immediate requests neither need nor take a CmdSN; a bounded number of them may be unanswered, and the next gets "too many
// immediate commands" (4.2.2.1, 11.17.1).
func TestImmediateCommands(t *testing.T) {
	r := newRig(t, withWindow(1))
	r.sendRead(0)
	r.wantExecute("")
	var tasks []*Task
	for range MaxImmediate {
		h := r.read(0)
		r.immediate(h.BHS())
		r.send(h.BHS(), nil)
		tasks = append(tasks, r.wantExecute("an immediate command needs no window"))
	}
	h := r.read(0)
	r.immediate(h.BHS())
	r.send(h.BHS(), nil)
	r.wantReject(pdu.RejectImmediateCommand, h.BHS(), "that is one too many")
	r.complete(tasks[0], Result{})
	r.wantStatus(tasks[0].ITT, statusGood, "")
	r.send(h.BHS(), nil)
	r.wantExecute("one was answered")
	if got := r.conn.sess.window.ExpCmdSN(); got != r.cmdSN {
		t.Fatalf("ExpCmdSN %d; want %d: immediate commands do not advance it", got, r.cmdSN)
	}
}
