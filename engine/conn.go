package engine

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
)

// conn is one TCP connection on its loop: the socket, the protocol, and what is under way with the kernel.
type conn struct {
	loop  *loop
	index int // in loop.conns, and in the user data of its operations
	fd    int
	s     *session.Conn
	name  connName

	// home is loop for other threads: it changes once, when the connection moves (move.go).
	home        atomic.Pointer[loop]
	stirred     atomic.Bool // in the mailbox of its home
	nextStirred *conn
	placement   placement
	steered     bool // engine.steer knows where it lives
	phase       connPhase
	moveTo      int // index of the loop that it moves to, in connMoving

	nx *lun.Nexus // nil before full feature phase and in a discovery session

	recv recvState
	send sendState

	since time.Time
	tasks *task // all tasks from NewTask to FreeTask
	lat   connLatency

	share    *share // its initiator's; nil until it first takes memory
	requests int    // bytes of the arena that pings and text hold
	narrowed bool   // the session's command window is narrow: its initiator wants more memory than it may have

	// dirty: on the loop's list of connections to pump this turn.
	dirty    bool
	nextD    *conn
	wantRecv bool  // on loop.rearms
	timer    int   // 1 + the place of its entry in the loop's timers, 0 none
	lingerBy int64 // when connLingering ends
	// abandonBy is when to look for aborted tasks that the backend keeps, 0 if there are none.
	abandonBy int64
}

// connName is what the log and status call a connection.
type connName struct{ local, remote netip.AddrPort }

// mark puts the connection on the list of those that are pumped at the end of the turn. One that was dropped has nothing to
// pump: a backend that answers late may still mark it.
func (c *conn) mark() {
	if !c.dirty && c.phase != connDropped {
		c.dirty = true
		c.nextD = c.loop.dirty
		c.loop.dirty = c
	}
}

// take takes the protocol's events until there are none, or no room for the next one. It stages PDUs to send.
func (c *conn) take() {
	l := c.loop
	for {
		room := c.send.room() && !c.shut()
		if !c.s.Next(l.now, room, &l.ev) {
			break
		}
		ev := &l.ev
		switch ev.Kind {
		case session.Send:
			c.stage(ev)
		case session.Execute:
			c.execute(ev.Task.Owner.(*task))
		case session.Abort:
			c.abort(ev.Task.Owner.(*task))
		case session.Manage:
			c.manage(ev.Task)
		case session.SessionUp, session.SessionJoined:
			c.nx = ev.Session.Owner.(*lun.Nexus)
			c.settled()
		case session.Move:
			if c.phase == connServing { // else its input ended behind the request that moves it
				c.moveTo = ev.Loop
				c.enter(connMoving)
			}
		case session.SessionDown:
			ev.Session.Owner.(*lun.Nexus).Close()
		case session.Flush:
			if e, ok := ev.Reason.(*session.LoginError); ok && e.Failed > 0 {
				l.about(&l.guesses, l.engine.log.Warn, "CHAP login failed", "remote", c.name.remote, "user", e.User, "initiator", e.Initiator,
					"failed", e.Failed)
			}
			l.about(&l.ends, l.engine.log.Info, "connection ends", "remote", c.name.remote, "local", c.name.local, "why", ev.Reason)
			if c.phase < connFlushing {
				c.enter(connFlushing)
			}
			if ev.Last {
				c.dropNexus()
			}
		case session.Close:
			l.about(&l.ends, l.engine.log.Info, "connection closed", "remote", c.name.remote, "local", c.name.local, "why", ev.Reason)
			c.shutdown()
		}
	}
}

// pump takes what there is, starts a send and does what is due for the connection itself.
func (c *conn) pump() {
	c.take()
	c.flushSend()
	if c.phase == connMoving && c.send.idle() && !c.dirty { // if it was marked again, it is pumped again this turn
		c.move()
		return
	}
	c.armTimer()
	c.finish()
}

// finish moves a closing connection on: shut down when nothing is left to send, gone when the kernel has nothing of it.
func (c *conn) finish() {
	if c.takesInput() {
		return
	}
	if c.send.idle() {
		switch c.phase {
		case connDraining:
			c.shutdown()
		case connFlushing:
			c.linger()
		}
	}
	if !c.shut() || c.recv.armed || c.send.inFlight {
		return
	}
	if c.phase == connShut {
		c.enter(connClosed) // and with that no payload arrives any more: see recycle
		c.closeSocket()
		c.recv.dropHeld(c.loop)
		c.s.Closed(c.loop.now)
		c.mark() // takes the Abort and SessionDown events that follow
		return
	}
	if c.tasks == nil && !c.dirty && c.s.Over() {
		c.loop.drop(c)
	}
}

