package session

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// The second round of a barrier, once the host has carried its function out. The initiator is to have the answers of the
// tasks that the function affects before the function's own (RFC 7143, 4.2.3.3, "the responses are guaranteed to have been
// sent prior to the TMF Response"). Where TaskReporting is ResponseFence or FastAbort the response is fenced as well
// (4.2.2.3.3): all that was sent on other connections is acknowledged before it, and no status of the logical unit follows
// until it is acknowledged itself.

// fences says that responses of task management are fenced: only several connections need that.
func (s *Session) fences() bool {
	return s.Params.TaskReporting != ReportRFC3720 && s.Params.MaxConnections > 1
}

// hold notes whether answers have to be looked at before they are queued.
func (c *Conn) hold() {
	c.diverts = c.end.closed() || c.sess.fences() || slices.ContainsFunc(c.tm.visits, func(v *visit) bool { return v.stage >= visitClears })
}

// holds says that the answer of command r is to wait for a fence.
func (m *management) holds(r *Task) bool {
	if b := r.st.tmf.barrier; b != nil && b.fn == fenceOnly {
		return b.missing.Load() > 0 // a fence of its own: two do not wait for each other
	}
	for _, v := range m.visits {
		if v.stage >= visitClears && v.b.spans(r) && !v.b.covers(r) {
			return true
		}
	}
	return false
}

// divert takes what is not answered now: everything when the transport is gone, and status behind a fence.
func (c *Conn) divert(t *Task) bool {
	if c.end.closed() {
		c.free(t)
		return true
	}
	if !c.sess.fences() || t.st.kind != kindCommand || c.end.deaf() {
		return false // without input no fence is ever cleared here
	}
	if !(t.fenced() && c.fenceCommand(t)) && !c.tm.holds(t) {
		return false
	}
	t.move(phaseFenced)
	c.tm.held.push(t)
	return true
}

// pass is the host's answer to function t: what comes behind it goes on, and the second round begins. It reports whether
// there is one.
func (c *Conn) pass(b *barrier) bool {
	b.missing.Store(1)
	v := c.tm.visit(b)
	if v == nil || !c.sess.pass(b) {
		return false
	}
	v.stage = visitFences
	c.letGo()
	b.missing.Add(-1)
	return true
}

// clear begins another connection's part of the second round.
func (c *Conn) clear(b *barrier) {
	v := c.tm.visit(b)
	if b.stage.Load() == barrierOver || c.end.mute() || v == nil && !c.fullFeature() {
		c.report(b)
		return
	}
	if v == nil {
		v = &visit{b: b}
		c.welcome(v)
	}
	if !c.fullFeature() { // it has sent nothing yet, but its login may end at any time
		v.stage = visitFences
		c.letGo()
		c.report(b)
		return
	}
	v.stage = visitClears
	c.endUnfed(v)
	c.letGo()
	c.settle()
}

// fenceProgress does what can be done for a visit in the second round.
func (c *Conn) fenceProgress(v *visit) {
	switch v.stage {
	case visitClears:
		if c.answering(v.b) {
			c.tm.alert = true
			return
		}
		v.stage = visitAsks
		c.tellTerminated(v)
		c.fence(v)
		c.letGo()
		fallthrough
	case visitAsks:
		if c.sess.fences() && !c.acknowledged(v) {
			c.tm.alert = true
			return
		}
		v.stage, v.by = visitFences, 0
		if !c.sess.fences() {
			c.forget(v.b)
		}
		c.report(v.b)
	case visitFences:
		if v.by == 0 && v.b.fn == fenceOnly && v.b.origin == c {
			c.tm.alert = true
			c.commandFenced(v)
		}
		if v.by == 0 {
			return
		}
		if !c.acknowledged(v) {
			c.tm.alert = true
			return
		}
		c.lower(v.b)
	}
}

// answering says that answers are still queued which go before the function's: those of tasks that it affects, and behind a
// fence all of its logical unit that were queued when it came up. Later ones are held.
func (c *Conn) answering(b *barrier) bool {
	if c.end.mute() {
		return false
	}
	fenced := c.sess.fences()
	for r := c.answers.head; r != nil; r = r.next {
		if b.covers(r) || fenced && r.st.kind == kindCommand && b.spans(r) {
			return true
		}
	}
	return false // those that waited behind the fence of an earlier function were stopped
}

// fence notes which StatSN is to be acknowledged: that of the last response sent, and of those that are made already; and
// asks the initiator to do so.
func (c *Conn) fence(v *visit) {
	if !c.sess.fences() {
		return
	}
	v.mark = c.sn.statSN + c.replies.numbered()
	if c.acknowledged(v) {
		return
	}
	v.by = undated
	c.tm.alert = true
	c.nopIn(c.newTTT())
}

