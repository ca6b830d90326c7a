package session

import "github.com/ringtgt/ringtgt/pdu"

// ctlRequest is what a request that is no SCSI command carries besides its Task. It is made for each, off the data path.
type ctlRequest struct {
	h    pdu.BHS
	data []byte // ping data or text of the request, at most MaxCopy bytes

	response byte // task management, logout
	reply    textReply
}

// requestHeader takes a NOP-Out, Text, Logout or Task Management Function Request.
func (c *Conn) requestHeader(h *pdu.BHS) {
	op := h.Opcode()
	if op == pdu.OpNOPOut && h.ITT() == pdu.ReservedTag {
		// The answer to a NOP-In, or a NOP-Out that wants none: always immediate (11.18.1).
		if !h.Immediate() {
			c.refuse(pdu.RejectProtocolError)
			return
		}
		c.rx.act = actPong
		return
	}
	kind := kindText
	switch op {
	case pdu.OpNOPOut:
		kind = kindNOP
	case pdu.OpLogoutRequest:
		kind = kindLogout
	case pdu.OpTaskManagementRequest:
		kind = kindManagement
	}
	if c.sess.Discovery && kind != kindText && kind != kindLogout {
		c.refuse(pdu.RejectCommandNotSupported) // 4.3
		return
	}
	if h.DataLen() > MaxCopy {
		c.refuse(pdu.RejectLongOperation)
		return
	}
	if kind == kindLogout && (*pdu.LogoutRequest)(h).Reason() > pdu.LogoutRemoveConnectionForRecovery {
		c.refuse(pdu.RejectInvalidPDUField) // 11.14.1
		return
	}
	if kind == kindText {
		if reason := c.txt.judge((*pdu.TextRequest)(h)); reason != 0 {
			c.refuse(reason)
			return
		}
	}
	t := c.newTask(h, kind)
	if t == nil {
		return
	}
	c.rx.act, c.rx.task = actRequest, t
	if kind == kindNOP || kind == kindText {
		c.rx.data = c.control(h.DataLen())
	}
}

// requestPayload is such a request complete.
func (c *Conn) requestPayload(t *Task, rx *rxState) {
	h := c.framer.Header()
	r := &ctlRequest{h: *h}
	if n := h.DataLen(); rx.data != nil {
		r.data = append(r.data, rx.data[:n]...)
	}
	t.st.ctl = r
	if t.st.kind == kindManagement {
		m := (*pdu.TaskManagementRequest)(h)
		t.Manage, t.LUN = m.Function(), m.LUN()
		t.st.raises = t.overSet(c.sess)
	}
	c.offer(t)
}
