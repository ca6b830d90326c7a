package engine

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
)

// conn is one TCP connection on its loop: the socket, the protocol, and the operations that are with the kernel.
type conn struct {
	loop  *loop
	index int // in loop.conns, and in the user data of its operations
	fd    int
	s     *session.Conn
	name  connName

	portal *portal // through which it came in

	// home is loop, for other threads to read. It changes at most once, when the connection moves (move.go).
	home        atomic.Pointer[loop]
	stirred     atomic.Bool // in the mailbox of its home
	nextStirred *conn
	placement   placement
	steered     bool // engine.steer has an entry for it
	phase       connPhase
	moveTo      int // index of the loop that it moves to, in connMoving

	nx *lun.Nexus // see nexus

	recv recvState
	send sendState

	since time.Time
	lost  string // how the transport ended, "" if it did not end the connection
	tasks *task  // all tasks from NewTask to FreeTask
	lat   connLatency

	share    *share      // its initiator's; nil until it first takes memory
	limits   *connLimits // of its commands; nil: there are none
	limited  bool        // it has looked for limits: it is in full feature phase
	requests int         // bytes of the arena that pings and text hold
	narrowed bool        // the session's command window is narrow: its initiator wants more memory than it may have

	// dirty: on the loop's list of connections to pump this turn.
	dirty    bool
	nextD    *conn
	wantRecv bool  // on loop.rearms
	timer    int   // 1 + the index of its entry in the loop's timers, 0 if none
	lingerBy int64 // when connLingering ends
	// abandonBy is when to check for aborted tasks that the backend still has, 0 if there are none.
	abandonBy int64
}

// connName identifies a connection in the log and in status.
type connName struct{ local, remote netip.AddrPort }

// mark puts the connection on the list of those to pump at the end of the turn. A backend that answers late may mark a
// connection that was dropped; there is nothing to pump then.
func (c *conn) mark() {
	if !c.dirty && c.phase != connDropped {
		c.dirty = true
		c.nextD = c.loop.dirty
		c.loop.dirty = c
	}
}

// take handles the protocol's events until there are none left, or the batch has no room for the next. It stages PDUs to send.
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
			c.execute(c.task(ev.Task))
		case session.Abort:
			c.abort(c.task(ev.Task))
		case session.Manage:
			c.manage(ev.Task)
		case session.SessionUp, session.SessionJoined:
			c.established()
			c.loggedIn(ev.Kind)
		case session.DiscoveryUp:
			c.loggedIn(ev.Kind)
		case session.Move:
			if c.phase == connServing { // otherwise its input ended after the request that moves it
				c.moveTo = ev.Loop
				c.enter(connMoving)
			}
		case session.SessionDown:
			l.engine.nexuses.leave(ev.Session).Close()
			if ev.Reason != nil {
				c.expired(ev.Session, ev.Reason)
			}
		case session.Flush:
			if c.phase < connFlushing {
				c.end(connFlushing)
			}
			if ev.Last {
				c.closeNexus()
			}
		case session.Close:
			c.shutdown()
		}
	}
}

// pump handles the protocol's events, starts a send, and moves or finishes the connection if it is time to.
func (c *conn) pump() {
	c.take()
	c.flushSend()
	if c.phase == connMoving && c.send.idle() && c.send.notifying == 0 && !c.dirty { // if it was marked again, it is pumped again this turn
		c.move()
		return
	}
	c.armTimer()
	c.finish()
}

// finish advances a closing connection: it shuts it down when nothing is left to send, and closes it when the kernel has none of
// its operations.
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
		c.enter(connClosed) // no payload arrives from now on: see recycle
		c.closeSocket()
		c.recv.dropHeld(c.loop)
		c.s.Closed(c.loop.now)
		c.mark() // takes the Abort and SessionDown events that follow
		return
	}
	if c.tasks == nil && !c.dirty && c.send.notifying == 0 && c.s.Over() {
		c.loop.drop(c)
	}
}

// The methods of session.Host follow. They return at once and do not call back into the session.

