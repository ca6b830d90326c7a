package lun_test

import (
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

const (
	k1 = 0x1111111111111111
	k2 = 0x2222222222222222
	k3 = 0x3333333333333333
)

// TestRegisterTable is SPC-4 table 67: REGISTER by the sender's registration, the two keys and SPEC_I_PT.
func TestRegisterTable(t *testing.T) {
	for _, row := range []struct {
		name       string
		registered bool // with k1
		key, saKey uint64
		specify    bool
		want       string
		after      uint64 // the sender's key afterwards, 0 for none
	}{
		{"unregistered, zero, zero", false, 0, 0, false, "GOOD", 0},
		{"unregistered, zero, zero, SPEC_I_PT", false, 0, 0, true, "GOOD", 0},
		{"unregistered, zero, key", false, 0, k1, false, "GOOD", k1},
		{"unregistered, zero, key, SPEC_I_PT", false, 0, k1, true, "GOOD", k1},
		{"unregistered, key, zero", false, k1, 0, false, "RESERVATION CONFLICT", 0},
		{"unregistered, key, key", false, k1, k2, false, "RESERVATION CONFLICT", 0},
		{"registered, wrong key", true, k2, k3, false, "RESERVATION CONFLICT", k1},
		{"registered, zero", true, 0, k2, false, "RESERVATION CONFLICT", k1},
		{"registered, right key, zero", true, k1, 0, false, "GOOD", 0},
		{"registered, right key, zero, SPEC_I_PT", true, k1, 0, true, "CHECK CONDITION 5/2600", k1},
		{"registered, right key, key", true, k1, k2, false, "GOOD", k2},
		{"registered, right key, key, SPEC_I_PT", true, k1, k2, true, "CHECK CONDITION 5/2600", k1},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newPRRig(t)
			a := r.login(1, 1, 1)
			if row.registered {
				r.good("REGISTER", r.prout(a, saRegister, 0, 0, k1, 0))
			}
			before, _ := r.keys(a)
			var flags byte
			if row.specify {
				flags = flagSPECIPT
			}
			r.want("REGISTER", r.prout(a, saRegister, 0, row.key, row.saKey, flags, portID(2, 1)), row.want)
			after, keys := r.keys(a)
			own := uint64(0)
			for _, s := range r.fullStatus(a) {
				if s.port == a.PortName() {
					own = s.key
				}
			}
			check.That(t, own == row.after, "registered with %#x, want %#x (%x)", own, row.after, keys)
			changed := row.want == "GOOD" && (row.key != 0 || row.saKey != 0)
			if changed != (after == before+1) || !changed && after != before {
				t.Errorf("PRGENERATION went from %d to %d; changed: %v", before, after, changed)
			}
		})
	}
}

// TestRegisterAndIgnoreTable is SPC-4 table 68.
func TestRegisterAndIgnoreTable(t *testing.T) {
	r := newPRRig(t)
	a := r.login(1, 1, 1)
	r.good("unregistered, zero: nothing", r.prout(a, saIgnore, 0, k3, 0, 0))
	r.wantKeys(a, 0)
	r.good("unregistered, key", r.prout(a, saIgnore, 0, k3, k1, 0))
	r.good("registered, key", r.prout(a, saIgnore, 0, k3, k2, 0))
	r.wantKeys(a, 2, k2)
	r.want("SPEC_I_PT (table 69 note a)", r.prout(a, saIgnore, 0, 0, k1, flagSPECIPT, portID(2, 1)), "CHECK CONDITION 5/2600")
	r.good("registered, zero", r.prout(a, saIgnore, 0, k3, 0, 0))
	r.wantKeys(a, 3)
}

