package session

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// part is one connection's part in a barrier, from the arrival of the barrier until the connection has no more to do for it.
type part struct {
	b     *barrier
	stage partStage
	luns  []uint64 // logical units of the tasks that were stopped
	by    int64    // deadline for the initiator; 0 if none; undated until attend, which has the time, sets it
	mark  uint32   // the ExpStatSN to wait for
}

// partStage is the progress of a connection's part.
type partStage uint8

const (
	partOpens  partStage = iota // at the origin: earlier CmdSNs have not arrived. Commands of the task set are held back
	partStops                   // the same, and tasks are being stopped; a report is owed
	partWaits                   // all of them have ended; commands are still held back
	partClears                  // commands are no longer held back; answers that precede the function's are queued; a report is owed
	partAsks                    // these were sent, and their acknowledgement is awaited; a report is owed
	partFences                  // the function's own response has to be acknowledged, here or at the origin
)

const undated = -1

// arrives is called when a barrier's marker has its turn. From then on, later commands of the task set are held back.
func (m *management) arrives(b *barrier, owes bool) {
	p := &part{b: b, stage: partWaits}
	stage := b.stage.Load()
	switch {
	case stage == barrierOver, stage == barrierPassed && !m.conn.session().fences():
		if owes {
			m.report(b)
		}
		return
	case stage == barrierPassed:
		p.stage = partFences
	case owes:
		p.stage = partStops
	}
	m.addPart(p)
	if p.stage == partStops {
		if b.fn == orderOnly {
			p.by = undated
			m.alert = true
		} else {
			m.stopFor(p)
		}
		m.partProgress(p)
		m.schedule()
	}
}

// addPart begins the connection's part in a barrier.
func (m *management) addPart(p *part) {
	m.parts = append(m.parts, p)
	if p.b.fn == orderOnly {
		m.orders++
	}
	m.updateDiverts()
}

// part returns the part in b, nil if there is none, or none any more.
func (m *management) part(b *barrier) *part {
	i := slices.IndexFunc(m.parts, func(p *part) bool { return p.b == b })
	if i < 0 {
		return nil
	}
	return m.parts[i]
}

// dropPart ends the part in b and releases what it held back.
func (m *management) dropPart(b *barrier) {
	if b.origin == m.conn.self() && b.counts {
		b.counts = false
		m.functionOver(true)
	}
	n := len(m.parts)
	m.parts = slices.DeleteFunc(m.parts, func(p *part) bool { return p.b == b })
	if len(m.parts) != n {
		if b.fn == orderOnly {
			m.orders--
			m.orderMoved(b.lun)
		}
		m.release()
	}
}

// bars reports whether a function that has not been carried out yet holds command r back.
func (m *management) bars(r *Task) bool {
	for _, p := range m.parts {
		if p.stage > partWaits {
			continue
		}
		if p.b.fn == orderOnly && p.b.holdsBack(r) || p.b.fn != orderOnly && p.b.spans(r) {
			return true
		}
	}
	return false
}

// release continues the commands and answers that nothing holds back any more.
func (m *management) release() {
	for r := m.barred.head; r != nil; {
		next := r.next
		if !m.bars(r) {
			r.unlist()
			r.ready()
		}
		r = next
	}
	m.updateDiverts()
	for r := m.held.head; r != nil; {
		next := r.next
		if !m.holds(r) {
			r.unlist()
			m.conn.queueAnswer(r)
		}
		r = next
	}
	if m.conn.session().Params.TaskReporting == ReportFastAbort {
		m.askAgain()
	}
}

// report reports to the origin that the connection has finished this round.
func (m *management) report(b *barrier) {
	if b.missing.Add(-1) == 0 && b.origin != m.conn.self() {
		o := b.origin
		if b.fn == orderOnly {
			o.host.Post(Message{kind: messageOrderMoved, lun: b.lun})
			return
		}
		o.host.Post(Message{kind: messageReported})
	}
}

// partProgress advances one part as far as possible.
func (m *management) partProgress(p *part) {
	if p.b.fn == orderOnly {
		m.orderProgress(p)
		return
	}
	if p.stage == partStops {
		if m.ending(p.b) {
			return
		}
		p.stage, p.by = partWaits, 0
		if p.b.fn == pdu.TMFAbortTask {
			m.dropPart(p.b)
		}
		m.report(p.b)
		return
	}
	m.fenceProgress(p)
}

// stopFor stops the tasks that the barrier covers.
func (m *management) stopFor(p *part) {
	// "MUST wait for responses on currently valid Target Transfer Tags of the affected tasks from the issuing initiator"
	// (4.2.3.3, a); with FastAbort the initiator sends nothing more (4.2.3.4).
	awaits := m.conn.session().Params.TaskReporting != ReportFastAbort
	m.conn.each(func(r *Task) {
		if r.st.phase == phaseArriving || r.st.phase == phaseAnswer || !p.b.covers(r) {
			return
		}
		if !slices.Contains(p.luns, r.LUN) {
			p.luns = append(p.luns, r.LUN)
		}
		if awaits && r.drain() {
			p.by = undated
			m.alert = true
			return
		}
		r.stop()
	})
}

// ending reports whether tasks that the barrier's function stopped have yet to end.
func (m *management) ending(b *barrier) bool {
	found := false
	if m.stopped > 0 {
		m.conn.each(func(r *Task) { found = found || r.st.phase.stopped() && b.covers(r) })
	}
	return found
}

// leave is called when the connection leaves its session: it makes the reports that are owed, and ends the connection's own
// functions.
func (m *management) leave() {
	for _, p := range slices.Clone(m.parts) {
		switch {
		case p.b.origin == m.conn.self():
			m.lower(p.b)
		case p.stage == partStops || p.stage == partClears || p.stage == partAsks:
			m.report(p.b)
		}
	}
	m.parts, m.orders = nil, 0
}
