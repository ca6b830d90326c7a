package lun_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// prOracle is a second, slow and plain, reading of SPC-4 5.13 and SPC-2 5.5: who is registered with what, who holds, who
// must be told. Nexuses go by their names in the test, "host/isid/tpgt".
type prOracle struct {
	gen     uint32
	aptpl   bool
	keys    map[string]uint64
	order   []string // of registration
	typ     byte
	holder  string // of a type that has one
	reserve string // holder of a RESERVE(6) reservation
	told    map[string]map[lun.ASC]bool
	open    map[string]bool
}

const (
	good     = "GOOD"
	conflict = "RESERVATION CONFLICT"
	badCDB   = "CHECK CONDITION 5/2400"
	badParam = "CHECK CONDITION 5/2600"
)

func (o *prOracle) tell(asc lun.ASC, whom []string) {
	for _, n := range whom {
		if o.open[n] {
			o.told[n][asc] = true
		}
	}
}

func (o *prOracle) others(n string) (all []string) {
	for m := range o.keys {
		if m != n {
			all = append(all, m)
		}
	}
	return all
}

func (o *prOracle) add(n string, key uint64) {
	if o.keys[n] == 0 {
		o.order = append(o.order, n)
	}
	o.keys[n] = key
}

func (o *prOracle) remove(n string) {
	delete(o.keys, n)
	o.order = slices.DeleteFunc(o.order, func(m string) bool { return m == n })
}

func (o *prOracle) holds(n string) bool {
	if o.typ >= typeWEAR {
		return o.keys[n] != 0
	}
	return o.typ != 0 && o.holder == n
}

// orphaned ends a reservation without a registered holder, and reports whether there was one.
func (o *prOracle) orphaned() bool {
	if o.typ == 0 || o.typ >= typeWEAR && len(o.keys) > 0 || o.typ < typeWEAR && o.keys[o.holder] != 0 {
		return false
	}
	o.typ, o.holder = 0, ""
	return true
}

// sides is n's initiator port through both target ports, n first.
func sides(n string) []string {
	twin := n[:len(n)-1] + map[byte]string{'1': "2", '2': "1"}[n[len(n)-1]]
	return []string{n, twin}
}

func (o *prOracle) register(n string, ignore bool, key, saKey uint64, flags byte, named string) string {
	mine := o.keys[n]
	if ignore && flags&flagSPECIPT != 0 {
		return badParam
	}
	if !ignore && key != mine {
		return conflict
	}
	if mine != 0 && flags&flagSPECIPT != 0 {
		return badParam
	}
	if mine == 0 && saKey == 0 {
		return good
	}
	targets := []string{n}
	if flags&flagALLTGPT != 0 {
		targets = sides(n)
	}
	if flags&flagSPECIPT != 0 {
		theirs := []string{named + n[len(n)-2:]}
		if flags&flagALLTGPT != 0 {
			theirs = sides(theirs[0])
		}
		for _, m := range theirs {
			if o.keys[m] != 0 {
				return badParam
			}
		}
		targets = append(targets, theirs...)
	}
	for _, m := range targets {
		if !ignore && o.keys[m] != mine && m != n {
			continue // through that port it would conflict
		}
		if saKey == 0 {
			o.remove(m)
		} else {
			o.add(m, saKey)
		}
	}
	o.gen++
	o.aptpl = flags&flagAPTPL != 0
	if typ := o.typ; o.orphaned() && (typ == typeWERO || typ == typeEARO) {
		o.tell(0x2A04, o.others(n))
	}
	return good
}

func (o *prOracle) prout(n string, sa, typ byte, key, saKey uint64, flags byte, named string) string {
	if o.reserve != "" {
		return conflict
	}
	if flags&flagSPECIPT != 0 && sa != saRegister && sa != saMove {
		return badParam
	}
	if sa == saRegister || sa == saIgnore {
		return o.register(n, sa == saIgnore, key, saKey, flags, named)
	}
	mine := o.keys[n]
	if mine == 0 || mine != key {
		return conflict
	}
	validType := prTypes[typ] != ""
	switch sa {
	case saReserve:
		switch {
		case !validType:
			return badCDB
		case o.typ == 0:
			o.typ = typ
			if typ < typeWEAR {
				o.holder = n
			}
			return good
		case o.holds(n) && o.typ == typ:
			return good
		}
		return conflict
	case saRelease:
		switch {
		case !o.holds(n):
			return good
		case o.typ != typ:
			return "CHECK CONDITION 5/2604"
		}
		if o.typ >= typeWERO {
			o.tell(0x2A04, o.others(n))
		}
		o.typ, o.holder = 0, ""
		return good
	case saClear:
		o.tell(0x2A03, o.others(n))
		o.keys, o.order, o.typ, o.holder = map[string]uint64{}, nil, 0, ""
		o.gen++
		return good
	case saPreempt, saPreemptAbort:
		return o.preempt(n, typ, saKey)
	case saMove:
		switch {
		case o.typ == 0:
			return badCDB
		case !o.holds(n) || o.typ >= typeWEAR:
			return conflict
		case saKey == 0, named == n[:len(n)-2]:
			return badParam
		}
		to := named + "/2"
		o.add(to, saKey)
		o.holder = to
		if flags&2 != 0 {
			o.remove(n)
		}
		o.gen++
		o.aptpl = flags&flagAPTPL != 0
		return good
	}
	return badCDB
}

