package lun

// RESERVE and RELEASE, (6) and (10), as SPC-2 defines them, with the exceptions of SPC-4 5.13.3 (CRH=1): VMFS and other old
// initiators still use them.
var reserveCommands = []command{
	{op: 0x16, sa: noSA, name: "RESERVE(6)", usage: [16]byte{0x16, 0x11, 0, 0, 0, 0x04}, class: accessReserve, run: runReserve},
	{op: 0x17, sa: noSA, name: "RELEASE(6)", usage: [16]byte{0x17, 0x11, 0, 0, 0, 0x04}, class: accessReserve, run: runRelease},
	{op: 0x56, sa: noSA, name: "RESERVE(10)", usage: [16]byte{0x56, 0x13, 9: 0x04}, class: accessReserve, run: runReserve},
	{op: 0x57, sa: noSA, name: "RELEASE(10)", usage: [16]byte{0x57, 0x13, 9: 0x04}, class: accessReserve, run: runRelease},
}

// reserveField refuses what SPC-2 made optional or obsolete: third-party reservations, LONGID and extents. It returns true if it
// ended t.
func reserveField(t *Task) bool {
	bad := t.CDB[1] & 0x11
	if t.CDB[0] >= 0x56 {
		bad = t.CDB[1] & 0x13
	}
	for bit := 4; bit >= 0; bit-- {
		if bad>>bit&1 != 0 {
			t.checkField(1, bit)
			return true
		}
	}
	return false
}

// runReserve: SPC-2 7.21, 7.22.
func runReserve(t *Task) {
	if !reserveField(t) {
		t.unit.turn(t, stepReserve)
	}
}

func reserveTurn(t *Task) {
	u, n := t.unit, t.Nexus
	u.mu.Lock()
	p := &u.pr
	end := (*Task).good
	switch {
	case len(p.now.regs) > 0:
		if !p.now.compatible(n.id()) {
			end = (*Task).conflict
		}
	case p.reserve != nil && p.reserve != n:
		end = (*Task).conflict
	case n.closed.Load(): // nothing would release the reservation: nexusLost has run, or is about to
	default:
		p.reserve = n
		u.publishReservation()
	}
	u.mu.Unlock()
	u.endTurn()
	end(t)
}

// runRelease: SPC-2 7.16, 7.17. RELEASE of a reservation that the nexus does not hold changes nothing and is GOOD.
func runRelease(t *Task) {
	if !reserveField(t) {
		t.unit.turn(t, stepRelease)
	}
}

func releaseTurn(t *Task) {
	u, n := t.unit, t.Nexus
	u.mu.Lock()
	p := &u.pr
	end := (*Task).good
	switch {
	case len(p.now.regs) > 0:
		if !p.now.compatible(n.id()) {
			end = (*Task).conflict
		}
	case p.reserve == n:
		p.reserve = nil
		u.publishReservation()
	}
	u.mu.Unlock()
	u.endTurn()
	end(t)
}

// compatible reports whether a RESERVE or RELEASE of id is GOOD without doing anything although the unit has registrations
// (SPC-4 5.13.3): id holds the reservation, or is registered under a Registrants Only or All Registrants one. Every
// other nexus conflicts (SPC-2 5.5.1).
func (s *prState) compatible(id nexusID) bool {
	return s.holds(id) || s.typ.registrants() && s.find(id) >= 0
}

// releaseReserve ends the RESERVE(6)/(10) reservation of n, or of any nexus if n is nil (SPC-2 5.5.2: a reset or the loss
// of the nexus releases it). Persistent reservations stay.
func (u *Unit) releaseReserve(n *Nexus) {
	u.mu.Lock()
	if p := &u.pr; p.reserve != nil && (n == nil || p.reserve == n) {
		p.reserve = nil
		u.publishReservation()
	}
	u.mu.Unlock()
}

// allowedUnderReserve lists the commands that do not conflict with a RESERVE(6)/(10) reservation of another nexus (SPC-2
// table 10, SBC-2 table 5).
func allowedUnderReserve(cdb *[16]byte) bool {
	switch cdb[0] {
	case 0x12, 0xA0, 0x03: // INQUIRY, REPORT LUNS, REQUEST SENSE
		return true
	case 0x16, 0x56: // RESERVE: conflicts, or not, by itself
		return true
	case 0x17, 0x57: // RELEASE
		return true
	case 0x4D: // LOG SENSE
		return true
	case 0x25: // READ CAPACITY(10)
		return true
	case 0x9E: // READ CAPACITY(16), the 16-byte form of the same
		return cdb[1]&0x1F == 0x10
	case 0x1B, 0x1E: // START STOP UNIT with START=1, PREVENT ALLOW MEDIUM REMOVAL with PREVENT=0
		return accessOf(&command{class: accessWrite}, cdb) == accessAllowed
	}
	return false
}
