package lun

// primaryCommands are the commands of SPC-4 that concern the device server itself.
var primaryCommands = []command{
	{op: 0x00, sa: noSA, name: "TEST UNIT READY", usage: [16]byte{5: 0x04},
		class: accessAllowed, flags: needsMedium, run: testUnitReady},
	{op: 0x03, sa: noSA, name: "REQUEST SENSE", usage: [16]byte{1: 0x01, 4: 0xFF, 0x04},
		class: accessAllowed, flags: ignoresUA | withoutUnit | duringSanitize, plan: planIn8(4), run: requestSense},
	{op: 0x1D, sa: noSA, name: "SEND DIAGNOSTIC", usage: [16]byte{1: 0xF4, 3: 0xFF, 0xFF, 0x04},
		class: accessWrite, flags: needsMedium, run: sendDiagnostic},
	{op: 0xA0, sa: noSA, name: "REPORT LUNS", usage: [16]byte{2: 0xFF, 6: 0xFF, 0xFF, 0xFF, 0xFF, 11: 0x04},
		class: accessAllowed, flags: ignoresUA | withoutUnit | duringSanitize, plan: planIn32(6), run: runReportLUNs},
}

// sendDiagnostic: SPC-4 6.42. The default self-test finds nothing wrong; there are no other tests and no diagnostic pages.
func sendDiagnostic(t *Task) {
	switch {
	case t.CDB[1]&0xE0 != 0: // SELF-TEST CODE
		t.checkField(1, 7)
	case cdb16(&t.CDB, 3) != 0: // PARAMETER LIST LENGTH
		t.checkField(3, -1)
	default:
		t.good()
	}
}

// requestSense: SPC-4 6.39. A pending unit attention is reported and cleared; then come conditions that can be polled.
func requestSense(t *Task) {
	s := sense{}
	switch u := t.unit; {
	case u == nil: // SPC-4 6.39: for a LUN that does not exist, as data with GOOD status
		s = sense{key: IllegalRequest, asc: ascLUNotSupported}
	default:
		if a := t.Nexus.takeAttention(u, ^attention(0)); a != 0 {
			s = u.attentionSense(a)
		} else if u.is(stateSanitizing) {
			s = u.sanitizeSense()
		} else if u.is(stateSanitizeFailed) {
			s = sense{key: MediumError, asc: ascSanitizeFailed}
		}
	}
	var data [SenseSize]byte
	n := s.encode(&data, t.CDB[1]&1 != 0) // DESC
	t.reply(data[:n], int(t.CDB[4]))
}
