package session

import "github.com/ringtgt/ringtgt/pdu"

// nopState finds out whether the initiator of a silent connection is still there (RFC 7143, 11.19).
type nopState struct {
	interval, timeout int64
	last              int64 // when the last PDU arrived
	askedAt           int64 // when NOP-In was queued, 0 if none is unanswered
}

func (n *nopState) start(now int64, node *Node) {
	cfg := node.config()
	n.interval, n.timeout, n.last = cfg.NOPInterval, cfg.NOPTimeout, now
}

// configure changes the times. An answer that is awaited may take the whole new timeout.
func (n *nopState) configure(now int64, cfg *NodeConfig) {
	n.interval, n.timeout = cfg.NOPInterval, cfg.NOPTimeout
	switch {
	case n.interval == 0:
		n.askedAt = 0 // nobody would count the time until the answer
	case n.askedAt != 0:
		n.askedAt = now
	}
}

// heard records the arrival of a PDU: whatever it is, the initiator is alive.
func (n *nopState) heard(now int64) { n.last, n.askedAt = now, 0 }

// due returns when advance has something to do, 0 for never.
func (n *nopState) due() int64 {
	switch {
	case n.interval == 0:
		return 0
	case n.askedAt != 0:
		return n.askedAt + n.timeout
	}
	return n.last + n.interval
}

// advance checks a silent initiator for a sign of life. asks is set if a NOP-In with a Target Transfer Tag has to be sent, dead if
// the last one was not answered in time.
func (n *nopState) advance(now int64) (asks, dead bool) {
	switch due := n.due(); {
	case due == 0 || now < due:
		return false, false
	case n.askedAt != 0:
		return false, true
	}
	n.askedAt = now
	return true, false
}

// nopIn queues a NOP-In without Initiator Task Tag: with a Target Transfer Tag it asks for an answer, with the reserved
// one it only announces the command window (11.19).
func (c *Conn) nopIn(ttt uint32) {
	var b pdu.BHS
	b.Init(pdu.OpNOPIn)
	h := (*pdu.NOPIn)(&b)
	h.SetITT(pdu.ReservedTag)
	h.SetTTT(ttt)
	c.replyWith(&b, nil, snCurrent)
}

// tellWindow announces that the command window is open, if it was closed according to the last PDU that the initiator got.
// Otherwise, with no response left to send, the initiator would wait for ever.
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
func pingResponse(itt uint32, data []byte, most uint32, ev *Event) {
	ev.Kind = Send
	h := (*pdu.NOPIn)(&ev.Header)
	h.BHS().Init(pdu.OpNOPIn)
	h.SetITT(itt)
	h.SetTTT(pdu.ReservedTag)
	ev.Data = data[:min(len(data), int(most))]
	h.BHS().SetDataLen(len(ev.Data))
}