// TestUnregisteredConflict: SPC-4 5.13.7, every other service action from an unregistered nexus conflicts, and so does a
// wrong key, whatever else is wrong.
func TestUnregisteredConflict(t *testing.T) {
	r := newPRRig(t)
	a, b := r.registered(1, k1, 0), r.login(2, 1, 1)
	list := moveList(0, k2, 0, 1, portID(3, 1))
	for sa := byte(saReserve); sa <= saPreemptAbort; sa++ {
		r.conflict("unregistered", r.prout(b, sa, typeWE, 0, k1, 0))
		r.conflict("wrong key", r.prout(a, sa, typeWE, k2, k1, 0))
		r.conflict("wrong key, wrong scope and type", r.prout(a, sa, 0x12, k2, k1, 0))
	}
	r.conflict("REGISTER AND MOVE unregistered", r.do(b, proutCDB(saMove, 0, len(list)), list...))
	r.conflict("REGISTER AND MOVE wrong key", r.do(a, proutCDB(saMove, 0, len(list)), list...))
	if gen, _ := r.keys(a); gen != 1 {
		t.Errorf("PRGENERATION is %d: a conflict must not count", gen)
	}
}

// TestReserveAndRelease: SPC-4 5.13.9 and 5.13.11.2.2, for each type.
func TestReserveAndRelease(t *testing.T) {
	for _, typ := range typesInOrder() {
		t.Run(prTypes[typ], func(t *testing.T) {
			r := newPRRig(t)
			a, b, watcher := r.login(1, 1, 1), r.login(2, 1, 1), r.login(3, 1, 1)
			all, registrants := typ >= typeWEAR, typ >= typeWERO
			r.good("register a", r.prout(a, saRegister, 0, 0, k1, 0))
			r.good("register b", r.prout(b, saRegister, 0, 0, k2, 0))
			r.good("reserve", r.prout(a, saReserve, typ, k1, 0, 0))
			r.good("reserve again: no change", r.prout(a, saReserve, typ, k1, 0, 0))
			want := uint64(k1)
			if all {
				want = 0
			}
			r.wantReservation(watcher, want, typ)
			for _, s := range r.fullStatus(watcher) {
				if holder := all || s.port == a.PortName(); s.holder != holder || holder && s.typ != typ {
					t.Errorf("READ FULL STATUS: %+v", s)
				}
			}
			other := byte(typeWE)
			if typ == typeWE {
				other = typeEA
			}
			r.conflict("another type", r.prout(a, saReserve, other, k1, 0, 0))
			if all {
				r.good("the other registrant holds it too", r.prout(b, saReserve, typ, k2, 0, 0))
			} else {
				r.conflict("the other registrant", r.prout(b, saReserve, typ, k2, 0, 0))
				r.good("release by who does not hold it", r.prout(b, saRelease, typ, k2, 0, 0))
				r.wantType(watcher, typ, "and it was released")
			}
			r.want("release of another type", r.prout(a, saRelease, other, k1, 0, 0), "CHECK CONDITION 5/2604")
			r.good("release", r.prout(a, saRelease, typ, k1, 0, 0))
			r.wantType(watcher, 0, "still reserved")
			r.good("release of nothing", r.prout(a, saRelease, typ, k1, 0, 0))
			if gen, keys := r.keys(a); gen != 2 || len(keys) != 2 {
				t.Errorf("generation %d, keys %x: RESERVE and RELEASE neither count nor unregister", gen, keys)
			}
			if registrants {
				r.wantAttentions("b", b, 0x2A04)
			} else {
				r.wantAttentions("b", b)
			}
			r.wantAttentions("the sender", a)
		})
	}
}

