package session

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// oracle is the command window of RFC 7143, 4.2.2.1, with no cleverness: 64-bit numbers, a map and a lock.
type oracle struct {
	mu       sync.Mutex
	exp, max int64
	held     map[int64]*Task // nil values plug
}

func (o *oracle) welcome(sn int64) bool {
	_, held := o.held[sn]
	return sn >= o.exp && sn <= o.max && !held
}

func (o *oracle) take() *Task {
	for {
		t, ok := o.held[o.exp]
		if !ok {
			return nil
		}
		delete(o.held, o.exp)
		o.exp++
		if t != nil {
			return t
		}
		o.max++
	}
}

// deliveries is a courier that notes what it is given.
type deliveries struct{ tasks []*Task }

func (d *deliveries) delivered(t *Task) { d.tasks = append(d.tasks, t) }

// The window and the oracle agree on every number of a long random run across the 2^32 wrap: in order, early, stale,
// duplicate, beyond MaxCmdSN and half the number space away.
func TestWindowAgainstOracle(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		size := 1 + rng.IntN(9)
		base := int64(1)<<32 - int64(rng.IntN(300))
		var w Window
		w.Init(uint32(base), size, seed%2 == 0)
		o := oracle{exp: base, max: base + int64(size) - 1, held: map[int64]*Task{}}
		live := 0
		var got deliveries
		for step := range 2000 {
			sn := o.exp + int64(rng.IntN(size+6)) - 3
			if rng.IntN(50) == 0 {
				sn += 1 << 31
			}
			// What the wire says is modulo 2^32; a distance of 2^31 has no order and is never in a window.
			want := o.welcome(sn)
			if got := w.Welcome(uint32(sn)); got != want {
				t.Fatalf("seed %d step %d: Welcome(%d) = %v, want %v (exp %d max %d)", seed, step, sn, got, want, o.exp, o.max)
			}
			var task *Task
			if rng.IntN(4) > 0 {
				task = &Task{CmdSN: uint32(sn)}
			}
			if ok, _ := w.Offer(uint32(sn), task, &got); ok != want {
				t.Fatalf("seed %d step %d: Offer(%d) = %v, want %v", seed, step, sn, ok, want)
			} else if ok {
				o.held[sn] = task
			}
			for i := 0; ; i++ {
				want := o.take()
				if want == nil {
					if i != len(got.tasks) {
						t.Fatalf("seed %d step %d: %d delivered, want %d", seed, step, len(got.tasks), i)
					}
					break
				}
				if i >= len(got.tasks) || got.tasks[i] != want {
					t.Fatalf("seed %d step %d: delivery %d is not %d", seed, step, i, want.CmdSN)
				}
				live++
			}
			got.tasks = got.tasks[:0]
			if rng.IntN(8) == 0 { // an abort before its turn
				for h, ht := range o.held {
					if ht != nil {
						if !w.Withdraw(uint32(h)) {
							t.Fatalf("seed %d step %d: %d waits, and cannot be withdrawn", seed, step, h)
						}
						o.held[h] = nil
						break
					}
				}
			}
			for live > 0 && rng.IntN(2) == 0 {
				w.Release()
				o.max++
				live--
			}
			if w.ExpCmdSN() != uint32(o.exp) || w.MaxCmdSN() != uint32(o.max) {
				t.Fatalf("seed %d step %d: exp %d max %d, want %d %d", seed, step, w.ExpCmdSN(), w.MaxCmdSN(), uint32(o.exp), uint32(o.max))
			}
		}
	}
}

// A closed window takes nothing, not even ExpCmdSN.
func TestWindowClosed(t *testing.T) {
	var w Window
	var got deliveries
	w.Init(5, 1, true)
	if ok, _ := w.Offer(5, &Task{}, &got); !ok || len(got.tasks) != 1 {
		t.Fatal("the next number is not delivered")
	}
	if w.Welcome(6) || w.MaxCmdSN() != w.ExpCmdSN()-1 {
		t.Fatalf("open with MaxCmdSN %d, ExpCmdSN %d", w.MaxCmdSN(), w.ExpCmdSN())
	}
	w.Release()
	if !w.Welcome(6) {
		t.Fatal("closed after Release")
	}
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
	first := r.read(512)
	r.send(first.BHS(), nil)
	task := r.wantExecute("CmdSN is ExpCmdSN")
	dup := *first
	r.send(dup.BHS(), nil)
	r.wantIdle("this CmdSN was received before")
	early := r.read(512)
	early.SetCmdSN(early.CmdSN() + 1)
	r.send(early.BHS(), nil)
	r.wantIdle("an earlier CmdSN is missing")
	dup = *early
	dup.SetITT(r.nextITT())
	r.send(dup.BHS(), nil)
	r.wantIdle("this CmdSN waits in the window already")
	r.complete(task, Result{In: pattern(0, 512)})
	r.want(pdu.OpDataIn, "the first command is answered once")
	r.wantIdle("duplicates are not answered")
	gap := r.read(512)
	gap.SetCmdSN(early.CmdSN() - 1)
	r.send(gap.BHS(), nil)
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

// MaxCmdSN follows the answers: it opens with the very response that ends a command, so that an initiator at the limit goes
// on at once.
func TestWindowOpensWithTheResponse(t *testing.T) {
	r := newRig(t, withWindow(1))
	for range 5 {
		h := r.read(0)
		r.send(h.BHS(), nil)
		task := r.wantExecute("the window is open")
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
	h := r.read(512)
	r.send(h.BHS(), nil)
	task := r.wantExecute("")
	var ping pdu.BHS
	ping.Init(pdu.OpNOPOut)
	ping.SetImmediate(true)
	ping.SetITT(r.nextITT())
	(*pdu.NOPOut)(&ping).SetTTT(pdu.ReservedTag)
	(*pdu.NOPOut)(&ping).SetCmdSN(r.cmdSN)
	r.send(&ping, nil)
	w := r.want(pdu.OpNOPIn, "a ping is answered")
	if in := (*pdu.NOPIn)(&w.h); in.MaxCmdSN() != in.ExpCmdSN()-1 {
		t.Fatalf("window is not closed: %d..%d", in.ExpCmdSN(), in.MaxCmdSN())
	}
	r.conn.AbortTasks(r.now, func(*Task) bool { return true })
	r.pump()
	if ev := r.wantEvent(Abort); ev.Task != task {
		t.Fatal("another task")
	}
	r.conn.Aborted(r.now, task)
	r.pump()
	w = r.want(pdu.OpNOPIn, "the window opened without a response")
	in := (*pdu.NOPIn)(&w.h)
	if in.TTT() != pdu.ReservedTag || in.ITT() != pdu.ReservedTag {
		t.Fatalf("NOP-In asks for an answer: %v", w)
	}
	if in.MaxCmdSN() != r.cmdSN {
		t.Fatalf("MaxCmdSN %d; want %d", in.MaxCmdSN(), r.cmdSN)
	}
	r.wantIdle("told once")
	r.wantNoTasks()
}

// Immediate requests neither need nor take a CmdSN; a bounded number of them may be unanswered, and the next gets "too many
// immediate commands" (4.2.2.1, 11.17.1).
func TestImmediateCommands(t *testing.T) {
	r := newRig(t, withWindow(1))
	blocker := r.read(0)
	r.send(blocker.BHS(), nil)
	r.wantExecute("")
	var tasks []*Task
	for range maxImmediate {
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
