package session

import "github.com/ringtgt/ringtgt/pdu"

// ORDERED commands (SAM-5 8.9.2). The device server keeps an ORDERED command behind all that it was given before, and what it
// is given later behind that. But commands reach it from many connections, and a write only when its data is here. So an
// ORDERED command brings a barrier as well: it is handed to the host when every command of its logical unit before it in
// CmdSN order was handed over or has ended, on all connections, and what comes behind it after it was. Nothing is stopped,
// and there is no response. An immediate command has no place in the order.

// orders says that t brings such a barrier when it has its turn in CmdSN order.
func (t *Task) orders() bool { return pdu.TaskAttr(t.Attr) == pdu.TaskAttrOrdered }

// holdsBack says that the barrier of an ORDERED command holds r back.
func (b *barrier) holdsBack(r *Task) bool {
	if r.st.tmf.barrier == b {
		return b.missing.Load() > 0 // it is that command
	}
	// HEAD OF QUEUE passes those that wait (SAM-5 8.9.3).
	return b.spans(r) && !b.covers(r) && pdu.TaskAttr(r.Attr) != pdu.TaskAttrHeadOfQueue
}

// moves are the logical units on which something happened that a barrier of an ORDERED command may wait for: a command was handed
// to the host or has ended, another barrier is over, a connection has reported. Only those barriers are looked at: a look takes
// time in proportion to the commands that wait, and an initiator can make hundreds of barriers wait.
type moves struct {
	any, all bool
	lun      uint64 // the only one, unless all
}

func (m *moves) on(lun uint64) bool { return m.any && (m.all || m.lun == lun) }

// orderMoved notes that something happened on a logical unit.
func (m *management) orderMoved(lun uint64) {
	if m.orders == 0 {
		return
	}
	m.moved.all = m.moved.all || m.moved.any && m.moved.lun != lun
	m.moved.any, m.moved.lun = true, lun
	m.alert = true
}

// orderMovedBy notes that command t was handed to the host or has ended.
func (m *management) orderMovedBy(t *Task) {
	if m.orders > 0 && t.st.kind == kindCommand {
		m.orderMoved(t.LUN)
	}
}

// orderProgress does what can be done for the visit of an ORDERED command's barrier.
func (m *management) orderProgress(p *part) {
	b := p.b
	if p.stage == partStops {
		if m.behindAnother(p) || m.unstarted(b, false) {
			return
		}
		p.stage, p.by = partWaits, 0
		m.report(b)
	}
	if b.origin != m.conn.self() {
		return
	}
	switch t := m.conn.find(b.tag); {
	case t == nil || t.st.tmf.barrier != b || t.st.phase > phaseReady:
		m.lower(b) // it was handed over, or has ended
	case b.missing.Load() == 0:
		if p.by == 0 {
			p.by = undated
			m.alert = true
		}
		if t.st.phase == phaseBarred {
			m.release()
		}
	}
}

// behindAnother says that the visit of an ORDERED command before p's is not through here: then p's cannot be.
func (m *management) behindAnother(p *part) bool {
	for _, o := range m.parts {
		if o == p {
			break
		}
		if o.b.fn == orderOnly && o.stage == partStops && o.b.lun == p.b.lun {
			return true
		}
	}
	return false
}

// unstarted says that commands which precede an ORDERED one have not been handed to the host; all of them, or those that wait
// for anything but memory.
func (m *management) unstarted(b *barrier, butMemory bool) bool {
	found := false
	m.conn.each(func(r *Task) {
		if r.st.phase >= phaseHeld && r.st.phase <= phaseReady && b.covers(r) {
			found = found || !butMemory || r.st.out.memory != OutLater
		}
	})
	return found
}

// orderLate gives an order up that waits for memory only: those who are to free it may wait behind the barrier.
func (m *management) orderLate(p *part) {
	p.by = undated
	m.alert = true
	m.orderMoved(p.b.lun)
	if p.stage == partStops {
		if !m.unstarted(p.b, true) {
			p.stage, p.by = partWaits, 0
			m.report(p.b)
		}
	} else if t := m.conn.find(p.b.tag); t != nil && t.st.out.memory == OutLater {
		m.lower(p.b)
	}
}
