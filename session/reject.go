package session

import "github.com/ringtgt/ringtgt/pdu"

// reject answers the PDU with header h with a Reject that carries that header (RFC 7143, 11.17). A request that is rejected does
// not count as received: its CmdSN is still expected (7.3). A peer that provokes more than maxRejects is disconnected.
func (c *Conn) reject(reason pdu.RejectReason, h *pdu.BHS) {
	if c.rejects++; c.rejects > maxRejects {
		c.fail(errTooManyRejects)
		return
	}
	var b pdu.BHS
	b.Init(pdu.OpReject)
	(*pdu.Reject)(&b).SetReason(reason)
	if r := c.replyWith(&b, nil, snNext); r != nil {
		r.echo, r.head = true, *h
		r.h.SetDataLen(pdu.BHSLen)
	}
}

// noMemory returns the reason for a Reject when memory is short. The initiator may try again, with the same CmdSN if the request
// has one (11.17.1).
func noMemory(h *pdu.BHS) pdu.RejectReason {
	if h.Immediate() {
		return pdu.RejectImmediateCommand
	}
	return pdu.RejectLongOperation
}

// refuse has Payload reject the PDU that is being received.
func (c *Conn) refuse(reason pdu.RejectReason) {
	c.rx.act, c.rx.reason = actReject, reason
}
