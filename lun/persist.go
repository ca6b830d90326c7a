package lun

import "strings"

// prType is the TYPE of a persistent reservation (SPC-4 6.15.3.4).
type prType uint8

const (
	prNone                       prType = 0 // there is no reservation
	prWriteExclusive             prType = 1
	prExclusiveAccess            prType = 3
	prWriteExclusiveRegistrants  prType = 5 // Write Exclusive - Registrants Only
	prExclusiveAccessRegistrants prType = 6 // Exclusive Access - Registrants Only
	prWriteExclusiveAll          prType = 7 // Write Exclusive - All Registrants
	prExclusiveAccessAll         prType = 8 // Exclusive Access - All Registrants
)

func (t prType) valid() bool {
	switch t {
	case prWriteExclusive, prExclusiveAccess, prWriteExclusiveRegistrants, prExclusiveAccessRegistrants,
		prWriteExclusiveAll, prExclusiveAccessAll:
		return true
	}
	return false
}

// exclusive: reads of others conflict too.
func (t prType) exclusive() bool {
	return t == prExclusiveAccess || t == prExclusiveAccessRegistrants || t == prExclusiveAccessAll
}

// registrants: every registered I_T nexus has access (Registrants Only and All Registrants).
func (t prType) registrants() bool { return t >= prWriteExclusiveRegistrants }

// all: every registered I_T nexus holds the reservation (All Registrants).
func (t prType) all() bool { return t == prWriteExclusiveAll || t == prExclusiveAccessAll }

// nexusID identifies an I_T nexus across sessions and restarts (RFC 7143 4.4.2): the name of the initiator port,
// "<iSCSI name>,i,0x<ISID>" in lower case, and the portal group tag of the target port. Two sessions of one initiator
// name with different ISIDs are two nexuses.
type nexusID struct {
	port string
	tpgt uint16
}

func (n *Nexus) id() nexusID { return nexusID{n.portName, n.TPGT} }

// node is the iSCSI name in the initiator port's name.
func (id nexusID) node() string {
	if i := strings.LastIndex(id.port, isidSeparator); i >= 0 {
		return id.port[:i]
	}
	return id.port
}

// registration is one registered I_T nexus (SPC-4 5.13.7). The key is never zero.
type registration struct {
	id      nexusID
	relPort uint16 // RELATIVE TARGET PORT IDENTIFIER of id's target port, for reports
	key     uint64
	account string // NexusConfig.Account of the registrant; "": none, or another nexus registered it
}

// prState is the state that PERSISTENT RESERVE commands change. It is a value: to change it is to make another one, and regs
// is never written to once the value is a unit's.
type prState struct {
	generation uint32 // PRGENERATION (SPC-4 6.15.2)
	aptpl      bool   // persist through power loss (SPC-4 5.13.5)
	regs       []registration
	typ        prType  // prNone: registrations only
	holder     nexusID // zero for All Registrants types
}

// find returns the index of id's registration, or -1.
func (s *prState) find(id nexusID) int {
	for i := range s.regs {
		if s.regs[i].id == id {
			return i
		}
	}
	return -1
}

// holds reports whether id is a persistent reservation holder (SPC-4 5.13.10).
func (s *prState) holds(id nexusID) bool {
	switch {
	case s.typ == prNone:
		return false
	case s.typ.all():
		return s.find(id) >= 0
	}
	return s.holder == id
}

// persistState is a unit's reservations, under Unit.mu. A unit is never reserved by both methods: registrations make
// RESERVE conflict, a RESERVE reservation makes PERSISTENT RESERVE OUT conflict (SPC-2 5.5.1).
type persistState struct {
	now     prState
	reserve *Nexus // holder of the RESERVE(6)/(10) reservation
	// stored is set if the Store may have a value for this unit.
	stored bool

	// One command at a time changes reservations, because saving them takes time: see turn.
	busy    bool
	waiting []prWaiter
}

// reservation is a unit's reservation: an immutable snapshot that Unit.resv points at, nil if there is none. The data path only
// reads it.
type reservation struct {
	nexus   *Nexus // holder of a RESERVE(6)/(10) reservation; nil: the reservation is persistent
	typ     prType
	holder  nexusID
	members map[nexusID]struct{} // the registered nexuses, for types that give them access
}

// publishReservation makes the snapshot that commands are checked against. Call it under Unit.mu after each change.
func (u *Unit) publishReservation() {
	p := &u.pr
	switch {
	case p.reserve != nil:
		u.resv.Store(&reservation{nexus: p.reserve})
	case p.now.typ == prNone:
		u.resv.Store(nil)
	default:
		r := &reservation{typ: p.now.typ, holder: p.now.holder}
		if r.typ.registrants() {
			r.members = make(map[nexusID]struct{}, len(p.now.regs))
			for i := range p.now.regs {
				r.members[p.now.regs[i].id] = struct{}{}
			}
		}
		u.resv.Store(r)
	}
}

// conflicts reports whether r forbids t.
func (r *reservation) conflicts(t *Task) bool {
	if r.nexus != nil {
		return r.nexus != t.Nexus && !allowedUnderReserve(&t.CDB) || t.cmd.op == opPersistIn || t.cmd.op == opPersistOut
	}
	return r.bars(t.Nexus, accessOf(t.cmd, &t.CDB))
}

// bars reports whether a persistent reservation makes a command of this class conflict when n sends it (SPC-4 5.13.1 table
// 65, SBC-4 4.17 table 13).
func (r *reservation) bars(n *Nexus, class access) bool {
	switch {
	case class == accessAllowed || class == accessReserve:
		return false
	case class == accessRead && !r.typ.exclusive():
		return false
	}
	id := n.id()
	if r.typ.registrants() {
		_, member := r.members[id]
		return !member
	}
	return r.holder != id
}

// accessOf is the access class of a command. SBC-3 table 13 makes it depend on a bit of the CDB for two commands.
func accessOf(c *command, cdb *[16]byte) access {
	switch cdb[0] {
	case 0x1B: // START STOP UNIT: START=1 with POWER CONDITION=0 is allowed
		if cdb[4]&0xF1 == 0x01 {
			return accessAllowed
		}
		return accessWrite
	case 0x1E: // PREVENT ALLOW MEDIUM REMOVAL: PREVENT=0 is allowed
		if cdb[4]&0x03 == 0 {
			return accessAllowed
		}
		return accessWrite
	}
	return c.class
}