func (o *prOracle) preempt(n string, typ byte, saKey uint64) string {
	var takes bool
	switch {
	case o.typ >= typeWEAR:
		takes = saKey == 0
	case o.typ != 0:
		takes = saKey == o.keys[o.holder]
	}
	var victims []string
	for m, key := range o.keys {
		if key == saKey || takes && o.typ >= typeWEAR {
			victims = append(victims, m)
		}
	}
	if takes {
		if prTypes[typ] == "" {
			return badCDB
		}
		victims = slices.DeleteFunc(victims, func(m string) bool { return m == n })
	} else if saKey == 0 {
		return badParam
	} else if len(victims) == 0 {
		return conflict
	}
	for _, m := range victims {
		o.remove(m)
	}
	o.tell(0x2A05, slices.DeleteFunc(victims, func(m string) bool { return m == n }))
	o.gen++
	if takes {
		if o.typ != typ {
			o.tell(0x2A04, o.others(n))
		}
		o.typ, o.holder = typ, ""
		if typ < typeWEAR {
			o.holder = n
		}
	} else {
		o.orphaned()
	}
	return good
}

// reserve6 and release6: SPC-2 5.5 and SPC-4 5.13.3.
func (o *prOracle) old(n string, release bool) string {
	if len(o.keys) > 0 {
		if o.holds(n) || o.typ >= typeWERO && o.keys[n] != 0 {
			return good
		}
		return conflict
	}
	switch {
	case release && o.reserve == n:
		o.reserve = ""
	case !release && o.reserve == "":
		o.reserve = n
	case !release && o.reserve != n:
		return conflict
	}
	return good
}

// access is how a read or a write ends.
func (o *prOracle) access(n string, write bool) string {
	if o.reserve != "" {
		if o.reserve != n {
			return conflict
		}
		return good
	}
	exclusive := o.typ == typeEA || o.typ == typeEARO || o.typ == typeEAAR
	switch {
	case o.typ == 0, o.holds(n), o.typ >= typeWERO && o.keys[n] != 0, !write && !exclusive:
		return good
	}
	return conflict
}

