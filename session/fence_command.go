package session

// Command responses that are fenced (RFC 7143, 4.2.2.3.4) if TaskReporting is ResponseFence or FastAbort and the session may have
// several connections: those that announce the end of many tasks.

const (
	opPersistentReserveOut = 0x5f
	actionPreemptAndAbort  = 5
	keyUnitAttention       = 6
)

// fenced reports whether t's response is one of them: "the first completion message carrying the UA after the multi-task abort on issuing and
// third-party sessions", and "the response to a PERSISTENT RESERVE OUT/PREEMPT AND ABORT command" (4.2.2.3.4, a and f).
func (t *Task) fenced() bool {
	if t.Result.Status != statusCheckCondition {
		return t.CDB[0] == opPersistentReserveOut && t.CDB[1]&0x1f == actionPreemptAndAbort
	}
	var key, asc, ascq byte
	switch s := t.Result.Sense; {
	case len(s) >= 14 && s[0]&0x7e == 0x70: // fixed format (SPC-4 4.5.3)
		key, asc, ascq = s[2]&0xf, s[12], s[13]
	case len(s) >= 4 && s[0]&0x7e == 0x72: // descriptor format (SPC-4 4.5.2)
		key, asc, ascq = s[1]&0xf, s[2], s[3]
	}
	if key != keyUnitAttention {
		return false
	}
	switch asc {
	case 0x29, 0x2f: // a reset or loss of nexus occurred; commands cleared
		return true
	case 0x2a: // reservations preempted or released, registrations preempted
		return ascq >= 3 && ascq <= 5
	}
	return false
}

// fenceCommand begins the fence of a command that the host has completed, and reports whether the response must wait until the
// responses sent on other connections are acknowledged.
func (m *management) fenceCommand(t *Task) bool {
	if len(m.parts) >= maxFences {
		m.conn.fail(errNoAcknowledgement) // the response is queued, and discarded with the connection
		return false
	}
	b := &barrier{origin: m.conn.self(), fn: fenceOnly, lun: t.LUN, tag: t.ITT}
	b.missing.Store(1)
	if !m.conn.session().begin(b) {
		m.conn.session().lower(b)
		return false
	}
	t.st.tmf.barrier = b
	m.addPart(&part{b: b, stage: partFences})
	b.missing.Add(-1)
	m.alert = true
	return true
}

// begin corresponds to pass, for a barrier that was not raised.
func (s *Session) begin(b *barrier) bool {
	s.mu.Lock()
	s.barriers = append(s.barriers, b)
	s.mu.Unlock()
	return s.pass(b)
}

// commandFenced continues the fence of a command: its response may be sent, or was sent and has to be acknowledged.
func (m *management) commandFenced(p *part) {
	switch t := m.conn.find(p.b.tag); {
	case p.b.missing.Load() > 0:
	case t != nil && t.st.tmf.barrier == p.b:
		if t.st.phase == phaseFenced {
			m.release()
		}
	default:
		p.mark, p.by = m.conn.statSN(), undated
		m.conn.ping()
	}
}