// TestReserveFields: scope and type (SPC-4 6.15.3.3, 6.15.3.4, 6.16.1), lengths (6.16.1), SPEC_I_PT (6.16.3).
func TestReserveFields(t *testing.T) {
	r := newPRRig(t)
	a := r.login(1, 1, 1)
	r.good("REGISTER", r.prout(a, saRegister, 0xFF, 0, k1, 0)) // ignores scope and type
	for _, sa := range []byte{saReserve, saRelease, saPreempt} {
		if sa == saPreempt {
			r.good("RESERVE", r.prout(a, saReserve, typeWE, k1, 0, 0))
		}
		r.want("scope", r.prout(a, sa, 0x10|typeWE, k1, k1, 0), "CHECK CONDITION 5/2400")
	}
	r.good("RELEASE", r.prout(a, saRelease, typeWE, k1, 0, 0))
	for typ := byte(0); typ < 16; typ++ {
		if prTypes[typ] == "" {
			r.want("type", r.prout(a, saReserve, typ, k1, 0, 0), "CHECK CONDITION 5/2400")
		}
	}
	list := proutList(k1, 0, 0)
	for _, n := range []int{0, 1, 8, 23} {
		r.want("short list", r.do(a, proutCDB(saReserve, typeWE, n), list[:n]...), "CHECK CONDITION 5/1A00")
	}
	r.want("long list", r.do(a, proutCDB(saReserve, typeWE, 25), append(list, 0)...), "CHECK CONDITION 5/1A00")
	r.want("list that did not arrive", r.do(a, proutCDB(saReserve, typeWE, 24), list[:20]...), "CHECK CONDITION 5/1A00")
	r.want("huge list", r.do(a, proutCDB(saReserve, typeWE, 1<<31), list...), "CHECK CONDITION 5/1A00")
	for sa := byte(saReserve); sa <= saIgnore; sa++ {
		r.want("SPEC_I_PT", r.prout(a, sa, typeWE, k1, 0, flagSPECIPT), "CHECK CONDITION 5/2600")
	}
	// REPLACE LOST RESERVATION and what is reserved: unknown service actions. RLR_C is zero.
	for sa := byte(8); sa < 32; sa++ {
		r.want("service action", r.prout(a, sa, typeWE, k1, 0, 0), "CHECK CONDITION 5/2400")
		r.want("PERSISTENT RESERVE IN service action", r.do(a, []byte{0x5E, sa - 4, 8: 255, 9: 0}), "CHECK CONDITION 5/2400")
	}
}

// TestUnregisterReleases is SPC-4 table 71 and 5.13.11.2.3.
func TestUnregisterReleases(t *testing.T) {
	for _, typ := range typesInOrder() {
		t.Run(prTypes[typ], func(t *testing.T) {
			r := newPRRig(t)
			a, b := r.registered(1, k1, 0), r.registered(2, k2, 0)
			r.good("reserve", r.prout(a, saReserve, typ, k1, 0, 0))
			r.good("unregister the holder", r.prout(a, saRegister, 0, k1, 0, 0))
			_, got := r.reservation(a)
			switch typ {
			case typeWE, typeEA:
				check.That(t, got == 0, "still reserved")
				r.wantAttentions("b", b)
			case typeWERO, typeEARO:
				check.That(t, got == 0, "still reserved")
				r.wantAttentions("b", b, 0x2A04)
			case typeWEAR, typeEAAR:
				check.That(t, got == typ, "released although b is registered")
				r.wantAttentions("b", b)
				r.good("unregister the last", r.prout(b, saRegister, 0, k2, 0, 0))
				r.wantType(a, 0, "still reserved, and nobody is registered")
			}
			r.wantAttentions("a", a)
			r.good("write", r.write(r.login(3, 1, 1)))
		})
	}
}

// TestClear: SPC-4 5.13.11.2.7.
func TestClear(t *testing.T) {
	r := newPRRig(t)
	a, b, c := r.registered(1, k1, 0), r.registered(2, k2, 0), r.login(3, 1, 1)
	r.good("reserve", r.prout(b, saReserve, typeEA, k2, 0, 0))
	r.good("clear, by who does not hold it", r.prout(a, saClear, 0xFF, k1, 0, 0))
	gen, keys := r.keys(c)
	_, typ := r.reservation(c)
	check.That(t, gen == 3 && len(keys) == 0 && typ == 0, "generation %d, keys %x, type %d", gen, keys, typ)
	r.wantAttentions("a", a)
	r.wantAttentions("b", b, 0x2A03)
	r.wantAttentions("c, never registered", c)
}

