package engine

import (
	"net/netip"
	"slices"

	"github.com/ringtgt/ringtgt/session"
)

// An initiator that sends writes without data, or reads without receiving the answers, holds the memory of its tasks for as long as
// its connections last, and it may have many connections. So the arena is divided among initiators. Each may hold a fraction of what
// is free, not of the whole, so n initiators that take all they can leave (arenaShares-1)/(n+arenaShares-1) of the arena to one more.
// Requests beyond that wait in the initiator's own line, and the command windows of its sessions are narrow until they are served.

// share is one initiator's part of a loop's arena, for all its connections there. It belongs to the loop: no locks.
type share struct {
	key   shareKey
	conns int // connections that use it
	held  int // bytes held by its tasks, batches and requests
	line  line
	// next links the shares with waiting tasks in a ring; nil: not in the ring.
	next     *share
	narrowed []*conn // connections whose sessions have a narrow command window
	flows    *flow   // its held commands; see held.go
}

// shareKey identifies an initiator by name and address, so that two hosts with the same name do not share. Before login a connection
// has only an address.
type shareKey struct {
	name string
	addr netip.Addr
}

// shares are the shares of a loop.
type shares struct {
	by   map[shareKey]*share
	last *share // the last share of the ring; its next is the first
	// owed is a share that may have a block but cannot get it: free memory is fragmented, or the share holds nothing and needs more
	// than the others leave. Meanwhile the others may hold no more than smallHold; otherwise it would wait as long as they continue.
	owed *share
}

// initiator returns the connection's share. It is looked up once on each loop: before full feature phase nothing takes memory.
func (c *conn) initiator() *share {
	if c.share == nil {
		key := shareKey{addr: c.name.remote.Addr()}
		if s := c.s.Session(); s != nil {
			key.name = s.InitiatorName
		}
		c.share = c.loop.shares.of(key)
		c.share.conns++
	}
	return c.share
}

func (w *shares) of(key shareKey) *share {
	sh := w.by[key]
	if sh == nil {
		sh = &share{key: key}
		if w.by == nil {
			w.by = make(map[shareKey]*share)
		}
		w.by[key] = sh
	}
	return sh
}

// leaveShare is called when a connection leaves the loop. Its tasks that are still in a backend continue to count.
func (c *conn) leaveShare() {
	sh := c.share
	if sh == nil {
		return
	}
	if c.narrowed {
		c.narrowed = false
		sh.narrowed = slices.DeleteFunc(sh.narrowed, func(o *conn) bool { return o == c })
	}
	sh.conns--
	c.loop.shares.forget(sh)
}

func (w *shares) forget(sh *share) {
	if sh.conns == 0 && sh.held == 0 {
		sh.forgetFlows()
		delete(w.by, sh.key)
	}
}

// fits reports whether an initiator may hold size more bytes.
func (l *loop) fits(sh *share, size int) bool {
	left := l.arena.size() - l.arena.inUse - size
	if left < 0 {
		return false
	}
	if o := l.shares.owed; o != nil && o != sh && sh.held+size > smallHold {
		return false
	}
	if (arenaShares-1)*(sh.held+size) <= left {
		return true
	}
	// A share may be smaller than a transfer. One transfer at a time may exceed it, but not use the last part.
	return sh.held == 0 && left >= l.arena.size()/arenaShares
}

// growsFor reports whether an initiator can have n bytes as soon as the arena has grown.
func (l *loop) growsFor(sh *share, n int) bool { return l.arena.grows() && l.fits(sh, blockSize(n)) }

// allot allocates n bytes for an initiator. It returns nil if the initiator may not have them now, or there are none. If may is set
// the request can wait: beyond smallHold it gets only ready memory.
func (l *loop) allot(sh *share, n int, may bool) (b []byte) {
	size := blockSize(n)
	if !l.fits(sh, size) {
		return nil
	}
	if may && sh.held+size > smallHold {
		b = l.arena.allocReady(n)
	} else {
		b = l.arena.alloc(n)
	}
	sh.held += cap(b)
	return b
}

// block allocates memory for n bytes of t. If there is none now and may is set, t waits in phase p until serveWaiting starts it;
// if may is not set the result is nil and nothing waits.
func (c *conn) block(t *task, n int, p taskPhase, may bool) []byte {
	sh := c.initiator()
	// A line that waits only for the arena to grow is no reason to refuse a request that cannot wait.
	if sh.line.first == nil || !may && c.loop.growsFor(sh, n) {
		if b := c.loop.allot(sh, n, may); b != nil {
			t.held += cap(b)
			return b
		}
	}
	if !c.loop.growsFor(sh, n) {
		c.narrow()
	}
	if may {
		t.enter(p)
		t.need = n
		c.loop.shares.wait(sh, t)
		c.loop.released = true // serveWaiting decides at the end of the turn
	}
	return nil
}

// Memory implements session.Host. Even if an initiator's commands have used up its share, each of its connections has requestRoom for
// pings and text, unless that would use the last part of the arena.
func (c *conn) Memory(n int) []byte {
	if n <= 0 || n > maxBlock {
		return nil
	}
	sh, l := c.initiator(), c.loop
	b := l.allot(sh, n, false)
	if b == nil && c.requests+blockSize(n) <= requestRoom {
		b = l.Alloc(n)
		sh.held += cap(b)
	}
	c.requests += cap(b)
	return b
}

