package engine

import (
	"math/bits"
	"slices"

	"github.com/ringtgt/ringtgt/internal/hist"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
)

// Stage is a part of a command's time in the target. The first five follow one another without a gap: their sum is
// StageTotal, to the nanosecond. docs/latency.md lists where in the code each begins and ends.
type Stage uint8

const (
	StageReceive Stage = iota // from its header until all its data-out has arrived, less StageWindow
	StageWindow               // from its complete PDU until its turn in CmdSN order, and time spent behind a barrier
	StageQueue                // from when it can run until the device server has it; including waits for memory or a place in the ring
	StageBackend              // with the device server and the medium
	StageSend                 // from the answer until the kernel has taken the PDU with its status
	StageTotal
	NumStages
)

// String is the stage's name in status and in metrics.
func (s Stage) String() string {
	return [NumStages]string{"receive", "window", "queue", "backend", "send", "total"}[s]
}

// loopLatency has a loop's statistics of the time that commands take and of the loop's own work. Only the loop accesses it: it writes
// with plain stores, and copies it between two turns for a reader (latency_read.go).
type loopLatency struct {
	targets []*targetLatency
	all     []*opLatency // of all targets and units, in the order in which they were first used
	conns   *connOp      // free list of the connections' counters, linked by next

	turn     sizes // commands that came to their end in a turn
	send     sizes // PDUs of a send
	tasks    sizes // tasks of the loop at the end of a turn
	io       sizes // operations with the block layer at the end of a turn
	commands uint64
	began    int64 // when this turn began: the completions that it took had arrived by then
	busy     hist.Compact
	busySum  float64
	busyMax  int64
	// fromKernel is set while the device server handles a completion from the kernel.
	fromKernel bool
}

// targetLatency has a loop's statistics of one target. An element of units is allocated at the first command to that unit; the
// last one stands for every LUN that does not exist.
type targetLatency struct {
	target *lun.Target
	units  [lun.MaxLUNs + 1]*unitLatency
}

const noLUN = lun.MaxLUNs

// unitLatency has a loop's statistics of one unit. An element is allocated at the first command of its kind.
type unitLatency struct {
	target *lun.Target
	lun    int  // -1: none
	gone   bool // the unit was removed: nobody reads it
	ops    [NumOperations]*opLatency
}

// opLatency counts the commands of one kind to one unit on one loop. The fields that every command changes are adjacent.
type opLatency struct {
	n      uint64
	bytes  uint64 // moved to or from the initiator
	failed uint64 // without status GOOD
	sum    [NumStages]float64
	max    [NumStages]int64
	steps  [NumStages]hist.Compact // without latencies of at most hist.CompactLow; their number is n less the rest
	// harmless counts those of failed that are lun.Harmless. It stands apart from what every command changes.
	harmless uint64
	target   *lun.Target
	lun      int
	op       Operation
	born     int64 // on the loop's clock
}

// add counts a record whose stages took the times d.
func (o *opLatency) add(r *record, d *[NumStages]int64) {
	o.n += r.n
	o.bytes += r.bytes
	if r.failed > 0 {
		o.failed += r.failed
		o.harmless += r.harmless
	}
	for s, ns := range d {
		if ns == 0 {
			continue // true of most stages of most commands
		}
		o.sum[s] += float64(ns) * float64(r.n)
		o.max[s] = max(o.max[s], ns)
		if ns > hist.CompactLow {
			o.steps[s].Add(ns, r.n)
		}
	}
}

// taskTimes are the times of a task's steps in the engine, in ns of the loop's clock. session.Times has those in the session.
type taskTimes struct {
	begun  int64 // passed to the device server; 0 if it never was
	done   int64 // answered by it
	memory int64 // ns between its turn and the data-out memory that it waited for
}

// tick reads the clock. The loop calls it when it returns from the kernel, at each receive, when it has taken all completions,
// before it enters the kernel again, and after a copy large enough to matter (task.end). In the latency statistics, no time passes
// between two ticks. A completion counts as having arrived when its turn began, however late in the turn it is handled.
func (l *loop) tick() { l.now = l.clock() }

// begin and end record when the device server gets the task and when it has finished it.
func (t *task) begin(l *loop) { t.times.begun = l.now }

func (t *task) end(l *loop) {
	switch {
	case l.lat.fromKernel:
		t.times.done = max(l.lat.began, t.times.begun)
		return
	case len(t.l.Out)+len(t.buf) >= worthTick:
		l.tick()
	}
	t.times.done = l.now
}

// gotMemory ends a write's wait for data-out memory. Waiting before its turn in CmdSN order counts for StageWindow.
func (t *task) gotMemory(now int64) {
	if turn := t.s.Times.Turn; turn != 0 {
		t.times.memory += now - turn
	}
}

