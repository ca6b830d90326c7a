package session

import "errors"

// Why connections are closed.
var (
	errLoginInFullFeature = errors.New("login request in full feature phase")
	errNotReading         = errors.New("initiator does not read its answers")
	errTooManyRejects     = errors.New("too many rejected PDUs")
	errNoPong             = errors.New("no answer to NOP-In")
	errLoginTimeout       = errors.New("login takes too long")
	errFlushTimeout       = errors.New("initiator does not read, at a graceful close")
	errShutdown           = errors.New("shut down by the administrator")
	errLogout             = errors.New("logout")
	errColdReset          = errors.New("TARGET COLD RESET")
)

// endState is how far a connection is with its end, and the events of its life that are to be taken.
type endState struct {
	stage    endStage
	eventful bool // nextOfLife has something to look at

	up     bool // SessionUp is to be taken
	flush  bool // Flush is to be taken once everything was sent
	close  bool // Close is to be taken
	deaf   bool // input is ignored
	mute   bool // nothing is sent any more
	closed bool // Closed was called
	down   bool // the connection has left its session
	last   bool // and was its last one: the registry is to forget the session

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

// nextOfLife takes SessionUp, Close and SessionDown.
func (c *Conn) nextOfLife(now int64, ev *Event) bool {
	e := &c.end
	switch {
	case e.up:
		e.up = false
		ev.Kind = SessionUp
		return true
	case e.close && !e.closed:
		e.close = false
		ev.Kind, ev.Reason = Close, e.reason
		return true
	case e.closed && c.live == 0 && !e.down:
		e.down = true
		c.loginGone()
		e.last = c.sess != nil && c.sess.leave(c)
		if e.last && !c.sess.Discovery {
			ev.Kind = SessionDown
			return true
		}
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
	e.deaf, e.mute, e.close, e.eventful, e.flush = true, true, true, true, false
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
	e.close, e.flush, e.flushBy, e.logoutBy = false, false, 0, 0
	c.replies = replyQueue{}
	c.giveBack()
	for t := c.sending.head; t != nil; t = c.sending.head {
		c.free(t)
	}
	for t := c.answers.head; t != nil; t = c.answers.head {
		c.free(t)
	}
	c.stopAll(nil)
}

// Terminate closes the connection at once, for the host's own reasons.
func (c *Conn) Terminate(now int64, reason error) { c.fail(reason) }

// Shutdown asks the initiator to log out (RFC 7143, 11.9.1, event 1), and closes the connection when it has not done so
// after a grace.
func (c *Conn) Shutdown(now int64) {
	switch {
	case c.end.deaf:
	case c.sess == nil:
		c.fail(errShutdown)
	case c.sess.Discovery:
		c.finish(now, errShutdown)
	case c.end.logoutBy == 0:
		c.end.logoutBy = now + shutdownGrace
		c.asyncLogout(shutdownGrace)
	}
}
