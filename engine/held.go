package engine

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/ringtgt/ringtgt/lun"
)

// A command that a limit does not allow to start yet is held, before the device server has it. It waits in its initiator's line, and
// lines are served fairly by what their commands cost: start-time fair queueing (Goyal, Vin, Cheng 1996). The first command of a
// line has a tag, the sum of the costs of those before it; the lowest tag starts next. A line that was empty continues from the tag of
// the command that started last, or from its own last one if that is higher: so an initiator with one command at a time gets as much as
// one with a hundred, as long as it sends the next one in time. Tags count on all loops, each of which has lines of its own.
//
// Reads and writes have a meter each and do not wait for each other; SIMPLE commands may be executed in any order (SAM-5 8.9.1; the
// control mode page says so). ORDERED commands wait in the session (Conn.Deferred).

// flow is one initiator's line of held commands with the same limits, on one loop.
type flow struct {
	share *share
	path  path // what a command has to pay
	n     int
	line  line
	paid  int // how many of path the first command has paid

	queue      *queue // where it waits or rests: the one of path[stage]
	stage      int
	waits      bool
	prev, next *flow              // in the queue, by tag
	tag        int64              // of its first command; of a flow that rests, of the next one
	finish     [len(path{})]int64 // by stage: the tag and the cost of its last command
	other      *flow              // of the same initiator, or the next free one
}

// queue is a loop's part of a meter: the flows that wait for it. Flows whose line is empty rest there, as long as their next
// command would have a higher tag than those that wait.
type queue struct {
	meter       *meter
	loop        *loop
	first, last *flow
	waiting     int
	head        atomic.Int64 // tag of the first flow that waits, for other loops; noTag: there is none
	wake        int64        // time of its timer, 0 if there is none
	_           [64]byte
}

const noTag = math.MaxInt64

// path is what a command has to pay, in this order: the initiator's limit, then the unit's. EXTENDED COPY pays both as a write, then both as
// a read.
type path [4]*meter

// counts reports whether the limit of meter i is none of those before it.
func (p *path) counts(i int) bool {
	return !slices.ContainsFunc(p[:i], func(m *meter) bool { return m.limit == p[i].limit })
}

// pathOf returns the meters that the connection's task has to pay, and the bytes that it costs.
func (c *conn) pathOf(t *task) (path path, n int, bytes int64) {
	t.l.Out = t.s.Out[:t.s.Received]
	lim, costs := c.limits, t.l.Costs()
	for i := range costs {
		cost := &costs[i]
		if cost.Direction == lun.Free {
			break
		}
		bytes = cost.Bytes
		if lim.initiator != nil {
			path[n] = lim.initiator.meterOf(cost.Direction)
			n++
		}
		if lim.units != nil {
			if of := lim.units[cost.Unit.LUN()]; of != nil && of.unit == cost.Unit {
				path[n] = of.meterOf(cost.Direction)
				n++
			}
		}
	}
	return path, n, bytes
}

// holds takes what the task costs. If it may not start yet, it is held, and the result is true. A task whose unit is gone costs nothing: it
// is refused when it starts.
func (c *conn) holds(t *task) bool {
	if t.l.Gone() {
		return false
	}
	path, n, bytes := c.pathOf(t)
	now, paid := c.loop.now, 0
	for paid < n && path[paid].free() && path[paid].take(now, bytes) {
		paid++
	}
	if paid == n {
		return false
	}
	t.need, t.heldAt = int(bytes), now
	t.enter(taskHeld)
	c.s.Deferred(&t.s)
	c.loop.queueHeld(c.initiator(), t, path, n, paid)
	return true
}

// queueHeld puts a task into its flow. It has paid the first meters of its path, for which nothing waits.
func (l *loop) queueHeld(sh *share, t *task, path path, n, paid int) {
	f := sh.flowOf(path)
	if f == nil {
		f = l.newFlow(sh, path, n)
	}
	t.flow = f
	for i, m := range path[:n] {
		if path.counts(i) {
			m.limit.counts.now.Add(1)
			m.limit.counts.total.Add(1)
		}
	}
	if f.line.first == nil {
		f.line.push(t)
		f.paid = paid
		l.lineUp(f)
		f.queue.arm()
		return
	}
	f.giveBack(t, paid) // those before it in the line wait for another meter
	switch {
	case t.s.Attr != uint8(lun.AttrHead):
		f.line.push(t)
	case f.paid == 0:
		f.line.pushFirst(t)
	default: // the first one has been paid for in part
		f.line.pushSecond(t)
	}
}

