package lun

// startStopCommands: START STOP UNIT (SBC-3 5.22) and PREVENT ALLOW MEDIUM REMOVAL (SPC-4 6.17, SBC-3 5.13).
var startStopCommands = []command{
	{op: 0x1B, sa: noSA, name: "START STOP UNIT", usage: [16]byte{1: 0x01, 3: 0x0F, 0xF7, 0x04},
		class: accessWrite, flags: gated, run: startStop},
	{op: 0x1E, sa: noSA, name: "PREVENT ALLOW MEDIUM REMOVAL", usage: [16]byte{4: 0x03, 0x04},
		class: accessWrite, flags: removableOnly, run: preventAllow},
}

// Bits of byte 4 of START STOP UNIT.
const (
	ssuPower   = 0xF0
	ssuNoFlush = 0x04
	ssuLoEj    = 0x02
	ssuStart   = 0x01
)

// startStop: SBC-3 5.22. There is no motor: a power condition changes nothing (START and LOEJ are ignored then), nor does START
// alone. LOEJ loads and ejects the medium of a removable unit.
func startStop(t *Task) {
	u, b := t.unit, t.CDB[4]
	switch {
	case b&ssuPower != 0, b&(ssuLoEj|ssuStart) == ssuStart:
		t.good()
	case b&ssuLoEj != 0 && !u.cfg.Removable:
		t.checkField(4, 1)
	case b&ssuLoEj != 0 && u.removalPrevented():
		t.check(IllegalRequest, ascMediumRemovalPrevented)
	case b&ssuStart != 0:
		u.load(t.Nexus)
		t.good()
	case b&ssuNoFlush != 0 || u.is(stateEjected):
		stopped(t)
	default: // SBC-3 5.22: cached data is written to the medium before it stops
		t.ioRange(OpSync, 0, 0, stepStopFlushed)
	}
}

func stopFlushed(t *Task, err error) {
	if err != nil || t.unit.owed(t.Nexus, promisesAll, t.Loop.Now()) {
		syncDone(t, err)
		return
	}
	stopped(t)
}

func stopped(t *Task) {
	if t.CDB[4]&ssuLoEj != 0 {
		if t.unit.removalPrevented() { // an initiator prevented it while the cache was flushed
			t.check(IllegalRequest, ascMediumRemovalPrevented)
			return
		}
		t.unit.set(stateEjected)
	}
	t.good()
}

// load loads the medium. All nexuses except by get MEDIUM MAY HAVE CHANGED (SPC-4 6.47, 28/00).
func (u *Unit) load(by *Nexus) {
	if old := u.state.And(^uint32(stateEjected)); unitState(old)&stateEjected == 0 {
		return
	}
	u.Refresh()
	u.attendAll(uaMediumChanged, by)
}

func (u *Unit) removalPrevented() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.prevent) > 0
}

// preventAllow: the medium cannot be removed while any I_T nexus prevents it.
func preventAllow(t *Task) {
	u := t.unit
	switch t.CDB[4] & 3 {
	case 0:
		u.mu.Lock()
		delete(u.prevent, t.Nexus)
		u.mu.Unlock()
	case 1:
		u.mu.Lock()
		if !t.Nexus.closed.Load() {
			u.prevent[t.Nexus] = struct{}{}
		}
		u.mu.Unlock()
	default: // obsolete values
		t.checkField(4, 1)
		return
	}
	t.good()
}
