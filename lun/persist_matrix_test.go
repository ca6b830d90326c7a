package lun_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/ringtgt/ringtgt/lun"
)

// How a reservation of another I_T nexus treats a command (SPC-4 table 65, SBC-4 table 13): the columns of those tables
// are the same three ways for every command.
type reservedRow int

const (
	rowAllowed reservedRow = iota // Allowed, Allowed, Allowed, Allowed, Allowed
	rowRead                       // Allowed, Conflict, Allowed, Allowed, Conflict
	rowWrite                      // Conflict, Conflict, Allowed, Conflict, Conflict
)

// opAction is an operation code with its service action, -1 for none.
type opAction struct {
	op byte
	sa int
}

// reservedTable is SPC-4 table 65 and SBC-4 table 13 for each command that a unit may have, and reserveAllowed SPC-2
// table 10 with SBC-2 table 5: what is allowed although another nexus holds a RESERVE(6) reservation.
var reservedTable = map[opAction]reservedRow{
	{0x00, -1}:   rowAllowed, // TEST UNIT READY (note b: as REPORT CAPABILITIES says)
	{0x03, -1}:   rowAllowed, // REQUEST SENSE
	{0x08, -1}:   rowRead,    // READ(6)
	{0x0A, -1}:   rowWrite,   // WRITE(6)
	{0x12, -1}:   rowAllowed, // INQUIRY
	{0x15, -1}:   rowWrite,   // MODE SELECT(6)
	{0x1A, -1}:   rowRead,    // MODE SENSE(6)
	{0x1B, -1}:   rowWrite,   // START STOP UNIT with START=0
	{0x1D, -1}:   rowWrite,   // SEND DIAGNOSTIC
	{0x1E, -1}:   rowAllowed, // PREVENT ALLOW MEDIUM REMOVAL with PREVENT=0
	{0x25, -1}:   rowAllowed, // READ CAPACITY(10)
	{0x28, -1}:   rowRead,    // READ(10)
	{0x2A, -1}:   rowWrite,   // WRITE(10)
	{0x2E, -1}:   rowWrite,   // WRITE AND VERIFY(10)
	{0x2F, -1}:   rowRead,    // VERIFY(10)
	{0x34, -1}:   rowRead,    // PRE-FETCH(10)
	{0x35, -1}:   rowWrite,   // SYNCHRONIZE CACHE(10)
	{0x37, -1}:   rowRead,    // READ DEFECT DATA(10)
	{0x41, -1}:   rowWrite,   // WRITE SAME(10)
	{0x42, -1}:   rowWrite,   // UNMAP
	{0x48, 0x01}: rowWrite,   // SANITIZE OVERWRITE
	{0x48, 0x02}: rowWrite,   // SANITIZE BLOCK ERASE
	{0x48, 0x03}: rowWrite,   // SANITIZE CRYPTOGRAPHIC ERASE
	{0x48, 0x1F}: rowWrite,   // SANITIZE EXIT FAILURE MODE
	{0x4D, -1}:   rowAllowed, // LOG SENSE
	{0x55, -1}:   rowWrite,   // MODE SELECT(10)
	{0x5A, -1}:   rowRead,    // MODE SENSE(10)
	{0x5E, 0x00}: rowAllowed, // PERSISTENT RESERVE IN
	{0x5E, 0x01}: rowAllowed,
	{0x5E, 0x02}: rowAllowed,
	{0x5E, 0x03}: rowAllowed,
	{0x83, 0x00}: rowWrite,   // EXTENDED COPY(LID1)
	{0x83, 0x1C}: rowWrite,   // COPY OPERATION ABORT
	{0x84, 0x00}: rowAllowed, // RECEIVE COPY STATUS(LID1)
	{0x84, 0x01}: rowAllowed, // RECEIVE COPY DATA(LID1)
	{0x84, 0x03}: rowAllowed, // RECEIVE COPY OPERATING PARAMETERS
	{0x84, 0x04}: rowAllowed, // RECEIVE COPY FAILURE DETAILS(LID1)
	{0x88, -1}:   rowRead,    // READ(16)
	{0x89, -1}:   rowWrite,   // COMPARE AND WRITE
	{0x8A, -1}:   rowWrite,   // WRITE(16)
	{0x8B, -1}:   rowWrite,   // ORWRITE(16)
	{0x8E, -1}:   rowWrite,   // WRITE AND VERIFY(16)
	{0x8F, -1}:   rowRead,    // VERIFY(16)
	{0x90, -1}:   rowRead,    // PRE-FETCH(16)
	{0x91, -1}:   rowWrite,   // SYNCHRONIZE CACHE(16)
	{0x93, -1}:   rowWrite,   // WRITE SAME(16)
	{0x9C, -1}:   rowWrite,   // WRITE ATOMIC(16)
	{0x9E, 0x10}: rowAllowed, // READ CAPACITY(16)
	{0x9E, 0x12}: rowRead,    // GET LBA STATUS
	{0xA0, -1}:   rowAllowed, // REPORT LUNS
	{0xA3, 0x0A}: rowAllowed, // REPORT TARGET PORT GROUPS
	{0xA3, 0x0C}: rowRead,    // REPORT SUPPORTED OPERATION CODES
	{0xA3, 0x0D}: rowRead,    // REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS
	{0xA8, -1}:   rowRead,    // READ(12)
	{0xAA, -1}:   rowWrite,   // WRITE(12)
	{0xAE, -1}:   rowWrite,   // WRITE AND VERIFY(12)
	{0xAF, -1}:   rowRead,    // VERIFY(12)
	{0xB7, -1}:   rowRead,    // READ DEFECT DATA(12)
}