// flowOf returns the initiator's flow with that path, nil if it has none.
func (sh *share) flowOf(path path) *flow {
	f := sh.flows
	for f != nil && f.path != path {
		f = f.other
	}
	return f
}

func (l *loop) newFlow(sh *share, path path, n int) *flow {
	f := l.freeFlows
	if f == nil {
		f = new(flow)
	} else {
		l.freeFlows = f.other
	}
	*f = flow{share: sh, path: path, n: n, other: sh.flows}
	sh.flows = f
	return f
}

// freeFlow forgets a flow that rests.
func (l *loop) freeFlow(f *flow) {
	f.queue.remove(f)
	at := &f.share.flows
	for *at != f {
		at = &(*at).other
	}
	*at = f.other
	*f = flow{other: l.freeFlows}
	l.freeFlows = f
}

// forgetFlows forgets the flows of an initiator that has left.
func (sh *share) forgetFlows() {
	for sh.flows != nil {
		q := sh.flows.queue
		q.loop.freeFlow(sh.flows)
		q.publish()
	}
}

// lineUp puts a flow where its first command waits.
func (l *loop) lineUp(f *flow) {
	was := f.queue
	if was != nil {
		was.remove(f)
	}
	q := &f.path[f.paid].queues[l.index]
	f.queue, f.stage, f.waits = q, f.paid, true
	f.tag = max(q.meter.virtual.Load(), f.finish[f.stage])
	q.insert(f)
	q.waiting++
	q.meter.lines.Add(1)
	q.publish()
	if was != nil && was != q {
		was.publish()
	}
}

// rest is called when the flow's line is empty. The flow may be forgotten.
func (f *flow) rest() {
	q := f.queue
	q.remove(f)
	f.tag = f.finish[f.stage]
	q.insert(f)
	q.publish()
}

// insert puts a flow behind those with lower or equal tags. Most have a higher tag than all others.
func (q *queue) insert(f *flow) {
	at := q.last
	for at != nil && at.tag > f.tag {
		at = at.prev
	}
	f.prev = at
	if at == nil {
		f.next, q.first = q.first, f
	} else {
		f.next, at.next = at.next, f
	}
	if f.next == nil {
		q.last = f
	} else {
		f.next.prev = f
	}
}

// remove takes a flow out, whether it waits or rests. publish has to follow.
func (q *queue) remove(f *flow) {
	if f.prev == nil {
		q.first = f.next
	} else {
		f.prev.next = f.next
	}
	if f.next == nil {
		q.last = f.prev
	} else {
		f.next.prev = f.prev
	}
	f.prev, f.next = nil, nil
	if f.waits {
		f.waits = false
		q.waiting--
		q.meter.lines.Add(-1)
	}
}

// publish shows other loops the lowest tag that waits here, and forgets flows that rest where that makes no difference any more: where
// the next command would not get a higher tag than it gets anyway, or none waits for the meter. After it, the first flow waits, or
// none does.
func (q *queue) publish() {
	m := q.meter
	for q.first != nil && !q.first.waits && (q.waiting > 0 || q.first.tag <= m.virtual.Load() || m.free()) {
		q.loop.freeFlow(q.first)
	}
	tag := int64(noTag)
	if q.waiting > 0 {
		tag = q.first.tag
	}
	q.head.Store(tag)
}

// level forgets who has taken how much: costs have changed.
func (q *queue) level() {
	v := q.meter.virtual.Load()
	for f := q.first; f != nil; f = f.next {
		f.tag, f.finish = v, [len(path{})]int64{}
	}
	q.publish()
}

