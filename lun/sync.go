package lun

// syncCommands: SYNCHRONIZE CACHE (SBC-3 5.23, 5.24) and PRE-FETCH (SBC-3 5.6).
var syncCommands = []command{
	{op: 0x35, sa: noSA, name: "SYNCHRONIZE CACHE(10)", usage: [16]byte{1: 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04},
		class: accessWrite, flags: needsMedium | gated, run: synchronizeCache},
	{op: 0x91, sa: noSA, name: "SYNCHRONIZE CACHE(16)", usage: [16]byte{1: 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessWrite, flags: needsMedium | gated, run: synchronizeCache},
	{op: 0x34, sa: noSA, name: "PRE-FETCH(10)", usage: [16]byte{1: 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04},
		class: accessRead, flags: needsMedium, run: preFetch},
	{op: 0x90, sa: noSA, name: "PRE-FETCH(16)", usage: [16]byte{1: 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04},
		class: accessRead, flags: needsMedium, run: preFetch},
}

// synchronizeCache answers when everything is on the medium, even with IMMED set: an earlier answer would promise nothing.
func synchronizeCache(t *Task) {
	lba, n, _ := extent(&t.CDB)
	if !t.unit.geometry().holds(lba, n) {
		t.check(IllegalRequest, ascLBAOutOfRange)
		return
	}
	// The range does not matter: a flush covers everything. It always reaches the backend, whatever WCE is: only the medium
	// knows which caches it has, and that may have changed since it was opened.
	t.ioRange(OpSync, 0, 0, stepSynced)
}

// preFetch has no cache to fill, so it answers GOOD, not CONDITION MET (SBC-3 5.6: "if the specified logical
// blocks were not successfully transferred to the cache because of insufficient space").
func preFetch(t *Task) {
	lba, n, _ := extent(&t.CDB)
	if !t.unit.geometry().holds(lba, n) {
		t.check(IllegalRequest, ascLBAOutOfRange)
		return
	}
	t.good()
}
