package session

import "github.com/ringtgt/ringtgt/pdu"

// dataIn is how far a read's data has been sent.
type dataIn struct {
	sent   uint32 // bytes
	burst  uint32 // bytes of the sequence at hand, up to MaxBurstLength
	dataSN uint32 // of the next Data-In PDU
	length uint32 // bytes to be sent in total; set with sized
	sized  bool
}

// nextDataIn makes the next Data-In PDU of t (RFC 7143, 11.7), no longer than the initiator's MaxRecvDataSegmentLength
// and ending with the F bit at MaxBurstLength (13.13). The last one carries the status if that is GOOD: a Data-In PDU has no
// place for sense data (11.7.3). The A bit is never set at ErrorRecoveryLevel 0 (11.7.2).
func (t *Task) nextDataIn(ev *Event) {
	c := t.Conn
	in := &t.st.in
	p := &c.sess.Params
	left := in.length - in.sent
	n := min(left, c.cp.MaxXmitDataSegmentLength, p.MaxBurstLength-in.burst)
	if n < left && n < p.MaxBurstLength-in.burst {
		n &^= 3 // "SHOULD be filled to the integer number of 4-byte words ... unless the F bit is set" (11.7.7)
	}

	ev.Kind, ev.Task = Send, t
	ev.Data = t.Result.In[in.sent : in.sent+n]
	h := (*pdu.DataIn)(&ev.Header)
	h.BHS().Init(pdu.OpDataIn)
	h.BHS().SetDataLen(int(n))
	h.SetITT(t.ITT)
	h.SetTTT(pdu.ReservedTag)
	h.SetDataSN(in.dataSN)
	h.SetBufferOffset(in.sent)
	in.dataSN++
	in.sent += n
	in.burst += n
	if in.sent == in.length || in.burst == p.MaxBurstLength {
		h.SetFinal(true)
		in.burst = 0
	}
	if in.sent < in.length || t.Result.Status != statusGood {
		c.stamp(ev, snNone)
		return
	}
	h.SetStatusPresent(true)
	h.SetStatus(statusGood)
	over, under, count := t.residual()
	h.SetOverflow(over)
	h.SetUnderflow(under)
	h.SetResidualCount(count)
	t.last(ev)
}
