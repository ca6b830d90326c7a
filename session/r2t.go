package session

import "github.com/ringtgt/ringtgt/pdu"

// ask queues a write for its next R2T, if it may have one more outstanding (RFC 7143, 13.17).
func (t *Task) ask() {
	c := t.Conn
	if t.st.on != nil || !t.st.out.wants(t, c.sess) || len(c.tm.parts) > 0 && c.tm.silenced(t) {
		return
	}
	c.asking.push(t)
}

// wants reports whether there is data to ask for, and one more R2T may be outstanding.
func (o *dataOut) wants(t *Task, s *Session) bool {
	o.asked = max(o.asked, t.Received)
	return o.memory != OutLater && o.asked < uint32(len(t.Out)) && uint32(o.n) < s.Params.MaxOutstandingR2T
}

// nextR2T builds the R2T of the task at the front of Conn.asking (11.8), up to MaxBurstLength long (13.13).
func (c *Conn) nextR2T(ev *Event) {
	t := c.asking.head
	o := &t.st.out
	end := o.asked + min(uint32(len(t.Out))-o.asked, c.sess.Params.MaxBurstLength)
	s := &o.solicited[o.n]
	*s = sequence{ttt: c.ttt.next(), next: o.asked, end: end}
	o.n++
	c.data.wanted(t, c.now)

	ev.Kind = Send
	h := (*pdu.R2T)(&ev.Header)
	h.BHS().Init(pdu.OpR2T)
	h.SetLUN(t.LUN)
	h.SetITT(t.ITT)
	h.SetTTT(s.ttt)
	h.SetR2TSN(o.r2tSN)
	h.SetBufferOffset(s.next)
	h.SetDesiredDataTransferLength(s.end - s.next)
	o.r2tSN++
	o.asked = end
	if !o.wants(t, c.sess) {
		t.unlist()
	}
	c.stamp(ev, snCurrent)
}

// transferTags makes a connection's Target Transfer Tags.
type transferTags struct{ latest uint32 }

// next returns a tag that is neither the reserved one nor 0, which means none.
func (tags *transferTags) next() uint32 {
	tags.latest++
	if tags.latest == pdu.ReservedTag {
		tags.latest = 1
	}
	return tags.latest
}
