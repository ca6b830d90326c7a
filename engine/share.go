package engine

import "github.com/ringtgt/ringtgt/session"

// A connection that sends writes and no data, or asks for reads and takes none of them, keeps the memory of its tasks for
// as long as keepalive lets it. So that the loop's other connections go on meanwhile, it has no more than a share of the
// arena: its tasks beyond that wait in a line of its own, and its session's command window shrinks until they are through.

// block takes memory for n bytes of t, or has t wait for it in phase p. Without may nothing waits: then false is the end
// of it, or else t is started later by serveWaiting.
func (c *conn) block(t *task, n int, p phase, may bool) []byte {
	size := blockSize(n)
	within := c.held == 0 || c.held+size <= c.loop.share
	if within && c.line.first == nil && c.loop.waiting.first == nil {
		if b := c.loop.arena.alloc(n); b != nil {
			t.held += size
			c.held += size
			return b
		}
	}
	c.narrow()
	if !may {
		return nil
	}
	t.phase, t.need = p, n
	if within && c.line.first == nil {
		// Those who wait for memory come first, or large tasks would starve.
		t.held += size
		c.held += size
		c.loop.waiting.push(t)
	} else {
		c.line.push(t)
	}
	return nil
}

// unhold gives back n bytes of the connection's share, and lets those go on that waited for them.
func (c *conn) unhold(n int) {
	c.held -= n
	for t := c.line.first; t != nil; t = c.line.first {
		size := blockSize(t.need)
		if c.held > 0 && c.held+size > c.loop.share {
			return
		}
		c.line.remove(t)
		t.held += size
		c.held += size
		c.loop.waiting.push(t)
		c.loop.released = true
	}
	if c.narrowed && c.held < c.loop.share/2 && c.line.first == nil && c.loop.waiting.first == nil {
		c.narrowed = false
		c.s.Session().Resize(session.MaxWindow)
	}
}

// narrow makes the session's command window small while it wants more memory than it may have.
func (c *conn) narrow() {
	if !c.narrowed {
		c.narrowed = true
		c.s.Session().Resize(narrowWindow)
	}
}

// line is a queue of tasks that wait for memory, first come first served.
type line struct{ first, last *task }

func (w *line) push(t *task) {
	t.line = w
	if w.last == nil {
		w.first = t
	} else {
		w.last.wait = t
	}
	w.last = t
}

func (w *line) remove(t *task) {
	var prev *task
	for p := w.first; p != nil; prev, p = p, p.wait {
		if p != t {
			continue
		}
		if prev == nil {
			w.first = p.wait
		} else {
			prev.wait = p.wait
		}
		if w.last == p {
			w.last = prev
		}
		p.wait, p.line = nil, nil
		return
	}
}

// leaveLine takes a task that ends out of the line, if it waits in one. Those behind it may need less than it did.
func (l *loop) leaveLine(t *task) {
	w := t.line
	if w == nil {
		return
	}
	if w == &l.waiting && w.first == t {
		l.released = true
	}
	w.remove(t)
}

// serveWaiting gives memory that came back to those who wait for it.
func (l *loop) serveWaiting() {
	for t := l.waiting.first; t != nil; t = l.waiting.first {
		b := l.arena.alloc(t.need)
		if b == nil {
			return
		}
		l.waiting.remove(t)
		c := t.conn
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
}

func (l *loop) release(b []byte) {
	l.arena.release(b)
	l.released = true
}
