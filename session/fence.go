package session

import (
	"slices"
)

// The second round of a barrier begins when the host has carried out its function. The initiator must get the answers of the
// tasks that the function affects before the function's own (RFC 7143, 4.2.3.3, "the responses are guaranteed to have been
// sent prior to the TMF Response"). If TaskReporting is ResponseFence or FastAbort, the response is fenced as well (4.2.2.3.3):
// everything that was sent on other connections is acknowledged before it, and no status of the logical unit follows until the
// response itself is acknowledged.

// fences reports whether task management responses are fenced. A session of one connection needs no fence.
func (s *Session) fences() bool {
	return s.Params.TaskReporting != ReportRFC3720 && s.Params.MaxConnections > 1
}

// updateDiverts records whether divert must see answers before they are queued.
func (m *management) updateDiverts() {
	clears := func(p *part) bool { return p.stage >= partClears }
	m.diverts = m.conn.closed() || m.conn.session().fences() || slices.ContainsFunc(m.parts, clears)
}

// holds reports whether the answer of command r has to wait for a fence.
func (m *management) holds(r *Task) bool {
	if b := r.st.tmf.barrier; b != nil && b.fn == fenceOnly {
		return b.missing.Load() > 0 // r has a fence of its own: two fences do not wait for each other
	}
	for _, p := range m.parts {
		if p.stage >= partClears && p.b.spans(r) && !p.b.covers(r) {
			return true
		}
	}
	return false
}

// divert takes answers that must not be queued now: all of them once the transport is gone, and status behind a fence.
func (m *management) divert(t *Task) bool {
	if m.conn.closed() {
		t.free()
		return true
	}
	if !m.conn.session().fences() || t.st.kind != kindCommand || m.conn.deaf() {
		return false // without input no fence is ever cleared here
	}
	if !(t.fenced() && m.fenceCommand(t)) && !m.holds(t) {
		return false
	}
	t.move(phaseFenced)
	m.held.push(t)
	return true
}

// pass is called when the host has carried out b's function: what follows it continues, and the second round begins. It reports
// whether there is a second round.
func (m *management) pass(b *barrier) bool {
	b.missing.Store(1)
	p := m.part(b)
	if p == nil || !m.conn.session().pass(b) {
		return false
	}
	p.stage = partFences
	m.release()
	b.missing.Add(-1)
	return true
}

// clear begins another connection's part of the second round.
func (m *management) clear(b *barrier) {
	p := m.part(b)
	if b.stage.Load() == barrierOver || m.conn.mute() || p == nil && !m.conn.fullFeature() {
		m.report(b)
		return
	}
	if p == nil {
		p = &part{b: b}
		m.addPart(p)
	}
	if !m.conn.fullFeature() { // it has sent nothing yet, but its login may end at any time
		p.stage = partFences
		m.release()
		m.report(b)
		return
	}
	p.stage = partClears
	m.endUnfed(p)
	m.release()
	m.conn.tasksEnded()
}

// fenceProgress takes a part in the second round as far as it can go now.
func (m *management) fenceProgress(p *part) {
	switch p.stage {
	case partClears:
		if m.answering(p.b) {
			m.alert = true
			return
		}
		p.stage = partAsks
		m.tellTerminated(p)
		m.fence(p)
		m.release()
		fallthrough
	case partAsks:
		if m.conn.session().fences() && !m.conn.acknowledged(p.mark) {
			m.alert = true
			return
		}
		p.stage, p.by = partFences, 0
		if !m.conn.session().fences() {
			m.dropPart(p.b)
		}
		m.report(p.b)
	case partFences:
		if p.by == 0 && p.b.fn == fenceOnly && p.b.origin == m.conn.self() {
			m.alert = true
			m.commandFenced(p)
		}
		if p.by == 0 {
			return
		}
		if !m.conn.acknowledged(p.mark) {
			m.alert = true
			return
		}
		m.lower(p.b)
	}
}

// answering reports whether answers are still queued that precede the function's: those of tasks that it affects and, if it is
// fenced, all those of its logical unit that were queued when the fence was raised. Later ones are held.
func (m *management) answering(b *barrier) bool {
	if m.conn.mute() {
		return false
	}
	fenced := m.conn.session().fences()
	for r := m.conn.answers(); r != nil; r = r.next {
		if b.covers(r) || fenced && r.st.kind == kindCommand && b.spans(r) {
			return true
		}
	}
	return false // those that were held by the fence of an earlier function were stopped
}

