package lun

// Plan resolves the command that LUN and CDB describe, for Start. out and in are how much memory the command needs
// before it starts: out bytes for its data-out, in bytes of Buf for its data-in, each at most MaxTransfer. A READ from a Mapped
// backend needs no buffer, because In will point to the backend's memory. Set copied if the data-in must not change while it is
// sent, because a data digest covers it: then in has a buffer for such a READ too, to which the caller copies In.
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
	// A command that asks to transfer more is refused when it starts.
	limit := int64(MaxParam)
	if c.flags&gated != 0 {
		limit = MaxTransfer
	}
	return int(min(o, limit)), int(min(i, limit))
}

// resolve finds the unit and the command, and how much the command transfers.
func (t *Task) resolve() {
	u := t.Nexus.Lookup(t.LUN)
	c, badAction := find(&t.CDB)
	t.unit, t.cmd, t.badAction, t.resolved = u, c, badAction, true
	if c != nil && c.plan != nil && (u != nil || c.flags&withoutUnit != 0) {
		t.RequiredOut, t.RequiredIn = c.plan(u, &t.CDB)
	}
}

// dispatch checks, in this order: the unit, unit attentions, the command, reservations, the medium.
func (t *Task) dispatch() {
	// A unit may have been added or removed since Plan, which ran when the header arrived. Nothing else that Plan found can change.
	switch {
	case !t.resolved:
		t.resolve()
	case t.unit != nil && !t.unit.removed.Load():
	case t.cmd != nil && t.cmd.flags&withoutUnit != 0:
		t.resolve()
	default:
		// It was sent to a unit that was removed, and must not act on another one that has the LUN now. Or there was none: then no
		// memory was planned, no data was asked for, and a unit that has come since would take the command for one without data.
		t.unit = nil
	}
	u, c := t.unit, t.cmd
	if u == nil {
		t.noUnit()
		return
	}
	if t.Nexus.pending[u.lun].Load()&attentionMask != 0 && t.interrupted() {
		return
	}
	if !t.valid() || !t.admit() {
		return
	}
	if c.flags&(gated|exclusive) != 0 || t.Attr == AttrOrdered && c.flags&ignoresUA == 0 {
		if !t.unit.gate.enter(t, c.flags&exclusive != 0 || t.Attr == AttrOrdered) {
			t.phaseIs(taskAtGate)
			return
		}
	}
	c.run(t)
}

// interrupted handles what is pending for the I_T_L nexus. It returns true if it ended t.
func (t *Task) interrupted() bool {
	n, u, c := t.Nexus, t.unit, t.cmd
	if n.pending[u.lun].Load()&uint32(unseen) != 0 { // since Plan the initiator has lost sight of the unit: see Nexus.look
		t.unit = nil
		if c != nil && c.flags&withoutUnit != 0 {
			t.resolve()
		}
		if t.unit == nil {
			t.noUnit()
			return true
		}
	}
	if c != nil && c.flags&ignoresUA != 0 {
		return false
	}
	a := n.takeAttention(u, ^attention(0))
	if a == 0 {
		return false
	}
	s := u.attentionSense(a)
	t.checkSense(&s)
	return true
}

// valid checks the CDB and the task attribute, independently of the unit's state. It returns false if it ended t.
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

// admit checks conditions that may have changed while a task waited: reservations and the state of the medium. It returns false if
// it ended t.
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

// admitState is the slow part of admit, for a unit that does not carry out all commands at the moment.
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

// gatePassed runs on the task's loop once the gate has admitted it.
func (t *Task) gatePassed() {
	t.phaseIs(taskRunning)
	t.unit.gate.passed(t)
	if t.enter() && t.admit() {
		t.cmd.run(t)
	}
	t.drive()
}

// admission is the event for a task that the gate has admitted.
type admission Task

func (a *admission) Happen() { (*Task)(a).gatePassed() }

// noUnit answers a command to a LUN that does not exist for its initiator (SPC-4 6.6.2, SAM-5 4.7.5).
func (t *Task) noUnit() {
	if t.cmd == nil || t.cmd.flags&withoutUnit == 0 {
		t.check(IllegalRequest, ascLUNotSupported)
		return
	}
	t.cmd.run(t)
}

// controlByte returns the offset of the CDB's CONTROL byte (SAM-5 5.2), by the operation code's group (SPC-4 4.2.5.1).
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
