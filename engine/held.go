package engine

import (
	"slices"

	"github.com/ringtgt/ringtgt/lun"
)

// A command that a limit does not allow to start yet is held, before the device server has it. On each loop a meter has a queue of
// initiators' lines, served in turn by what their commands cost (deficit round robin), so that an initiator with one command at a time
// gets as much as one with a hundred. Reads and writes have a meter each and do not wait for each other; SIMPLE commands may be
// executed in any order (SAM-5 8.9.1; the control mode page says so). ORDERED commands wait in the session (Conn.Deferred).

// flow is one initiator's line of held commands with the same limits.
type flow struct {
	share *share
	path  [2]*meter // what a command has to pay: the initiator's, then the unit's; or only one of them
	n     int
	line  line
	paid  int // how many of path the first command has paid. The flow is in the queue of the next one

	queue      *queue
	prev, next *flow // in the queue's ring
	deficit    int64 // what it may take in this turn
	turn       bool  // it has its turn
	other      *flow // of the same initiator, or the next free one
}

// queue is a loop's part of a meter: the flows that wait for it, in a ring.
type queue struct {
	meter   *meter
	loop    *loop
	first   *flow // whose turn it is; nil: there is none
	flows   int
	largest int64 // the largest cost of a command since the queue was empty
	wake    int64 // time of its timer, 0 if there is none
	took    int64 // meter.takes, when this loop last took
	_       [64]byte
}

// pathOf returns the meters that the connection's task has to pay, and the bytes that it costs.
func (c *conn) pathOf(t *task) (path [2]*meter, n int, bytes int64) {
	t.l.Out = t.s.Out[:t.s.Received]
	cost := t.l.Cost()
	if cost.Direction == lun.Free {
		return
	}
	lim := c.limits
	if lim.initiator != nil {
		path[0], n = lim.initiator.meterOf(cost.Direction), 1
	}
	u := t.l.Unit()
	if lim.units != nil {
		if of := lim.units[u.LUN()]; of != nil && of.unit == u {
			path[n] = of.meterOf(cost.Direction)
			n++
		}
	}
	return path, n, cost.Bytes
}

// holds takes what the task costs. If it may not start yet, it is held, and the result is true.
func (c *conn) holds(t *task) bool {
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
func (l *loop) queueHeld(sh *share, t *task, path [2]*meter, n, paid int) {
	f := sh.flowOf(path)
	if f == nil {
		f = l.newFlow(sh, path, n)
	} else { // those before it in the line wait for another meter
		for _, m := range path[:paid] {
			m.giveBack(int64(t.need))
		}
	}
	t.flow = f
	switch {
	case f.line.first == nil:
		f.line.push(t)
		f.paid = paid
		path[paid].queues[l.index].join(f)
	case t.s.Attr == uint8(lun.AttrHead) && f.paid == 0:
		f.line.pushFirst(t)
	case t.s.Attr == uint8(lun.AttrHead):
		f.line.pushSecond(t) // the first one has been paid for in part
	default:
		f.line.push(t)
	}
	f.queue.weigh(t)
	for _, m := range path[:n] {
		m.limit.counts.now.Add(1)
		m.limit.counts.total.Add(1)
	}
	f.queue.arm()
}

// flowOf returns the initiator's flow with that path, nil if it has no held commands.
func (sh *share) flowOf(path [2]*meter) *flow {
	f := sh.flows
	for f != nil && f.path != path {
		f = f.other
	}
	return f
}

func (l *loop) newFlow(sh *share, path [2]*meter, n int) *flow {
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

// freeFlow forgets a flow whose last command has left.
func (l *loop) freeFlow(f *flow) {
	f.queue.leave(f)
	at := &f.share.flows
	for *at != f {
		at = &(*at).other
	}
	*at = f.other
	*f = flow{other: l.freeFlows}
	l.freeFlows = f
}

// join puts a flow at the end of the ring.
func (q *queue) join(f *flow) {
	f.queue, f.deficit, f.turn = q, 0, false
	if q.first == nil {
		f.prev, f.next = f, f
		q.first = f
		q.largest = 0
		q.meter.loops.Add(1)
	} else {
		f.prev, f.next = q.first.prev, q.first
		f.prev.next, f.next.prev = f, f
	}
	q.flows++
	q.meter.lines.Add(1)
}

// leave takes a flow out of the ring.
func (q *queue) leave(f *flow) {
	if f.next == f {
		q.first = nil
		q.meter.loops.Add(-1)
	} else {
		f.prev.next, f.next.prev = f.next, f.prev
		if q.first == f {
			q.first = f.next
		}
	}
	f.prev, f.next, f.queue = nil, nil, nil
	q.flows--
	q.meter.lines.Add(-1)
}

// weigh notes what a command costs. The largest is what a flow may take in a turn.
func (q *queue) weigh(t *task) { q.largest = max(q.largest, q.meter.cost(int64(t.need))) }

// serveHeld starts the held commands of a queue that may start now.
func (l *loop) serveHeld(q *queue) {
	budget := q.budget(l.now)
	took := false
	for q.first != nil {
		f := q.first
		t := f.line.first
		cost := q.meter.cost(int64(t.need))
		if !f.turn {
			f.turn = true
			f.deficit += max(q.largest, 1)
		}
		if cost > f.deficit {
			q.largest = max(q.largest, cost) // the rate has changed
			f.turn = false
			q.first = f.next
			continue
		}
		if took && cost > budget || !q.meter.take(l.now, int64(t.need)) {
			break
		}
		took = true
		budget -= cost
		f.deficit -= cost
		f.paid++
		l.proceed(f)
	}
	if took {
		q.took = q.meter.takes.Add(1)
	}
	q.arm()
}

// budget returns how much the queue may take now. If other loops wait for the meter too, each takes in proportion to its
// initiators.
func (q *queue) budget(now int64) int64 {
	all := int64(q.meter.lines.Load())
	if all <= int64(q.flows) {
		return 1 << 62
	}
	credit := (now - q.meter.ready(1)) * ticksPerNano
	return credit / all * int64(q.flows)
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
			t.conn.startHeld(t)
			if f.line.first == nil {
				l.freeFlow(f)
				return
			}
		}
		t := f.line.first
		m := f.path[f.paid]
		q := &m.queues[l.index]
		if f.queue == q {
			q.weigh(t)
			return
		}
		if !m.free() || !m.take(l.now, int64(t.need)) {
			f.queue.leave(f)
			q.join(f)
			q.weigh(t)
			q.arm()
			return
		}
		f.paid++
	}
}

