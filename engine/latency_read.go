package engine

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/internal/hist"
)

// Latency has the loops' statistics since the engine started. Reading them resets nothing; Sub computes the difference between
// two readings.
type Latency struct {
	At    time.Time     `json:"at"`
	Loops []LoopLatency `json:"loops"`
	// Units has an element for each loop, unit and operation with at least one command.
	Units []UnitLatency `json:"units"`
	// Connections are those with the most traffic, largest first.
	Connections []ConnLatency `json:"connections,omitempty"`
	// Logins counts logins and ends of connections since the start: Sub leaves it.
	Logins LoginStats `json:"logins"`
	// Held is the longest time for which this reading interrupted a loop's work.
	Held time.Duration `json:"held_ns"`
}

// LoopLatency has the statistics of a loop's own work.
type LoopLatency struct {
	LoopStatus
	TurnCommands Sizes `json:"turn_commands"` // commands begun in a turn
	SendPDUs     Sizes `json:"send_pdus"`     // PDUs in a send
	TurnTasks    Sizes `json:"turn_tasks"`    // requests that wait for data, memory or the medium, at the end of each turn
	TurnIO       Sizes `json:"turn_io"`       // operations with the block layer, at the end of each turn
	Turn         Times `json:"turn"`          // from the return from the kernel until it is entered again
}

// UnitLatency counts commands of one kind to one unit on one loop.
type UnitLatency struct {
	Target    string           `json:"target"`
	LUN       int              `json:"lun"` // -1: commands to LUNs that do not exist
	Loop      int              `json:"loop"`
	Operation string           `json:"operation"`
	Since     int64            `json:"since_ns"` // when counting began, on the loop's clock: a unit that was removed and added again counts anew
	Commands  uint64           `json:"commands"`
	Bytes     uint64           `json:"bytes"`    // of data, to and from initiators
	Failed    uint64           `json:"failed"`   // answered with a status other than GOOD
	Harmless  uint64           `json:"harmless"` // of Failed, those that are no failure of the target or its medium: lun.Harmless
	Stages    [NumStages]Times `json:"stages"`   // by Stage
}

// ConnLatency is one connection.
type ConnLatency struct {
	Loop       int             `json:"loop"`
	Remote     string          `json:"remote"`
	Local      string          `json:"local"`
	Initiator  string          `json:"initiator"`
	Target     string          `json:"target"`
	ISID       string          `json:"isid"`
	TSIH       uint16          `json:"tsih"`
	CID        uint16          `json:"cid"`
	Since      time.Time       `json:"since"`
	Commands   uint64          `json:"commands"`
	Bytes      uint64          `json:"bytes"`
	Operations []ConnOperation `json:"operations"`
}

// ConnOperation counts commands of one kind on one connection. All stages except the last lack steps and a maximum.
type ConnOperation struct {
	Operation string           `json:"operation"`
	Commands  uint64           `json:"commands"`
	Bytes     uint64           `json:"bytes"`
	Failed    uint64           `json:"failed"`
	Stages    [NumStages]Times `json:"stages"`
}

// Times holds the latencies of one stage.
type Times struct {
	SumNanos float64      `json:"sum_ns"`
	MaxNanos int64        `json:"max_ns"`
	Steps    hist.Compact `json:"steps"`
}

// Quantile returns the latency in ns that a share q of the commands does not exceed.
func (t *Times) Quantile(q float64) int64 { return t.Steps.Quantile(q, t.MaxNanos) }

// MarshalJSON adds the usual quantiles.
func (t Times) MarshalJSON() ([]byte, error) {
	type plain Times
	return json.Marshal(struct {
		P50  int64 `json:"p50_ns"`
		P99  int64 `json:"p99_ns"`
		P999 int64 `json:"p99_9_ns"`
		plain
	}{t.Quantile(0.5), t.Quantile(0.99), t.Quantile(0.999), plain(t)})
}

