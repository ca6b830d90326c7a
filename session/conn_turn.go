package session

import "sync/atomic"

// inbox holds what other loops pass to a connection: requests whose turn in CmdSN order has come, and barriers (barrier.go).
// Only the loop that delivers from the window adds to it, so it is in CmdSN order, except for barriers of immediate functions.
// The connection's loop takes all entries at once.
type inbox struct {
	_    [64]byte // keeps head off the cache lines that the connection's own loop writes
	head atomic.Pointer[Task]
	_    [56]byte
}

// shut marks an inbox that is no longer read.
var shut = new(Task)

// put reports whether the inbox was empty, and whether it is still read.
func (b *inbox) put(t *Task) (first, open bool) {
	for {
		head := b.head.Load()
		if head == shut {
			return false, false
		}
		t.st.handed = head
		if b.head.CompareAndSwap(head, t) {
			return head == nil, true
		}
	}
}

// delivery brings requests into CmdSN order: it offers its connection's requests to the session's window, delivers the requests of
// any connection that have their turn, and takes the requests that other loops delivered to its own connection.
type delivery struct {
	c *Conn

	in        inbox
	due       taskList    // requests whose turn has come, in CmdSN order
	redeliver bool        // the window asked for another Deliver
	watching  bool        // in watch
	stirred   atomic.Bool // ExpCmdSN moved while watching
	watched   bool        // guarded by the session's mu
}

// delivered implements receiver: t's turn has come. Requests of this connection are processed after the delivery; requests of
// other connections go into their inboxes.
func (d *delivery) delivered(t *Task) {
	if t.st.raises {
		d.c.sess.raises(t, d.c.cfg.Loop)
	}
	if t.Conn == d.c {
		// Requests in the inbox have lower CmdSNs. No loop adds one while this loop holds the token.
		d.emptyInbox()
		d.due.push(t)
		return
	}
	t.Conn.turns.hand(t, d.c.cfg.Loop)
}

// hand puts t into the connection's inbox and wakes the connection. It may be called on any loop; from is that loop's index. It
// reports whether the connection will take t.
func (d *delivery) hand(t *Task, from int) bool {
	first, open := d.in.put(t)
	if first {
		d.c.host.Wake(from)
	}
	return open
}

// emptyInbox moves the inbox's entries to the queue.
func (d *delivery) emptyInbox() {
	if h := d.in.head.Load(); h == nil || h == shut {
		return
	}
	t := d.in.head.Swap(nil)
	var first *Task
	for t != nil { // latest first
		next := t.st.handed
		t.st.handed = first
		first, t = t, next
	}
	for first != nil {
		next := first.st.handed
		d.due.push(first)
		first = next
	}
}

// takeTurns processes the requests whose turn has come.
func (d *delivery) takeTurns() {
	d.emptyInbox()
	for t := d.due.pop(); t != nil; t = d.due.pop() {
		t.deliver()
	}
}

// deliver is called when the request has its turn in CmdSN order.
func (t *Task) deliver() {
	c := t.Conn
	t.Times.Turn = c.now
	switch t.st.phase {
	case phaseHeldStopped:
		t.free()
		c.tasksEnded()
		return
	case phaseHeldDraining:
		t.move(phaseDraining)
		t.drained()
		return
	}
	t.move(phaseData)
	switch t.st.kind {
	case kindCommand:
		t.progress()
	case kindManagement:
		c.tm.begin(t)
	case kindNOP:
		t.answer()
	case kindText:
		c.txt.execute(t.st.ctl, connText{c})
		t.answer()
	case kindLogout:
		c.out.execute(t)
	case kindMarker:
		c.tm.arrives(t.st.tmf.barrier, t.st.tmf.owes)
	}
	if c.tm.waiting.head != nil {
		c.tm.schedule() // a task management function may wait for this CmdSN
	}
}

// offer puts a complete request into the command window, and processes the requests that have their turn. An immediate request has
// its turn at once (RFC 7143, 4.2.2.1).
func (t *Task) offer() {
	c := t.Conn
	t.Times.Complete = c.now
	if t.Immediate {
		t.deliver()
		return
	}
	// Any loop may deliver t once it is offered.
	t.st.place = placeWindow
	t.move(phaseHeld)
	ok, again := c.sess.window.Offer(t.CmdSN, t, &c.turns)
	if !ok { // another request with that CmdSN won the race
		t.st.place = placeNone
		t.free()
		return
	}
	c.turns.offered(again)
}

// plug makes a CmdSN count as received, and reports whether it was missing.
func (d *delivery) plug(sn uint32) bool {
	ok, again := d.c.sess.window.Offer(sn, nil, d)
	if ok {
		d.offered(again)
	}
	return ok
}

// offered is called after every call of the window that may deliver.
func (d *delivery) offered(again bool) {
	d.redeliver = d.redeliver || again
	if d.c.sess.watchers.Load() > 0 {
		d.c.sess.wakeWatchers(d.c.cfg.Loop)
	}
	d.takeTurns()
}

// watch arranges for the connection to be woken when ExpCmdSN moves, or ends that. It reports whether it was not watching before.
func (d *delivery) watch(on bool) bool {
	if d.watching == on {
		return false
	}
	d.watching = on
	d.c.tm.alert = d.c.tm.alert || on
	d.c.sess.mu.Lock()
	d.watched = on
	d.c.sess.mu.Unlock()
	if on {
		d.c.sess.watchers.Add(1)
	} else {
		d.c.sess.watchers.Add(-1)
	}
	return on
}

func (s *Session) wakeWatchers(from int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.turns.watched {
			c.turns.stirred.Store(true)
			c.host.Wake(from)
		}
	}
}

// look does what precedes every event in Next: deliveries that the window asked for, requests from other loops, and task management.
func (d *delivery) look(now int64) {
	if d.redeliver {
		d.redeliver = false
		d.offered(d.c.sess.window.Deliver(d))
	}
	if d.in.head.Load() != nil {
		d.takeTurns()
	}
	if d.c.tm.alert {
		d.c.tm.attend(now)
	}
}

// shut closes the inbox, and processes what is in it.
func (d *delivery) shut() {
	d.emptyInbox()
	for t := d.in.head.Swap(shut); t != nil && t != shut; {
		next := t.st.handed
		d.due.push(t)
		t = next
	}
	d.takeTurns()
}