// TestPreemptTable is SPC-4 table 72 and figure 9. a holds (k1), b and c are registered (k2), d sends (k3).
func TestPreemptTable(t *testing.T) {
	const changed = typeEARO
	type outcome struct {
		want       string
		typ        byte   // of the reservation afterwards
		holder     string // who holds it
		registered string // who is registered afterwards
		preempted  string // who gets REGISTRATIONS PREEMPTED
		released   string // who gets RESERVATIONS RELEASED
	}
	for _, row := range []struct {
		name  string
		typ   byte // 0: no reservation
		saKey uint64
		scope byte
		out   outcome
	}{
		{"no reservation, zero", 0, 0, 0, outcome{"CHECK CONDITION 5/2600", 0, "", "abcd", "", ""}},
		{"no reservation, key of nobody", 0, 0x77, 0, outcome{"RESERVATION CONFLICT", 0, "", "abcd", "", ""}},
		{"no reservation, key of two", 0, k2, 0, outcome{"GOOD", 0, "", "ad", "bc", ""}},
		{"no reservation, key of two, bad scope is ignored", 0, k2, 0x10, outcome{"GOOD", 0, "", "ad", "bc", ""}},
		{"no reservation, own key", 0, k3, 0, outcome{"GOOD", 0, "", "abc", "", ""}},
		{"WE, zero", typeWE, 0, 0, outcome{"CHECK CONDITION 5/2600", typeWE, "a", "abcd", "", ""}},
		{"WE, holder's key", typeWE, k1, 0, outcome{"GOOD", changed, "d", "bcd", "a", "bc"}},
		{"WE, holder's key, bad scope", typeWE, k1, 0x10, outcome{"CHECK CONDITION 5/2400", typeWE, "a", "abcd", "", ""}},
		{"WE, another key", typeWE, k2, 0, outcome{"GOOD", typeWE, "a", "ad", "bc", ""}},
		{"WE, key of nobody", typeWE, 0x77, 0, outcome{"RESERVATION CONFLICT", typeWE, "a", "abcd", "", ""}},
		{"WE, own key, not the holder", typeWE, k3, 0, outcome{"GOOD", typeWE, "a", "abc", "", ""}},
		{"the same type, holder's key", changed, k1, 0, outcome{"GOOD", changed, "d", "bcd", "a", ""}},
		{"EA-RO to EA-RO, another key", changed, k2, 0, outcome{"GOOD", changed, "a", "ad", "bc", ""}},
		{"WE-AR, zero", typeWEAR, 0, 0, outcome{"GOOD", changed, "d", "d", "abc", ""}},
		{"WE-AR, zero, bad scope", typeWEAR, 0, 0x10, outcome{"CHECK CONDITION 5/2400", typeWEAR, "abcd", "abcd", "", ""}},
		{"WE-AR, a key", typeWEAR, k1, 0, outcome{"GOOD", typeWEAR, "bcd", "bcd", "a", ""}},
		{"WE-AR, own key", typeWEAR, k3, 0, outcome{"GOOD", typeWEAR, "abc", "abc", "", ""}},
		{"EA-AR, key of nobody", typeEAAR, 0x77, 0, outcome{"RESERVATION CONFLICT", typeEAAR, "abcd", "abcd", "", ""}},
	} {
		for _, sa := range []byte{saPreempt, saPreemptAbort} {
			name := row.name
			if sa == saPreemptAbort {
				name += ", and abort"
			}
			t.Run(name, func(t *testing.T) {
				r := newPRRig(t)
				n := map[string]*lun.Nexus{}
				for i, who := range []string{"a", "b", "c", "d"} {
					n[who] = r.login(i+1, 1, 1)
					r.good("register "+who, r.prout(n[who], saRegister, 0, 0, []uint64{k1, k2, k2, k3}[i], 0))
				}
				if row.typ != 0 {
					r.good("reserve", r.prout(n["a"], saReserve, row.typ, k1, 0, 0))
				}
				r.want("PREEMPT", r.prout(n["d"], sa, row.scope|changed, k3, row.saKey, 0), row.out.want)

				_, typ := r.reservation(n["d"])
				check.That(t, typ == row.out.typ, "reserved with type %d, want %d", typ, row.out.typ)
				registered, holder := map[string]bool{}, map[string]bool{}
				for _, s := range r.fullStatus(n["d"]) {
					registered[s.port], holder[s.port] = true, s.holder
				}
				gen, _ := r.keys(n["d"])
				if want := uint32(4); row.out.want == "GOOD" && gen != want+1 || row.out.want != "GOOD" && gen != want {
					t.Errorf("PRGENERATION is %d after %s", gen, row.out.want)
				}
				for who, nexus := range n {
					in := func(set string) bool { return strings.Contains(set, who) }
					if registered[nexus.PortName()] != in(row.out.registered) || holder[nexus.PortName()] != in(row.out.holder) {
						t.Errorf("%s: registered %v, holder %v", who, registered[nexus.PortName()], holder[nexus.PortName()])
					}
					var want []lun.ASC
					if in(row.out.released) {
						want = append(want, 0x2A04)
					}
					if in(row.out.preempted) {
						want = append(want, 0x2A05)
					}
					r.wantAttentions(who, nexus, want...)
					if sa == saPreemptAbort && r.aborter.calls > 0 && r.aborter.match(nexus) != in(row.out.preempted) {
						t.Errorf("%s's tasks aborted: %v", who, r.aborter.match(nexus))
					}
				}
				if want := sa == saPreemptAbort && row.out.preempted != ""; want != (r.aborter.calls == 1) {
					t.Errorf("tasks were aborted %d times", r.aborter.calls)
				}
			})
		}
	}
}

