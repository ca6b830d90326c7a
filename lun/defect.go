package lun

// A unit has no defects to report: its medium is a file, a drive that hides its own, or memory.
var defectCommands = []command{
	{op: 0x37, sa: noSA, name: "READ DEFECT DATA(10)", class: accessRead, flags: needsMedium, plan: planIn16(7), run: readDefectData10,
		usage: [16]byte{0: 0x37, 2: 0x1F, 7: 0xFF, 8: 0xFF, 9: 0x04}},
	{op: 0xB7, sa: noSA, name: "READ DEFECT DATA(12)", class: accessRead, flags: needsMedium, plan: planIn32(6), run: readDefectData12,
		usage: [16]byte{0: 0xB7, 1: 0x1F, 2: 0xFF, 3: 0xFF, 4: 0xFF, 5: 0xFF, 6: 0xFF, 7: 0xFF, 8: 0xFF, 9: 0xFF, 11: 0x04}},
}

// defectHeader echoes REQ_PLIST, REQ_GLIST and DEFECT LIST FORMAT as PLISTV, GLISTV and the format returned: the answer has the
// requested lists in the requested format, and all of them are empty (SBC-3 5.18.2).
func defectHeader(request byte) byte { return request & 0x1F }

// readDefectData10: SBC-3 5.18.
func readDefectData10(t *Task) {
	t.reply([]byte{0, defectHeader(t.CDB[2]), 0, 0}, int(cdb16(&t.CDB, 7)))
}

// readDefectData12: SBC-3 5.19. No ADDRESS DESCRIPTOR INDEX is below the number of descriptors, so the list is empty;
// GENERATION CODE 0 is not supported.
func readDefectData12(t *Task) {
	t.reply([]byte{0, defectHeader(t.CDB[1]), 0, 0, 0, 0, 0, 0}, int(min(cdb32(&t.CDB, 6), MaxParam)))
}