// fence records the StatSN that must be acknowledged, that of the last response sent or built, and asks for the acknowledgement.
func (m *management) fence(p *part) {
	if !m.conn.session().fences() {
		return
	}
	p.mark = m.conn.queuedSN()
	if m.conn.acknowledged(p.mark) {
		return
	}
	p.by = undated
	m.alert = true
	m.conn.ping()
}

// responseSent is called when a function's response is sent. The fence is cleared when the response is acknowledged.
func (m *management) responseSent(t *Task) {
	b := t.st.tmf.barrier
	if b == nil {
		return
	}
	t.st.tmf.barrier = nil // the barrier outlives the task
	b.counts, t.st.tmf.counts = t.st.tmf.counts, false
	p := m.part(b)
	if p == nil {
		m.lower(b)
		return
	}
	p.mark, p.by = m.conn.statSN(), undated
	m.alert = true
	m.conn.ping()
}

// attend continues the parts and functions that wait for ExpStatSN or ExpCmdSN to move, and sets missing deadlines.
func (m *management) attend(now int64) {
	news := m.conn.watching() && m.conn.stirred() || m.scheduled || m.moved.any
	m.alert, m.scheduled = m.conn.watching(), false
	for _, p := range m.parts {
		if p.by == undated {
			p.by = now + p.patience()
		}
		news = news || p.stage == partClears || p.stage == partAsks ||
			p.stage == partFences && (p.by != 0 || p.b.fn == fenceOnly && p.b.origin == m.conn.self())
	}
	if news {
		m.progress()
	}
}

// patience is how long a part waits for the initiator.
func (p *part) patience() int64 {
	switch {
	case p.b.fn == orderOnly:
		return orderGrace
	case p.stage == partStops:
		return drainGrace
	}
	return fenceGrace
}

// due returns the earliest deadline, 0 if there is none.
func (m *management) due() int64 {
	var at int64
	for _, p := range m.parts {
		if p.by > 0 && (at == 0 || p.by < at) {
			at = p.by
		}
	}
	return at
}

// advance ends the parts that have waited for the initiator past their deadlines.
func (m *management) advance(now int64) {
	for _, p := range slices.Clone(m.parts) {
		if m.conn.deaf() || p.by <= 0 || now < p.by {
			continue
		}
		if p.b.fn == orderOnly {
			m.orderLate(p)
			m.progress()
			continue
		}
		if p.stage != partStops {
			m.conn.fail(errNoAcknowledgement)
			return
		}
		p.by = 0
		m.conn.each(func(r *Task) {
			switch {
			case !p.b.covers(r):
			case r.st.phase == phaseDraining:
				r.free()
			case r.st.phase == phaseHeldDraining:
				r.move(phaseHeldStopped)
			}
		})
		m.conn.tasksEnded()
	}
}

// FastAbort (4.2.3.4): "MUST send an Asynchronous Message PDU with AsyncEvent=5 on ... each connection except the issuing
// connection of the issuing session that has at least one allegiant affected task". The initiator then sends no more data on
// that connection for any task of the logical unit that has an R2T.

// tellTerminated sends these messages.
func (m *management) tellTerminated(p *part) {
	if m.conn.session().Params.TaskReporting != ReportFastAbort {
		return
	}
	for _, lun := range p.luns {
		m.conn.terminated(lun)
	}
}

// endUnfed stops commands that follow the function but for which an R2T was sent before the function was known here: their data
// will not come.
func (m *management) endUnfed(p *part) {
	if m.conn.session().Params.TaskReporting != ReportFastAbort {
		return
	}
	m.conn.each(func(r *Task) {
		if r.st.phase == phaseData && r.st.out.n > 0 && slices.Contains(p.luns, r.LUN) {
			r.stop()
		}
	})
}

// silenced reports whether t's R2Ts have to wait for the Asynchronous Message of a function.
func (m *management) silenced(t *Task) bool {
	if m.conn.session().Params.TaskReporting != ReportFastAbort {
		return false
	}
	for _, p := range m.parts {
		if p.stage <= partClears && p.b.origin != m.conn.self() && p.b.spans(t) {
			return true
		}
	}
	return false
}

// askAgain queues the R2Ts that had to wait.
func (m *management) askAgain() {
	if m.conn.deaf() {
		return
	}
	m.conn.each(func(r *Task) {
		if r.st.kind == kindCommand && r.st.phase == phaseData {
			r.progress()
		}
	})
}