// Host of the session follows: it answers at once and calls nothing back.

// NewNexus is session.Host's.
func (c *conn) NewNexus(s *session.Session) (any, error) {
	tgt := s.Target.Owner.(*lun.Target)
	cfg := lun.NexusConfig{InitiatorName: s.InitiatorName, Account: s.Account, ISID: s.ISID, TPGT: s.TPGT, RelPort: s.TPGT}
	if err := tgt.Claims(&cfg, s.Target.Auth.Knows); err != nil {
		return nil, err
	}
	return tgt.NewNexus(cfg), nil
}

// NewTask is session.Host's.
func (c *conn) NewTask(*session.Conn) *session.Task {
	t := c.loop.tasks.get()
	if t == nil {
		return nil
	}
	t.conn = c
	t.next = c.tasks
	if c.tasks != nil {
		c.tasks.prev = t
	}
	c.tasks = t
	return &t.s
}

// DataOut is session.Host's: the buffer is as long as the shortest of EDTL and what the CDB takes.
func (c *conn) DataOut(st *session.Task, may bool) session.OutState {
	t := st.Owner.(*task)
	// A data digest over a Mapped backend's memory that a write changes in flight would not match: copied instead.
	var out int
	u := &t.l
	u.Target, u.LUN, u.CDB = c.target(), st.LUN, st.CDB
	out, t.in = u.Plan(c.s.DataDigest())
	if !st.Write || out == 0 {
		st.Out = nil
		return session.OutReady
	}
	n := min(int(st.EDTL), out, maxBlock)
	if n == 0 {
		return session.OutReady
	}
	if b := c.block(t, n, taskWaitingOut, may); b != nil {
		t.out, st.Out = b, b
		return session.OutReady
	}
	if !may {
		return session.OutRefused
	}
	return session.OutLater
}

// giveBack releases a block; if a payload is still arriving in it, later.
func (c *conn) giveBack(b []byte) {
	if c.phase < connClosed && c.recv.writesTo(b, c.s) {
		c.recv.hold(b)
	} else {
		c.loop.release(b)
	}
}

// FreeTask is session.Host's.
func (c *conn) FreeTask(st *session.Task) {
	t := st.Owner.(*task)
	c.unlink(t)
	c.loop.leaveLine(t)
	t.leaveGroups()
	if t.inServer() {
		// The backend still has it; its blocks come back with loop.TaskDone.
		t.enter(taskOrphaned)
		return
	}
	c.recycle(t)
}

// Post is session.Host's.
func (c *conn) Post(m session.Message) {
	l := c.home.Load()
	l.Post(connMessage{c, l, m})
}

// connMessage is a session's message to a connection, sent to the loop that was its home.
type connMessage struct {
	c *conn
	l *loop
	m session.Message
}

// Happen implements lun.Event.
func (e connMessage) Happen() {
	c := e.c
	if c.home.Load() != e.l {
		c.Post(e.m) // it moved meanwhile
		return
	}
	c.s.Receive(c.loop.now, e.m)
	if e.l.conns[c.index] == c {
		c.mark()
	}
}

// Wake is session.Host's.
func (c *conn) Wake(from int) {
	l := c.home.Load()
	switch {
	case l.index == from:
		c.mark()
	case !l.mail.stir(c):
	case from >= 0:
		// One more entry in what the other loop submits at the end of its turn, and no system call for it.
		l.engine.loops[from].ring.Wake(l.ring)
	default:
		l.mail.wake()
	}
}

// stir marks a connection that another loop has handed requests.
func (l *loop) stir(c *conn) {
	if c.home.Load() != l {
		c.Wake(-1) // it moved meanwhile
		return
	}
	c.mark()
}

func (c *conn) unlink(t *task) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		c.tasks = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
}

// recycle gives a task's memory back, but for a block that a payload is still arriving in.
func (c *conn) recycle(t *task) {
	l := c.loop
	if t.out != nil {
		c.giveBack(t.out)
	}
	if t.buf != nil {
		l.release(t.buf)
	}
	c.unhold(t.held)
	l.tasks.put(t)
}

func (c *conn) target() *lun.Target {
	return c.s.Session().Target.Owner.(*lun.Target)
}

// nexus is nil before full feature phase and in a discovery session.
func (c *conn) nexus() *lun.Nexus { return c.nx }
