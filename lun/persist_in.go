package lun

import "encoding/binary"

// PERSISTENT RESERVE IN (SPC-4 6.15). Length fields in the parameter data count all available data, whatever the allocation
// length (SPC-4 4.2.5.6).

func (u *Unit) persistent() prState {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.pr.now
}

// listHeader begins parameter data with PRGENERATION; the length after it is filled in by replyList.
func listHeader(s *prState) []byte {
	return append(binary.BigEndian.AppendUint32(nil, s.generation), 0, 0, 0, 0)
}

func replyList(t *Task, data []byte) {
	binary.BigEndian.PutUint32(data[4:], uint32(len(data)-8))
	t.reply(data, int(cdb16(&t.CDB, 7)))
}

// readKeys: SPC-4 6.15.2. Every registration's key, equal ones too (5.13.6.2).
func readKeys(t *Task) {
	s := t.unit.persistent()
	data := listHeader(&s)
	for i := range s.regs {
		data = binary.BigEndian.AppendUint64(data, s.regs[i].key)
	}
	replyList(t, data)
}

// readReservation: SPC-4 6.15.3.
func readReservation(t *Task) {
	s := t.unit.persistent()
	data := listHeader(&s)
	if s.typ != prNone {
		var key uint64 // zero for All Registrants types (5.13.10)
		if i := s.find(s.holder); i >= 0 {
			key = s.regs[i].key
		}
		data = binary.BigEndian.AppendUint64(data, key)
		data = append(data, 0, 0, 0, 0, 0, byte(s.typ), 0, 0) // SCOPE 0: LU_SCOPE
	}
	replyList(t, data)
}

// reportCapabilities: SPC-4 6.15.4.
func reportCapabilities(t *Task) {
	s := t.unit.persistent()
	data := []byte{
		0, 8, // LENGTH
		0x10 | 0x08 | 0x04, // CRH, SIP_C, ATP_C; RLR_C is zero
		0x80 | 4<<4,        // TMV; ALLOW COMMANDS 100b: commands that table 65 marks with note b are allowed
		0xEA, 0x01,         // PERSISTENT RESERVATION TYPE MASK: all six types
		0, 0,
	}
	if t.unit.canStore() {
		data[2] |= 0x01 // PTPL_C
	}
	if s.aptpl {
		data[3] |= 0x01 // PTPL_A
	}
	t.reply(data, int(cdb16(&t.CDB, 7)))
}

// readFullStatus: SPC-4 6.15.5. One descriptor for each I_T nexus; ALL_TG_PT is never one.
func readFullStatus(t *Task) {
	s := t.unit.persistent()
	data := listHeader(&s)
	for i := range s.regs {
		g := &s.regs[i]
		data = binary.BigEndian.AppendUint64(data, g.key)
		data = append(data, 0, 0, 0, 0)
		if s.holds(g.id) {
			data = append(data, 0x01, byte(s.typ)) // R_HOLDER; SCOPE 0, TYPE
		} else {
			data = append(data, 0, 0)
		}
		data = append(data, 0, 0, 0, 0)
		data = binary.BigEndian.AppendUint16(data, g.relPort)
		at := len(data)
		data = appendTransportID(append(data, 0, 0, 0, 0), g.id.port)
		binary.BigEndian.PutUint32(data[at:], uint32(len(data)-at-4))
	}
	replyList(t, data)
}
