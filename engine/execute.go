package engine

import (
	"github.com/ringtgt/ringtgt/lun"
)

// execute starts a task whose data-out is complete, as soon as there is memory for its data-in.
func (c *conn) execute(t *task) {
	if t.in > 0 && t.buf == nil {
		if c.loop.waiting.first == nil {
			t.buf = c.loop.arena.alloc(t.in)
		}
		if t.buf == nil {
			t.phase = waitingIn
			c.loop.waiting.push(t, t.in)
			return
		}
	}
	c.start(t)
}

// start hands a task to the device server. It may be done before start returns.
func (c *conn) start(t *task) {
	t.phase = running
	s, u := &t.s, &t.l
	u.Target = c.target()
	u.Nexus = c.nexus()
	u.LUN = s.LUN
	u.CDB = s.CDB
	u.LongCDB = s.LongCDB
	u.Attr = lun.Attr(s.Attr)
	if s.Write {
		u.Expected = int64(s.EDTL)
	}
	u.Out = s.Out[:s.Received]
	u.Buf = t.buf
	u.Loop = c.loop
	c.loop.stats.Commands++
	u.Start()
}

// TaskDone is lun.Loop's: the device server has finished with the task.
func (l *loop) TaskDone(u *lun.Task) {
	t := u.Owner.(*task)
	c := t.conn
	t.phase = answering
	if t.orphan {
		c.recycle(t)
		c.mark()
		return
	}
	if t.aborting {
		t.aborting = false
		c.s.Aborted(l.now, &t.s)
		c.mark()
		return
	}
	r := &t.s.Result
	r.Status = byte(u.Status)
	r.Sense = u.Sense[:u.SenseLen]
	r.In = u.In
	r.RequiredOut, r.RequiredIn = u.RequiredOut, u.RequiredIn
	c.s.Complete(l.now, &t.s)
	c.mark()
}

// abort stops a task for the session, which waits for Conn.Aborted.
func (c *conn) abort(t *task) {
	if t.phase != running {
		c.loop.leaveLine(t)
		t.phase = answering
		c.s.Aborted(c.loop.now, &t.s)
		c.mark()
		return
	}
	t.aborting = true
	t.l.Abort()
	if !t.aborting {
		return // it was done at once
	}
	// A backend that never answers must not hold the abort: SAM-5 lets nothing of the task be seen after the answer, so it
	// is given time first.
	l := c.loop
	st := &t.s
	use, itt := t.use, st.ITT
	l.After(int64(abortGrace), func() {
		if t.use != use || !t.aborting {
			return
		}
		t.l.Abandon()
		if t.use != use || !t.aborting {
			return // that ended it after all
		}
		t.aborting = false
		l.engine.log.Warn("aborted task is still in the backend", "remote", c.name.remote, "itt", itt, "after", abortGrace)
		c.s.Aborted(l.now, st)
		c.mark()
	})
}

// memoryWait is the loop's queue of tasks that wait for arena memory, first come first served.
type memoryWait struct {
	first, last *task
}

func (w *memoryWait) push(t *task, n int) {
	t.need = n
	if w.last == nil {
		w.first = t
	} else {
		w.last.wait = t
	}
	w.last = t
}

// leaveLine takes a task that ends out of the line, if it waits there. Those behind it may need less than it did.
func (l *loop) leaveLine(t *task) {
	if l.waiting.first == t {
		l.released = true
	}
	l.waiting.remove(t)
}

func (w *memoryWait) remove(t *task) {
	if t.phase != waitingIn && t.phase != waitingOut {
		return
	}
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
		p.wait = nil
		return
	}
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
