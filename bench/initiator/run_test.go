package initiator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// A connection that dies ends the run on all loops, with an error that names it; what was measured before is reported.
func TestRunLosesAConnection(t *testing.T) {
	s := (&stub{read: func(c *stubConn, n uint64, itt uint32) {
		if n == 50 {
			_ = c.nc.Close()
			return
		}
		c.answer(itt)
	}}).start(t)
	for _, rate := range []float64{0, 5000} {
		ls := loopsFor(t, LoopsConfig{Sessions: s.configs(4), CPUs: []int{-1, -1}})
		r, err := ls.Run(t.Context(), stubReads(Workload{Depth: 4, Rate: rate, Duration: time.Hour}))
		if !errors.Is(err, ErrConnLost) || !strings.Contains(err.Error(), "session ") {
			t.Fatalf("the run ends with %v; want a lost connection, and which", err)
		}
		if r.Ended != EndedError || !errors.Is(r.Err(), ErrConnLost) || r.Requests() < 40 || r.Elapsed > time.Minute {
			t.Errorf("ended by %s after %v with %d requests: %v", r.Ended, r.Elapsed, r.Requests(), r.Err())
		}
		if _, err := ls.Run(t.Context(), stubReads(Workload{Count: 1})); !errors.Is(err, ErrConnLost) {
			t.Errorf("the next run: %v; want it to say that a connection is gone", err)
		}
	}
}

// When the context ends, the run does, and what was measured until then is the report.
func TestRunInterrupted(t *testing.T) {
	s := new(stub).start(t)
	for _, rate := range []float64{0, 2000} {
		ls := loopsFor(t, LoopsConfig{Sessions: s.configs(3), CPUs: []int{-1, -1}})
		ctx, cancel := context.WithCancel(t.Context())
		w := stubReads(Workload{Depth: 4, Rate: rate, Duration: time.Hour, Interval: 20 * time.Millisecond})
		w.OnInterval = func(i Interval) {
			if i.At >= 60*time.Millisecond {
				cancel()
			}
		}
		r, err := ls.Run(ctx, w)
		if err != nil || r.Err() != nil || r.Ended != EndedInterrupted {
			t.Fatalf("ended by %s: %v, %v", r.Ended, err, r.Err())
		}
		if r.Elapsed < 60*time.Millisecond || r.Elapsed > time.Minute || r.Requests() == 0 || len(r.Series) < 3 {
			t.Errorf("%d requests in %v, %d intervals", r.Requests(), r.Elapsed, len(r.Series))
		}
		var n uint64
		for _, i := range r.Series {
			n += i.Reads
		}
		if n != r.Requests() || r.Series[len(r.Series)-1].At != r.Elapsed {
			t.Errorf("the series has %d reads up to %v, the report %d in %v", n, r.Series[len(r.Series)-1].At, r.Requests(), r.Elapsed)
		}
		mustRun(t, ls, stubReads(Workload{Count: 10})) // the sessions are up
	}
}

// Whoever interrupts a run is not told that a target is slow: what is under way counts with its age.
func TestRunInterruptedUnanswered(t *testing.T) {
	const depth = 3
	ctx, cancel := context.WithCancel(t.Context())
	s := (&stub{read: func(c *stubConn, n uint64, itt uint32) {
		if n == depth {
			cancel()
		}
	}}).start(t)
	ls := loopsFor(t, LoopsConfig{Sessions: s.configs(1)})
	r, err := ls.Run(ctx, stubReads(Workload{Depth: depth, Duration: time.Hour}))
	if err != nil || r.Err() != nil || r.Ended != EndedInterrupted {
		t.Fatalf("ended by %s: %v, %v", r.Ended, err, r.Err())
	}
	if sum := r.Read(); sum.Requests != 0 || sum.Late != depth || r.Latency().Count() != depth || r.Latency().Min() < r.Elapsed {
		t.Errorf("%d answered, %d late; want %d late and in the latencies, from %v on", sum.Requests, sum.Late, depth, r.Elapsed)
	}
}

// pinged makes a stub that pings each connection count times, the next one when the last is answered (RFC 7143, 11.19.1: a
// target pings with a Target Transfer Tag, which the NOP-Out brings back). all is closed when every one of conns was answered.
func pinged(t *testing.T, conns, count int) (s *stub, all chan struct{}) {
	all = make(chan struct{})
	left := atomic.Int64{}
	left.Store(int64(conns))
	s = &stub{
		up: func(c *stubConn) { c.ping(1) },
		nopOut: func(c *stubConn, ttt uint32) {
			if int(ttt) < count {
				c.ping(ttt + 1)
			} else if left.Add(-1) == 0 {
				close(all)
			}
		},
	}
	return s.start(t), all
}

