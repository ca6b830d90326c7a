package lun

import "encoding/binary"

const (
	opPersistIn  = 0x5E
	opPersistOut = 0x5F
)

// Service actions of PERSISTENT RESERVE OUT (SPC-4 6.16.2). REPLACE LOST RESERVATION (08h) is not among them: no reservation is
// ever lost, RLR_C is zero, and the service action is refused like any unknown one.
const (
	prRegister          = 0x00
	prReserve           = 0x01
	prRelease           = 0x02
	prClear             = 0x03
	prPreempt           = 0x04
	prPreemptAndAbort   = 0x05
	prRegisterAndIgnore = 0x06
	prRegisterAndMove   = 0x07
)

var persistCommands = []command{
	persistIn(0x00, "READ KEYS", readKeys),
	persistIn(0x01, "READ RESERVATION", readReservation),
	persistIn(0x02, "REPORT CAPABILITIES", reportCapabilities),
	persistIn(0x03, "READ FULL STATUS", readFullStatus),
	persistOut(prRegister, "REGISTER", 0x00),
	persistOut(prReserve, "RESERVE", 0xFF),
	persistOut(prRelease, "RELEASE", 0xFF),
	persistOut(prClear, "CLEAR", 0x00),
	persistOut(prPreempt, "PREEMPT", 0xFF),
	persistOut(prPreemptAndAbort, "PREEMPT AND ABORT", 0xFF),
	persistOut(prRegisterAndIgnore, "REGISTER AND IGNORE EXISTING KEY", 0x00),
	persistOut(prRegisterAndMove, "REGISTER AND MOVE", 0x00),
}

func persistIn(sa int16, name string, run func(t *Task)) command {
	return command{op: opPersistIn, sa: sa, name: "PERSISTENT RESERVE IN " + name, class: accessAllowed,
		usage: [16]byte{0: opPersistIn, 1: byte(sa), 7: 0xFF, 8: 0xFF, 9: 0x04}, plan: planIn16(7), run: run}
}

// persistOut: scopeType is the usage of the byte with SCOPE and TYPE, which some service actions ignore.
func persistOut(sa int16, name string, scopeType byte) command {
	return command{op: opPersistOut, sa: sa, name: "PERSISTENT RESERVE OUT " + name, class: accessReserve,
		usage: [16]byte{0: opPersistOut, 1: byte(sa), 2: scopeType, 5: 0xFF, 6: 0xFF, 7: 0xFF, 8: 0xFF, 9: 0x04},
		plan:  planOut32(5), run: persistReserveOut}
}

const (
	prListSize     = 24 // the basic parameter list (SPC-4 6.16.3), and REGISTER AND MOVE's up to the TransportID
	prSpecifyIDs   = 28 // where the TransportIDs begin when SPEC_I_PT is one
	ascInvalidRel  = 0x2604
	ascNoResources = 0x5504
)

// prRequest is a PERSISTENT RESERVE OUT command, parsed and with its names resolved.
type prRequest struct {
	action      byte
	scope       byte
	typ         prType
	key, saKey  uint64 // RESERVATION KEY, SERVICE ACTION RESERVATION KEY
	specify     bool   // SPEC_I_PT
	allPorts    bool   // ALL_TG_PT
	aptpl       bool   // APTPL
	unreg       bool   // UNREG
	relPort     uint16 // RELATIVE TARGET PORT IDENTIFIER of REGISTER AND MOVE
	ids         []prNamed
	self        nexusID
	account     string // self's
	selfPort    Port
	targetPorts []Port // all ports of the target
}

// prNamed is an initiator port that the parameter list names, and the offset of its first byte in the list.
type prNamed struct {
	transportID
	at int
}

// prFailure is why a PERSISTENT RESERVE OUT command was not carried out.
type prFailure struct {
	conflict bool // RESERVATION CONFLICT; else CHECK CONDITION, ILLEGAL REQUEST with asc
	asc      ASC
	at, bit  int // the field at fault, for INVALID FIELD IN CDB and INVALID FIELD IN PARAMETER LIST
}

func (f *prFailure) end(t *Task) {
	switch {
	case f.conflict:
		t.conflict()
	case f.asc == ascInvalidFieldInCDB:
		t.checkField(f.at, f.bit)
	case f.asc == ascInvalidFieldInParam:
		t.checkParam(f.at, f.bit)
	default:
		t.check(IllegalRequest, f.asc)
	}
}

var prConflict = &prFailure{conflict: true}

func prBadParam(at, bit int) *prFailure {
	return &prFailure{asc: ascInvalidFieldInParam, at: at, bit: bit}
}
func prBadCDB(at, bit int) *prFailure { return &prFailure{asc: ascInvalidFieldInCDB, at: at, bit: bit} }
func prBadLength() *prFailure         { return &prFailure{asc: ascParameterListLength} }

