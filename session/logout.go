package session

import "github.com/ringtgt/ringtgt/pdu"

// logoutState is the logout that is being carried out.
type logoutState struct {
	task   *Task
	turn   uint32 // counts logouts, so that a report for an earlier one is known
	others int    // connections of the session that have not reported yet
	by     *Conn  // the session is being logged out on that connection
	quiet  bool   // that connection waits until the host has no task of this one
	ends   bool   // the session ends with the logout that was answered
}

// logoutTurn carries out a Logout Request (RFC 7143, 11.14). What is still being executed is implicitly terminated (7.6);
// answers that are queued go out before the response.
func (c *Conn) logoutTurn(t *Task) {
	h := (*pdu.LogoutRequest)(&t.st.ctl.h)
	if c.out.task != nil {
		t.st.ctl.response = byte(pdu.LogoutResponseCleanupFailed) // one at a time
		t.answer()
		return
	}
	var code pdu.LogoutResponseCode
	switch h.Reason() {
	case pdu.LogoutCloseSession:
		c.logoutBegins(t)
		c.stopAll(t)
		c.sess.close()
		c.out.others = c.sess.quiesce(c, c.out.turn)
	case pdu.LogoutCloseConnection:
		if h.CID() == c.cid {
			c.logoutBegins(t)
			c.stopAll(t)
			break
		}
		c.logoutBegins(t)
		if c.out.others = c.sess.drop(h.CID(), c, c.out.turn); c.out.others == 0 {
			c.out.task = nil
			code = pdu.LogoutResponseCIDNotFound
		}
	case pdu.LogoutRemoveConnectionForRecovery:
		// Needs ErrorRecoveryLevel 2, which is not offered.
		code = pdu.LogoutResponseRecoveryNotSupported
		if c.sess.byCID(h.CID()) == nil {
			code = pdu.LogoutResponseCIDNotFound
		}
	}
	t.st.ctl.response = byte(code)
	if code != pdu.LogoutResponseSuccess {
		t.answer()
		return
	}
	c.logoutProgress()
}

func (c *Conn) logoutBegins(t *Task) {
	c.out.task = t
	c.out.turn++
	c.out.others = 0
}

// logoutReported takes that message. One for an earlier logout means nothing.
func (c *Conn) logoutReported(turn uint32) {
	if c.out.task != nil && c.out.turn == turn {
		c.out.others--
		c.logoutProgress()
	}
}

// closesSelf says that a logout is about the connection that it came on, or the whole session.
func (c *Conn) closesSelf(t *Task) bool {
	h := (*pdu.LogoutRequest)(&t.st.ctl.h)
	return h.Reason() == pdu.LogoutCloseSession || h.CID() == c.cid
}

// quieten stops the connection's tasks and its input, since its session is being logged out on another. That one receives its
// report when the host has none of them left.
func (c *Conn) quieten(by *Conn) {
	c.out.by = by
	if c.end.connPhase == connOpen {
		c.end.move(connQuiet)
	}
	c.stopAll(nil)
	c.out.quiet = true
	c.logoutProgress()
}

// busy says that the host has tasks of the connection.
func (c *Conn) busy() bool {
	busy := false
	c.tags.each(func(t *Task) {
		busy = busy || t.st.phase == phaseStop || t.st.phase == phaseStopping || t.st.phase == phaseRunning ||
			t.st.phase == phaseUnwanted
	})
	return busy
}

// logoutProgress answers the logout once the host has no task any more that it is to end, here or on other connections.
func (c *Conn) logoutProgress() {
	if c.out.quiet && !c.busy() {
		c.out.quiet = false
		c.sess.quieted(c)
	}
	t := c.out.task
	if t == nil || c.out.others > 0 || t.st.phase != phaseData || c.closesSelf(t) && c.busy() {
		return
	}
	if !c.closesSelf(t) {
		c.out.task = nil
	}
	t.answer()
}

// logoutResponse makes the Logout Response (11.15), after which the connection is closed.
func (c *Conn) logoutResponse(now int64, t *Task, ev *Event) {
	ev.Kind = Send
	h := (*pdu.LogoutResponse)(&ev.Header)
	h.BHS().Init(pdu.OpLogoutResponse)
	h.SetITT(t.ITT)
	h.SetResponse(pdu.LogoutResponseCode(t.st.ctl.response))
	if t != c.out.task {
		t.last(ev)
		return
	}
	if (*pdu.LogoutRequest)(&t.st.ctl.h).Reason() != pdu.LogoutCloseSession {
		h.SetTime2Wait(c.sess.Params.DefaultTime2Wait)
		h.SetTime2Retain(c.sess.Params.DefaultTime2Retain)
	}
	c.out.task = nil
	t.last(ev)
	if (*pdu.LogoutRequest)(&t.st.ctl.h).Reason() == pdu.LogoutCloseSession {
		c.sess.each(c, Message{kind: messageFinish, reason: errLogout})
		c.out.ends = true
	} else {
		c.out.ends = c.sess.closeAfter(c)
	}
	c.finish(now, errLogout)
}
