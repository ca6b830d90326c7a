package session

import "github.com/ringtgt/ringtgt/pdu"

// logout is a connection's part in logouts: in the one that it received, and in a logout of the session that another connection
// received.
type logout struct {
	conn   logoutConn
	task   *Task  // the Logout Request that is carried out; nil: none
	turn   uint32 // counts logouts, to recognize a report for an earlier one
	others int    // connections that have not reported yet
	// ends is set if the session ends with the logout that was answered. It is read when Flush is taken, after the task was freed.
	ends bool

	by *Conn // the connection on which the session is being logged out; nil: none
	// left is a connection that has left while it logged the session out. messageFollow may arrive before messageQuieten, which a
	// move to another loop can delay.
	left *Conn
	// owes is set while the connection still has to report that the host has none of its tasks. It is a field of its own because
	// both logouts may be in progress at once.
	owes bool
}

// execute carries out a Logout Request (RFC 7143, 11.14). Commands that have not ended are implicitly terminated (7.6); queued
// answers are sent before the response.
func (o *logout) execute(t *Task) {
	code := pdu.LogoutResponseCode(pdu.LogoutResponseCleanupFailed) // one at a time
	if o.task == nil {
		code = o.begin(t)
	}
	t.st.ctl.response = byte(code)
	if code != pdu.LogoutResponseSuccess {
		t.answer()
		return
	}
	o.progress()
}

// begin starts to end the connection or session that the request names. If it returns a code other than success, the request is
// answered at once.
func (o *logout) begin(t *Task) pdu.LogoutResponseCode {
	h := (*pdu.LogoutRequest)(&t.st.ctl.h)
	s, self := o.conn.session(), o.conn.self()
	if h.Reason() == pdu.LogoutRemoveConnectionForRecovery {
		// This needs ErrorRecoveryLevel 2, which is not offered.
		if s.byCID(h.CID()) == nil {
			return pdu.LogoutResponseCIDNotFound
		}
		return pdu.LogoutResponseRecoveryNotSupported
	}
	o.task, o.others = t, 0
	o.turn++
	switch {
	case h.Reason() == pdu.LogoutCloseSession:
		o.conn.stopAll(t)
		if !s.close() {
			// Another connection ends the session already, and this one with it. Two logouts that waited for each other's
			// connections would free each other, and neither would be answered.
			o.others = 1
			break
		}
		o.others = s.quiesce(self, o.turn)
	case h.CID() == o.conn.CID():
		o.conn.stopAll(t)
	default:
		if o.others = s.drop(h.CID(), self, o.turn); o.others == 0 {
			o.task = nil
			return pdu.LogoutResponseCIDNotFound
		}
	}
	return pdu.LogoutResponseSuccess
}

// reported counts down the connections that have not reported. Reports for an earlier logout are ignored.
func (o *logout) reported(turn uint32) {
	if o.task != nil && o.turn == turn {
		o.others--
		o.progress()
	}
}

// closesSelf reports whether a logout closes the connection on which it arrived, or the whole session.
func (o *logout) closesSelf(t *Task) bool {
	h := (*pdu.LogoutRequest)(&t.st.ctl.h)
	return h.Reason() == pdu.LogoutCloseSession || h.CID() == o.conn.CID()
}

// quieten stops the connection's tasks and its input: its session is being logged out on another connection, which receives a
// report when the host has none of these tasks left.
func (o *logout) quieten(by *Conn) {
	o.by = by
	if o.left != nil && by == o.left {
		o.conn.fail(errLogout)
		return
	}
	o.conn.deafen()
	o.owes = true
	o.progress()
}

// follow ends the connection if its session was being logged out on from, which has left. Nothing else would end it.
func (o *logout) follow(from *Conn) {
	o.left = from
	if o.by == from {
		o.conn.fail(errLogout)
	}
}

// progress sends the report and the response that wait for the host's tasks, once those have ended.
func (o *logout) progress() {
	if o.owes && !o.conn.busy() {
		o.owes = false
		o.conn.session().quieted(o.conn.self())
	}
	t := o.task
	if t == nil || o.others > 0 || t.st.phase != phaseData || o.closesSelf(t) && o.conn.busy() {
		return
	}
	if !o.closesSelf(t) {
		o.task = nil
	}
	t.answer()
}

// response makes the Logout Response (11.15), after which the connection is closed.
func (o *logout) response(now int64, t *Task, ev *Event) {
	ev.Kind = Send
	h := (*pdu.LogoutResponse)(&ev.Header)
	h.BHS().Init(pdu.OpLogoutResponse)
	h.SetITT(t.ITT)
	h.SetResponse(pdu.LogoutResponseCode(t.st.ctl.response))
	if t != o.task {
		t.last(ev)
		return
	}
	s, self := o.conn.session(), o.conn.self()
	whole := (*pdu.LogoutRequest)(&t.st.ctl.h).Reason() == pdu.LogoutCloseSession
	if !whole {
		h.SetTime2Wait(s.Params.DefaultTime2Wait)
		h.SetTime2Retain(s.Params.DefaultTime2Retain)
	}
	o.task = nil
	t.last(ev)
	if whole {
		s.each(self, Message{kind: messageFinish, reason: errLogout})
		o.ends = true
	} else {
		o.ends = s.closeAfter(self)
	}
	o.conn.finish(now, errLogout)
}
