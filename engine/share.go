package engine

import (
	"net/netip"
	"slices"

	"github.com/ringtgt/ringtgt/session"
)

// An initiator that sends writes and no data, or asks for reads and takes none of them, keeps the memory of its tasks for as long as
// its connections last, and it may have many connections. So the arena is shared out among initiators. However many
// of them take all that they get, something is left for one more: each may hold a part of what is free, not of what there is, so that n
// of them leave (arenaShares-1)/(n+arenaShares-1) of the arena. What an initiator wants beyond that waits in a line of its
// own, and the command windows of its sessions shrink until it is through.

// share is what one initiator has of a loop's arena, on all its connections there. It belongs to the loop: no locks.
type share struct {
	key   shareKey
	conns int // that have it
	held  int // bytes that its tasks, its batches and its requests have
	line  line
	// next links the shares with tasks that wait, in a ring; nil when there are none.
	next     *share
	narrowed []*conn // whose sessions' command windows are small for that
}

// shareKey is an initiator: two hosts that call themselves by one name, or one that uses two, do not take from each other. Before it
// has logged in a connection has an address only.
type shareKey struct {
	name string
	addr netip.Addr
}

// shares are a loop's.
type shares struct {
	by   map[shareKey]*share
	last *share // the ring of those that wait: its last, whose next is the first
	// owed is a share that is to have a block and cannot, because what is free lies scattered, or because it holds nothing and wants more
	// than others leave. The others take no more than smallHold meanwhile, or it would wait as long as they go on.
	owed *share
}

// initiator is the connection's share. It is looked up once on each loop: before full feature phase nothing takes memory.
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

// leaveShare is for a connection that is gone from the loop. A task of it that its backend keeps still counts.
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
		delete(w.by, sh.key)
	}
}

// fits tells whether an initiator may have size bytes more.
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
	// A share may be smaller than a transfer: one at a time may go beyond it, but not into the last part.
	return sh.held == 0 && left >= l.arena.size()/arenaShares
}

// growsFor tells whether an initiator can have n bytes as soon as the arena has grown.
func (l *loop) growsFor(sh *share, n int) bool { return l.arena.grows() && l.fits(sh, blockSize(n)) }

// allot takes n bytes for an initiator, nil when it may not have them now or there are none. With may the request can wait: beyond
// smallHold it gets memory that is ready.
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

// block takes memory for n bytes of t, or has t wait for it in phase p. Without may nothing waits: then nil is the end
// of it, or else t is started later by serveWaiting.
func (c *conn) block(t *task, n int, p phase, may bool) []byte {
	sh := c.initiator()
	// A line that waits for the arena to grow is short, and no reason to refuse what cannot wait.
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
		t.phase, t.need = p, n
		c.loop.shares.wait(sh, t)
		c.loop.released = true // the line decides, at the end of the turn
	}
	return nil
}

// Memory is session.Host's. An initiator that has used up its share with commands can still be heard: a connection's requests
// find requestRoom beside it, as long as that is not the last part of the arena. Connections are many.
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

// Release is session.Host's.
func (c *conn) Release(b []byte) {
	n := cap(b)
	c.giveBack(b)
	c.requests -= n
	c.unhold(n)
}

// unhold takes n bytes off the share of the connection's initiator.
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

// narrow makes the session's command window small while its initiator wants more memory than it may have.
func (c *conn) narrow() {
	if !c.narrowed {
		c.narrowed = true
		c.share.narrowed = append(c.share.narrowed, c)
		c.s.Session().Resize(narrowWindow)
	}
}

// wait puts a task at the end of its initiator's line.
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

// leave takes a share that nothing waits in out of the ring, whose prev is the one before it.
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

// serveWaiting gives memory that came back to those who wait for it: to one task of each initiator in turn, until nobody can have
// what its first task needs.
func (l *loop) serveWaiting() {
	w := &l.shares
	if w.last == nil {
		return
	}
	for served := true; served; {
		served = false
		// One round, in which everybody is looked at once and who comes meanwhile is not.
		prev, last := w.last, w.last
		for sh := prev.next; ; {
			next, end := sh.next, sh == last
			t := sh.line.first
			switch {
			case t == nil: // they were aborted
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
		w.last = w.last.next // another is the first of the next round
	}
}

// owe notes a share whose first task others would keep from its memory as long as they go on.
func (w *shares) owe(l *loop, sh *share, t *task) {
	if w.owed != nil || l.growsFor(sh, t.need) {
		return
	}
	if sh.held == 0 || l.fits(sh, blockSize(t.need)) {
		w.owed = sh
	}
}

// got is memory that a task has waited for.
func (c *conn) got(t *task, b []byte) {
	l := c.loop
	if t.phase == waitingOut {
		t.phase = collecting
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