// TestPreemptOneself: SPC-4 5.13.11.2.4.3, "it is not an error for the persistent reservation holder to preempt itself":
// the type changes at one stroke and the registration stays.
func TestPreemptOneself(t *testing.T) {
	r := newPRRig(t)
	a, b := r.registered(1, k1, 0), r.registered(2, k1, 0)
	r.good("reserve", r.prout(a, saReserve, typeWE, k1, 0, 0))
	r.good("preempt", r.prout(a, saPreempt, typeEA, k1, k1, 0))
	r.wantReservation(a, k1, typeEA)
	if _, keys := r.keys(a); len(keys) != 1 {
		t.Errorf("keys %x: b's registration had the key too", keys)
	}
	r.wantAttentions("a", a)
	r.wantAttentions("b", b, 0x2A05)
}

// TestPreemptAndAbortWaits: GOOD status comes when the preempted tasks are gone, and medium removal that only they
// prevented is allowed (SPC-4 5.13.11.2.6 items c and h).
func TestPreemptAndAbortWaits(t *testing.T) {
	r := newPRRig(t)
	a, b := r.registered(1, k1, 0), r.registered(2, k2, 0)
	r.good("reserve", r.prout(a, saReserve, typeWE, k1, 0, 0))
	prevent, eject := []byte{0x1E, 0, 0, 0, 1, 0}, []byte{0x1B, 0, 0, 0, 2, 0}
	r.good("a prevents medium removal", r.do(a, prevent))
	r.aborter.hold = true
	list := proutList(k2, k1, 0)
	_, result := r.start(0, b, proutCDB(saPreemptAbort, typeWE, len(list)), list)
	r.w.Run()
	must.Be(t, *result == nil, "answered before the tasks were gone")
	r.conflict("a writes meanwhile", func() prResult { r.attentions(a); return r.write(a) }())
	r.good("others change reservations meanwhile", r.prout(r.login(3, 1, 1), saRegister, 0, 0, k3, 0))
	r.w.On(0, func(*luntest.Loop) { r.aborter.done.Happen() })
	r.w.Run()
	must.Be(t, *result != nil && (*result).status == lun.StatusGood, "no GOOD status")
	r.good("nobody prevents it now", r.do(b, eject))
}

