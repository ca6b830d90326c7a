package session

import "sync/atomic"

// inbox has what other loops hand over to a connection: requests whose turn in CmdSN order has come, and barriers (barrier.go).
// Only the loop that delivers from the window adds to it, so it is in CmdSN order, except for barriers of immediate functions.
// The connection's loop takes all entries at once.
type inbox struct {
	_    [64]byte // keeps head off the cache lines that the connection's own loop writes
	head atomic.Pointer[Task]
	_    [56]byte
}

// shut stands in an inbox that is not read any more.
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

// delivered implements receiver: t's turn has come. Requests of this connection are processed after the delivery; requests of
// other connections go into their inboxes.
func (c *Conn) delivered(t *Task) {
	if t.st.raises {
		c.raise(t)
	}
	o := t.Conn
	if o == c {
		// Requests in the inbox have lower CmdSNs. No loop adds one while this loop holds the token.
		c.emptyInbox()
		c.turn.push(t)
		return
	}
	o.hand(t, c.cfg.Loop)
}

// hand gives a connection, on whatever loop, something to look at. from is the loop that we are on. It reports whether the
// connection will look at it.
func (o *Conn) hand(t *Task, from int) bool {
	first, open := o.in.put(t)
	if first {
		o.host.Wake(from)
	}
	return open
}

// emptyInbox appends what was handed to us to the queue.
func (c *Conn) emptyInbox() {
	if h := c.in.head.Load(); h == nil || h == shut {
		return
	}
	t := c.in.head.Swap(nil)
	var first *Task
	for t != nil { // latest first
		next := t.st.handed
		t.st.handed = first
		first, t = t, next
	}
	for first != nil {
		next := first.st.handed
		c.turn.push(first)
		first = next
	}
}

// takeTurns looks at the requests whose turn has come.
func (c *Conn) takeTurns() {
	c.emptyInbox()
	for t := c.turn.pop(); t != nil; t = c.turn.pop() {
		c.deliver(t)
	}
}

// offer brings a complete request into CmdSN order, and delivers what has its turn. An immediate request has it at once
// (RFC 7143, 4.2.2.1).
func (c *Conn) offer(t *Task) {
	t.Times.Complete = c.now
	if t.Immediate {
		c.deliver(t)
		return
	}
	// From the Offer on t may be delivered by any loop, so it is made ready for that before.
	t.st.place = placeWindow
	t.move(phaseHeld)
	ok, again := c.sess.window.Offer(t.CmdSN, t, c)
	if !ok { // taken meanwhile by another with that CmdSN
		t.st.place = placeNone
		c.free(t)
		return
	}
	c.offered(again)
}

// plug makes a CmdSN count as received, and reports whether it was missing.
func (c *Conn) plug(sn uint32) bool {
	ok, again := c.sess.window.Offer(sn, nil, c)
	if ok {
		c.offered(again)
	}
	return ok
}

// offered follows every call of the window that delivers.
func (c *Conn) offered(again bool) {
	c.redeliver = c.redeliver || again
	if c.sess.watchers.Load() > 0 {
		c.sess.wakeWatchers(c.cfg.Loop)
	}
	c.takeTurns()
}

// watch arranges for the connection to be woken when ExpCmdSN moves. It reports whether it was not watching before.
func (c *Conn) watch(on bool) bool {
	if c.watching == on {
		return false
	}
	c.watching = on
	c.tm.alert = c.tm.alert || on
	c.sess.mu.Lock()
	c.watched = on
	c.sess.mu.Unlock()
	if on {
		c.sess.watchers.Add(1)
	} else {
		c.sess.watchers.Add(-1)
	}
	return on
}

func (s *Session) wakeWatchers(from int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.watched {
			c.stirred.Store(true)
			c.host.Wake(from)
		}
	}
}

// look is what Next does first: requests that were handed over, deliveries that we owe, and what task management waits for.
func (c *Conn) look(now int64) {
	if c.redeliver {
		c.redeliver = false
		c.offered(c.sess.window.Deliver(c))
	}
	if c.in.head.Load() != nil {
		c.takeTurns()
	}
	if c.tm.alert {
		c.attend(now)
	}
}
