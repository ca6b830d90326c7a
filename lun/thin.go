package lun

import "encoding/binary"

// Thresholds of thin provisioning (SBC-3 4.7.3.7). A thin unit has one: the space available on the file system that holds it, which
// it shares with others. Initiators cannot change it, and it is the same for all of them.
//
// LBA mapping resources are counted in threshold sets of thinSet bytes, which the THRESHOLD EXPONENT of VPD page B2h expresses in
// blocks.

const (
	thinSet        = 1 << 20
	thinDescriptor = 16 // where the threshold descriptor is in the mode page (SBC-3 6.4.6)

	// The threshold is armed again when this much more space is available, as a share of it: a file system that hovers at the
	// threshold does not interrupt initiators again and again.
	thinRearm = 4
)

// Parameters of the Logical Block Provisioning log page (SBC-3 6.3.4), and THRESHOLD RESOURCE of a threshold descriptor.
const (
	thinAvailable = 0x01
	thinUsed      = 0x02
)

// ThinSpace is the space behind a thin unit, in bytes.
type ThinSpace struct {
	Available int64 // free space of the file system, shared with whatever else is on it
	Used      int64 // what the unit takes of it
	Warn      int64 // the threshold: initiators are warned when Available falls to it; 0: never

	reached bool // they have been, and the threshold is not armed
}

// SetThinSpace reports the space behind a thin unit to the device server. When it falls to the threshold, every nexus that sees the
// unit gets THIN PROVISIONING SOFT THRESHOLD REACHED, once until it was well above again; then SetThinSpace returns true. Calls must not
// overlap.
func (u *Unit) SetThinSpace(s ThinSpace) (reached bool) {
	if !u.thin() {
		return false
	}
	old := u.thinSpace.Load()
	was := old != nil && old.reached
	switch {
	case s.Warn <= 0:
		s.reached = false
	case s.Available <= s.Warn:
		s.reached = true
	default:
		s.reached = was && s.Available < s.Warn+s.Warn/thinRearm
	}
	u.thinSpace.Store(&s)
	if old != nil && thinSets(old.Warn) != thinSets(s.Warn) {
		u.attendAll(uaModeChanged, nil) // the threshold is in a mode page
	}
	if !s.reached || was {
		return false
	}
	u.attendAll(uaThinThreshold, nil)
	return true
}

// thinSets is n bytes in threshold sets.
func thinSets(n int64) uint32 { return uint32(min(max(n, 0)/thinSet, 1<<32-1)) }

// thinExponent is the THRESHOLD EXPONENT: a threshold set has 2 to its power blocks.
func (u *Unit) thinExponent() byte {
	e := byte(0)
	for n := u.blockSize(); n < thinSet; n <<= 1 {
		e++
	}
	return e
}

// fillThreshold writes the threshold descriptor of the Logical Block Provisioning mode page. SITUA is zero: the unit attention is
// for every nexus, not for one of each initiator.
func fillThreshold(u *Unit, _ *modeValues, b []byte) {
	d := b[thinDescriptor:]
	d[1] = thinAvailable // THRESHOLD TYPE 0: a soft threshold; ARMING 0: reached when the resource decreases
	if s := u.thinSpace.Load(); s != nil && s.Warn > 0 {
		d[0] = 0x80 // ENABLED
		binary.BigEndian.PutUint32(d[4:], thinSets(s.Warn))
	}
}

// thinResources is the Logical Block Provisioning log page.
func thinResources(u *Unit, _ byte) (page []byte) {
	s := u.thinSpace.Load()
	if s == nil {
		return nil
	}
	add := func(parameter byte, count int64, scope byte) {
		page = append(page, 0, parameter, 0x03, 8) // FORMAT AND LINKING 11b: binary; PARAMETER LENGTH
		page = binary.BigEndian.AppendUint32(page, thinSets(count))
		page = append(page, scope, 0, 0, 0)
	}
	add(thinAvailable, s.Available, 0x02) // SCOPE: not dedicated to this unit
	add(thinUsed, s.Used, 0x01)           // dedicated to it
	return page
}
