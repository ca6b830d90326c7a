package lun

import "encoding/binary"

// Harmless reports whether an answer other than GOOD is part of normal operation rather than a failure of the target or its
// medium: unit attentions, refusals of what the initiator asked (ILLEGAL REQUEST, as 25h/00h for a LUN that does not exist),
// MISCOMPARE, reservation conflicts, a medium that was ejected. sense is that of a CHECK CONDITION, in either format.
func Harmless(status Status, sense []byte) bool {
	switch status {
	case StatusGood, StatusConditionMet, StatusReservationConflict:
		return true
	case StatusCheckCondition:
	default: // BUSY, TASK SET FULL: resources ran out. TASK ABORTED: the command was not carried out
		return false
	}
	key, asc := senseCode(sense)
	switch key {
	case NoSense, RecoveredError, IllegalRequest, UnitAttention, Miscompare:
		return true
	case NotReady: // an eject or a SANITIZE that an initiator asked for; a medium that is gone is none of these
		return asc>>8 == ascMediumNotPresent>>8 || asc == ascSanitizeInProgressSense
	}
	return false
}

// senseCode returns the sense key and additional sense code of sense data (SPC-4 4.5.2, 4.5.3).
func senseCode(sense []byte) (SenseKey, ASC) {
	switch {
	case len(sense) >= 4 && sense[0]&0x7E == 0x72:
		return SenseKey(sense[1] & 0x0F), ASC(binary.BigEndian.Uint16(sense[2:]))
	case len(sense) >= 14 && sense[0]&0x7E == 0x70:
		return SenseKey(sense[2] & 0x0F), ASC(binary.BigEndian.Uint16(sense[12:]))
	}
	return HardwareError, ascInternalTargetFailure // never built by this package
}
