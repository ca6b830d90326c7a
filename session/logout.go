package session

import "github.com/ringtgt/ringtgt/pdu"

// logoutState is the logout that is being carried out.
type logoutState struct {
	task *Task
}

// logoutTurn carries out a Logout Request (RFC 7143, 11.14). What is still being executed is implicitly terminated (7.6);
// answers that are queued go out before the response.
func (c *Conn) logoutTurn(t *Task) {
	h := (*pdu.LogoutRequest)(&t.st.ctl.h)
	code := pdu.LogoutResponseSuccess
	switch h.Reason() {
	case pdu.LogoutCloseSession:
	case pdu.LogoutCloseConnection:
		if h.CID() != c.cid {
			code = pdu.LogoutResponseCIDNotFound
		}
	case pdu.LogoutRemoveConnectionForRecovery:
		// Needs ErrorRecoveryLevel 2, which is not offered.
		code = pdu.LogoutResponseRecoveryNotSupported
		if h.CID() != c.cid {
			code = pdu.LogoutResponseCIDNotFound
		}
	}
	t.st.ctl.response = byte(code)
	if code != pdu.LogoutResponseSuccess || c.out.task != nil {
		c.answer(t)
		return
	}
	c.out.task = t
	c.stopAll(t)
	c.logoutProgress()
}

// logoutProgress answers the logout once the host has no task any more.
func (c *Conn) logoutProgress() {
	busy := false
	c.tags.each(func(t *Task) {
		busy = busy || t.st.phase == phaseStop || t.st.phase == phaseStopping || t.st.phase == phaseRunning
	})
	if t := c.out.task; !busy && t.st.phase == phaseData {
		c.answer(t)
	}
}

// logoutResponse makes the Logout Response (11.15), after which the connection is closed.
func (c *Conn) logoutResponse(now int64, t *Task, ev *Event) {
	ev.Kind = Send
	h := (*pdu.LogoutResponse)(&ev.Header)
	h.BHS().Init(pdu.OpLogoutResponse)
	h.SetITT(t.ITT)
	h.SetResponse(pdu.LogoutResponseCode(t.st.ctl.response))
	if t != c.out.task {
		c.last(t, ev)
		return
	}
	if (*pdu.LogoutRequest)(&t.st.ctl.h).Reason() != pdu.LogoutCloseSession {
		h.SetTime2Wait(c.sess.Params.DefaultTime2Wait)
		h.SetTime2Retain(c.sess.Params.DefaultTime2Retain)
	}
	c.out.task = nil
	c.last(t, ev)
	c.finish(now, errLogout)
}
