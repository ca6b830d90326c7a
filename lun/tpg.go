package lun

import "encoding/binary"

// targetPortGroup is the one target port group (SPC-4 5.16): every port reaches every unit equally well. INQUIRY says
// TPGS=01b (implicit asymmetric access), and its VPD page 83h names this group in the target port group designator.
const targetPortGroup = 1

var tpgCommands = []command{
	{op: 0xA3, sa: 0x0A, name: "REPORT TARGET PORT GROUPS", class: accessAllowed, plan: planIn32(6), run: reportTargetPortGroups,
		usage: [16]byte{0: 0xA3, 1: 0xE0 | 0x0A, 6: 0xFF, 7: 0xFF, 8: 0xFF, 9: 0xFF, 11: 0x04}},
}

// maxGroupPorts is what TARGET PORT COUNT, one byte, can say.
const maxGroupPorts = 255

// reportTargetPortGroups: SPC-4 6.37. Active/optimized is the only state there is.
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
	ports := t.unit.target.Ports()
	ports = ports[:min(len(ports), maxGroupPorts)]
	data = append(data, 0x00, 0x01) // active/optimized; AO_SUP
	data = binary.BigEndian.AppendUint16(data, targetPortGroup)
	data = append(data, 0, 0, 0, byte(len(ports))) // STATUS CODE 0: no status available
	for _, p := range ports {
		data = binary.BigEndian.AppendUint16(append(data, 0, 0), p.RelPort)
	}
	binary.BigEndian.PutUint32(data, uint32(len(data)-4)) // RETURN DATA LENGTH
	t.reply(data, int(min(cdb32(&t.CDB, 6), MaxParam)))
}