// acknowledged says that the initiator has everything before the mark, or will never say so.
func (c *Conn) acknowledged(v *visit) bool {
	return c.end.deaf() || pdu.SNLessEq(v.mark, c.sn.expStatSN)
}

// numbered is how many of the queued replies will take a StatSN.
func (q *replyQueue) numbered() (n uint32) {
	for i := range q.n {
		if q.ring[(q.head+i)%len(q.ring)].rule == snNext {
			n++
		}
	}
	return n
}

// responseSent follows a function's response: the fence is cleared when it is acknowledged.
func (c *Conn) responseSent(t *Task) {
	b := t.st.tmf.barrier
	if b == nil {
		return
	}
	t.st.tmf.barrier = nil // which outlives the task
	b.counts, t.st.tmf.counts = t.st.tmf.counts, false
	v := c.tm.visit(b)
	if v == nil {
		c.lower(b)
		return
	}
	v.mark, v.by = c.sn.statSN, undated
	c.tm.alert = true
	c.nopIn(c.newTTT())
}

// attend does what waits for the initiator's ExpStatSN or for ExpCmdSN to move, and dates what waits for a time.
func (c *Conn) attend(now int64) {
	m := &c.tm
	news := c.watching && c.stirred.Swap(false) || m.due || m.moved.any
	m.alert, m.due = c.watching, false
	for _, v := range m.visits {
		if v.by == undated {
			v.by = now + v.patience()
		}
		news = news || v.stage == visitClears || v.stage == visitAsks || v.stage == visitFences && (v.by != 0 || v.b.fn == fenceOnly && v.b.origin == c)
	}
	if news {
		c.manageProgress()
	}
}

// patience is how long a visit waits for the initiator.
func (v *visit) patience() int64 {
	switch {
	case v.b.fn == orderOnly:
		return orderGrace
	case v.stage == visitStops:
		return drainGrace
	}
	return fenceGrace
}

// visitsDue is when patience ends, 0 never.
func (c *Conn) visitsDue() int64 {
	var at int64
	for _, v := range c.tm.visits {
		if v.by > 0 && (at == 0 || v.by < at) {
			at = v.by
		}
	}
	return at
}

// visitsAdvance ends what the initiator has let wait for too long.
func (c *Conn) visitsAdvance(now int64) {
	for _, v := range slices.Clone(c.tm.visits) {
		if c.end.deaf() || v.by <= 0 || now < v.by {
			continue
		}
		if v.b.fn == orderOnly {
			c.orderLate(v)
			c.manageProgress()
			continue
		}
		if v.stage != visitStops {
			c.fail(errNoAcknowledgement)
			return
		}
		v.by = 0
		c.tags.each(func(r *Task) {
			switch {
			case !v.b.covers(r):
			case r.st.phase == phaseDraining:
				c.free(r)
			case r.st.phase == phaseHeldDraining:
				r.move(phaseHeldStopped)
			}
		})
		c.settle()
	}
}

// FastAbort (4.2.3.4): "MUST send an Asynchronous Message PDU with AsyncEvent=5 on ... each connection except the issuing
// connection of the issuing session that has at least one allegiant affected task". The initiator then sends no more data on
// that connection for any task of the logical unit that has an R2T.

// tellTerminated sends these messages.
func (c *Conn) tellTerminated(v *visit) {
	if c.sess.Params.TaskReporting != ReportFastAbort {
		return
	}
	for _, lun := range v.luns {
		c.asyncTerminated(lun)
	}
}

// endUnfed stops commands that came behind the function but had got an R2T before the function was known here: their data
// will not come.
func (c *Conn) endUnfed(v *visit) {
	if c.sess.Params.TaskReporting != ReportFastAbort {
		return
	}
	c.tags.each(func(r *Task) {
		if r.st.phase == phaseData && r.st.out.n > 0 && slices.Contains(v.luns, r.LUN) {
			c.stop(r)
		}
	})
}

// silenced says that no R2T may be sent for t before the message of a function's end.
func (c *Conn) silenced(t *Task) bool {
	if c.sess.Params.TaskReporting != ReportFastAbort {
		return false
	}
	for _, v := range c.tm.visits {
		if v.stage <= visitClears && v.b.origin != c && v.b.spans(t) {
			return true
		}
	}
	return false
}

// askAgain sends the R2Ts that were kept back.
func (c *Conn) askAgain() {
	if c.end.deaf() {
		return
	}
	c.tags.each(func(r *Task) {
		if r.st.kind == kindCommand && r.st.phase == phaseData {
			c.progress(r)
		}
	})
}