// waited tells a command how long one of its operations waited for a slot.
func (w *ioWait) waited(now int64) {
	if q, ok := w.slot.r.Done.(lun.Queued); ok {
		q.RequestQueued(now - w.since)
	}
}

// stages splits the time of a command into its stages. The kernel took its status at sent.
func (r *record) stages(sent int64, d *[NumStages]int64) {
	s, e := &r.times, &r.taskTimes
	d[StageTotal] = sent - s.Header
	if e.begun == 0 {
		// Rejected before the device server got it. All time after the last stage that it completed counts for StageSend.
		d[StageReceive], d[StageWindow], d[StageQueue], d[StageBackend] = 0, 0, 0, 0
		if s.Turn != 0 {
			d[StageReceive], d[StageWindow] = s.Complete-s.Header, s.Turn-s.Complete
		}
		d[StageSend] = d[StageTotal] - d[StageReceive] - d[StageWindow]
		return
	}
	line := r.line
	d[StageReceive] = s.Complete - s.Header + s.Ready - s.Turn - s.Barred - e.memory
	d[StageWindow] = s.Turn - s.Complete + s.Barred
	d[StageQueue] = e.begun - s.Ready + e.memory + line
	d[StageBackend] = e.done - e.begun - line
	d[StageSend] = sent - e.done
}

// moved returns how many bytes of data were transferred from or to the initiator.
func (t *task) moved() uint64 {
	if t.s.Write {
		return uint64(t.s.Received)
	}
	return min(uint64(len(t.s.Result.In)), uint64(t.s.EDTL))
}

// record holds what remains to be counted of commands whose answers are staged, until the kernel has taken those. Commands that
// arrived together mostly have the same times, and share a record.
type record struct {
	unit  *lun.Unit // nil: none that its initiator sees
	op    Operation
	times session.Times
	taskTimes
	line             int64 // ns that operations waited in the device server for a slot
	n, bytes, failed uint64
	harmless         uint64 // of failed
}

func (t *task) record() record {
	return record{unit: t.l.Unit(), op: OperationOf(t.s.CDB[0]), times: t.s.Times, taskTimes: t.times, line: t.l.Queued()}
}

// alike reports whether t can be counted in r.
func (r *record) alike(t *task) bool {
	return r.times == t.s.Times && r.taskTimes == t.times && r.unit == t.l.Unit() && r.line == t.l.Queued() && r.op == OperationOf(t.s.CDB[0])
}

// note adds a command to the batch that carries its last PDU.
func (b *batch) note(t *task) {
	if b.nrec == 0 || !b.records[b.nrec-1].alike(t) {
		b.records[b.nrec] = t.record()
		b.nrec++
	}
	r := &b.records[b.nrec-1]
	r.n++
	r.bytes += t.moved()
	if st := t.s.Result.Status; st != 0 {
		r.failed++
		if lun.Harmless(lun.Status(st), t.s.Result.Sense) {
			r.harmless++
		}
	}
}

// account counts the commands whose last PDU the kernel has taken with b.
func (c *conn) account(b *batch) {
	for i := range b.nrec {
		c.count(&b.records[i])
	}
	c.loop.lat.send.add(b.pdus)
}

func (c *conn) count(r *record) {
	l := c.loop
	var d [NumStages]int64
	r.stages(max(l.lat.began, r.done, r.times.Turn), &d)
	u := c.unitOf(r.unit)
	o := u.ops[r.op]
	if o == nil {
		o = l.lat.add(u, r.op, l.now)
	}
	o.add(r, &d)
	k := c.lat.ops[r.op]
	if k == nil {
		k = l.lat.lend()
		c.lat.ops[r.op] = k
	}
	k.add(r, &d)
}

// unitOf returns where the connection's commands to a unit are counted.
func (c *conn) unitOf(of *lun.Unit) *unitLatency {
	if c.lat.unit == nil || c.lat.of != of {
		c.lat.of, c.lat.unit = of, c.loop.lat.find(c, of)
	}
	return c.lat.unit
}

func (k *loopLatency) find(c *conn, of *lun.Unit) *unitLatency {
	tgt := c.target()
	if c.lat.target == nil {
		c.lat.target = k.targetOf(tgt)
	}
	i := noLUN
	if of != nil {
		i = of.LUN()
	}
	if of != nil && of.Removed() { // an answer that is sent after forgetUnit
		return &unitLatency{target: tgt, lun: i, gone: true}
	}
	u := c.lat.target.units[i]
	if u == nil {
		u = &unitLatency{target: tgt, lun: i}
		if i == noLUN {
			u.lun = -1
		}
		c.lat.target.units[i] = u
	}
	return u
}

