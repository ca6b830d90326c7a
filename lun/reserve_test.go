package lun_test

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
)

var (
	reserve6  = []byte{0x16, 0, 0, 0, 0, 0}
	release6  = []byte{0x17, 0, 0, 0, 0, 0}
	reserve10 = []byte{0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	release10 = []byte{0x57, 0, 0, 0, 0, 0, 0, 0, 0, 0}
)

// TestReserveRelease: SPC-2 5.5.2, 7.16, 7.17, 7.21, 7.22, with (6) and (10) mixed: there is one reservation.
func TestReserveRelease(t *testing.T) {
	for _, release := range [][]byte{release6, release10} {
		for _, reserve := range [][]byte{reserve6, reserve10} {
			r := newPRRig(t)
			a, b := r.login(1, 1, 1), r.login(2, 1, 1)
			r.good("release of nothing", r.do(a, release))
			r.good("reserve", r.do(a, reserve))
			r.good("again", r.do(a, reserve))
			r.good("holder writes", r.write(a))
			r.conflict("another reserves", r.do(b, reserve))
			r.conflict("another reads", r.read(b))
			r.conflict("another is ready", r.do(b, []byte{0, 0, 0, 0, 0, 0}))
			r.good("another releases: nothing happens", r.do(b, release))
			r.conflict("still reserved", r.write(b))
			r.good("release", r.do(a, release))
			r.good("another writes", r.write(b))
			r.good("another reserves", r.do(b, reserve))
			r.conflict("now the first", r.write(a))
		}
	}
}

// TestReserveFieldsOfOld: third-party reservations, long IDs and extents are refused (obsolete in SPC-2, and optional).
func TestReserveFieldsOfOld(t *testing.T) {
	r := newPRRig(t)
	a := r.login(1, 1, 1)
	for _, op := range []byte{0x16, 0x17, 0x56, 0x57} {
		for bit := range 8 {
			cdb := make([]byte, 10)
			cdb[0], cdb[1] = op, 1<<bit
			want := "GOOD"
			if bit == 4 || bit == 0 || bit == 1 && op >= 0x56 {
				want = "CHECK CONDITION 5/2400"
			}
			r.want("RESERVE or RELEASE", r.do(a, cdb), want)
		}
	}
}

// TestReserveIsLost: what ends a RESERVE reservation (SPC-2 5.5.2): resets and the loss of the nexus. Unlike a persistent one.
func TestReserveIsLost(t *testing.T) {
	for name, lose := range map[string]func(r *prRig, a *lun.Nexus){
		"nexus loss":         func(r *prRig, a *lun.Nexus) { a.Close() },
		"logical unit reset": func(r *prRig, a *lun.Nexus) { r.u.Reset(a) },
		"target warm reset":  func(r *prRig, a *lun.Nexus) { r.tg.Reset(lun.ResetWarm, nil) },
		"target cold reset":  func(r *prRig, a *lun.Nexus) { r.tg.Reset(lun.ResetCold, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newPRRig(t)
			a, b := r.login(1, 1, 1), r.login(2, 1, 1)
			r.good("reserve", r.do(a, reserve6))
			r.login(3, 1, 1).Close()
			r.conflict("the loss of another nexus changes nothing", r.write(b))
			lose(r, a)
			r.attentions(b)
			r.good("reserve", r.do(b, reserve6))
		})
	}
}

// TestReserveOfTheDead: a RESERVE that runs when its session is gone must not reserve: nothing would release it.
func TestReserveOfTheDead(t *testing.T) {
	r := newPRRig(t)
	a, b := r.login(1, 1, 1), r.login(2, 1, 1)
	a.Close()
	r.good("reserve", r.do(a, reserve6))
	r.good("another reserves", r.do(b, reserve6))
}

// TestCompatibleReservationHandling is SPC-4 5.13.3 (CRH=1), and SPC-2 5.5.1 for the rest: RESERVE and RELEASE in the
// presence of registrations.
func TestCompatibleReservationHandling(t *testing.T) {
	r := newPRRig(t)
	a := r.login(1, 1, 1)
	check.That(t, r.prin(a, 2)[2]&0x10 != 0, "CRH is zero")
	for _, typ := range append([]byte{0}, typesInOrder()...) {
		r := newPRRig(t)
		a, b, c := r.registered(1, k1, 0), r.registered(2, k2, 0), r.login(3, 1, 1)
		if typ != 0 {
			r.good("persistent reserve", r.prout(a, saReserve, typ, k1, 0, 0))
		}
		for _, cdb := range [][]byte{reserve6, release6, reserve10, release10} {
			holder, registered := "GOOD", "RESERVATION CONFLICT"
			if typ == 0 {
				holder = "RESERVATION CONFLICT" // registered, and no reservation: as in SPC-2
			}
			if typ >= typeWERO {
				registered = "GOOD"
			}
			r.want("holder", r.do(a, cdb), holder)
			r.want("registered", r.do(b, cdb), registered)
			r.conflict("not registered", r.do(c, cdb))
		}
		if _, got := r.reservation(c); got != typ {
			t.Errorf("type %d became %d", typ, got)
		}
	}
}

// TestPersistUnderReserve: SPC-2 5.5.1, a RESERVE reservation makes PERSISTENT RESERVE conflict, "regardless of initiator".
func TestPersistUnderReserve(t *testing.T) {
	r := newPRRig(t)
	a, b := r.login(1, 1, 1), r.login(2, 1, 1)
	r.good("reserve", r.do(a, reserve6))
	for _, n := range []*lun.Nexus{a, b} {
		r.conflict("REGISTER", r.prout(n, saRegister, 0, 0, k1, 0))
		r.conflict("READ KEYS", r.do(n, []byte{0x5E, 0, 8: 255, 9: 0}))
	}
	r.good("release", r.do(a, release6))
	r.good("REGISTER", r.prout(b, saRegister, 0, 0, k1, 0))
}