// TestReservationsAgainstOracle drives a unit and the oracle with the same random commands from six nexuses: three
// initiator ports of two nodes, through two target ports each, and compares everything that can be seen after each.
func TestReservationsAgainstOracle(t *testing.T) {
	steps := 1000
	if testing.Short() {
		steps = 300
	}
	luntest.Seeds(t, 8, func(t *testing.T, seed uint64) {
		r := newPRRigWith(t, &prStore{}, luntest.Config{Seed: seed, MaxDelay: 1000})
		rng := rand.New(rand.NewPCG(seed, 1))
		o := &prOracle{keys: map[string]uint64{}, told: map[string]map[lun.ASC]bool{}, open: map[string]bool{}}
		var names []string
		for _, port := range []string{"1/1", "1/2", "2/1"} {
			for _, tpgt := range []string{"1", "2"} {
				names = append(names, port+"/"+tpgt)
			}
		}
		nexus := func(name string) *lun.Nexus {
			var host, isid int
			var tpgt uint16
			fmt.Sscanf(name, "%d/%d/%d", &host, &isid, &tpgt)
			if !o.open[name] {
				o.open[name] = true
				o.told[name] = map[lun.ASC]bool{}
			}
			return r.login(host, isid, tpgt)
		}
		watcher := r.login(9, 1, 1)
		for _, name := range names {
			nexus(name)
		}
		var log []string
		fail := func(format string, args ...any) {
			t.Helper()
			for _, l := range log[max(0, len(log)-12):] {
				t.Log(l)
			}
			t.Fatalf(format, args...)
		}
		for range steps {
			name := names[rng.IntN(len(names))]
			n := nexus(name)
			pending := r.attentions(n)
			slices.Sort(pending)
			if want := slices.Sorted(maps.Keys(o.told[name])); !slices.Equal(pending, want) {
				fail("unit attentions of %s: %04X, want %04X", name, pending, want)
			}
			clear(o.told[name])

			keyOf := func() uint64 { return []uint64{0, k1, k2, k3}[rng.IntN(4)] }
			key, saKey := o.keys[name], keyOf()
			if rng.IntN(8) == 0 {
				key = keyOf()
			}
			flags := byte(rng.IntN(2)) // APTPL
			if rng.IntN(6) == 0 {
				flags |= flagALLTGPT
			}
			if rng.IntN(10) == 0 {
				flags |= flagSPECIPT
			}
			typ := typesInOrder()[rng.IntN(6)]
			if rng.IntN(3) == 0 && o.typ != 0 {
				typ = o.typ
			}
			if rng.IntN(20) == 0 {
				typ = byte(rng.IntN(16))
			}
			named := names[rng.IntN(len(names))][:3]
			var got, want string
			switch op := rng.IntN(20); {
			case op < 12:
				sa := byte(rng.IntN(8))
				list := proutList(key, saKey, flags, iscsiPortID(named))
				if sa == saMove {
					flags = byte(rng.IntN(4))
					list = moveList(key, saKey, flags, 2, iscsiPortID(named))
				}
				want = o.prout(name, sa, typ, key, saKey, flags, named)
				got = r.do(n, proutCDB(sa, typ, len(list)), list...).String()
				log = append(log, fmt.Sprintf("%s: PROUT %d type %d key %#x sakey %#x flags %#x named %s: %s", name, sa, typ, key, saKey, flags, named, got))
			case op < 14:
				release := rng.IntN(2) == 0
				want = o.old(name, release)
				cdb := reserve6
				if release {
					cdb = release10
				}
				got = r.do(n, cdb).String()
				log = append(log, fmt.Sprintf("%s: RESERVE or RELEASE %v: %s", name, release, got))
			case op < 15:
				n.Close()
				delete(r.nexuses, name)
				delete(o.open, name)
				if o.reserve == name {
					o.reserve = ""
				}
				log = append(log, name+": nexus lost")
			case op < 16 && rng.IntN(4) == 0:
				log = append(log, "restart")
				r = r.restart()
				watcher = r.login(9, 1, 1)
				o.gen, o.reserve = 0, ""
				clear(o.open)
				if !o.aptpl {
					o.keys, o.order, o.typ, o.holder = map[string]uint64{}, nil, 0, ""
				}
			default:
				write := rng.IntN(2) == 0
				want = o.access(name, write)
				if write {
					got = r.write(n).String()
				} else {
					got = r.read(n).String()
				}
				log = append(log, fmt.Sprintf("%s: write %v: %s", name, write, got))
			}
			if got != want {
				fail("%s, want %s; the oracle has %+v", got, want, o)
			}
			if o.reserve != "" {
				r.conflict("READ KEYS under RESERVE", r.do(watcher, []byte{0x5E, 0, 8: 255, 9: 0}))
				continue
			}
			gen, keys := r.keys(watcher)
			var wantKeys []uint64
			for _, m := range o.order {
				wantKeys = append(wantKeys, o.keys[m])
			}
			if gen != o.gen || !slices.Equal(keys, wantKeys) {
				fail("generation %d keys %x, want %d %x", gen, keys, o.gen, wantKeys)
			}
			wantKey := o.keys[o.holder]
			if key, typ := r.reservation(watcher); typ != o.typ || key != wantKey {
				fail("reservation %#x type %d, want %#x type %d", key, typ, wantKey, o.typ)
			}
			for i, s := range r.fullStatus(watcher) {
				m := o.order[i]
				port := fmt.Sprintf("%s,i,0x00023d0000%02d", prNode(int(m[0]-'0')), m[2]-'0')
				if s.port != port || s.relPort != uint16(m[4]-'0') || s.key != o.keys[m] || s.holder != o.holds(m) || s.holder && s.typ != o.typ {
					fail("full status of %s: %+v", m, s)
				}
			}
			if caps := r.prin(watcher, 2); caps[3]&1 != 0 != o.aptpl {
				fail("PTPL_A %v, want %v", caps[3]&1 != 0, o.aptpl)
			}
		}
	})
}

// iscsiPortID is the TransportID of "host/isid".
func iscsiPortID(name string) []byte {
	var host, isid int
	fmt.Sscanf(name, "%d/%d", &host, &isid)
	return portID(host, isid)
}
