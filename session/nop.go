package session

import "github.com/ringtgt/ringtgt/pdu"

// nopState watches over a silent connection (RFC 7143, 11.19).
type nopState struct {
	interval, timeout int64
	last              int64 // when the last PDU came
	askedAt           int64 // when NOP-In was queued, 0 if none is unanswered
}

func (n *nopState) start(now int64, node *Node) {
	n.interval, n.timeout, n.last = node.cfg.NOPInterval, node.cfg.NOPTimeout, now
}

// heard notes a PDU: whatever it is, the initiator lives.
func (n *nopState) heard(now int64) { n.last, n.askedAt = now, 0 }

// due is when there is something to do, 0 never.
func (n *nopState) due() int64 {
	switch {
	case n.interval == 0:
		return 0
	case n.askedAt != 0:
		return n.askedAt + n.timeout
	}
	return n.last + n.interval
}

// nopAdvance asks a silent initiator whether it lives, or gives it up.
func (c *Conn) nopAdvance(now int64) {
	n := &c.nop
	if due := n.due(); due == 0 || now < due || c.end.deaf() {
		return
	}
	if n.askedAt != 0 {
		c.fail(errNoPong)
		return
	}
	n.askedAt = now
	c.nopIn(c.newTTT())
}

// nopIn queues a NOP-In without Initiator Task Tag: with a Target Transfer Tag it asks for an answer, with the reserved
// one it only brings news of the command window (11.19).
func (c *Conn) nopIn(ttt uint32) {
	var b pdu.BHS
	b.Init(pdu.OpNOPIn)
	h := (*pdu.NOPIn)(&b)
	h.SetITT(pdu.ReservedTag)
	h.SetTTT(ttt)
	c.replyWith(&b, nil, snCurrent)
}

// tellWindow reports that the command window, closed when the initiator last heard of it, is open again: without a
// response to carry that, it would wait for ever.
func (c *Conn) tellWindow() {
	if !c.fullFeature() || c.end.deaf() {
		return
	}
	exp, maxSN := c.cmdWindow()
	if !pdu.SNLess(c.sn.toldMax, exp) || pdu.SNLess(maxSN, exp) {
		return
	}
	c.sn.toldMax = maxSN // told once
	c.nopIn(pdu.ReservedTag)
}

// pingResponse echoes a NOP-Out's ping data, up to the initiator's MaxRecvDataSegmentLength (11.18.3).
func (c *Conn) pingResponse(t *Task, ev *Event) {
	ev.Kind = Send
	h := (*pdu.NOPIn)(&ev.Header)
	h.BHS().Init(pdu.OpNOPIn)
	h.SetITT(t.ITT)
	h.SetTTT(pdu.ReservedTag)
	data := t.st.ctl.data
	if n := int(c.cp.MaxXmitDataSegmentLength); len(data) > n {
		data = data[:n]
	}
	ev.Data = data
	h.BHS().SetDataLen(len(data))
	t.last(ev)
}
