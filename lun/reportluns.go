package lun

import "encoding/binary"

// runReportLUNs: SPC-4 6.33. It answers for any LUN.
func runReportLUNs(t *Task) {
	alloc := cdb32(&t.CDB, 6)
	if alloc < 16 { // SPC-4 6.33: "if the allocation length is less than sixteen ... INVALID FIELD IN CDB"
		t.checkField(6, -1)
		return
	}
	seen := t.Nexus.view.Load()
	var data [8 + 8*MaxLUNs]byte
	end := 8
	switch t.CDB[2] {
	case 0x00, 0x02: // all but well known ones; all. There are no well known logical units here.
		for i, u := range &seen.byLUN {
			if u != nil {
				data[end+1] = byte(i) // SAM-5 4.7.7.2: peripheral device addressing, bus 0
				end += 8
			}
		}
	case 0x01:
	default:
		t.checkField(2, -1)
		return
	}
	binary.BigEndian.PutUint32(data[0:], uint32(end-8))
	// SPC-4 6.33: the command clears REPORTED LUNS DATA HAS CHANGED for the I_T nexus, on every logical unit.
	for _, u := range seen.list {
		t.Nexus.takeAttention(u, uaLUNsChanged)
	}
	t.reply(data[:end], int(min(alloc, MaxParam)))
}