// others returns the highest tag that may start here while other loops wait for the meter too. A loop may be a tick ahead of them, so
// that none has to wake for each command.
func (q *queue) others() int64 {
	least := int64(noTag)
	for i := range q.meter.queues {
		if o := &q.meter.queues[i]; o != q {
			least = min(least, o.head.Load())
		}
	}
	if least == noTag {
		return noTag
	}
	return least + heldTick*ticksPerNano
}

// serveHeld starts the held commands of a queue that may start now. It leaves the rate to other loops whose turn it is, but not for
// longer than heldPatience: they may be busy.
func (l *loop) serveHeld(q *queue) {
	m, others := q.meter, q.others()
	for q.waiting > 0 {
		f := q.first
		n := int64(f.line.first.need)
		if f.tag > others && l.now-m.ready(n) < heldPatience || !m.take(l.now, n) {
			break
		}
		m.started(f.tag)
		f.finish[f.stage] = f.tag + m.cost(n)
		f.paid++
		l.proceed(f)
	}
	q.arm()
}

// started notes the tag of a command that starts.
func (m *meter) started(tag int64) {
	for v := m.virtual.Load(); v < tag && !m.virtual.CompareAndSwap(v, tag); v = m.virtual.Load() {
	}
}

// proceed continues a flow whose first command has paid for the meter that it waited for: with the next meter, or by starting the
// command.
func (l *loop) proceed(f *flow) {
	for {
		if f.paid == f.n {
			t := f.line.first
			f.line.remove(t)
			f.paid = 0
			l.unheld(t)
			if !t.conn.startHeld(t) {
				f.giveBack(t, f.n)
			}
			if f.line.first == nil {
				f.rest()
				return
			}
		}
		m := f.path[f.paid]
		q := &m.queues[l.index]
		if f.queue == q || !m.free() || !m.take(l.now, int64(f.line.first.need)) {
			moved := f.queue != q
			l.lineUp(f)
			if moved {
				q.arm()
			}
			return
		}
		f.paid++
	}
}

// unheld counts a task off that is not held any more.
func (l *loop) unheld(t *task) {
	f := t.flow
	t.flow = nil
	for i, m := range f.path[:f.n] {
		if f.path.counts(i) {
			m.limit.counts.now.Add(-1)
			m.limit.counts.nanos.Add(l.now - t.heldAt)
		}
	}
}

// startHeld starts a task that was held, unless it is to be aborted.
func (c *conn) startHeld(t *task) bool {
	if !c.s.Started(&t.s) {
		return false // it has left its flow, and waits for the Abort
	}
	c.admitted(t)
	c.mark()
	return true
}

// giveBack returns what a task has paid to the first n meters of its path.
func (f *flow) giveBack(t *task, n int) {
	for _, m := range f.path[:n] {
		m.giveBack(int64(t.need))
	}
}

// leaveHeld takes a held task that ends out of its flow.
func (l *loop) leaveHeld(t *task) {
	f := t.flow
	if f == nil {
		return // it was about to start
	}
	first := f.line.first == t
	f.line.remove(t)
	l.unheld(t)
	if first {
		f.giveBack(t, f.paid)
	}
	switch {
	case f.line.first == nil:
		f.rest()
	case first: // the next one has paid nothing
		f.paid = 0
		l.lineUp(f)
		f.queue.arm()
	}
}

// arm sets the queue's timer to when its first command may start. Times are rounded up to heldTick, so that fast meters do not
// wake the loop for each command, and one wake serves many meters: whatever is late is made up, because it is less than a burst.
func (q *queue) arm() {
	if q.waiting == 0 {
		return
	}
	n := int64(q.first.line.first.need)
	at := max(q.meter.ready(n), q.loop.now+1)
	at += heldTick - 1
	at -= at % heldTick
	if q.wake == 0 || at < q.wake {
		q.wake = at
		q.loop.timers.add(timer{at: at, event: q})
	}
}

// Happen implements lun.Event: the queue's timer is due. An earlier one of the same queue may have replaced it.
func (q *queue) Happen() {
	if q.wake != 0 && q.wake <= q.loop.now {
		q.wake = 0
	}
	q.loop.serveHeld(q)
}
