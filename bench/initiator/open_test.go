package initiator

import (
	"context"
	"testing"
	"time"
)

// A target that stalls once for 100 ms. An open loop goes on counting from when requests were due, so every request of that
// time has its share of the stall and p99 shows it; a closed loop of depth 1 has one slow request, and its p99 says nothing of
// the stall (coordinated omission).
func TestOpenLoopSeesAStall(t *testing.T) {
	const stall = 100 * time.Millisecond
	s := (&stub{read: func(c *stubConn, n uint64, itt uint32) {
		if n == 100 {
			time.Sleep(stall) // what the target does, not something to wait for
		}
		c.answer(itt)
	}}).start(t)
	for _, depth := range []int{0, 1} { // with 1, all that is due while the target stalls waits for Depth
		open := mustRun(t, loopsFor(t, LoopsConfig{Sessions: s.configs(1)}), stubReads(Workload{Rate: 1000, Depth: depth, Count: 1000}))
		// Due while the target stalls: 100 requests, the first of which waits for all of it, the last for 1 ms. Hence of 1000 more
		// than 50 wait for half of it, however fast the machine.
		if p := open.Latency().Quantile(0.99); p < stall/2 {
			t.Errorf("open loop, depth %d: p99 is %v, the target stalled for %v", depth, p, stall)
		}
		if open.Requests() != 1000 || open.Lag.Count()+open.Held != 1000 || depth == 1 && open.Held < 50 {
			t.Errorf("%d requests, %d of them sent when due and %d held; want 1000", open.Requests(), open.Lag.Count(), open.Held)
		}
	}
	closed := mustRun(t, loopsFor(t, LoopsConfig{Sessions: s.configs(1)}), stubReads(Workload{Depth: 1, Count: 1000}))
	if h := closed.Latency(); h.Max() < stall || h.Quantile(0.99) >= stall/2 {
		t.Errorf("closed loop: p99 %v, longest %v; want one request to see the stall of %v, and p99 to hide it", h.Quantile(0.99), h.Max(), stall)
	}
}

// Depth under way and no answer: what is due piles up as a number. At the end all of it is in the latencies: what was sent when
// it is answered, the rest with the age that it had reached.
func TestOpenLoopUndone(t *testing.T) {
	const depth, rate, length = 4, 1000, 300 * time.Millisecond
	for _, loops := range []int{1, 2} {
		for _, answered := range []bool{true, false} {
			over := make(chan struct{})
			s := (&stub{read: func(c *stubConn, n uint64, itt uint32) {
				if n > depth {
					t.Errorf("command %d is sent with %d under way", n, depth)
				}
				go func() {
					<-over
					c.answer(itt)
				}()
			}}).start(t)
			ls := loopsFor(t, LoopsConfig{Sessions: s.configs(2), CPUs: []int{-1, -1}[:loops]})
			ctx, cancel := context.WithCancel(t.Context())
			var last Interval
			w := stubReads(Workload{Rate: rate, Depth: depth, Duration: length, Interval: length / 3})
			w.OnInterval = func(i Interval) {
				if last = i; i.At == length {
					if answered {
						close(over)
					} else {
						cancel() // so that the run waits no longer than it has to
					}
				}
			}
			r, err := ls.Run(ctx, w)
			cancel()
			sum := r.Read()
			const due = uint64(rate * length / time.Second) // at 0, 1, ... 299 ms
			if answered && (err != nil || r.Err() != nil || r.Ended != EndedRuntime) {
				t.Errorf("ends by %s: %v, %v", r.Ended, err, r.Err())
			}
			if !answered && err == nil {
				t.Error("requests that do not come back are no error")
			}
			if sum.Requests != 0 || sum.Late != 2*depth || sum.Undone != due-2*depth {
				t.Errorf("%d answered, %d late, %d undone; want 0, %d, %d", sum.Requests, sum.Late, sum.Undone, 2*depth, due-2*depth)
			}
			h := r.Latency()
			if h.Count() != due || h.Max() < length || h.Quantile(0.5) < length/3 || h.Min() > 5*time.Millisecond {
				t.Errorf("%d latencies from %v to %v, median %v; want all %d requests that were due, the oldest since %v", h.Count(), h.Min(), h.Max(), h.Quantile(0.5), due, length)
			}
			if last.Behind != due-2*depth || len(r.Series) != 3 {
				t.Errorf("%d intervals, the last %d behind; want 3 and %d", len(r.Series), last.Behind, due-2*depth)
			}
			if !answered {
				close(over)
			}
		}
	}
}

// The pace is that of the schedule, on all connections and loops together, and not one request more or less.
func TestOpenLoopRate(t *testing.T) {
	s := new(stub).start(t)
	ls := loopsFor(t, LoopsConfig{Sessions: s.configs(3), CPUs: []int{-1, -1}})
	for _, poisson := range []bool{false, true} {
		r := mustRun(t, ls, stubReads(Workload{Rate: 2000, Poisson: poisson, Spin: 50 * time.Microsecond, Duration: 250 * time.Millisecond, Warmup: 50 * time.Millisecond}))
		sum := r.Read()
		if n := sum.Requests + sum.Late + sum.Undone; !poisson && (n < 500 || n > 600) || poisson && (n < 300 || n > 800) {
			t.Errorf("poisson=%v: %d requests in 250 ms at 2000 a second", poisson, n)
		}
		if r.Elapsed != 250*time.Millisecond || r.Ended != EndedRuntime {
			t.Errorf("took %v and ended by %s", r.Elapsed, r.Ended)
		}
	}
}

// A request that is due just before the end is made, although its timer fires after it.
func TestOpenLoopLastRequest(t *testing.T) {
	s := new(stub).start(t)
	const length = 20 * time.Millisecond
	w := stubReads(Workload{Rate: float64(time.Second) / float64(length-1), Duration: length})
	sum := mustRun(t, loopsFor(t, LoopsConfig{Sessions: s.configs(1)}), w).Read()
	if sum.Requests+sum.Late != 2 || sum.Undone != 0 {
		t.Errorf("%d answered, %d late, %d undone; want the requests due at 0 and at 19.999999 ms answered", sum.Requests, sum.Late, sum.Undone)
	}
}

// The window of a session that has connections on several loops is opened by whatever connection an answer comes on: the loop
// that sees it wakes the others. With a window of one command each depends on that, and on nothing else: no timer is set.
func TestLoopsWakeOneAnother(t *testing.T) {
	s := (&stub{narrow: true}).start(t)
	c := s.config(1)
	c.Connections = 3
	ls := loopsFor(t, LoopsConfig{Sessions: []Config{c}, CPUs: []int{-1, -1, -1}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := ls.Run(ctx, stubReads(Workload{Count: 2000, Depth: 2}))
	if err != nil || r.Ended != EndedSize || r.Requests() != 6000 {
		t.Errorf("ended by %s after %d of 6000 requests: %v", r.Ended, r.Requests(), err)
	}
}
