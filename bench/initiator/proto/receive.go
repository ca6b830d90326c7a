package proto

import (
	"fmt"

	"github.com/ringtgt/ringtgt/pdu"
)

// rx is the PDU whose data segment is arriving.
type rx struct {
	cmd  *Command // of a Data-In: where the data goes
	text []byte   // room for every other data segment, made when first needed
}

// Feed takes bytes of the stream, all of them. After an error the connection cannot be used:
// the driver closes it and calls End.
func (c *Conn) Feed(b []byte) error {
	for len(b) > 0 {
		n, st, err := c.framer.Feed(b)
		b = b[n:]
		if err != nil {
			c.violation("%v: header % x", err, c.framer.Header()[:])
			return err
		}
		switch st {
		case pdu.HeaderReady:
			if c.ended {
				return ErrConnLost
			}
			if err := c.header(); err != nil {
				return err
			}
		case pdu.PDUReady:
			if err := c.payload(); err != nil {
				return err
			}
		}
	}
	return nil
}

// header handles a header. PDUs without data are complete with it.
func (c *Conn) header() error {
	h := c.framer.Header()
	if h.Opcode() == pdu.OpDataIn {
		return c.dataIn(h)
	}
	n := h.DataLen()
	if n == 0 {
		return c.pdu(h, nil)
	}
	c.framer.Payload(c.room(n))
	return nil
}

func (c *Conn) payload() error {
	h := c.framer.Header()
	if !c.framer.DataDigestOK() {
		// At ErrorRecoveryLevel 0 there is no way to have it again (7.8).
		c.violation("%v has a wrong data digest", h.Opcode())
		return ErrDataDigest
	}
	if h.Opcode() == pdu.OpDataIn {
		cmd := c.rx.cmd
		c.rx.cmd = nil
		if cmd == nil {
			return nil // the task ended while its data came
		}
		return c.dataInEnd(h, cmd)
	}
	return c.pdu(h, c.rx.text[:h.DataLen()])
}

// room returns memory for the n bytes of a data segment that is not a read's; n is not above the framer's limit. Nearly all
// are sense data, so that a connection takes little until it needs all.
func (c *Conn) room(n int) []byte {
	if n > len(c.rx.text) {
		if n <= shortText {
			c.rx.text = make([]byte, shortText)
		} else {
			c.rx.text = make([]byte, c.p.Conn.MaxRecvDataSegmentLength)
		}
	}
	return c.rx.text[:n]
}

// pdu handles a whole PDU that is not a Data-In. All of a target's have ExpCmdSN and MaxCmdSN (11.4.10, 11.4.11).
func (c *Conn) pdu(h *pdu.BHS, data []byte) error {
	v := (*pdu.SCSIResponse)(h)
	c.window(v.ExpCmdSN(), v.MaxCmdSN())
	op := h.Opcode()
	switch op {
	case pdu.OpR2T:
		c.r2t(h)
		return nil
	case pdu.OpNOPIn:
		c.nopIn(h, data)
		return nil
	}
	c.statSN(op, v.StatSN())
	switch op {
	case pdu.OpSCSIResponse:
		c.scsiResponse(h, data)
	case pdu.OpTaskManagementResponse, pdu.OpLogoutResponse, pdu.OpTextResponse:
		c.answer(h, data)
	case pdu.OpAsyncMessage:
		c.async(h, data)
	case pdu.OpReject:
		c.reject(h, data)
	default:
		c.violation("%v in full feature phase (11.2.1.2)", op)
		return protocolError("%v in full feature phase", op)
	}
	return nil
}

func (c *Conn) window(exp, max uint32) {
	if next := c.n.CmdSN(); pdu.SNLess(next, exp) {
		c.violation("ExpCmdSN %d is beyond the next CmdSN, %d (4.2.2.1)", exp, next)
		return
	}
	c.n.Update(exp, max)
}

// statSN takes the StatSN of a PDU that uses one up (4.2.2.2).
func (c *Conn) statSN(op pdu.Opcode, sn uint32) {
	if sn != c.expStatSN {
		c.violation("%v has StatSN %d, want %d (4.2.2.2)", op, sn, c.expStatSN)
		if pdu.SNLess(sn, c.expStatSN) {
			return
		}
	}
	c.expStatSN = sn + 1
}

// expect returns the command that a PDU's tag names, or nil. A PDU for no command is a violation, unless we ended the task
// while it was in flight.
func (c *Conn) expect(h *pdu.BHS) *Command {
	cmd, how := c.tags.find(h.ITT())
	if cmd != nil {
		return cmd
	}
	switch how {
	case endedNever:
		c.violation("%v has the unknown Initiator Task Tag %#x (11.2.1.8)", h.Opcode(), h.ITT())
	case endedAnswered:
		c.violation("%v comes for task %#x, which is over (11.2.1.8)", h.Opcode(), h.ITT())
	}
	return nil
}

// answers has the response to each kind of request.
var answers = [...]pdu.Opcode{
	KindSCSI: pdu.OpSCSIResponse, KindTMF: pdu.OpTaskManagementResponse, KindPing: pdu.OpNOPIn,
	KindText: pdu.OpTextResponse, KindLogout: pdu.OpLogoutResponse,
}

// kindOK reports whether op answers commands of this kind; if not, that is a violation.
func (c *Conn) kindOK(cmd *Command, op pdu.Opcode) bool {
	if answers[cmd.Kind] == op || cmd.Kind == KindSCSI && op == pdu.OpDataIn {
		return true
	}
	c.violation("%v answers task %#x, whose answer is a %v", op, cmd.task.itt, answers[cmd.Kind])
	return false
}

