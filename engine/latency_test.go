package engine

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/hist"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

// The stages follow one another without a gap, whatever a command went through: they add up to the total, and none is negative.
func TestStagesAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for k := range 10000 {
		now := int64(1 + rng.IntN(1000))
		later := func() int64 { now += int64(rng.IntN(3) * rng.IntN(100000)); return now }
		x := &task{}
		s, e := &x.s.Times, &x.times
		s.Header, s.Complete = now, later()
		if k%4 == 0 { // memory came before its turn: it did not wait for that
			x.gotMemory(later())
		}
		s.Turn = later()
		if k%3 == 0 {
			x.gotMemory(later())
		}
		s.Ready = later()
		if k%5 == 0 { // a barrier held it back
			before := s.Ready
			s.Ready = later()
			s.Barred = s.Ready - before
		}
		e.begun, e.done = later(), later()
		if k%7 == 0 { // refused before it could begin
			e.begun, e.done, e.memory = 0, 0, 0
		}
		var d [NumStages]int64
		r := x.record()
		r.stages(later(), &d)
		sum := int64(0)
		for _, ns := range d[:StageTotal] {
			sum += ns
			if ns < 0 {
				t.Fatalf("%d: %v: %+v %+v", k, d, *s, *e)
			}
		}
		must.Be(t, sum == d[StageTotal] && sum == now-s.Header, "%d: %v: the stages add up to %d, of %d", k, d, sum, now-s.Header)
	}
}

// reading is a reading of the engine by unit and operation, all loops together.
type reading map[int]map[string]UnitLatency

func (r *rig) latency() reading {
	out := reading{}
	for _, u := range r.e.Latency(0).Units {
		if out[u.LUN] == nil {
			out[u.LUN] = map[string]UnitLatency{}
		}
		sum, ok := out[u.LUN][u.Operation]
		if !ok {
			out[u.LUN][u.Operation] = u
			continue
		}
		sum.Add(&u)
		out[u.LUN][u.Operation] = sum
	}
	return out
}

// until reads until ok is content: an answer is counted a moment after the initiator has it.
func (r *rig) until(what string, ok func(reading) bool) (got reading) {
	r.t.Helper()
	waitFor(r.t, what, func() bool { got = r.latency(); return ok(got) })
	return got
}

