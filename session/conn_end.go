package session

import "errors"

// The reasons for which connections are closed.
var (
	errLoginInFullFeature = errors.New("login request in full feature phase")
	errNotReading         = errors.New("initiator does not read responses")
	errTooManyRejects     = errors.New("too many rejected PDUs")
	errNoPong             = errors.New("no answer to NOP-In")
	errNoAcknowledgement  = errors.New("initiator does not acknowledge responses")
	errLoginTimeout       = errors.New("login takes too long")
	errFlushTimeout       = errors.New("initiator does not read, at a graceful close")
	errShutdown           = errors.New("shut down by the administrator")
	errNoData             = errors.New("the data of a write has not arrived in time")
	errLogout             = errors.New("logout")
	errLogoutTimeout      = errors.New("the session's logout on another connection takes too long")
	errNotContinued       = errors.New("no connection continued the session in time")
	errTooManyKept        = errors.New("too many sessions wait for a connection")
	errColdReset          = errors.New("TARGET COLD RESET")
	errNexusReset         = errors.New("I_T NEXUS RESET")
)

// nextOfLife returns the events of a connection's end, and Move, which comes before full feature phase.
func (c *Conn) nextOfLife(now int64, ev *Event) bool {
	e := &c.end
	switch e.connPhase {
	case connOpen:
		return c.login != nil && c.login.nextMove(ev)
	case connFailing:
		e.move(connFailed)
		ev.Kind, ev.Reason = Close, e.reason
		return true
	case connClosed:
		if c.live > 0 {
			return false
		}
		if c.login != nil {
			c.login.gone()
		}
		e.move(c.leave(now))
		if e.connPhase == connLast && !c.sess.Discovery {
			ev.Kind, ev.Session = SessionDown, c.sess
			return true
		}
	case connExpired:
		e.move(connLast)
		ev.Kind, ev.Session, ev.Reason = SessionDown, c.sess, e.expired // discovery sessions are not kept
		return true
	}
	if e.connPhase == connLast {
		// Only now, with the old nexus gone, may a login that reinstates the session continue (6.3.5).
		e.move(connGone)
		c.node.reg.leave(c.sess)
	}
	return false
}

// fail closes the connection at once, and sends nothing more.
func (c *Conn) fail(err error) {
	e := &c.end
	if e.connPhase >= connFailing {
		return
	}
	e.move(connFailing)
	e.reason, e.by = err, 0
	c.stopAll(nil)
}

// finish closes the connection once everything that is queued has been sent.
func (c *Conn) finish(now int64, reason error) {
	e := &c.end
	if e.connPhase >= connFlushing {
		return
	}
	e.move(connFlushing)
	e.reason, e.by = reason, now+flushTimeout
	c.stopAll(nil)
}

// nextFlush returns Flush once everything that is queued has been sent. last is set if the session ends with the connection.
func (e *endState) nextFlush(ev *Event, last bool) bool {
	if e.connPhase != connFlushing {
		return false
	}
	e.move(connFlushed)
	ev.Kind, ev.Reason, ev.Last = Flush, e.reason, last
	return true
}

// Closed reports that the transport is gone: no receive or send accesses a task's memory any more, and the host does not call
// Sent again. Tasks are freed at once, except those that the host has: they are freed when it answers their Abort. SessionDown follows if the session
// ends.
func (c *Conn) Closed(now int64) {
	e := &c.end
	if e.closed() {
		return
	}
	e.move(connClosed)
	e.by = 0
	c.tm.diverts = true
	c.replies = replyQueue{}
	c.giveBack()
	for t := c.sending.head; t != nil; t = c.sending.head {
		t.free()
	}
	for t := c.answers.head; t != nil; t = c.answers.head {
		t.free()
	}
	for t := c.tm.held.head; t != nil; t = c.tm.held.head {
		t.free()
	}
	c.stopAll(nil)
}

// Terminate closes the connection at once, for the given reason.
func (c *Conn) Terminate(now int64, reason error) { c.fail(reason) }

// leave takes the connection out of its session once all its tasks are freed, and returns the phase that follows.
func (c *Conn) leave(now int64) connPhase {
	e := &c.end
	s := c.sess
	if s == nil {
		return connGone
	}
	c.turns.watch(false)
	c.turns.shut()
	c.tm.leave()
	switch s.leave(c, e.lost()) {
	case leftOthers:
		// If we dropped the connection, the initiator may not know it yet. If the initiator closed or reset it, it needs no message,
		// and one could arrive when the CID is already in use again.
		if e.reason != nil && e.lost() && c.fullFeature() {
			s.one(Message{kind: messageDropped, cid: c.cid})
		}
		// Requests of the connection that ended without an answer may have opened the window.
		s.each(nil, Message{kind: messageWindow})
	case leftLogout:
		// If this connection was to answer the session's logout, the others need not wait for that any more.
		s.each(nil, Message{kind: messageFollow, from: c})
	case leftKeeper:
		e.by = now + s.Params.keepFor()
		c.node.reg.keeps(c)
		return connKeeping
	case leftNobody:
		return connLast
	}
	return connGone
}

// lost reports whether the connection ended without a logout, explicit or implied by reinstatement, and was not closed on purpose.
func (e *endState) lost() bool {
	if e.asking == askedSession {
		return false
	}
	switch e.reason {
	case errLogout, errShutdown, errColdReset, errNexusReset, errReinstated, errConnReinstated:
		return false
	}
	return true
}

// expire ends the session that the connection keeps, unless another connection has just continued it.
func (c *Conn) expire(why error) {
	if c.end.connPhase == connKeeping && c.sess.expire(c) {
		c.end.move(connExpired)
		c.end.by, c.end.expired = 0, why
		c.node.reg.keptNoMore(c)
	}
}

// relieved ends the connection, because another one continues the session that it kept.
func (c *Conn) relieved() {
	c.end.move(connGone)
	c.end.by = 0
	c.node.reg.keptNoMore(c)
}

// Over reports whether nothing more follows: the host may forget the connection.
func (c *Conn) Over() bool { return c.end.connPhase == connGone }