// TestRegisterAndMove is SPC-4 5.13.8 with table 70.
func TestRegisterAndMove(t *testing.T) {
	move := func(r *prRig, n *lun.Nexus, list []byte) prResult {
		return r.do(n, proutCDB(saMove, 0xFF, len(list)), list...)
	}
	for _, typ := range []byte{typeWE, typeEA, typeWERO, typeEARO} {
		for _, unreg := range []byte{0, 2} {
			r := newPRRig(t)
			a, b := r.registered(1, k1, 0), r.login(2, 7, 2)
			r.good("reserve", r.prout(a, saReserve, typ, k1, 0, 0))
			r.good("move", move(r, a, moveList(k1, k2, unreg, 2, portID(2, 7))))
			r.wantReservation(a, k2, typ)
			gen, keys := r.keys(a)
			if want := 2 - int(unreg/2); gen != 2 || len(keys) != want {
				t.Errorf("UNREG %d: generation %d, keys %x", unreg/2, gen, keys)
			}
			for _, s := range r.fullStatus(a) {
				check.That(t, s.holder == (s.port == b.PortName() && s.relPort == 2), "%+v", s)
			}
			r.good("the new holder writes", r.write(b))
			r.wantAttentions("a", a)
			r.wantAttentions("b", b)
		}
	}
	r := newPRRig(t)
	a, b := r.login(1, 1, 1), r.login(2, 1, 1)
	to := portID(3, 1)
	r.good("register a", r.prout(a, saRegister, 0, 0, k1, 0))
	r.good("register b", r.prout(b, saRegister, 0, 0, k2, 0))
	r.want("no reservation", move(r, a, moveList(k1, k3, 0, 1, to)), "CHECK CONDITION 5/2400")
	r.good("reserve", r.prout(a, saReserve, typeWE, k1, 0, 0))
	r.conflict("registered, not the holder", move(r, b, moveList(k2, k3, 0, 1, to)))
	r.want("zero key", move(r, a, moveList(k1, 0, 0, 1, to)), "CHECK CONDITION 5/2600")
	r.want("to its own initiator port", move(r, a, moveList(k1, k3, 0, 2, portID(1, 1))), "CHECK CONDITION 5/2600")
	r.want("a port that is not there", move(r, a, moveList(k1, k3, 0, 9, to)), "CHECK CONDITION 5/2600")
	r.want("no TransportID", move(r, a, moveList(k1, k3, 0, 1, nil)), "CHECK CONDITION 5/2600")
	r.want("two TransportIDs", move(r, a, moveList(k1, k3, 0, 1, append(portID(3, 1), portID(4, 1)...))), "CHECK CONDITION 5/2600")
	r.want("a node without a session", move(r, a, moveList(k1, k3, 0, 1, nodeID(3))), "CHECK CONDITION 5/2600")
	long := moveList(k1, k3, 0, 1, to)
	r.want("length beyond the list", r.do(a, proutCDB(saMove, 0, len(long)-4), long[:len(long)-4]...), "CHECK CONDITION 5/1A00")
	r.good("move to one that is registered: its key changes", move(r, a, moveList(k1, k3, 0, 1, portID(2, 1))))
	if key, _ := r.reservation(a); key != k3 {
		t.Errorf("holder's key %#x", key)
	}
	for _, typ := range []byte{typeWEAR, typeEAAR} {
		r := newPRRig(t)
		a := r.registered(1, k1, 0)
		r.good("reserve", r.prout(a, saReserve, typ, k1, 0, 0))
		r.conflict("All Registrants", move(r, a, moveList(k1, k2, 0, 1, to)))
	}
}