// Every command that was answered is counted once, where it belongs; requests that are no commands are not.
func TestLatencyCountsCommands(t *testing.T) {
	bad := faulttest.New(memory(t, 1<<20))
	bad.Decide(func(*lun.Request) faulttest.Fate { return faulttest.Fate{Err: lun.ErrMedium} })
	r := newRig(t, 2, memory(t, 16<<20), memory(t, 1<<20), bad)
	const n = 10 * loadDepth
	i, j := r.login(1), r.login(2)
	load(t, i, n, false)
	load(t, j, n, true)
	for range 3 {
		i.ping()
	}
	i.good(i.startRead(1, 0, 8))
	if st, _ := i.finish(i.startRead(1, 1<<20, 8)); st == 0 { // beyond the end
		t.Fatal(st)
	}
	if st, _ := i.finish(i.startRead(7, 0, 8)); st == 0 { // no such unit
		t.Fatal(st)
	}
	if st, _ := i.finish(i.startRead(2, 0, 8)); st == 0 { // a medium error
		t.Fatal(st)
	}
	got := r.until("all commands to be counted", func(l reading) bool {
		return l[0]["read"].Commands == n && l[0]["write"].Commands == n && l[1]["read"].Commands == 2 && l[2]["read"].Commands == 1 && l[-1]["read"].Commands == 1
	})
	for _, w := range []struct {
		lun                     int
		op                      string
		bytes, failed, harmless uint64
	}{{0, "read", n * 4096, 0, 0}, {0, "write", n * 4096, 0, 0}, {1, "read", 4096, 1, 1}, {2, "read", 0, 1, 0}, {-1, "read", 0, 1, 1}} {
		u := got[w.lun][w.op]
		if u.Bytes != w.bytes || u.Failed != w.failed || u.Harmless != w.harmless || u.Target != testTarget {
			t.Errorf("lun %d %s: %d bytes, %d failed, %d of them harmless, of %s, want %d, %d and %d",
				w.lun, w.op, u.Bytes, u.Failed, u.Harmless, u.Target, w.bytes, w.failed, w.harmless)
		}
		for s := range u.Stages {
			if c := u.Stages[s].Steps.Count(); c != u.Commands {
				t.Errorf("lun %d %s, %v: %d counted of %d", w.lun, w.op, Stage(s), c, u.Commands)
			}
		}
		if p := &u.Stages[StageTotal]; p.Quantile(0.5) <= 0 || p.Quantile(1) != p.MaxNanos || p.SumNanos > float64(p.MaxNanos)*float64(u.Commands) {
			t.Errorf("lun %d %s: total %d to %d, %g in all", w.lun, w.op, p.Quantile(0.5), p.MaxNanos, p.SumNanos)
		}
	}
	if other := got[0]["other"].Commands; other < 4 { // TEST UNIT READY of two logins, once with a unit attention each
		t.Errorf("%d other commands", other)
	}
	check.Equal(t, len(got), 4, "units:")
	conns := r.e.Latency(10).Connections
	if len(conns) != 2 || conns[0].Bytes < conns[1].Bytes || conns[0].Commands+conns[1].Commands < 2*n+4 {
		t.Fatalf("connections %+v", conns)
	}
	for _, c := range conns {
		if c.Initiator == "" || c.Target != testTarget || c.TSIH == 0 || c.Remote == "" || c.Since.IsZero() {
			t.Errorf("connection %+v", c)
		}
		for _, o := range c.Operations {
			if k := o.Stages[StageTotal].Steps.Count(); k != o.Commands {
				t.Errorf("%s %s: %d counted of %d", c.Remote, o.Operation, k, o.Commands)
			}
		}
	}
	if one := r.e.Latency(1).Connections; len(one) != 1 || one[0].Remote != conns[0].Remote {
		t.Errorf("the busiest is %v, want %s", one, conns[0].Remote)
	}
}

// How the loops work: every turn and every send is counted once.
func TestLatencyOfLoops(t *testing.T) {
	r := newRig(t, 1, memory(t, 16<<20))
	i := r.login(1)
	load(t, i, 40*loadDepth, false)
	l := r.e.Latency(0).Loops[0]
	s := &l.Stats
	if l.TurnCommands.Count() != s.Turns || l.TurnTasks.Count() != s.Turns || l.TurnIO.Count() != s.Turns || l.Turn.Steps.Count() != s.Turns {
		t.Errorf("%d turns; counted %d %d %d %d", s.Turns, l.TurnCommands.Count(), l.TurnTasks.Count(), l.TurnIO.Count(), l.Turn.Steps.Count())
	}
	if l.SendPDUs.Count() > s.Sends || l.SendPDUs.Count()+1 < s.Sends || l.TurnCommands.Sum > s.Commands || l.TurnCommands.Sum+loadDepth < s.Commands {
		t.Errorf("%d sends, %d counted; %d commands, %d in turns", s.Sends, l.SendPDUs.Count(), s.Commands, l.TurnCommands.Sum)
	}
	check.That(t, s.BlockingEnters != 0 && s.BlockingEnters <= s.Enters && l.CPUNanos != 0, "%+v", l.Stats)
	waitFor(t, "a reading to wake the loop", func() bool { return r.e.Latency(0).Loops[0].Stats.Wakes > s.Wakes })
}

func TestSizes(t *testing.T) {
	var s sizes
	for _, n := range []int{0, 1, 2, 3, 4, 5, 8, 9, 1 << 30} {
		s.add(n)
	}
	got := s.read()
	for i, want := range map[int]uint64{0: 1, 1: 1, 2: 1, 3: 2, 4: 2, 5: 1, sizeSteps - 1: 1} {
		if got.Counts[i] != want {
			t.Errorf("up to %d: %d, want %d", SizeEnd(i), got.Counts[i], want)
		}
	}
	if got.Count() != 9 || SizeEnd(sizeSteps-1) < maxTasks {
		t.Errorf("%d numbers; the last step ends at %d", got.Count(), SizeEnd(sizeSteps-1))
	}
}