// Release implements session.Host.
func (c *conn) Release(b []byte) {
	n := cap(b)
	c.giveBack(b)
	c.requests -= n
	c.unhold(n)
}

// unhold subtracts n bytes from the share of the connection's initiator.
func (c *conn) unhold(n int) {
	sh, l := c.share, c.loop
	if sh == nil || n == 0 {
		return
	}
	sh.held -= n
	if len(sh.narrowed) > 0 && sh.line.first == nil && 2*(arenaShares-1)*sh.held < l.arena.size()-l.arena.inUse {
		for i, o := range sh.narrowed {
			o.narrowed = false
			o.s.Session().Resize(session.MaxWindow)
			sh.narrowed[i] = nil
		}
		sh.narrowed = sh.narrowed[:0]
	}
	if sh.conns == 0 {
		l.shares.forget(sh)
	}
}

// narrow shrinks the session's command window while its initiator needs more memory than it may have.
func (c *conn) narrow() {
	if !c.narrowed {
		c.narrowed = true
		c.share.narrowed = append(c.share.narrowed, c)
		c.s.Session().Resize(narrowWindow)
	}
}

// wait appends a task to its initiator's line.
func (w *shares) wait(sh *share, t *task) {
	if sh.next == nil {
		if w.last == nil {
			sh.next = sh
		} else {
			sh.next, w.last.next = w.last.next, sh
		}
		w.last = sh
	}
	sh.line.push(t)
}

// leave removes a share without waiting tasks from the ring. prev is the share before it.
func (w *shares) leave(prev, sh *share) {
	if prev == sh {
		w.last = nil
	} else {
		prev.next = sh.next
		if w.last == sh {
			w.last = prev
		}
	}
	sh.next = nil
	if w.owed == sh {
		w.owed = nil
	}
}

// serveWaiting hands freed memory to waiting tasks, one task of each initiator in turn, until no initiator's first task can be
// served.
func (l *loop) serveWaiting() {
	w := &l.shares
	if w.last == nil {
		return
	}
	for served := true; served; {
		served = false
		// One round visits each share once, without those that join during it.
		prev, last := w.last, w.last
		for sh := prev.next; ; {
			next, end := sh.next, sh == last
			t := sh.line.first
			switch {
			case t == nil: // its tasks were aborted
				w.leave(prev, sh)
			default:
				prev = sh
				b := l.allot(sh, t.need, true)
				if b == nil {
					if !l.growsFor(sh, t.need) {
						t.conn.narrow()
					}
					w.owe(l, sh, t)
					break
				}
				if w.owed == sh {
					w.owed = nil
				}
				served = true
				sh.line.remove(t)
				t.held += cap(b)
				t.conn.got(t, b)
			}
			if end || w.last == nil {
				break
			}
			sh = next
		}
		if w.last == nil {
			return
		}
		w.last = w.last.next // the next round starts with another share
	}
}

// owe notes a share whose first task would never get its memory while the others continue.
func (w *shares) owe(l *loop, sh *share, t *task) {
	if w.owed != nil || l.growsFor(sh, t.need) {
		return
	}
	if sh.held == 0 || l.fits(sh, blockSize(t.need)) {
		w.owed = sh
	}
}

// got hands a task the memory that it waited for.
func (c *conn) got(t *task, b []byte) {
	l := c.loop
	if t.phase == taskWaitingOut {
		t.enter(taskCollecting)
		t.gotMemory(l.now)
		t.out, t.s.Out = b, b
		c.s.Buffer(l.now, &t.s)
	} else {
		t.buf = b
		c.start(t)
	}
	c.mark()
}

// line is a queue of tasks that wait for memory, first come first served.
type line struct{ first, last *task }

func (w *line) push(t *task) {
	t.line, t.ahead = w, w.last
	if w.last == nil {
		w.first = t
	} else {
		w.last.behind = t
	}
	w.last = t
}

// pushFirst puts t before all others.
func (w *line) pushFirst(t *task) { w.insert(t, w.first) }

// pushSecond puts t behind the first one.
func (w *line) pushSecond(t *task) {
	if w.first == w.last {
		w.push(t)
		return
	}
	w.insert(t, w.first.behind)
}

// insert puts t before o.
func (w *line) insert(t, o *task) {
	t.line, t.ahead, t.behind = w, o.ahead, o
	o.ahead = t
	if t.ahead == nil {
		w.first = t
	} else {
		t.ahead.behind = t
	}
}

func (w *line) remove(t *task) {
	if t.ahead == nil {
		w.first = t.behind
	} else {
		t.ahead.behind = t.behind
	}
	if t.behind == nil {
		w.last = t.ahead
	} else {
		t.behind.ahead = t.ahead
	}
	t.line, t.ahead, t.behind = nil, nil, nil
}

// leaveLine takes a task that ends out of the line, if it waits in one. Those behind it may need less than it did.
func (l *loop) leaveLine(t *task) {
	if t.phase == taskHeld {
		l.leaveHeld(t)
		return
	}
	if w := t.line; w != nil {
		if sh := t.conn.share; w.first == t && l.shares.owed == sh {
			l.shares.owed = nil
		}
		w.remove(t)
		l.released = true
	}
}

func (l *loop) release(b []byte) {
	l.arena.release(b)
	l.released = true
}