// TestSpecifyInitiatorPorts: SPEC_I_PT (SPC-4 6.16.3, table 69, 7.6.4.6).
func TestSpecifyInitiatorPorts(t *testing.T) {
	status := func(r *prRig, n *lun.Nexus) map[string]int {
		m := map[string]int{}
		for _, s := range r.fullStatus(n) {
			check.That(t, s.key == k1, "key %#x", s.key)
			m[s.port]++
		}
		return m
	}
	r := newPRRig(t)
	a, b, c := r.login(1, 1, 1), r.login(2, 1, 1), r.login(2, 2, 1)
	r.good("with a port named twice, and its own", r.prout(a, saRegister, 0, 0, k1, flagSPECIPT, portID(2, 1), portID(2, 1), portID(1, 1)))
	if m := status(r, a); len(m) != 2 || m[b.PortName()] != 1 {
		t.Errorf("registered: %v", m)
	}
	r.good("b did nothing and is registered: reserve", r.prout(b, saReserve, typeWE, k1, 0, 0))
	r.conflict("c, another ISID of the same name, is not", r.write(c))
	if m := status(r, a); m[c.PortName()] != 0 {
		t.Errorf("registered: %v", m)
	}

	r = newPRRig(t)
	a, _, _ = r.login(1, 1, 1), r.login(2, 1, 1), r.login(2, 2, 2)
	r.good("by node name: every port of it that is known", r.prout(a, saRegister, 0, 0, k1, flagSPECIPT, nodeID(2)))
	if m := status(r, a); len(m) != 3 {
		t.Errorf("registered: %v", m)
	}

	r = newPRRig(t)
	a, b = r.login(1, 1, 1), r.login(2, 1, 1)
	r.good("ALL_TG_PT too", r.prout(a, saRegister, 0, 0, k1, flagSPECIPT|flagALLTGPT, portID(2, 1)))
	if m := status(r, a); m[a.PortName()] != 2 || m[b.PortName()] != 2 {
		t.Errorf("registered: %v", m)
	}

	r = newPRRig(t)
	a, b = r.login(1, 1, 1), r.login(2, 1, 1)
	r.good("register b", r.prout(b, saRegister, 0, 0, k1, 0))
	r.want("a port that is registered: table 67 note b", r.prout(a, saRegister, 0, 0, k1, flagSPECIPT, portID(3, 1), portID(2, 1)), "CHECK CONDITION 5/2600")
	if m := status(r, a); len(m) != 1 {
		t.Errorf("\"no registrations shall be made\": %v", m)
	}
	r.want("a node nobody knows", r.prout(a, saRegister, 0, 0, k1, flagSPECIPT, nodeID(9)), "CHECK CONDITION 5/2600")
	whole := proutList(0, k1, flagSPECIPT, portID(3, 1))
	for n := 24; n < len(whole); n++ { // every truncation: of the list, and of the TransportID inside
		r.want("list cut", r.do(a, proutCDB(saRegister, 0, n), whole[:n]...), "CHECK CONDITION 5/1A00")
		if n >= 28 {
			cut := append([]byte(nil), whole[:n]...)
			cut[26], cut[27] = byte((n-28)>>8), byte(n-28)
			want := "CHECK CONDITION 5/2600"
			if n == 28 {
				continue // an empty list of TransportIDs
			}
			r.want("TransportID cut", r.do(a, proutCDB(saRegister, 0, n), cut...), want)
		}
	}
	if m := status(r, a); len(m) != 1 {
		t.Errorf("registered: %v", m)
	}
}

