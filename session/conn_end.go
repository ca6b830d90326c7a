package session

import "errors"

// Why connections are closed.
var (
	errLoginInFullFeature = errors.New("login request in full feature phase")
	errNotReading         = errors.New("initiator does not read its answers")
	errTooManyRejects     = errors.New("too many rejected PDUs")
	errNoPong             = errors.New("no answer to NOP-In")
	errNoAcknowledgement  = errors.New("initiator does not acknowledge its answers")
	errLoginTimeout       = errors.New("login takes too long")
	errFlushTimeout       = errors.New("initiator does not read, at a graceful close")
	errShutdown           = errors.New("shut down by the administrator")
	errNoData             = errors.New("data of a write does not come")
	errLogout             = errors.New("logout")
	errColdReset          = errors.New("TARGET COLD RESET")
)

// endState is how far a connection is with its end, and the events of its life that are to be taken.
type endState struct {
	stage    endStage
	eventful bool // nextOfLife has something to look at

	enters EventKind // SessionUp or SessionJoined while that event is pending; else 0

	move   bool // Move is to be taken
	flush  bool // Flush is to be taken once everything was sent
	close  bool // Close is to be taken
	deaf   bool // input is ignored
	mute   bool // nothing is sent any more
	closed bool // Closed was called
	down   bool // the connection has left its session
	last   bool // and was its last one: the registry is to forget the session
	ends   bool // the session ends with the logout that is answered
	keeps  bool // it was its session's last one, and keeps it for others to continue
	keepBy int64
	asked  bool // Shutdown was called: a session that is to end is not kept for anybody
	over   bool // nobody did in time

	reason   error
	flushBy  int64 // when a graceful close turns into a hard one, 0 none
	logoutBy int64 // when a shutdown stops waiting for the initiator's logout, 0 none
}

// endStage is how far it is with the end.
type endStage uint8

const (
	stageOpen   endStage = iota
	stageFlush           // what is queued is being sent
	stageFailed          // Close is wanted
	stageGone            // Closed was called
)

// nextOfLife returns Move, Close and SessionDown events.
func (c *Conn) nextOfLife(now int64, ev *Event) bool {
	e := &c.end
	switch {
	case e.move:
		e.move = false
		ev.Kind, ev.Loop = Move, c.login.loop
		return true
	case e.close && !e.closed:
		e.close = false
		ev.Kind, ev.Reason = Close, e.reason
		return true
	case e.closed && c.live == 0 && !e.down:
		e.down = true
		c.loginGone()
		if c.sess != nil {
			c.leave(now)
		}
		if e.last && !c.sess.Discovery {
			ev.Kind, ev.Session = SessionDown, c.sess
			return true
		}
	case e.keeps && e.over:
		// Nobody continued the session.
		e.keeps, e.last = false, true
		ev.Kind, ev.Session = SessionDown, c.sess // discovery sessions are not kept
		return true
	}
	if e.last {
		// Only now, with the old nexus gone, may a login that reinstates the session go on (6.3.5).
		e.last = false
		c.node.reg.leave(c.sess)
	}
	e.eventful = e.closed && !e.down
	return false
}

// fail closes the connection at once: what happened leaves nothing to be said.
func (c *Conn) fail(err error) {
	e := &c.end
	if e.stage >= stageFailed {
		return
	}
	e.stage, e.reason = stageFailed, err
	e.deaf, e.mute, e.close, e.eventful, e.flush, e.move = true, true, true, true, false, false
	e.flushBy, e.logoutBy = 0, 0
	c.stopAll(nil)
}

// finish closes the connection once everything that is queued was sent.
func (c *Conn) finish(now int64, reason error) {
	e := &c.end
	if e.stage >= stageFlush {
		return
	}
	e.stage, e.deaf, e.flush, e.reason = stageFlush, true, true, reason
	e.flushBy = now + flushTimeout
	e.logoutBy = 0
	c.stopAll(nil)
}

// Closed says that the transport is gone: no receive and no send touches a task's memory any more, and Sent is owed for
// none. Every task ends in FreeTask, those that are with the host after their Abort was answered; then SessionDown comes.
func (c *Conn) Closed(now int64) {
	e := &c.end
	if e.closed {
		return
	}
	e.stage = stageGone
	e.closed, e.deaf, e.mute, e.eventful = true, true, true, true
	c.diverts = true
	e.close, e.flush, e.flushBy, e.logoutBy = false, false, 0, 0
	e.move = false
	c.replies = replyQueue{}
	c.giveBack()
	for t := c.sending.head; t != nil; t = c.sending.head {
		c.free(t)
	}
	for t := c.answers.head; t != nil; t = c.answers.head {
		c.free(t)
	}
	for t := c.tm.held.head; t != nil; t = c.tm.held.head {
		c.free(t)
	}
	c.stopAll(nil)
}

// Terminate closes the connection at once, for the host's own reasons.
func (c *Conn) Terminate(now int64, reason error) { c.fail(reason) }

// Shutdown asks the initiator to log out (RFC 7143, 11.9.1, event 1), and closes the connection when it has not done so
// after a grace.
func (c *Conn) Shutdown(now int64) {
	c.end.asked = true
	switch {
	case c.end.keeps:
		c.expire()
	case c.end.deaf:
	case !c.fullFeature():
		c.fail(errShutdown)
	case c.sess.Discovery:
		c.finish(now, errShutdown)
	case c.end.logoutBy == 0:
		c.end.logoutBy = now + shutdownGrace
		c.asyncLogout(shutdownGrace)
	}
}

// leave takes the connection out of its session once every task of it is freed.
func (c *Conn) leave(now int64) {
	e := &c.end
	s := c.sess
	c.watch(false)
	c.shutInbox()
	c.partVisits()
	switch s.leave(c, e.lost()) {
	case leftOthers:
		// Where we dropped the connection the initiator may not know it. Where it was closed or reset, it does; and a
		// message that names the CID could reach it when it has already used that CID again.
		if e.reason != nil && e.lost() && c.fullFeature() {
			s.one(Message{kind: messageDropped, cid: c.cid})
		}
		// Its requests that ended without an answer may have opened the window.
		s.each(nil, Message{kind: messageWindow})
	case leftLogout:
		// Had it the session's logout to answer, those that wait for its end need not any more.
		s.each(nil, Message{kind: messageFollow, from: c})
	case leftKeeper:
		e.keeps = true
		e.keepBy = now + s.Params.keepFor()
		c.node.reg.keeps(c)
	case leftNobody:
		e.last = true
	}
}

// lost says that the connection ended without having been logged out, explicitly or by its successor, or closed on purpose.
func (e *endState) lost() bool {
	if e.asked {
		return false
	}
	switch e.reason {
	case errLogout, errShutdown, errColdReset, errReinstated, errConnReinstated:
		return false
	}
	return true
}

// expire ends the session that the connection keeps.
func (c *Conn) expire() {
	if c.end.keeps && c.sess.expire(c) {
		c.end.over, c.end.eventful = true, true
		c.node.reg.keptNoMore(c)
	}
}

// relieved says that another connection continues the session.
func (c *Conn) relieved() {
	c.end.keeps = false
	c.node.reg.keptNoMore(c)
}

// Over says that nothing more will come of the connection, after Closed: the host may forget it.
func (c *Conn) Over() bool { return c.end.down && !c.end.last && !c.end.keeps }

// shutInbox ends what other loops may hand to the connection.
func (c *Conn) shutInbox() {
	c.emptyInbox()
	for t := c.in.head.Swap(shut); t != nil && t != shut; {
		next := t.st.handed
		c.turn.push(t)
		t = next
	}
	c.takeTurns()
}