// add allocates the counters for a unit's commands of one kind on this loop.
func (k *loopLatency) add(u *unitLatency, op Operation, now int64) *opLatency {
	o := &opLatency{target: u.target, lun: u.lun, op: op, born: now}
	u.ops[op] = o
	if k.knows(u.target) && !u.gone {
		k.all = append(k.all, o)
	}
	return o
}

// forgetUnit forgets the statistics of a unit that was removed: those of another one with its LUN begin anew.
func (l *loop) forgetUnit(u *lun.Unit) {
	for _, t := range l.lat.targets {
		if t.target != u.Target() || t.units[u.LUN()] == nil {
			continue
		}
		gone := t.units[u.LUN()]
		t.units[u.LUN()] = nil
		for _, c := range l.conns {
			if c != nil && c.lat.unit == gone {
				c.lat.unit = nil
			}
		}
		l.lat.keep(func(o *opLatency) bool { return gone.ops[o.op] != o })
	}
}

// keep drops all other counters. A reader may be at the old slice, so it makes another one.
func (k *loopLatency) keep(want func(o *opLatency) bool) {
	var kept []*opLatency
	for _, o := range k.all {
		if want(o) {
			kept = append(kept, o)
		}
	}
	k.all = kept
}

func (k *loopLatency) knows(tgt *lun.Target) bool {
	return slices.ContainsFunc(k.targets, func(t *targetLatency) bool { return t.target == tgt })
}

// devicesChanged makes a loop forget the statistics of targets that are gone: another one of the same name would be reported twice.
type devicesChanged struct{ l *loop }

// Happen implements lun.Event.
func (d devicesChanged) Happen() {
	k, all := &d.l.lat, d.l.engine.devices.all()
	k.targets = slices.DeleteFunc(k.targets, func(t *targetLatency) bool { return !slices.Contains(all, t.target) })
	k.keep(func(o *opLatency) bool { return k.knows(o.target) })
}

func (k *loopLatency) targetOf(tgt *lun.Target) *targetLatency {
	for _, t := range k.targets {
		if t.target == tgt {
			return t
		}
	}
	t := &targetLatency{target: tgt}
	k.targets = append(k.targets, t)
	return t
}

// turned records statistics of the turn that ends, and reads the clock.
func (l *loop) turned() {
	k := &l.lat
	l.tick()
	k.turn.add(int(l.stats.Commands - k.commands))
	k.commands = l.stats.Commands
	k.tasks.add(l.tasks.out)
	k.io.add(l.ios.busy)
	ns := l.now - k.began
	k.busy.Add(ns, 1)
	k.busySum += float64(ns)
	k.busyMax = max(k.busyMax, ns)
}

// sizes counts small numbers: 0, 1, 2, up to 4, up to 8 ...
type sizes struct {
	counts [sizeSteps]uint64
	sum    uint64
}

func (s *sizes) add(n int) {
	s.counts[sizeStep(uint64(n))]++
	s.sum += uint64(n)
}

// sizeStep returns the index at which a number is counted.
func sizeStep(n uint64) int {
	if n == 0 {
		return 0
	}
	return min(bits.Len64(n-1)+1, sizeSteps-1)
}

// connLatency has a connection's own statistics, and caches where those of its unit are.
type connLatency struct {
	of     *lun.Unit
	unit   *unitLatency // where its commands are counted
	target *targetLatency
	ops    [NumOperations]*connOp // each allocated at the first command of its kind
}

// connOp counts the commands of one kind of one connection. There are thousands of these, and one that has not been used for long
// is not in the processor's cache: a command touches its first cache line and one of the histogram.
type connOp struct {
	n     uint64
	bytes uint64
	max   int64 // of the total
	sum   [StageTotal]float64

	total  hist.Compact
	failed uint64
	next   *connOp
}

// add counts a record whose stages took the times d.
func (o *connOp) add(r *record, d *[NumStages]int64) {
	o.n += r.n
	o.bytes += r.bytes
	if r.failed > 0 {
		o.failed += r.failed
	}
	for s := range o.sum {
		if d[s] != 0 {
			o.sum[s] += float64(d[s]) * float64(r.n)
		}
	}
	o.max = max(o.max, d[StageTotal])
	o.total.Add(d[StageTotal], r.n)
}

// lend takes a connOp from the pool, which never shrinks.
func (k *loopLatency) lend() *connOp {
	o := k.conns
	if o == nil {
		return new(connOp)
	}
	k.conns = o.next
	o.next = nil
	return o
}

// forgetLatency returns a connection's counters to the pool when it ends.
func (l *loop) forgetLatency(c *conn) {
	for i, o := range c.lat.ops {
		if o != nil {
			*o = connOp{next: l.lat.conns}
			l.lat.conns = o
			c.lat.ops[i] = nil
		}
	}
}