var reserveAllowed = map[opAction]bool{
	{0x03, -1}: true, {0x12, -1}: true, {0x1E, -1}: true, {0x25, -1}: true, {0x4D, -1}: true, {0x9E, 0x10}: true, {0xA0, -1}: true,
	{0x17, -1}: true, {0x57, -1}: true, // RELEASE
}

// supportedCommands asks the unit itself, so that a command cannot be added and left out here.
func supportedCommands(r *prRig, n *lun.Nexus) (all []opAction) {
	r.t.Helper()
	p := r.do(n, []byte{0xA3, 0x0C, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0})
	r.good("REPORT SUPPORTED OPERATION CODES", p)
	for d := p.in[4:]; len(d) > 0; d = d[8:] {
		c := opAction{d[0], -1}
		if d[5]&1 != 0 {
			c.sa = int(binary.BigEndian.Uint16(d[2:]))
		}
		all = append(all, c)
	}
	return all
}

// probe is a CDB of c that does as little as it can. Whatever it ends in, the reservation is looked at first.
func probe(c opAction) []byte {
	cdb := make([]byte, 16)
	cdb[0] = c.op
	if c.sa >= 0 {
		cdb[1] = byte(c.sa)
	}
	return cdb
}

// TestReservationMatrix is the whole of SPC-4 table 65 and SBC-4 table 13: each type of reservation, each command, from
// the holder, from another registered nexus and from one that is not registered.
func TestReservationMatrix(t *testing.T) {
	for _, typ := range append([]byte{0}, typesInOrder()...) {
		name := "none"
		if typ != 0 {
			name = prTypes[typ]
		}
		t.Run(name, func(t *testing.T) {
			r := newPRRig(t)
			holder, registered, stranger := r.registered(1, k1, 0), r.registered(2, k2, 0), r.login(3, 1, 1)
			if typ != 0 {
				r.good("reserve", r.prout(holder, saReserve, typ, k1, 0, 0))
			}
			for _, c := range supportedCommands(r, holder) {
				switch c.op {
				case 0x16, 0x17, 0x56, 0x57, 0x5F: // RESERVE, RELEASE, PERSISTENT RESERVE OUT: tests of their own
					continue
				case 0x48, 0x1B: // SANITIZE and START STOP UNIT would change what the others meet: refused by a reserved bit
				}
				row, known := reservedTable[c]
				if !known {
					t.Errorf("command %#02x/%d has no row in the table of this test", c.op, c.sa)
					continue
				}
				for who, n := range map[string]*lun.Nexus{"holder": holder, "registered": registered, "stranger": stranger} {
					conflict := false
					shared := typ >= typeWERO && who == "registered"
					if typ != 0 && who != "holder" && !shared {
						exclusive := typ == typeEA || typ == typeEARO || typ == typeEAAR
						conflict = row == rowWrite || row == rowRead && exclusive
					}
					if !conflict && (c.op == 0x48 || c.op == 0x1B) {
						continue
					}
					got := r.do(n, probe(c))
					if (got.status == lun.StatusReservationConflict) != conflict {
						t.Errorf("%#02x/%d from the %s: %v, want a conflict: %v", c.op, c.sa, who, got, conflict)
					}
				}
			}
			r.finer(typ, holder, registered, stranger)
		})
	}
}

