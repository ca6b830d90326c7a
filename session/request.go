package session

import (
	"unsafe"

	"github.com/ringtgt/ringtgt/pdu"
)

// ctlRequest holds the data of a request other than a SCSI command that has no place in its Task. It is allocated for each, off the
// data path.
type ctlRequest struct {
	h    pdu.BHS
	data []byte // ping data or text, in the host's memory

	response byte // task management, logout
	reply    textReply
	text     *textRequest // for a Text Request whose text is complete
}

// RequestBytes is the Go memory that a request other than a SCSI command takes in addition to its Task, for the host's memory bound.
const RequestBytes = int(unsafe.Sizeof(ctlRequest{}))

// drop frees a request's memory.
func (r *ctlRequest) drop(h Host) {
	if r == nil {
		return
	}
	if r.data != nil {
		h.Release(r.data)
	}
	if r.reply.data != nil && !r.reply.own {
		h.Release(r.reply.data)
	}
	r.data, r.reply.data = nil, nil
}

// requestKind returns the kind of a request other than a SCSI command.
func requestKind(op pdu.Opcode) taskKind {
	switch op {
	case pdu.OpNOPOut:
		return kindNOP
	case pdu.OpLogoutRequest:
		return kindLogout
	case pdu.OpTaskManagementRequest:
		return kindManagement
	}
	return kindText
}

// requestHeader handles the header of a NOP-Out, Text, Logout or Task Management Function Request.
func (c *Conn) requestHeader(h *pdu.BHS) {
	if h.Opcode() == pdu.OpNOPOut && h.ITT() == pdu.ReservedTag {
		// The answer to a NOP-In, or a NOP-Out that wants none: always immediate (11.18.1).
		if !h.Immediate() {
			c.refuse(pdu.RejectProtocolError)
			return
		}
		c.rx.act = actPong
		return
	}
	kind := requestKind(h.Opcode())
	if c.sess.Discovery && kind != kindText && kind != kindLogout {
		c.refuse(pdu.RejectCommandNotSupported) // 4.3
		return
	}
	if kind == kindLogout && (*pdu.LogoutRequest)(h).Reason() > pdu.LogoutRemoveConnectionForRecovery {
		c.refuse(pdu.RejectInvalidPDUField) // 11.14.1
		return
	}
	t := c.newTask(h, kind)
	if t == nil {
		return
	}
	t.st.ctl = &ctlRequest{h: *h}
	if reason := t.prepare(); reason != 0 {
		t.free()
		c.refuse(reason)
		return
	}
	c.rx.data = t.st.ctl.data
	c.rx.act, c.rx.task = actRequest, t
}

// prepare allocates memory for a request's data. It returns the reason if the request is rejected, or 0.
func (t *Task) prepare() pdu.RejectReason {
	c, ctl := t.Conn, t.st.ctl
	if t.st.kind == kindText {
		if reason := c.txt.judge((*pdu.TextRequest)(&ctl.h)); reason != 0 {
			return reason
		}
	}
	// A ping may be as long as our MaxRecvDataSegmentLength (13.12).
	if n := ctl.h.DataLen(); n > 0 && (t.st.kind == kindNOP || t.st.kind == kindText) {
		if ctl.data = c.host.Memory(n); ctl.data == nil {
			return noMemory(&ctl.h)
		}
	}
	if t.st.kind == kindText {
		c.txt.task = t
	}
	return 0
}

// requestPayload handles such a request once it is complete.
func (t *Task) requestPayload() {
	c, h := t.Conn, &t.st.ctl.h
	switch t.st.kind {
	case kindManagement:
		m := (*pdu.TaskManagementRequest)(h)
		t.Manage, t.LUN = m.Function(), m.LUN()
		t.st.raises = t.overSet(c.sess) && t.st.tmf.counts
	case kindText:
		if reason := c.txt.arrived(t.st.ctl); reason != 0 {
			t.free()
			c.reject(reason, h)
			return
		}
	}
	t.offer()
}
