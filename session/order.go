package session

import "github.com/ringtgt/ringtgt/pdu"

// ORDERED commands (SAM-5 8.9.2). The device server executes an ORDERED command after all commands that it got earlier, and before
// all that it gets later. But commands reach it from many connections, and a write only when its data is complete. So an ORDERED
// command raises a barrier as well. It is handed to the host once every command of its logical unit that
// precedes it in CmdSN order was handed over or has ended, on all connections; later commands follow once it was handed over.
// Nothing is stopped, and there is no response. An immediate command has no place in the order.

// orders reports whether t raises such a barrier at its turn in CmdSN order.
func (t *Task) orders() bool { return pdu.TaskAttr(t.Attr) == pdu.TaskAttrOrdered }

// holdsBack reports whether the barrier of an ORDERED command holds r back.
func (b *barrier) holdsBack(r *Task) bool {
	if r.st.tmf.barrier == b {
		return b.missing.Load() > 0 // r is the ORDERED command itself
	}
	// HEAD OF QUEUE overtakes waiting commands (SAM-5 8.9.3).
	return b.spans(r) && !b.covers(r) && pdu.TaskAttr(r.Attr) != pdu.TaskAttrHeadOfQueue
}

// moves records the logical units with an event that an ORDERED command's barrier may wait for: a command was handed to the host
// or has ended, another barrier is over, a connection has reported. Only the barriers of these units are checked, because a check
// takes time in proportion to the waiting commands, and an initiator can make hundreds of barriers wait.
type moves struct {
	any, all bool
	lun      uint64 // the only one, unless all
}

func (m *moves) on(lun uint64) bool { return m.any && (m.all || m.lun == lun) }

// orderMoved records such an event on a logical unit.
func (m *management) orderMoved(lun uint64) {
	if m.orders == 0 {
		return
	}
	m.moved.all = m.moved.all || m.moved.any && m.moved.lun != lun
	m.moved.any, m.moved.lun = true, lun
	m.alert = true
}

// orderMovedBy records that command t was handed to the host or has ended.
func (m *management) orderMovedBy(t *Task) {
	if m.orders > 0 && t.st.kind == kindCommand {
		m.orderMoved(t.LUN)
	}
}

// orderProgress advances the part in an ORDERED command's barrier as far as possible.
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
	case t == nil || t.st.tmf.barrier != b || t.st.phase >= phaseRunning:
		m.lower(b) // it was started, or has ended
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

// behindAnother reports whether an earlier ORDERED command of the unit still waits on this connection: then p's must wait too.
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

// unstarted reports whether commands that precede an ORDERED one have not been handed to the host. With butMemory, commands that
// wait for memory do not count.
func (m *management) unstarted(b *barrier, butMemory bool) bool {
	found := false
	m.conn.each(func(r *Task) {
		if r.st.phase >= phaseHeld && r.st.phase < phaseRunning && b.covers(r) {
			found = found || !butMemory || r.st.out.memory != OutLater
		}
	})
	return found
}

// orderLate gives up an order that waits for nothing but memory: the commands that hold the memory may be behind the barrier.
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
