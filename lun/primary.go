package lun

// primaryCommands are the commands of SPC-4 that concern the device server itself.
var primaryCommands = []command{
	{op: 0x00, sa: noSA, name: "TEST UNIT READY", usage: [16]byte{0x00, 0, 0, 0, 0, 0x04},
		class: accessAllowed, flags: needsMedium, run: testUnitReady},
}

// testUnitReady: SPC-4 6.47. What could make it fail was looked at before.
func testUnitReady(t *Task) { t.good() }
