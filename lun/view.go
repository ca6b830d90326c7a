package lun

import (
	"slices"

	"github.com/ringtgt/ringtgt/internal/iscsiname"
)

// LUN masking. Which logical units exist for an I_T nexus, and under which numbers, depends on the names with which it logged in
// (UnitConfig.Exports). Each nexus has a view: the units that it sees, as a snapshot. Whatever an initiator names by LUN or by
// designator is looked up there, so a masked unit is for it in no way different from one that does not exist.
//
// What belongs to an I_T_L nexus (unit attentions, losses that were reported) is kept by the unit's own number in the target, which
// is the same for every nexus and does not change.

// Export lets initiators see a unit under a number of their own. Both lists have to match.
type Export struct {
	Initiators []string // iSCSI names; a trailing * matches any suffix; none: all
	Accounts   []string // CHAP accounts that logged in; none: all
	LUN        int      // the number under which they see the unit
}

// matches reports whether e names the nexus. Case does not matter in iSCSI names (RFC 7143 4.2.7.2), but in those of CHAP (RFC 1994).
func (e *Export) matches(n *NexusConfig) bool {
	return iscsiname.Listed(e.Initiators, n.InitiatorName) && (len(e.Accounts) == 0 || slices.Contains(e.Accounts, n.Account))
}

// checkExports returns an error if an export has a number that no LUN can have.
func checkExports(exports []Export) error {
	for i := range exports {
		if n := exports[i].LUN; n < 0 || n >= MaxLUNs {
			return ErrLUNRange
		}
	}
	return nil
}

// numberFor returns the number under which a nexus sees u: that of the first export that matches. A unit without exports is seen by
// every initiator, under its own number.
func (u *Unit) numberFor(n *NexusConfig) (lun int, seen bool) {
	exports := u.exports.Load()
	if exports == nil {
		return u.lun, true
	}
	for i := range *exports {
		if e := &(*exports)[i]; e.matches(n) {
			return e.LUN, true
		}
	}
	return 0, false
}

// view is a set of units by number: those of the target by their own numbers, or those that a nexus sees by the numbers that it uses.
// It is never changed once published.
type view struct {
	byLUN  [MaxLUNs]*Unit
	list   []*Unit // by ascending number
	masked bool    // of the target's view: some unit has exports, so nexuses have views of their own
}

func newView(byLUN *[MaxLUNs]*Unit) *view {
	v := &view{byLUN: *byLUN}
	for _, u := range byLUN {
		if u != nil {
			v.list = append(v.list, u)
			v.masked = v.masked || u.exports.Load() != nil
		}
	}
	return v
}

// viewFor returns what a nexus sees of all units: all itself if none has exports. Of two units that would have the same number, the
// one with the lower number in the target has it, and the other is not seen.
func (all *view) viewFor(n *NexusConfig) *view {
	if !all.masked {
		return all
	}
	var byLUN [MaxLUNs]*Unit
	for _, u := range all.list {
		if lun, seen := u.numberFor(n); seen && byLUN[lun] == nil {
			byLUN[lun] = u
		}
	}
	return newView(&byLUN)
}

// has reports whether u is in the view.
func (v *view) has(u *Unit) bool { return slices.Contains(v.list, u) }

// LUNs of SAM-5 4.7 that a target answers to: single level, peripheral device addressing (00b, bus 0) and flat space addressing
// (01b).

// lookup finds the unit of an 8-byte LUN (big endian, as in RFC 7143 11.2.1.7). It returns nil if there is none.
func (v *view) lookup(lun uint64) *Unit {
	if lun<<16 != 0 {
		return nil
	}
	var i uint64
	switch lun >> 62 {
	case 0: // SAM-5 4.7.7.2: bits 61..56 are the bus, 0 is this target
		i = lun >> 48
	case 1: // SAM-5 4.7.7.3
		i = lun >> 48 & 0x3FFF
	default:
		return nil
	}
	if i >= MaxLUNs {
		return nil
	}
	return v.byLUN[i]
}

// Lookup finds the unit that the nexus's initiator addresses by an 8-byte LUN, nil if there is none for it.
func (n *Nexus) Lookup(lun uint64) *Unit { return n.view.Load().lookup(lun) }

// Sees reports whether the unit exists for the nexus's initiator; one that was removed exists for none. A nexus that is closed has no view any more that follows changes, but may
// still have commands in the backend.
func (n *Nexus) Sees(u *Unit) bool {
	if u.removed.Load() {
		return false
	}
	if n.closed.Load() {
		_, seen := u.numberFor(&n.NexusConfig)
		return seen
	}
	return n.view.Load().has(u)
}

// SeesAll reports whether every unit of the target exists for the nexus's initiator.
func (n *Nexus) SeesAll() bool { return len(n.view.Load().list) == len(n.target.Units()) }

// look gives the nexus the view that follows from all units, and tells the initiator what is different (SPC-4 6.33): a unit that it
// did not see before is like a new one, and the others get REPORTED LUNS DATA HAS CHANGED. A number that leads to another unit than
// before also gives INQUIRY DATA HAS CHANGED there, because the initiator may take it for the unit that it has identified under this
// number. It returns the units that the nexus lost sight of: their nexusLost is due. Call it under the target's mu.
func (n *Nexus) look(all *view) (lost []*Unit) {
	old, now := n.view.Load(), all.viewFor(&n.NexusConfig)
	if old == nil || old.byLUN == now.byLUN {
		n.view.Store(now)
		return nil
	}
	for _, u := range now.list {
		if !old.has(u) {
			n.greet(u, uaPowerOn)
		}
	}
	n.view.Store(now)
	for i, u := range &now.byLUN {
		if u == nil {
			continue
		}
		if old.has(u) {
			n.attend(u, uaLUNsChanged)
		}
		if before := old.byLUN[i]; before != nil && before != u {
			n.attend(u, uaInquiryChanged)
		}
	}
	for _, u := range old.list {
		if !now.has(u) {
			n.greet(u, unseen)
			lost = append(lost, u)
		}
	}
	return lost
}

// SetExports replaces the rules of who sees the unit; engine.Engine.SetExports also waits for commands. Initiators whose view changes learn of it at once (look); for the others
// nothing happens. A command that an initiator has already started on a unit that it does not see any more ends normally, except
// that EXTENDED COPY does not go on to the next piece. What the nexus held there (RESERVE, prevention of medium removal) ends, as
// with the loss of the nexus; persistent reservations stay.
func (u *Unit) SetExports(exports []Export) error {
	if err := checkExports(exports); err != nil {
		return err
	}
	u.export(exports)
	u.target.changeUnits(func(*[MaxLUNs]*Unit) {})
	return nil
}

// export sets the rules: none mean that every initiator sees the unit.
func (u *Unit) export(exports []Export) {
	if len(exports) == 0 {
		u.exports.Store(nil)
		return
	}
	own := slices.Clone(exports)
	u.exports.Store(&own)
}