// answer takes the response to a request that is not a SCSI command.
func (c *Conn) answer(h *pdu.BHS, data []byte) {
	cmd := c.expect(h)
	if cmd == nil || !c.kindOK(cmd, h.Opcode()) {
		return
	}
	r := &cmd.Result
	r.Op, r.StatSN = h.Opcode(), (*pdu.SCSIResponse)(h).StatSN()
	switch h.Opcode() {
	case pdu.OpTaskManagementResponse:
		r.TMF = (*pdu.TaskManagementResponse)(h).Response()
	case pdu.OpLogoutResponse:
		r.Logout = (*pdu.LogoutResponse)(h).Response()
	case pdu.OpTextResponse:
		t := (*pdu.TextResponse)(h)
		r.Text = append(r.Text[:0], data...)
		r.TTT, r.LUN, r.Final, r.Continue = t.TTT(), t.LUN(), t.Final(), t.Continue()
		if r.Final && r.TTT != pdu.ReservedTag {
			c.violation("Text Response has F and Target Transfer Tag %#x (11.11.4)", r.TTT)
		}
		if r.Final && r.Continue {
			c.violation("Text Response has F and C (11.11.2)")
		}
	}
	c.finish(cmd, nil, endedAnswered)
}

// nopIn takes a ping of the target's, an answer to ours, or news of the window (11.19).
func (c *Conn) nopIn(h *pdu.BHS, data []byte) {
	v := (*pdu.NOPIn)(h)
	if v.ITT() == pdu.ReservedTag {
		// "The StatSN field will always contain the next StatSN", which is not advanced (11.19.2).
		if v.StatSN() != c.expStatSN {
			c.violation("NOP-In has StatSN %d, want the next, %d (11.19.2)", v.StatSN(), c.expStatSN)
		}
		if v.TTT() != pdu.ReservedTag {
			c.reply(reply{lun: v.LUN(), ttt: v.TTT()})
		}
		return
	}
	c.statSN(pdu.OpNOPIn, v.StatSN())
	cmd := c.expect(h)
	if cmd == nil || !c.kindOK(cmd, pdu.OpNOPIn) {
		return
	}
	if v.TTT() != pdu.ReservedTag {
		c.violation("NOP-In answers a ping with Target Transfer Tag %#x (11.19.1)", v.TTT())
	}
	r := &cmd.Result
	r.Op, r.StatSN = pdu.OpNOPIn, v.StatSN()
	r.Text = append(r.Text[:0], data...)
	// 11.18.3: the ping data comes back, or the front of it.
	if n := c.textLen(cmd); len(data) > n || string(data) != string(cmd.Text[:len(data)]) {
		c.violation("NOP-In does not return the ping data (11.19)")
	}
	c.finish(cmd, nil, endedAnswered)
}

func (c *Conn) reply(r reply) {
	if len(c.replies) == cap(c.replies) {
		c.violation("%d pings wait for an answer", len(c.replies))
		return
	}
	c.replies = append(c.replies, r)
}

// async takes an Asynchronous Message (11.9).
func (c *Conn) async(h *pdu.BHS, data []byte) {
	m := (*pdu.AsyncMessage)(h)
	if m.ITT() != pdu.ReservedTag {
		c.violation("Asynchronous Message has Initiator Task Tag %#x (11.9)", m.ITT())
	}
	if m.AsyncEvent() == pdu.AsyncEventTasksTerminated {
		// 11.9.1, event 5, in this order: stop Data-Out on this connection for every Target Transfer Tag of the LUN, which the
		// end of its tasks does; then acknowledge the StatSN by a NOP-Out with the reserved tag and the LUN.
		lun := m.LUN()
		c.Terminate(ErrTerminated, true, func(cmd *Command) bool { return cmd.LUN == lun })
		c.reply(reply{lun: lun, ttt: pdu.ReservedTag})
	}
	c.h.Async(m, data)
}

// reject takes a Reject, whose data is the header at fault (11.17). A rejected
// request is over; where a Data-Out was rejected the task goes on.
func (c *Conn) reject(h *pdu.BHS, data []byte) {
	v := (*pdu.Reject)(h)
	if v.ITT() != pdu.ReservedTag {
		c.violation("Reject has Initiator Task Tag %#x (11.17)", v.ITT())
	}
	if len(data) < pdu.BHSLen {
		c.violation("Reject has %d bytes of the rejected header (11.17.4)", len(data))
		return
	}
	bad := (*pdu.BHS)(data)
	cmd, _ := c.tags.find(bad.ITT())
	switch bad.Opcode() {
	case pdu.OpSCSICommand, pdu.OpTaskManagementRequest, pdu.OpTextRequest, pdu.OpLogoutRequest, pdu.OpNOPOut:
		if cmd == nil {
			return
		}
		cmd.Result.Op, cmd.Result.StatSN = pdu.OpReject, v.StatSN()
		c.finish(cmd, &RejectError{v.Reason()}, endedLocally)
	default:
		c.violation("the target rejects a %v, reason 0x%02x", bad.Opcode(), byte(v.Reason()))
	}
}

// String describes the connection's state, for messages of tests.
func (c *Conn) String() string {
	return fmt.Sprintf("ExpStatSN %d, CmdSN %d, ExpCmdSN %d, MaxCmdSN %d, outstanding %d, queued %d", c.expStatSN, c.n.CmdSN(), c.n.ExpCmdSN(), c.n.MaxCmdSN(), c.Outstanding(), c.queued)
}
