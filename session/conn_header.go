package session

import (
	"github.com/ringtgt/ringtgt/pdu"
)

// rxState describes the PDU that is being received, between Header and Payload.
type rxState struct {
	act    rxAction
	reason pdu.RejectReason // actReject
	task   *Task            // actCommand, actRequest, actData
	data   []byte           // where the data segment goes, nil if it is discarded
	part   []byte           // the part of data that belongs in the task's buffer, if only a part does
	at     *sequence        // actData: the sequence that the PDU belongs to
}

// rxAction determines what Payload does with the PDU.
type rxAction uint8

const (
	actDiscard rxAction = iota
	actReject           // send a Reject with reason
	actFull             // a command for which there is no task: answer TASK SET FULL
	actCommand          // a SCSI command in task
	actRequest          // another request in task
	actPong             // a NOP-Out without Initiator Task Tag
	actData             // a Data-Out PDU for task
	actStray            // unsolicited data that task does not expect
	actLogin            // a login request
)

// Header handles a complete header from the framer and returns where the data segment goes: nil to discard it, otherwise at least
// DataSegmentLength bytes that the framer may write to until Payload. If the task that owns the buffer is freed before that, the
// host keeps the memory until Payload.
func (c *Conn) Header(now int64) []byte {
	c.now = max(c.now, now)
	c.rx = rxState{}
	h := c.framer.Header()
	if c.end.deaf() {
		return nil
	}
	if c.login != nil {
		c.rx.act = actLogin
		c.rx.data = c.login.header(now, h)
		return c.rx.data
	}
	c.nop.heard(now)
	c.sn.acknowledge((*pdu.SCSICommand)(h).ExpStatSN()) // at the same offset in every initiator PDU (11.3.3)
	switch op := h.Opcode(); op {
	case pdu.OpSCSICommand:
		c.commandHeader((*pdu.SCSICommand)(h))
	case pdu.OpDataOut:
		c.dataHeader((*pdu.DataOut)(h))
	case pdu.OpNOPOut, pdu.OpTextRequest, pdu.OpLogoutRequest, pdu.OpTaskManagementRequest:
		c.requestHeader(h)
	case pdu.OpLoginRequest:
		// A second login on a connection in full feature phase is a protocol error (RFC 7143, 4.2.4). There is no answer that a peer
		// in such a state could understand.
		c.fail(errLoginInFullFeature)
	case pdu.OpSNACKRequest:
		// No recovery level that has SNACK is offered (11.16).
		c.refuse(pdu.RejectSNACK)
	default:
		c.refuse(pdu.RejectCommandNotSupported)
	}
	return c.rx.data
}

// Payload reports that the PDU of the last Header is complete. digestOK is false if its data digest was wrong.
func (c *Conn) Payload(now int64, digestOK bool) {
	c.now = max(c.now, now)
	if !c.end.deaf() {
		c.payload(now, digestOK)
	}
	c.giveBack()
}

func (c *Conn) payload(now int64, digestOK bool) {
	h := c.framer.Header()
	rx := c.rx
	c.rx = rxState{}
	if !digestOK && rx.act != actLogin {
		c.payloadDigestError(h, &rx)
		return
	}
	switch rx.act {
	case actReject:
		c.reject(rx.reason, h)
	case actFull:
		c.taskSetFull(h)
	case actCommand:
		c.commandPayload(rx.task, &rx)
	case actRequest:
		rx.task.requestPayload()
	case actPong:
		// Header has already recorded a sign of life; there is nothing else to do.
	case actData:
		rx.task.dataPayload((*pdu.DataOut)(h), &rx)
	case actStray:
		rx.task.strayPayload()
	case actLogin:
		if c.login == nil {
			// The login waited for another connection to end, and was granted while this request arrived.
			c.fail(errLoginInFullFeature)
			return
		}
		c.login.payload(now, h)
	}
}

// HeaderError reports that the framer cannot continue. After a header digest error the next PDU cannot be found at
// ErrorRecoveryLevel 0, and the connection is closed (RFC 7143, 7.8). Lengths above what was declared are format errors, which
// close it too (7.7).
func (c *Conn) HeaderError(now int64, err error) {
	if c.end.deaf() {
		return
	}
	if c.login != nil {
		c.login.headerError(now, c.framer.Header(), err)
		return
	}
	c.fail(err)
}

// payloadDigestError follows RFC 7143, 7.8: the target "MUST answer with a Reject PDU with a reason code of Data-Digest-Error and
// discard the PDU". A discarded request was never received, so its CmdSN is still expected (7.3).
func (c *Conn) payloadDigestError(h *pdu.BHS, rx *rxState) {
	switch rx.act {
	case actDiscard:
		return // it is ignored in any case: it is stale, or belongs to no task
	case actCommand, actRequest:
		rx.task.free()
	case actData:
		rx.task.dataLost((*pdu.DataOut)(h), rx)
	}
	c.reject(pdu.RejectDataDigestError, h)
}