// parsePersistOut reads the CDB and the parameter list (SPC-4 6.16.3, 6.16.4). It keeps no reference to list.
func parsePersistOut(cdb *[16]byte, list []byte) (*prRequest, *prFailure) {
	r := &prRequest{action: cdb[1] & 0x1F, scope: cdb[2] >> 4, typ: prType(cdb[2] & 0x0F)}
	length := int64(cdb32(cdb, 5))
	// "If the parameter list length is larger than the device server is able to process": MaxParam. And all that the CDB
	// announces must have arrived.
	if length < prListSize || length > MaxParam || length > int64(len(list)) {
		return nil, prBadLength()
	}
	list = list[:length]
	r.key = binary.BigEndian.Uint64(list)
	r.saKey = binary.BigEndian.Uint64(list[8:])
	if r.action == prRegisterAndMove {
		return r, r.parseMove(list)
	}
	r.specify = list[20]&0x08 != 0
	r.allPorts = list[20]&0x04 != 0
	r.aptpl = list[20]&0x01 != 0
	switch {
	case !r.specify && length != prListSize:
		return nil, prBadLength()
	case r.specify && r.action != prRegister:
		return nil, prBadParam(20, 3)
	case r.specify:
		return r, r.parseSpecified(list)
	}
	return r, nil
}

// parseSpecified reads the list of TransportIDs that SPEC_I_PT announces.
func (r *prRequest) parseSpecified(list []byte) *prFailure {
	if len(list) < prSpecifyIDs {
		return prBadLength()
	}
	size := binary.BigEndian.Uint32(list[24:])
	if uint64(size) > uint64(len(list)-prSpecifyIDs) {
		return prBadLength()
	}
	list = list[:prSpecifyIDs+int(size)]
	for at := prSpecifyIDs; at < len(list); {
		id, n := parseTransportID(list[at:])
		if n == 0 {
			return prBadParam(at, -1)
		}
		r.ids = append(r.ids, prNamed{id, at})
		at += n
	}
	return nil
}

// parseMove reads the parameter list of REGISTER AND MOVE.
func (r *prRequest) parseMove(list []byte) *prFailure {
	r.unreg = list[17]&0x02 != 0
	r.aptpl = list[17]&0x01 != 0
	r.relPort = binary.BigEndian.Uint16(list[18:])
	size := binary.BigEndian.Uint32(list[20:])
	if uint64(size) > uint64(len(list)-prListSize) {
		return prBadLength()
	}
	// "The TRANSPORTID LENGTH field ... shall be a minimum of 24 bytes, and shall be a multiple of 4."
	id, n := parseTransportID(list[prListSize : prListSize+int(size)])
	if n == 0 || n != int(size) {
		return prBadParam(prListSize, -1)
	}
	r.ids = []prNamed{{id, prListSize}}
	return nil
}

// resolve fills in the sender, the ports, and the initiator ports of TransportIDs with format code 00b, which name a node and so
// "all initiator ports known to the device server" of it (SPC-4 7.6.4.6). A node that is not logged in is refused: to register
// nothing would look like success.
func (r *prRequest) resolve(u *Unit, n *Nexus) *prFailure {
	r.self = n.id()
	r.selfPort = Port{TPGT: n.TPGT, RelPort: n.RelPort}
	r.account = n.Account
	r.targetPorts = u.target.Ports()
	for i := 0; i < len(r.ids); i++ {
		named := r.ids[i]
		if named.port != "" {
			continue
		}
		ports := u.portsOfNode(named.node)
		if len(ports) == 0 || r.action == prRegisterAndMove && len(ports) > 1 {
			return prBadParam(named.at, -1)
		}
		for j, port := range ports {
			id := prNamed{transportID{named.node, port}, named.at}
			if j == 0 {
				r.ids[i] = id
			} else {
				r.ids = append(r.ids, id)
			}
		}
	}
	return nil
}

// portsOfNode lists the initiator ports of an iSCSI node that have a session now and see the unit: only these are known to its device
// server.
func (u *Unit) portsOfNode(node string) []string {
	seen := map[string]bool{}
	var ports []string
	u.target.eachNexus(func(n *Nexus) {
		id := n.id()
		if id.node() == node && !seen[id.port] && n.Sees(u) {
			seen[id.port] = true
			ports = append(ports, id.port)
		}
	})
	return ports
}

// persistReserveOut: SPC-4 6.16.
func persistReserveOut(t *Task) {
	r, fail := parsePersistOut(&t.CDB, t.Out)
	if fail == nil && r.aptpl && r.persists() && !t.unit.canStore() {
		// "If a device server that does not support an APTPL bit set to one receives that value ..."
		fail = prBadParam(20, 0)
		if r.action == prRegisterAndMove {
			fail = prBadParam(17, 0)
		}
	}
	if fail == nil {
		fail = r.resolve(t.unit, t.Nexus)
	}
	if fail != nil {
		fail.end(t)
		return
	}
	t.scratch.any = r
	t.unit.turn(t, stepPersist)
}

