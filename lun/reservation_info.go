package lun

// ReservationInfo describes a unit's reservation, for status.
type ReservationInfo struct {
	// Type is the type of a persistent reservation as SPC-4 table 206 names it, or "RESERVE" for one of the SPC-2 kind.
	Type string
	// Holder is the initiator port that holds it, "<iSCSI name>,i,0x<ISID>"; "": every registrant does.
	Holder string
	// Registrants is the number of registered I_T nexuses.
	Registrants int
}

// String is the name in SPC-4 table 206.
func (t prType) String() string {
	switch t {
	case prNone:
		return "none"
	case prWriteExclusive:
		return "Write Exclusive"
	case prExclusiveAccess:
		return "Exclusive Access"
	case prWriteExclusiveRegistrants:
		return "Write Exclusive - Registrants Only"
	case prExclusiveAccessRegistrants:
		return "Exclusive Access - Registrants Only"
	case prWriteExclusiveAll:
		return "Write Exclusive - All Registrants"
	case prExclusiveAccessAll:
		return "Exclusive Access - All Registrants"
	}
	return "reserved type"
}

// Reservation returns the unit's reservation. Without one, reserved is false, and info has the number of registrants alone.
func (u *Unit) Reservation() (info ReservationInfo, reserved bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := &u.pr
	info.Registrants = len(p.now.regs)
	switch {
	case p.reserve != nil:
		info.Type, info.Holder = "RESERVE", p.reserve.portName
	case p.now.typ != prNone:
		info.Type, info.Holder = p.now.typ.String(), p.now.holder.port
	default:
		return info, false
	}
	return info, true
}
