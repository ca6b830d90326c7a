package lun

// Plan resolves the command that Target, LUN and CDB describe: Start takes what it finds. out and in say how much memory the
// command needs before it starts: out bytes for its data-out, in bytes of Buf for its data-in, each at most MaxTransfer. A READ
// from a Mapped backend needs no buffer: In will point at the backend's memory. If the data-in must not change while it is
// sent, because a data digest covers it, copied asks for a buffer for that too, and such a READ copies into it.
func (t *Task) Plan(copied bool) (out, in int) {
	t.resolve()
	u, c := t.unit, t.cmd
	if c == nil || c.plan == nil || u == nil && c.flags&withoutUnit == 0 {
		return 0, 0
	}
	o, i := t.RequiredOut, t.RequiredIn
	if c.flags&mappedIn != 0 && u.mapped != nil && !copied {
		i = 0
	}
	// A command that asks to move more is refused when it starts.
	limit := int64(MaxParam)
	if c.flags&gated != 0 {
		limit = MaxTransfer
	}
	return int(min(o, limit)), int(min(i, limit))
}

// resolve finds the unit and the command, and how much the command moves.
func (t *Task) resolve() {
	u := t.Target.Lookup(t.LUN)
	c, badAction := find(&t.CDB)
	t.unit, t.cmd, t.badAction, t.resolved = u, c, badAction, true
	if c != nil && c.plan != nil && (u != nil || c.flags&withoutUnit != 0) {
		t.RequiredOut, t.RequiredIn = c.plan(u, &t.CDB)
	}
}

// dispatch decides, in this order: is there a unit, a unit attention, such a command, a reservation, a medium.
func (t *Task) dispatch() {
	// Since Plan, which was when the header arrived, a unit may have come or gone. Nothing else that Plan found can change.
	if !t.resolved || t.unit == nil || t.unit.removed.Load() {
		t.resolve()
	}
	u, c := t.unit, t.cmd
	if u == nil {
		t.noUnit()
		return
	}
	if t.Nexus.pending[u.lun].Load() != 0 && (c == nil || c.flags&ignoresUA == 0) {
		if a := t.Nexus.takeAttention(u, ^attention(0)); a != 0 {
			t.check(UnitAttention, a.asc())
			return
		}
	}
	if !t.valid() || !t.admit() {
		return
	}
	if c.flags&(gated|exclusive) != 0 || t.Attr == AttrOrdered && c.flags&ignoresUA == 0 {
		if !u.gate.enter(t, c.flags&exclusive != 0 || t.Attr == AttrOrdered) {
			t.phaseIs(taskAtGate)
			return
		}
	}
	c.run(t)
}

// valid checks what the CDB and the task attribute say, whatever the unit's state. False: it ended t.
func (t *Task) valid() bool {
	u, c, badAction := t.unit, t.cmd, t.badAction
	switch {
	case t.LongCDB, c == nil && !badAction:
		t.check(IllegalRequest, ascInvalidOpcode)
	case badAction, c.sa != noSA && !u.offered(c): // SPC-4 4.3.4: an unknown service action is an invalid field
		t.checkField(1, 4)
	case !u.offered(c):
		t.check(IllegalRequest, ascInvalidOpcode)
	case t.CDB[controlByte(t.CDB[0])]&0x04 != 0: // SAM-5 5.2: NACA, and NORMACA is zero in our INQUIRY data
		t.checkField(controlByte(t.CDB[0]), 2)
	case t.Attr >= AttrACA: // SAM-5 8.9.4: no ACA condition can exist here
		t.check(IllegalRequest, ascInvalidMessage)
	default:
		return true
	}
	return false
}

// admit checks what may have changed while a task waited: reservations and the state of the medium. False: it ended t.
func (t *Task) admit() bool {
	u := t.unit
	if r := u.resv.Load(); r != nil && r.conflicts(t) {
		t.conflict()
		return false
	}
	if s := unitState(u.state.Load()); s != 0 {
		return t.admitState(s)
	}
	return true
}

// admitState is admit's slow half: the unit is not one that does everything.
func (t *Task) admitState(s unitState) bool {
	f := t.cmd.flags
	switch {
	case s&stateSanitizing != 0 && f&duringSanitize == 0:
		s := t.unit.sanitizeSense()
		t.checkSense(&s)
	case s&stateSanitizeFailed != 0 && f&(duringSanitize|sanitizes) == 0:
		t.check(MediumError, ascSanitizeFailed)
	case s&stateEjected != 0 && f&needsMedium != 0:
		t.check(NotReady, ascMediumNotPresentOpen)
	case s&stateReadOnly != 0 && f&writesMedium != 0:
		t.check(DataProtect, ascWriteProtected)
	case s&stateSoftProtected != 0 && f&writesMedium != 0:
		t.check(DataProtect, ascSoftwareWriteProtected)
	default:
		return true
	}
	return false
}

// gatePassed runs on the task's loop once the gate let it in.
func (t *Task) gatePassed() {
	t.phaseIs(taskRunning)
	t.unit.gate.passed(t)
	if t.enter() && t.admit() {
		t.cmd.run(t)
	}
	t.drive()
}

// admission is the event of a task that the gate has let in.
type admission Task

func (a *admission) Happen() { (*Task)(a).gatePassed() }

// noUnit answers for a LUN that is not there (SPC-4 6.6.2, SAM-5 4.7.5).
func (t *Task) noUnit() {
	if t.cmd == nil || t.cmd.flags&withoutUnit == 0 {
		t.check(IllegalRequest, ascLUNotSupported)
		return
	}
	t.cmd.run(t)
}

// controlByte is where the CDB's CONTROL byte is (SAM-5 5.2), by the operation code's group (SPC-4 4.2.5.1).
func controlByte(op byte) int {
	switch op >> 5 {
	case 0:
		return 5
	case 1, 2:
		return 9
	case 4:
		return 15
	case 5:
		return 11
	}
	return 15
}