// finer checks the two commands of SBC-4 table 13 that a bit of the CDB decides.
func (r *prRig) finer(typ byte, holder, registered, stranger *lun.Nexus) {
	r.t.Helper()
	for _, c := range []struct {
		name     string
		cdb      []byte
		conflict bool
	}{
		{"START STOP UNIT, START=1", []byte{0x1B, 0, 0, 0, 0x01, 0}, false},
		{"START STOP UNIT, START=1, POWER CONDITION=1", []byte{0x1B, 0, 0, 0, 0x11, 0}, true},
		{"PREVENT ALLOW MEDIUM REMOVAL, PREVENT=1", []byte{0x1E, 0, 0, 0, 0x01, 0}, true},
		{"PREVENT ALLOW MEDIUM REMOVAL, PREVENT=0", []byte{0x1E, 0, 0, 0, 0x00, 0}, false},
	} {
		want := c.conflict && typ != 0
		if got := r.do(stranger, c.cdb); (got.status == lun.StatusReservationConflict) != want {
			r.t.Errorf("%s from a stranger: %v, want a conflict: %v", c.name, got, want)
		}
		if got := r.do(holder, c.cdb); got.status == lun.StatusReservationConflict {
			r.t.Errorf("%s from the holder: %v", c.name, got)
		}
		if got := r.do(registered, c.cdb); (got.status == lun.StatusReservationConflict) != (want && typ < typeWERO) {
			r.t.Errorf("%s from a registered nexus: %v", c.name, got)
		}
	}
}

// TestPersistOutMatrix is SPC-4 table 66: PERSISTENT RESERVE OUT while another nexus holds a reservation.
func TestPersistOutMatrix(t *testing.T) {
	for _, typ := range typesInOrder() {
		for sa := byte(saRegister); sa <= saMove; sa++ {
			for _, registered := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%d/registered=%v", prTypes[typ], sa, registered), func(t *testing.T) {
					r := newPRRig(t)
					a, b := r.registered(1, k1, 0), r.login(2, 1, 1)
					key := uint64(0)
					if registered {
						key = k2
						r.good("register", r.prout(b, saRegister, 0, 0, k2, 0))
					}
					r.good("reserve", r.prout(a, saReserve, typ, k1, 0, 0))
					saKey := uint64(k3)
					if sa == saPreempt || sa == saPreemptAbort {
						saKey = k1
					}
					list := proutList(key, saKey, 0)
					if sa == saMove {
						list = moveList(key, saKey, 0, 1, portID(3, 1))
					}
					got := r.do(b, proutCDB(sa, typ, len(list)), list...)
					want := "RESERVATION CONFLICT"
					switch {
					case sa == saRegister || sa == saIgnore:
						want = "GOOD"
					case !registered:
					case sa == saClear, sa == saPreempt, sa == saPreemptAbort, sa == saRelease:
						want = "GOOD"
					case sa == saReserve && typ >= typeWEAR:
						want = "GOOD" // b holds an All Registrants reservation itself: not "another I_T nexus"
					}
					r.want("PERSISTENT RESERVE OUT", got, want)
				})
			}
		}
	}
}

// TestReserveMatrix is SPC-2 table 10 and SBC-2 table 5: every command while another nexus holds a RESERVE(6) reservation,
// and PERSISTENT RESERVE from the holder itself (SPC-2 5.5.1).
func TestReserveMatrix(t *testing.T) {
	r := newPRRig(t)
	holder, other := r.login(1, 1, 1), r.login(2, 1, 1)
	all := supportedCommands(r, holder)
	r.good("RESERVE(6)", r.do(holder, []byte{0x16, 0, 0, 0, 0, 0}))
	for _, c := range all {
		got := r.do(other, probe(c))
		if want := !reserveAllowed[c]; (got.status == lun.StatusReservationConflict) != want {
			t.Errorf("%#02x/%d: %v, want a conflict: %v", c.op, c.sa, got, want)
		}
		switch c.op {
		case 0x48, 0x1B, 0x17, 0x57: // the holder's own would change the unit or release it
			continue
		}
		got = r.do(holder, probe(c))
		if want := c.op == 0x5E || c.op == 0x5F; (got.status == lun.StatusReservationConflict) != want {
			t.Errorf("%#02x/%d from the holder: %v, want a conflict: %v", c.op, c.sa, got, want)
		}
	}
	for _, cdb := range [][]byte{{0x1B, 0, 0, 0, 1, 0}, {0x1E, 0, 0, 0, 0, 0}} {
		if got := r.do(other, cdb); got.status == lun.StatusReservationConflict {
			t.Errorf("% x: %v", cdb, got)
		}
	}
}