// unheld counts a task off that is not held any more.
func (l *loop) unheld(t *task) {
	f := t.flow
	t.flow = nil
	for _, m := range f.path[:f.n] {
		m.limit.counts.now.Add(-1)
		m.limit.counts.nanos.Add(l.now - t.heldAt)
	}
}

// startHeld starts a task that was held.
func (c *conn) startHeld(t *task) {
	c.s.Started(&t.s)
	c.admitted(t)
	c.mark()
}

// leaveHeld takes a held task that ends out of its flow.
func (l *loop) leaveHeld(t *task) {
	f := t.flow
	first := f.line.first == t
	f.line.remove(t)
	l.unheld(t)
	if first {
		for _, m := range f.path[:f.paid] {
			m.giveBack(int64(t.need))
		}
	}
	switch {
	case f.line.first == nil:
		l.freeFlow(f)
	case first && f.paid > 0: // the next one has paid nothing
		f.paid = 0
		f.queue.leave(f)
		q := &f.path[0].queues[l.index]
		q.join(f)
		q.weigh(f.line.first)
		q.arm()
	}
}

// releaseHeld passes the held commands of a removed unit to the device server, which refuses them.
func (l *loop) releaseHeld(u *lun.Unit) {
	var all []*task
	l.eachTask(u.Target(), func(t *task) {
		if t.phase == taskHeld && t.l.Unit() == u {
			all = append(all, t)
		}
	})
	slices.Reverse(all) // a connection's youngest is first in its list
	for _, t := range all {
		l.leaveHeld(t)
		t.conn.startHeld(t)
	}
}

// arm sets the queue's timer to when its first command may start. Times are rounded up to heldTick, so that fast meters do not
// wake the loop for each command, and one wake serves many meters: whatever is late is made up, because it is less than a burst.
func (q *queue) arm() {
	if q.first == nil {
		return
	}
	n := int64(q.first.line.first.need)
	at := max(q.meter.ready(n), q.loop.now+1)
	at += heldTick - 1
	at -= at % heldTick
	// Where a command takes longer than a tick, loops take turns: otherwise the first one to wake would get all.
	if others := int64(q.meter.loops.Load()) - 1; others > 0 && q.meter.cost(n) >= heldTick*ticksPerNano {
		if since := q.meter.takes.Load() - q.took; since < others {
			at += (others - since) * heldTick
		}
	}
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