// A connection that ends leaves what it counted in to the next, empty; what its unit counted stays.
func TestLatencyOfAConnectionEndsWithIt(t *testing.T) {
	r := newRig(t, 1, memory(t, 1<<20))
	for k := range byte(3) {
		i := r.login(k)
		i.finish(i.startRead(0, 0, 8))
		r.until("the read to be counted", func(l reading) bool { return l[0]["read"].Commands == uint64(k)+1 })
		c := r.e.Latency(10).Connections
		must.Be(t, len(c) == 1 && len(c[0].Operations) == 2 && c[0].Operations[0].Commands == 1, "connection %d: %+v", k, c)
		i.Conn.Close()
		waitFor(t, "the connection to be gone", func() bool { return r.e.Status().Loops[0].Connections == 0 })
	}
	pooled := 0
	r.e.on(r.e.loops[0], func() {
		for o := r.e.loops[0].lat.conns; o != nil; o = o.next {
			pooled++
			check.That(t, o.n == 0 && o.total == (hist.Compact{}), "what is in the pool is not empty")
		}
	})
	if pooled != 2 { // reads and others
		t.Errorf("%d in the pool", pooled)
	}
}

// However much there is to read, a loop looks at little of it at a time.
func TestReadingIsDoneInParts(t *testing.T) {
	const n = 16384
	l := &loop{conns: make([]*conn, n)}
	for i := range l.conns {
		c := &conn{loop: l, index: i}
		c.lat.ops[OperationRead] = &connOp{n: 1, bytes: uint64(i)}
		l.conns[i] = c
	}
	r := &loopReading{l: l, conns: make([]connTraffic, 0, n)}
	at, more := 0, true
	for ; more; at += connChunk {
		before := len(r.conns)
		if more = r.traffic(at); len(r.conns)-before > connChunk {
			t.Fatalf("%d connections at a time", len(r.conns)-before)
		}
	}
	check.That(t, len(r.conns) == n && at == n, "%d connections seen, up to place %d", len(r.conns), at)
	var part [latencyChunk]opLatency
	if got := copyOps(part[:], make([]*opLatency, 0)); got != 0 {
		t.Errorf("%d of none copied", got)
	}
	all := make([]*opLatency, 100)
	for i := range all {
		all[i] = &opLatency{lun: i}
	}
	if got := copyOps(part[:], all); got != latencyChunk || part[latencyChunk-1].lun != latencyChunk-1 {
		t.Errorf("%d copied at a time", got)
	}
}

// Reading while commands run, connections come and go: for the race detector, and what is counted only grows.
func TestReadingBesideLoad(t *testing.T) {
	r := newRig(t, 2, memory(t, 16<<20), faulttest.New(memory(t, 1<<20)))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		var last uint64
		for {
			select {
			case <-stop:
				return
			default:
			}
			sum := uint64(0)
			for _, u := range r.e.Latency(4).Units {
				check.That(t, u.Stages[StageTotal].Steps.Count() == u.Commands, "a reading of a unit is torn")
				sum += u.Commands
			}
			check.That(t, sum >= last, "%d commands after %d", sum, last)
			last = sum
			r.e.Status()
		}
	})
	for k := range byte(6) {
		i := r.login(k)
		load(t, i, 20*loadDepth, k%2 == 0)
		i.finish(i.startRead(1, 0, 8))
		i.Conn.Close()
	}
	close(stop)
	readers.Wait()
	r.until("everything to be counted", func(l reading) bool {
		return l[0]["read"].Commands == 60*loadDepth && l[0]["write"].Commands == 60*loadDepth && l[1]["read"].Commands == 6
	})
}

// Operations are told apart by the operation code alone.
func TestOperationOf(t *testing.T) {
	for code, want := range map[byte]Operation{
		0x00: OperationOther, 0x12: OperationOther, 0x28: OperationRead, 0x88: OperationRead, 0x2a: OperationWrite, 0x8a: OperationWrite,
		0x89: OperationWrite, 0x9c: OperationWrite, 0x35: OperationFlush, 0x91: OperationFlush, 0x42: OperationUnmap, 0x2f: OperationOther,
	} {
		check.Equal(t, OperationOf(code), want, "%#02x:", code)
	}
}