func persistTurn(t *Task) { t.scratch.any.(*prRequest).carryOut(t) }

// persists reports whether the APTPL bit is valid for r (SPC-4 table 216).
func (r *prRequest) persists() bool {
	return r.action == prRegister || r.action == prRegisterAndIgnore || r.action == prRegisterAndMove
}

// carryOut runs in the unit's turn. A change that must survive a loss of power is saved in the Store before it takes effect: GOOD
// status is a promise (SPC-4 5.13.5.1), and a crash must not undo a state that others have acted upon.
func (r *prRequest) carryOut(t *Task) {
	u := t.unit
	u.mu.Lock()
	now, reserved, stored := u.pr.now, u.pr.reserve != nil, u.pr.stored
	u.mu.Unlock()
	if reserved { // a RESERVE was ahead in line
		u.endTurn()
		t.conflict()
		return
	}
	next, effects, fail := now.apply(r)
	if fail != nil {
		u.endTurn()
		fail.end(t)
		return
	}
	if !effects.changed {
		u.endTurn()
		t.good()
		return
	}
	if !next.aptpl && !stored {
		u.commit(t, &next, &effects)
		r.finish(t, &effects)
		return
	}
	u.mu.Lock()
	u.pr.stored = true // even if saving fails: the Store may have it nevertheless
	u.mu.Unlock()
	t.save(&prChange{r: r, unit: u, next: next, effects: effects, image: next.encode()})
}

// prChange is a change of reservations that is being saved.
type prChange struct {
	r       *prRequest
	unit    *Unit
	next    prState
	effects prEffects
	image   []byte // next, encoded
	err     error
}

func (c *prChange) save() { c.err = c.unit.saveReservations(c.image) }

func (c *prChange) saved(t *Task) {
	if c.err != nil {
		c.unit.endTurn()
		t.check(HardwareError, ascInternalTargetFailure)
		return
	}
	c.unit.commit(t, &c.next, &c.effects)
	c.r.finish(t, &c.effects)
}

// commit makes next the unit's state, passes on the turn, and establishes unit attentions for the nexuses concerned.
func (u *Unit) commit(t *Task, next *prState, e *prEffects) {
	u.mu.Lock()
	u.pr.now = *next
	u.pr.stored = u.pr.stored && next.aptpl
	u.publishReservation()
	u.mu.Unlock()
	u.attendIDs(uaReservationsPreempted, e.preempted)
	u.attendIDs(uaReservationsReleased, e.released)
	u.attendIDs(uaRegistrationsPreempted, e.unregistered)
	u.endTurn()
}

// attendIDs establishes a for those of ids that have a session; the others get POWER ON when they log in again.
func (u *Unit) attendIDs(a attention, ids []nexusID) {
	if len(ids) == 0 {
		return
	}
	u.attendIf(a, nexusSet(ids).Has)
}

// NexusSet is a set of I_T nexuses.
type NexusSet struct{ ids map[nexusID]struct{} }

func nexusSet(ids []nexusID) NexusSet {
	s := NexusSet{make(map[nexusID]struct{}, len(ids))}
	for _, id := range ids {
		s.ids[id] = struct{}{}
	}
	return s
}

// Has reports whether n is in the set.
func (s NexusSet) Has(n *Nexus) bool {
	_, ok := s.ids[n.id()]
	return ok
}

// preemption is the event that ends a PREEMPT AND ABORT when its tasks are aborted. That may happen at once, inside the command's own
// step, in which a task must not be resumed.
type preemption struct{ t *Task }

func (p preemption) Happen() { p.t.pause(stepGood) }

// finish answers a command that was carried out. PREEMPT AND ABORT is done when the preempted nexuses' tasks are
// (SPC-4 5.13.11.2.6): from GOOD status on, none of them touches the medium.
func (r *prRequest) finish(t *Task, e *prEffects) {
	u := t.unit
	if r.action != prPreemptAndAbort || len(e.abort) == 0 {
		t.good()
		return
	}
	preempted := nexusSet(e.abort)
	u.mu.Lock()
	for n := range u.prevent { // item h): as if they had allowed medium removal
		if preempted.Has(n) {
			delete(u.prevent, n)
		}
	}
	u.mu.Unlock()
	aborter := u.target.cfg.Aborter
	if aborter == nil {
		t.good()
		return
	}
	// The sender is not among them, and so neither is this command.
	aborter.AbortTasks(t.Loop, u, preempted, preemption{t})
}