// Sizes counts small numbers. Counts[0] is how often the number was 0, Counts[i] how often it was more than 2^(i-2) and at most
// 2^(i-1).
type Sizes struct {
	Counts SizeCounts `json:"counts"`
	Sum    uint64     `json:"sum"`
}

// SizeCounts has one count per power of two; see Sizes.
type SizeCounts [sizeSteps]uint64

// MarshalJSON writes what is not zero: [upper bound; count] each.
func (c SizeCounts) MarshalJSON() ([]byte, error) {
	out := [][2]uint64{}
	for i, n := range c {
		if n > 0 {
			out = append(out, [2]uint64{uint64(SizeEnd(i)), n})
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (c *SizeCounts) UnmarshalJSON(text []byte) error {
	var pairs [][2]uint64
	if err := json.Unmarshal(text, &pairs); err != nil {
		return err
	}
	*c = SizeCounts{}
	for _, p := range pairs {
		i := sizeStep(p[0])
		if uint64(SizeEnd(i)) != p[0] {
			return fmt.Errorf("engine: no step of sizes ends at %d", p[0])
		}
		c[i] = p[1]
	}
	return nil
}

// SizeEnd is the upper bound of Sizes.Counts[i], included in it.
func SizeEnd(i int) int {
	if i == 0 {
		return 0
	}
	return 1 << (i - 1)
}

// Count returns how many numbers have been counted.
func (s *Sizes) Count() (n uint64) {
	for _, c := range s.Counts {
		n += c
	}
	return n
}

func (s *sizes) read() Sizes { return Sizes{Counts: s.counts, Sum: s.sum} }

// Latency reads the loops' statistics, and those of at most the given number of connections. It reads a little of a loop at a time,
// so that however much there is, each interruption of the loop lasts only some microseconds (Latency.Held). Parts of the answer are
// therefore some turns apart. A loop that has stopped is left out.
func (e *Engine) Latency(connections int) Latency {
	out := Latency{At: time.Now(), Loops: []LoopLatency{}, Units: []UnitLatency{}}
	parts := make([]loopReading, len(e.loops))
	var all sync.WaitGroup
	for i, l := range e.loops {
		all.Go(func() { parts[i].read(l, connections > 0) })
	}
	all.Wait()
	var busiest []connTraffic
	var logins loginCounts
	for i := range parts {
		p := &parts[i]
		if !p.ok {
			continue
		}
		out.Loops = append(out.Loops, p.loop)
		out.Units = append(out.Units, p.units...)
		logins.add(&p.logins)
		busiest = append(busiest, p.conns...)
		out.Held = max(out.Held, p.held)
	}
	out.Logins = logins.stats()
	slices.SortFunc(busiest, func(a, b connTraffic) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(b.commands, a.commands))
	})
	for _, t := range busiest[:min(connections, len(busiest))] {
		p := &parts[t.loop.index]
		if c, ok := p.conn(t); ok {
			out.Connections = append(out.Connections, c)
		}
		out.Held = max(out.Held, p.held)
	}
	return out
}

// loopReading is one loop's part of a reading that is under way.
type loopReading struct {
	l      *loop
	ok     bool
	loop   LoopLatency
	units  []UnitLatency
	logins loginCounts
	conns  []connTraffic
	held   time.Duration
}

// connTraffic is a connection that may be one of the busiest.
type connTraffic struct {
	loop            *loop
	c               *conn
	index           int
	commands, bytes uint64
}

// ask runs fn between two turns of the loop, and reports whether it ran.
func (r *loopReading) ask(fn func()) (ran bool) {
	r.l.await(r.l.ask(func() {
		begin := r.l.clock()
		fn()
		r.held = max(r.held, time.Duration(r.l.clock()-begin))
		ran = true
	}))
	return ran
}

func (r *loopReading) read(l *loop, conns bool) {
	r.l = l
	var part [latencyChunk]opLatency
	n := 0
	var all []*opLatency // of now: those that follow are missing
	r.ok = r.ask(func() { r.loop, all = l.latency(), l.lat.all })
	for at := 0; at < len(all); at += n {
		if !r.ask(func() { n = copyOps(part[:], all[at:]) }) {
			return
		}
		for i := range part[:n] {
			r.units = append(r.units, part[i].report(l.index))
		}
	}
	for at, more := 0, conns; more; at += connChunk {
		r.conns = slices.Grow(r.conns, connChunk) // so that the loop does not allocate
		if !r.ask(func() { more = r.traffic(at) }) {
			return
		}
	}
}

func copyOps(to []opLatency, from []*opLatency) int {
	n := min(len(to), len(from))
	for i := range n {
		to[i] = *from[i]
	}
	return n
}

// latency returns the statistics of the loop's own work.
func (l *loop) latency() LoopLatency {
	k := &l.lat
	return LoopLatency{
		LoopStatus:   l.status(),
		TurnCommands: k.turn.read(), SendPDUs: k.send.read(), TurnTasks: k.tasks.read(), TurnIO: k.io.read(),
		Turn: Times{SumNanos: k.busySum, MaxNanos: k.busyMax, Steps: k.busy},
	}
}

func (o *opLatency) report(loop int) UnitLatency {
	u := UnitLatency{
		Target: o.target.Name(), LUN: o.lun, Loop: loop, Operation: o.op.String(), Since: o.born,
		Commands: o.n, Bytes: o.bytes, Failed: o.failed, Harmless: o.harmless,
	}
	for s := range o.steps {
		u.Stages[s] = Times{SumNanos: o.sum[s], MaxNanos: o.max[s], Steps: o.steps[s]}
		u.Stages[s].Steps[0] = o.n - o.steps[s].Count()
	}
	return u
}

// traffic reads some connections, from index at on, and reports whether there are more.
func (r *loopReading) traffic(at int) (more bool) {
	conns := r.l.conns
	end := min(at+connChunk, len(conns))
	for i := at; i < end; i++ {
		c := conns[i]
		if c == nil {
			continue
		}
		t := connTraffic{loop: r.l, c: c, index: i}
		for _, o := range c.lat.ops {
			if o != nil {
				t.commands += o.n
				t.bytes += o.bytes
			}
		}
		if t.commands > 0 {
			r.conns = append(r.conns, t)
		}
	}
	return end < len(conns)
}

// conn reads one connection. ok is false if it has ended meanwhile.
func (r *loopReading) conn(t connTraffic) (out ConnLatency, ok bool) {
	var ops [NumOperations]connOp
	c, l := t.c, t.loop
	var who sessionFacts
	var cid uint16
	r.ask(func() {
		if t.index >= len(l.conns) || l.conns[t.index] != c || c.s.Session() == nil {
			return
		}
		ok = true
		who, cid = factsOf(c.s.Session()), c.s.CID()
		for i, o := range c.lat.ops {
			if o != nil {
				ops[i] = *o
			}
		}
	})
	if !ok {
		return out, false
	}
	out = ConnLatency{
		Loop: l.index, Remote: c.name.remote.String(), Local: c.name.local.String(), Since: c.since,
		Initiator: who.initiator, Target: who.target, ISID: hex.EncodeToString(who.isid[:]), TSIH: who.tsih, CID: cid,
	}
	for i := range ops {
		o := &ops[i]
		if o.n == 0 {
			continue
		}
		out.Commands += o.n
		out.Bytes += o.bytes
		r := ConnOperation{Operation: Operation(i).String(), Commands: o.n, Bytes: o.bytes, Failed: o.failed}
		total := &r.Stages[StageTotal]
		for k, sum := range o.sum {
			r.Stages[k].SumNanos = sum
			total.SumNanos += sum
		}
		total.MaxNanos, total.Steps = o.max, o.total
		out.Operations = append(out.Operations, r)
	}
	return out, true
}