// NewNexus implements session.Host.
func (c *conn) NewNexus(s *session.Session) error {
	e := c.loop.engine
	tgt := e.devices.of(s.Target)
	if tgt == nil {
		return fmt.Errorf("engine: target %s: %w (see SetDevices)", s.Target.Name, session.ErrNoDevice)
	}
	cfg := lun.NexusConfig{InitiatorName: s.InitiatorName, Account: s.Account, ISID: s.ISID, TPGT: s.TPGT, RelPort: s.TPGT,
		ProtocolLevel: uint16(s.Params.ProtocolLevel)}
	if err := tgt.Claims(&cfg, s.Target.Auth.Knows); err != nil {
		return err
	}
	e.nexuses.enter(s, tgt.NewNexus(cfg))
	return nil
}

// NewTask implements session.Host.
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

// DataOut implements session.Host. The buffer is as long as EDTL or what the CDB transfers, whichever is shorter.
func (c *conn) DataOut(st *session.Task, may bool) session.OutState {
	t := c.task(st)
	// A write may change the memory of a Mapped backend while a read of it is being sent, and a data digest would not match: with
	// digests the data is copied, see stage.
	var out int
	u := &t.l
	u.Nexus, u.LUN, u.CDB = c.nexus(), st.LUN, st.CDB
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

// giveBack releases a block, but not before a payload that is arriving in it is complete.
func (c *conn) giveBack(b []byte) {
	if c.phase < connClosed && c.recv.writesTo(b, c.s) {
		c.recv.hold(b)
	} else {
		c.loop.release(b)
	}
}

// FreeTask implements session.Host.
func (c *conn) FreeTask(st *session.Task) {
	t := c.task(st)
	if st.Terminated {
		if n := c.nexus(); n != nil {
			n.Terminated(st.LUN)
		}
	}
	c.unlink(t)
	c.loop.leaveLine(t)
	t.leaveGroups()
	if t.inServer() {
		// The backend still has it; task.TaskDone releases its blocks.
		t.enter(taskOrphaned)
		c.loop.orphaned(t)
		return
	}
	c.recycle(t)
}

// Post implements session.Host.
func (c *conn) Post(m session.Message) {
	l := c.home.Load()
	l.Post(connMessage{c, l, m})
}

// connMessage is a session's message to a connection, posted to the loop that was its home at the time.
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

// Wake implements session.Host.
func (c *conn) Wake(from int) {
	l := c.home.Load()
	switch {
	case l.index == from:
		c.mark()
	case !l.mail.stir(c):
	case from >= 0:
		// This adds an entry to what the other loop submits at the end of its turn, and costs no system call.
		l.engine.loops[from].ring.Wake(l.ring)
	default:
		l.mail.wake()
	}
}

// stir marks a connection to which another loop has handed requests.
func (l *loop) stir(c *conn) {
	if c.home.Load() != l {
		c.Wake(-1) // it moved meanwhile
		return
	}
	c.mark()
}

// task returns the task whose protocol half is st. It is on c's loop: c moves before it has any.
func (c *conn) task(st *session.Task) *task { return c.loop.tasks.of(st) }

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

// orphaned puts a task on the list of those that only the device server has.
func (l *loop) orphaned(t *task) {
	if t.next = l.orphans; t.next != nil {
		t.next.prev = t
	}
	l.orphans = t
}

// adopted takes a task off that list.
func (l *loop) adopted(t *task) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		l.orphans = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
}

// recycle releases a task's memory, except a block in which a payload is still arriving.
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

// nexus is nil before full feature phase and in a discovery session. It is looked up once, by the first command, which may come
// before SessionUp is taken.
func (c *conn) nexus() *lun.Nexus {
	if c.nx == nil {
		if s := c.s.Session(); s != nil && !s.Discovery {
			c.nx = c.loop.engine.nexuses.of(s)
		}
	}
	return c.nx
}

// target is the nexus's; there must be one.
func (c *conn) target() *lun.Target { return c.nexus().Target() }