// TestAllTargetPorts: ALL_TG_PT is "as if the same registration request had been received individually through each
// target port" (SPC-4 6.16.3).
func TestAllTargetPorts(t *testing.T) {
	r := newPRRig(t)
	a1, a2, b2 := r.login(1, 1, 1), r.login(1, 1, 2), r.login(2, 1, 2)
	r.good("register everywhere", r.prout(a1, saRegister, 0, 0, k1, flagALLTGPT))
	r.good("reserve through the other port", r.prout(a2, saReserve, typeWERO, k1, 0, 0))
	r.good("and write through the first", r.write(a1))
	r.conflict("another initiator", r.write(b2))
	r.good("change one", r.prout(a1, saRegister, 0, k1, k2, 0))
	if _, keys := r.keys(a1); len(keys) != 2 || keys[0] == keys[1] {
		t.Fatalf("keys %x", keys)
	}
	r.good("change all: through the other port it would conflict", r.prout(a1, saRegister, 0, k2, k3, flagALLTGPT))
	r.wantKeys(a1, anyGeneration, k3, k1)
	r.good("ignoring keys it would not", r.prout(a1, saIgnore, 0, 0, k2, flagALLTGPT))
	r.wantKeys(a1, anyGeneration, k2, k2)
	r.good("unregister everywhere", r.prout(a1, saRegister, 0, k2, 0, flagALLTGPT))
	r.wantKeys(a1, anyGeneration)
	r.wantType(a1, 0, "the holder is gone and it is still reserved")
}

// TestNexusIsNameAndISID: under Write Exclusive a write from a second session of the same initiator name with another
// ISID conflicts, and so does the same initiator port through another portal group (RFC 7143 4.4.2).
func TestNexusIsNameAndISID(t *testing.T) {
	r := newPRRig(t)
	a, sameName, otherPort := r.registered(1, k1, 0), r.login(1, 2, 1), r.login(1, 1, 2)
	r.good("reserve", r.prout(a, saReserve, typeWE, k1, 0, 0))
	r.good("holder", r.write(a))
	r.conflict("the same name, another ISID", r.write(sameName))
	r.conflict("the same initiator port, another target port", r.write(otherPort))
	r.good("reads do not conflict", r.read(sameName))

	a.Close() // SPC-4 5.13.1: "Persistent reservations are not reset by ... I_T nexus loss"
	delete(r.nexuses, "1/1/1")
	r.conflict("still reserved", r.write(sameName))
	again := r.login(1, 1, 1)
	r.good("the same nexus, logged in again", r.write(again))
	upper := r.tg.NewNexus(lun.NexusConfig{InitiatorName: "IQN.2026-11.io.example:HOST1", ISID: again.ISID, TPGT: 1, RelPort: 1})
	r.attentions(upper)
	r.good("iSCSI names have no case (RFC 7143 4.2.7.2)", r.write(upper))
	r.u.Reset(nil)
	r.tg.Reset(lun.ResetWarm, nil)
	r.attentions(sameName)
	r.conflict("still reserved after resets", r.write(sameName))
}

// TestRegistrationsAreBounded: SPC-4 5.13.7, INSUFFICIENT REGISTRATION RESOURCES.
func TestRegistrationsAreBounded(t *testing.T) {
	r := newPRRig(t)
	a := r.login(1, 1, 1)
	ids := make([][]byte, 0, 400)
	for i := range lun.MaxRegistrations - 1 {
		if ids = append(ids, portID(2+i/200, i%200)); len(ids) == 400 || i == lun.MaxRegistrations-2 {
			n := r.login(1, 10+i/200, 1)
			r.good("register", r.prout(n, saRegister, 0, 0, k2, flagSPECIPT, ids...))
			r.good("unregister oneself", r.prout(n, saRegister, 0, k2, 0, 0))
			ids = ids[:0]
		}
	}
	r.good("the last", r.prout(a, saRegister, 0, 0, k1, 0))
	r.want("one more", r.prout(r.login(1, 2, 1), saRegister, 0, 0, k1, 0), "CHECK CONDITION 5/5504")
	if _, keys := r.keys(a); len(keys) != lun.MaxRegistrations {
		t.Errorf("%d registrations", len(keys))
	}
}