// Idle answers the target's pings and sends nothing of its own.
func TestIdle(t *testing.T) {
	s, all := pinged(t, 5, 100)
	s.read = func(c *stubConn, n uint64, itt uint32) { t.Error("an idle session sends a command") }
	ls := loopsFor(t, LoopsConfig{Sessions: s.configs(5), CPUs: []int{-1, -1}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-all
		cancel()
	}()
	if err := ls.Idle(ctx, patience); !errors.Is(err, context.Canceled) {
		t.Errorf("Idle: %v; want it to end with the context, once every ping is answered", err)
	}
	if err := ls.Idle(t.Context(), time.Millisecond); err != nil {
		t.Error(err)
	}
}

// A ping is answered during a run, and between runs without a call.
func TestPingsAreAnswered(t *testing.T) {
	s, all := pinged(t, 3, 2)
	ls := loopsFor(t, LoopsConfig{Sessions: s.configs(3), CPUs: []int{-1, -1}})
	select {
	case <-all:
	case <-time.After(patience):
		t.Fatal("between runs no ping is answered")
	}
	mustRun(t, ls, stubReads(Workload{Count: 100, Depth: 4}))

	s, all = pinged(t, 3, 100)
	ls = loopsFor(t, LoopsConfig{Sessions: s.configs(3)})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() {
		<-all
		cancel()
	}()
	if r, err := ls.Run(ctx, stubReads(Workload{Duration: time.Hour})); err != nil || r.Ended != EndedInterrupted {
		t.Errorf("ended by %s: %v", r.Ended, err)
	}
	select {
	case <-all:
	default:
		t.Error("during a run no ping is answered")
	}
}

// An idle session whose connection the target closes is an error.
func TestIdleLosesAConnection(t *testing.T) {
	s := (&stub{up: func(c *stubConn) { _ = c.nc.(interface{ CloseWrite() error }).CloseWrite() }}).start(t)
	ls := loopsFor(t, LoopsConfig{Sessions: s.configs(1)})
	if err := ls.Idle(t.Context(), patience); !errors.Is(err, ErrConnLost) {
		t.Errorf("Idle: %v, want %v", err, ErrConnLost)
	}
}

// A few sessions log in one after the other, in the order of the configuration.
func TestFewLoginsInTurn(t *testing.T) {
	var mu sync.Mutex
	var came []int
	s := (&stub{login: func(c *stubConn) {
		mu.Lock()
		defer mu.Unlock()
		came = append(came, c.nc.RemoteAddr().(*net.TCPAddr).Port)
	}}).start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ls, err := NewLoops(ctx, LoopsConfig{Sessions: s.configs(inTurn), CPUs: []int{-1, -1}})
	if err != nil {
		t.Fatal(err)
	}
	defer ls.Close()
	for i, c := range ls.conns {
		name, err := syscall.Getsockname(c.fd)
		if err != nil {
			t.Fatal(err)
		}
		if port := name.(*syscall.SockaddrInet4).Port; port != came[i] {
			t.Errorf("session %d is on port %d, the login that came then on %d", i, port, came[i])
		}
	}
}

// Many sessions log in side by side, maxLogins at a time and no more, and stand in the order of the configuration.
func TestLoginsSideBySide(t *testing.T) {
	const n = 3*maxLogins + 5
	var mu sync.Mutex
	waiting, most := 0, 0
	full := make(chan struct{})
	s := (&stub{login: func(c *stubConn) {
		mu.Lock()
		waiting++
		if most = max(most, waiting); waiting == maxLogins {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		mu.Unlock()
		<-full // no request is answered before the most that may be outstanding have arrived
		mu.Lock()
		waiting--
		mu.Unlock()
	}}).start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ls, err := NewLoops(ctx, LoopsConfig{Sessions: s.configs(n), CPUs: []int{-1, -1}})
	if err != nil {
		t.Fatalf("%v: fewer than %d log in at a time", err, maxLogins)
	}
	defer ls.Close()
	if most != maxLogins {
		t.Errorf("%d log in at a time, want %d", most, maxLogins)
	}
	for i, session := range ls.Sessions() {
		if want := s.config(i).ISID; session.cfg.ISID != want {
			t.Errorf("session %d has ISID %x, want %x", i, session.cfg.ISID, want)
		}
	}
	r := mustRun(t, ls, stubReads(Workload{Count: 3, Depth: 2}))
	if len(r.Conns) != n || r.Requests() != 3*n {
		t.Errorf("%d connections made %d requests", len(r.Conns), r.Requests())
	}
	for i, c := range r.Conns {
		if c.Session != i || c.Loop != i%2 || c.Read.Requests != 3 {
			t.Errorf("connection %d: %+v", i, c)
		}
	}
}

// Interrupted logins end at once; one that is refused ends all, with the session's number.
func TestLoginsEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	never := make(chan struct{})
	s := (&stub{login: func(*stubConn) { cancel(); <-never }}).start(t)
	t.Cleanup(func() { close(never) })
	if _, err := NewLoops(ctx, LoopsConfig{Sessions: s.configs(100)}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v, want %v", err, context.Canceled)
	}

	refuse := (&stub{login: func(c *stubConn) {
		var h pdu.BHS
		h.Init(pdu.OpLoginResponse)
		(*pdu.LoginResponse)(&h).SetStatus(pdu.LoginNotFound)
		c.send(&h, nil, true)
		_ = c.nc.Close()
	}}).start(t)
	var refused *LoginError
	if _, err := NewLoops(t.Context(), LoopsConfig{Sessions: refuse.configs(100)}); !errors.As(err, &refused) || !strings.Contains(err.Error(), "session ") {
		t.Errorf("refused: %v, want a LoginError of a session", err)
	}
}

// Reads and writes are summed apart, by connection and by loop, and all sums agree.
func TestReportSums(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	cfg := LoopsConfig{CPUs: []int{-1, -1}}
	for i := range 3 {
		cfg.Sessions = append(cfg.Sessions, daemonConfig(d, byte(i+1)))
	}
	ls := loopsFor(t, cfg)
	r := mustRun(t, ls, Workload{ReadPercent: 60, Depth: 8, Count: 1000, BlockSize: 2048, Interval: 5 * time.Millisecond})
	rd, wr := r.Read(), r.Write()
	if rd.Requests+wr.Requests != 3000 || rd.Bytes != 2048*rd.Requests || wr.Bytes != 2048*wr.Requests || r.Ended != EndedSize {
		t.Errorf("%d reads of %d bytes, %d writes of %d; ended by %s", rd.Requests, rd.Bytes, wr.Requests, wr.Bytes, r.Ended)
	}
	if rd.Latency.Count() != rd.Requests || wr.Latency.Count() != wr.Requests || r.Latency().Count() != 3000 {
		t.Errorf("%d and %d latencies", rd.Latency.Count(), wr.Latency.Count())
	}
	var series Interval
	series.Latency = new(Histogram)
	for i := range r.Series {
		series.follow(&r.Series[i])
	}
	if series.Reads != rd.Requests || series.Writes != wr.Requests || series.Bytes != rd.Bytes+wr.Bytes || series.Latency.Count() != 3000 {
		t.Errorf("the series has %d reads, %d writes, %d bytes, %d latencies", series.Reads, series.Writes, series.Bytes, series.Latency.Count())
	}
	var loops [2]uint64
	for _, c := range r.Conns {
		loops[c.Loop] += c.Read.Requests
	}
	if loops[0] != r.Loops[0].Read.Requests || loops[1] != r.Loops[1].Read.Requests || r.Loops[0].Write.Requests == 0 {
		t.Errorf("the loops' reads are %v by connection, %d and %d by loop", loops, r.Loops[0].Read.Requests, r.Loops[1].Read.Requests)
	}
}

// A workload that makes no sense is refused before anything is sent.
func TestWorkloadCheck(t *testing.T) {
	good := Workload{Count: 1, Capacity: 1 << 20, BlockLen: 512}
	for name, spoil := range map[string]func(*Workload){
		"shares short of 100":       func(w *Workload) { w.Split = []Share{{4096, 60}, {8192, 30}} },
		"shares above 100":          func(w *Workload) { w.Split = []Share{{4096, 60}, {8192, 50}} },
		"a share of half a block":   func(w *Workload) { w.Split = []Share{{4096, 60}, {256, 40}} },
		"a share of no bytes":       func(w *Workload) { w.Split = []Share{{4096, 60}, {0, 40}} },
		"a negative share":          func(w *Workload) { w.Split = []Share{{4096, 140}, {8192, -40}} },
		"a negative rate":           func(w *Workload) { w.Rate = -1 },
		"a rate that is none":       func(w *Workload) { w.Rate = nan() },
		"a rate beyond all bounds":  func(w *Workload) { w.Rate = 1e12 },
		"no end":                    func(w *Workload) { w.Count = 0 },
		"a negative warm-up":        func(w *Workload) { w.Warmup = -1 },
		"intervals without a width": func(w *Workload) { w.Interval = 1 },
		"endless polling":           func(w *Workload) { w.Spin = time.Hour },
		"endless looking":           func(w *Workload) { w.Poll = time.Hour },
		"more reads than requests":  func(w *Workload) { w.ReadPercent = 101 },
		"a range beyond the unit":   func(w *Workload) { w.Last = 1 << 40 },
	} {
		w := good
		spoil(&w)
		w.defaults()
		if err := w.check(); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v, want %v", name, err, ErrUsage)
		}
	}
	good.defaults()
	if err := good.check(); err != nil {
		t.Error(err)
	}
}

func nan() float64 {
	var zero float64
	return zero / zero
}

// All sessions of a thousand are as good as the first: the same check at a size that a test can afford.
func TestManySessions(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	cfg := LoopsConfig{CPUs: []int{-1, -1}}
	for i := range 200 {
		c := daemonConfig(d, byte(i))
		cfg.Sessions = append(cfg.Sessions, c)
	}
	ls := loopsFor(t, cfg)
	for _, rate := range []float64{0, 20000} {
		r := mustRun(t, ls, Workload{ReadPercent: 70, Depth: 2, Rate: rate, Count: 20, Capacity: 32768, BlockLen: 512})
		for _, c := range r.Conns {
			if c.Read.Requests+c.Write.Requests != 20 {
				t.Errorf("session %d made %d requests", c.Session, c.Read.Requests+c.Write.Requests)
			}
		}
	}
	if n := ls.Connections(); n != 200 {
		t.Error(fmt.Sprint(n, " connections"))
	}
}
