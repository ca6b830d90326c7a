package engine

import (
	"log/slog"

	"github.com/ringtgt/ringtgt/lun"
)

// execute starts a task whose data-out is complete, as soon as its limits allow it and there is memory for its data-in.
func (c *conn) execute(t *task) {
	if c.limits != nil && c.holds(t) {
		return
	}
	c.admitted(t)
}

// admitted starts a task that no limit holds.
func (c *conn) admitted(t *task) {
	if t.in > 0 && t.buf == nil {
		if t.buf = c.block(t, t.in, taskWaitingIn, true); t.buf == nil {
			if t.l.Gone() { // it needs no memory, and must not wait for any
				c.loop.refuse(t)
			}
			return
		}
	}
	c.start(t)
}

// start passes a task to the device server. The task may be done before start returns.
func (c *conn) start(t *task) {
	t.enter(taskRunning)
	s, u := &t.s, &t.l
	u.LongCDB = s.LongCDB
	u.Attr = lun.Attr(s.Attr)
	if s.Write {
		u.Expected = int64(s.EDTL)
	}
	u.Out = s.Out[:s.Received]
	u.Buf = t.buf
	c.loop.stats.Commands++
	t.begin(c.loop)
	u.Start()
}

// TaskDone implements lun.TaskOwner: the device server has finished the task.
func (t *task) TaskDone(u *lun.Task) {
	c := t.conn
	l := c.loop
	t.end(l)
	was := t.phase
	t.enter(taskAnswering)
	if t.watched != nil {
		t.leaveWithdrawals()
	}
	switch was {
	case taskRunning:
	case taskOrphaned:
		l.adopted(t)
		c.recycle(t)
		c.mark()
		return
	case taskAborting:
		c.s.Aborted(l.now, &t.s)
		c.mark()
		return
	case taskEvicted:
		return // it has its answer
	}
	r := &t.s.Result
	r.Status = byte(u.Status)
	r.Sense = u.Sense[:u.SenseLen]
	r.In = u.In
	r.RequiredOut, r.RequiredIn = u.RequiredOut, u.RequiredIn
	c.s.Complete(l.now, &t.s)
	c.mark()
}

// abort aborts a task for the session, which waits for Conn.Aborted.
func (c *conn) abort(t *task) {
	if !t.inServer() {
		c.loop.leaveLine(t)
		if t.phase != taskAnswering {
			t.enter(taskAnswering)
		}
		c.s.Aborted(c.loop.now, &t.s)
		c.mark()
		return
	}
	t.enter(taskAborting)
	t.l.Abort()
	if t.phase != taskAborting {
		return // Abort ended it at once
	}
	c.abandonLater(t)
}

// abandonLater gives the backend time to release an aborted task. The connection has one deadline for all of them: a timer for
// each would outlive its task, and an initiator could pile them up by aborting commands.
func (c *conn) abandonLater(t *task) {
	t.abandonAt = c.loop.now + int64(abortGrace)
	c.abandonBy = earlier(c.abandonBy, t.abandonAt)
}

// abandonLate answers the aborts of tasks that the backend has kept for abortGrace. After the answer SAM-5 allows no effect of a
// task to be visible: the device server admits no command to the task's blocks until the backend has released them
// (lun.Task.Abandon). If it cannot do that, the answer keeps waiting.
func (c *conn) abandonLate() {
	l := c.loop
	type late struct {
		t   *task
		use uint64
	}
	var due []late
	for t := c.tasks; t != nil; t = t.next {
		if t.phase == taskAborting && t.abandonAt <= l.now {
			due = append(due, late{t, t.use})
		}
	}
	for _, d := range due {
		t := d.t
		if t.use != d.use || t.phase != taskAborting {
			continue // abandoning another task ended this one
		}
		kept := !t.l.Abandon()
		if t.use != d.use || t.phase != taskAborting {
			continue // Abandon ended it after all
		}
		if kept {
			t.abandonAt = l.now + int64(abortGrace)
			continue
		}
		t.enter(taskAbandoned)
		l.about(&l.stuck, slog.LevelWarn, "aborted task is still in the backend", "remote", c.name.remote, "itt", t.s.ITT, "after", abortGrace)
		c.s.Aborted(l.now, &t.s)
	}
	c.abandonBy = 0
	for t := c.tasks; t != nil; t = t.next {
		if t.phase == taskAborting {
			c.abandonBy = earlier(c.abandonBy, t.abandonAt)
		}
	}
}
