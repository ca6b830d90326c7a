package lun

import "encoding/binary"

// Each iSCSI portal group is a target port (RFC 7143 4.4.2) and a target port group of its own. Its TARGET PORT GROUP is the
// portal group tag, also in VPD page 83h. INQUIRY reports TPGS=01b (implicit asymmetric access).

var tpgCommands = []command{
	{op: 0xA3, sa: 0x0A, name: "REPORT TARGET PORT GROUPS", class: accessAllowed, plan: planIn32(6), run: reportTargetPortGroups,
		usage: [16]byte{0: 0xA3, 1: 0xE0 | 0x0A, 6: 0xFF, 7: 0xFF, 8: 0xFF, 9: 0xFF, 11: 0x04}},
}

// reportTargetPortGroups: SPC-4 6.37. Every port reaches every unit equally well, so active/optimized is the only state.
func reportTargetPortGroups(t *Task) {
	var data []byte
	switch t.CDB[1] >> 5 { // PARAMETER DATA FORMAT
	case 0:
		data = make([]byte, 4)
	case 1:
		data = []byte{0, 0, 0, 0, 0x10, 0, 0, 0} // FORMAT TYPE 001b; IMPLICIT TRANSITION TIME not specified
	default:
		t.checkField(1, 7)
		return
	}
	for _, p := range t.unit.target.Ports() {
		data = append(data, 0x00, 0x01) // active/optimized; AO_SUP
		data = binary.BigEndian.AppendUint16(data, p.TPGT)
		data = append(data, 0, 0, 0, 1) // STATUS CODE 0: no status available; TARGET PORT COUNT
		data = binary.BigEndian.AppendUint16(append(data, 0, 0), p.RelPort)
	}
	binary.BigEndian.PutUint32(data, uint32(len(data)-4)) // RETURN DATA LENGTH
	t.reply(data, int(min(cdb32(&t.CDB, 6), MaxParam)))
}
