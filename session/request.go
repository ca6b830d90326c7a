package session

import (
	"unsafe"

	"github.com/ringtgt/ringtgt/pdu"
)

// ctlRequest is what a request that is no SCSI command carries besides its Task. It is made for each, off the data path.
type ctlRequest struct {
	h    pdu.BHS
	data []byte // ping data or text, in the host's memory

	response byte // task management, logout
	reply    textReply
	text     *textRequest // for a Text Request whose text is complete
}

// RequestBytes is the Go memory that a request other than a SCSI command takes beside its Task, for the host's sum.
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
	if kind == kindLogout && (*pdu.LogoutRequest)(h).Reason() > pdu.LogoutRemoveConnectionForRecovery {
		c.refuse(pdu.RejectInvalidPDUField) // 11.14.1
		return
	}
	t := c.newTask(h, kind)
	if t == nil {
		return
	}
	if kind == kindText {
		if reason := c.txt.judge((*pdu.TextRequest)(h)); reason != 0 {
			t.free()
			c.refuse(reason)
			return
		}
	}
	t.st.ctl = &ctlRequest{h: *h}
	// A ping may be as long as our MaxRecvDataSegmentLength (13.12).
	if n := h.DataLen(); n > 0 && (kind == kindNOP || kind == kindText) {
		if t.st.ctl.data = c.host.Memory(n); t.st.ctl.data == nil {
			t.free()
			c.noMemory(h)
			return
		}
		c.rx.data = t.st.ctl.data
	}
	if kind == kindText {
		c.txt.task = t
	}
	c.rx.act, c.rx.task = actRequest, t
}

// noMemory refuses a request because memory is short. The initiator may try again, with the same CmdSN if it has one (11.17.1).
func (c *Conn) noMemory(h *pdu.BHS) {
	if h.Immediate() {
		c.refuse(pdu.RejectImmediateCommand)
	} else {
		c.refuse(pdu.RejectLongOperation)
	}
}

// requestPayload is such a request complete.
func (c *Conn) requestPayload(t *Task) {
	h := &t.st.ctl.h
	switch t.st.kind {
	case kindManagement:
		m := (*pdu.TaskManagementRequest)(h)
		t.Manage, t.LUN = m.Function(), m.LUN()
		t.st.raises = t.overSet(c.sess) && t.st.tmf.counts
	case kindText:
		if reason := c.textArrived(t); reason != 0 {
			t.free()
			c.reject(reason, h)
			return
		}
	}
	t.offer()
}
