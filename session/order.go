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
func (c *Conn) orderMoved(lun uint64) {
	m := &c.tm
	if m.orders == 0 {
		return
	}
	m.moved.all = m.moved.all || m.moved.any && m.moved.lun != lun
	m.moved.any, m.moved.lun = true, lun
	m.alert = true
}

// orderMovedBy notes that command t was handed to the host or has ended.
func (c *Conn) orderMovedBy(t *Task) {
	if c.tm.orders > 0 && t.st.kind == kindCommand {
		c.orderMoved(t.LUN)
	}
}

// orderProgress does what can be done for the visit of an ORDERED command's barrier.
func (c *Conn) orderProgress(v *visit) {
	b := v.b
	if v.stage == visitStops {
		if c.behindAnother(v) || c.unstarted(b, false) {
			return
		}
		v.stage, v.by = visitWaits, 0
		c.report(b)
	}
	if b.origin != c {
		return
	}
	switch t := c.tags.find(b.tag); {
	case t == nil || t.st.tmf.barrier != b || t.st.phase > phaseReady:
		c.lower(b) // it was handed over, or has ended
	case b.missing.Load() == 0:
		if v.by == 0 {
			v.by = undated
			c.tm.alert = true
		}
		if t.st.phase == phaseBarred {
			c.letGo()
		}
	}
}

// behindAnother says that the visit of an ORDERED command before v's is not through here: then v's cannot be.
func (c *Conn) behindAnother(v *visit) bool {
	for _, o := range c.tm.visits {
		if o == v {
			break
		}
		if o.b.fn == orderOnly && o.stage == visitStops && o.b.lun == v.b.lun {
			return true
		}
	}
	return false
}

// unstarted says that commands which precede an ORDERED one have not been handed to the host; all of them, or those that wait
// for anything but memory.
func (c *Conn) unstarted(b *barrier, butMemory bool) bool {
	found := false
	c.tags.each(func(r *Task) {
		if r.st.phase >= phaseHeld && r.st.phase <= phaseReady && b.covers(r) {
			found = found || !butMemory || r.st.out.memory != OutLater
		}
	})
	return found
}

// orderLate gives an order up that waits for memory only: those who are to free it may wait behind the barrier.
func (c *Conn) orderLate(v *visit) {
	v.by = undated
	c.tm.alert = true
	c.orderMoved(v.b.lun)
	if v.stage == visitStops {
		if !c.unstarted(v.b, true) {
			v.stage, v.by = visitWaits, 0
			c.report(v.b)
		}
	} else if t := c.tags.find(v.b.tag); t != nil && t.st.out.memory == OutLater {
		c.lower(v.b)
	}
}
