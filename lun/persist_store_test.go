package lun_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// restart is a power cycle: a new target on what the store holds now.
func (r *prRig) restart() *prRig {
	r.t.Helper()
	return newPRRigWith(r.t, r.store.copy(), luntest.Config{})
}

// prView is all that PERSISTENT RESERVE IN shows, but for PRGENERATION.
type prView struct {
	status []prStatus
	key    uint64
	typ    byte
}

func (r *prRig) view(n *lun.Nexus) (v prView) {
	r.t.Helper()
	v.status = r.fullStatus(n)
	v.key, v.typ = r.reservation(n)
	return v
}

// TestAPTPLSurvives: SPC-4 5.13.5.1, for each type: registrations through both ports and the reservation are there after
// a power cycle, PRGENERATION is zero, and they bind.
func TestAPTPLSurvives(t *testing.T) {
	for _, typ := range typesInOrder() {
		t.Run(prTypes[typ], func(t *testing.T) {
			r := newPRRig(t)
			a, b, c := r.registered(1, k1, flagAPTPL), r.login(2, 1, 2), r.login(3, 1, 1)
			r.good("register", r.prout(b, saRegister, 0, 0, k2, flagAPTPL))
			r.good("reserve", r.prout(b, saReserve, typ, k2, 0, 0))
			if caps := r.prin(a, 2); caps[2]&1 == 0 || caps[3]&1 == 0 {
				t.Errorf("capabilities % x: PTPL_C and PTPL_A", caps)
			}
			before := r.view(c)

			r = r.restart()
			a, b, c = r.login(1, 1, 1), r.login(2, 1, 2), r.login(3, 1, 1)
			if after := r.view(c); !reflect.DeepEqual(before, after) {
				t.Errorf("before %+v\nafter  %+v", before, after)
			}
			if gen, _ := r.keys(c); gen != 0 {
				t.Errorf("PRGENERATION is %d (SPC-4 6.15.2: zero after power on)", gen)
			}
			check.That(t, r.prin(a, 2)[3]&1 != 0, "PTPL_A is zero")
			r.conflict("a stranger writes", r.write(c))
			r.good("the holder writes", r.write(b))
			r.good("the holder releases", r.prout(b, saRelease, typ, k2, 0, 0))
			if _, typ := r.restart().reservation(r.restart().login(3, 1, 1)); typ != 0 {
				t.Error("the release was not saved")
			}
		})
	}
}

// TestAPTPLFollowsTheLast: "The APTPL value from the most recent successfully completed REGISTER ... from any application
// client shall determine the logical unit's behavior" (SPC-4 5.13.5.1); of other service actions it is ignored.
func TestAPTPLFollowsTheLast(t *testing.T) {
	r := newPRRig(t)
	a, b := r.login(1, 1, 1), r.login(2, 1, 1)
	wantSurvivors := func(want int) {
		t.Helper()
		after := r.restart()
		_, keys := after.keys(after.login(9, 1, 1))
		must.Be(t, len(keys) == want, "%d registrations survive, want %d", len(keys), want)
	}
	r.good("register without", r.prout(a, saRegister, 0, 0, k1, 0))
	check.That(t, r.store.saves == 0, "saved although nothing is to survive")
	r.good("reserve: ignored", r.prout(a, saReserve, typeWE, k1, 0, flagAPTPL))
	wantSurvivors(0)
	r.good("register with: earlier registrations too", r.prout(b, saRegister, 0, 0, k2, flagAPTPL))
	wantSurvivors(2)
	r.conflict("what fails does not count", r.prout(b, saRegister, 0, k3, k2, 0))
	r.good("nor what does nothing", r.prout(r.login(3, 1, 1), saRegister, 0, 0, 0, 0))
	wantSurvivors(2)
	list := moveList(k1, k3, 1, 1, portID(4, 1))
	r.good("REGISTER AND MOVE with", r.do(a, proutCDB(saMove, 0, len(list)), list...))
	wantSurvivors(3)
	r.good("register without", r.prout(b, saIgnore, 0, 0, k2, 0))
	wantSurvivors(0)
	saves := r.store.saves
	r.good("preempt", r.prout(b, saPreempt, typeWE, k2, k1, 0))
	check.That(t, r.store.saves == saves, "saved although nothing is to survive")
}

// TestSavedBeforeGood: no nexus sees a change, and no GOOD status is sent, before it is in the store; so a crash at any
// moment loses nothing that was answered, and takes back nothing that was seen.
func TestSavedBeforeGood(t *testing.T) {
	type step struct {
		name string
		run  func(r *prRig, a *lun.Nexus) (*lun.Task, **prResult)
		// before and after are the registered keys and the type without and with the step.
		before, after string
	}
	prout := func(sa, typ byte, key, saKey uint64, flags byte) func(*prRig, *lun.Nexus) (*lun.Task, **prResult) {
		return func(r *prRig, a *lun.Nexus) (*lun.Task, **prResult) {
			return r.start(0, a, proutCDB(sa, typ, 24), proutList(key, saKey, flags))
		}
	}
	for _, s := range []step{
		{"register", prout(saIgnore, 0, 0, k3, flagAPTPL), "[k1 k2] 0", "[k3 k2] 0"},
		{"reserve", prout(saReserve, typeEA, k1, 0, 0), "[k1 k2] 0", "[k1 k2] 3"},
		{"preempt", prout(saPreempt, typeEA, k1, k2, 0), "[k1 k2] 0", "[k1] 0"},
		{"clear", prout(saClear, 0, k1, 0, 0), "[k1 k2] 0", "[] 0"},
		{"unregister", prout(saRegister, 0, k1, 0, flagAPTPL), "[k1 k2] 0", "[k2] 0"},
	} {
		t.Run(s.name, func(t *testing.T) {
			r := newPRRig(t)
			a, b := r.login(1, 1, 1), r.login(2, 1, 1)
			watcher := r.login(3, 1, 1)
			r.good("register", r.prout(a, saRegister, 0, 0, k1, flagAPTPL))
			r.good("register", r.prout(b, saRegister, 0, 0, k2, flagAPTPL))
			show := func(r *prRig, n *lun.Nexus) string {
				_, keys := r.keys(n)
				names := []string{}
				for _, k := range keys {
					names = append(names, map[uint64]string{k1: "k1", k2: "k2", k3: "k3"}[k])
				}
				_, typ := r.reservation(n)
				return fmt.Sprintf("%v %d", names, typ)
			}
			var result **prResult
			crash := func(want string) {
				t.Helper()
				after := r.restart()
				check.Equal(t, show(after, after.login(9, 1, 1)), want, "a crash now leaves")
			}
			saving := false
			r.store.onSave = func() {
				saving = true
				check.That(t, *result == nil, "answered before it was saved")
				crash(s.before)
			}
			_, result = s.run(r, a)
			must.Be(t, *result == nil, "answered before anything was saved")
			check.Equal(t, show(r, watcher), s.before, "before it is saved, a nexus sees")
			r.w.RunUntil("the answer", func() bool { return *result != nil })
			must.Be(t, saving, "nothing was saved")
			crash(s.after)
			if got := show(r, watcher); got != s.after || (*result).status != lun.StatusGood {
				t.Errorf("%v, %s", **result, got)
			}
		})
	}
}

// TestCrashBetweenSaveAndAnswer: the store has it, the initiator has no answer. After the restart it holds, and the
// initiator finds out by reading.
func TestCrashBetweenSaveAndAnswer(t *testing.T) {
	r := newPRRig(t)
	a := r.registered(1, k1, flagAPTPL)
	_, result := r.start(0, a, proutCDB(saReserve, typeWE, 24), proutList(k1, 0, 0))
	saves := r.store.saves
	r.w.RunUntil("saved", func() bool { return r.store.saves > saves })
	must.Be(t, *result == nil, "the answer came in the same moment: nothing to test")
	after := r.restart()
	after.wantReservation(after.login(2, 1, 1), k1, typeWE)
	after.good("the same command again", after.prout(after.login(1, 1, 1), saReserve, typeWE, k1, 0, 0))
	r.w.Run()
}

// TestAbortedWhileSaving: a task that is aborted while its change is being saved gets no answer, and the change takes
// effect all the same: the store has it. Others go on.
func TestAbortedWhileSaving(t *testing.T) {
	r := newPRRig(t)
	a, b := r.login(1, 1, 1), r.login(2, 1, 1)
	task, result := r.start(0, a, proutCDB(saRegister, 0, 24), proutList(0, k1, flagAPTPL))
	second, secondResult := r.start(0, b, proutCDB(saRegister, 0, 24), proutList(0, k2, flagAPTPL))
	_, thirdResult := r.start(0, b, proutCDB(saRegister, 0, 24), proutList(0, k3, flagAPTPL))
	r.w.On(0, func(*luntest.Loop) {
		task.Abort()
		second.Abort()
		if task.Abandon() {
			t.Error("the abort may be answered while the change is being saved: it would take effect after that (SAM-5 7.2)")
		}
	})
	r.w.Run()
	for _, p := range []**prResult{result, secondResult} {
		must.Be(t, *p != nil && (*p).status == lun.StatusTaskAborted, "aborted task: %v", *p)
	}
	must.Be(t, *thirdResult != nil && (*thirdResult).status == lun.StatusGood, "the next in line: %v", *thirdResult)
	r.wantKeys(a, anyGeneration, k1, k3)
	after := r.restart()
	if _, keys := after.keys(after.login(1, 1, 1)); len(keys) != 2 {
		t.Errorf("saved keys %x", keys)
	}
}

// TestReserveInLine: while the last registration's end is being saved, a RESERVE and a REGISTER wait in line. In their
// turn the RESERVE meets no registration, and the REGISTER meets a RESERVE reservation (SPC-2 5.5.1).
func TestReserveInLine(t *testing.T) {
	r := newPRRig(t)
	a, b, c := r.registered(1, k1, flagAPTPL), r.login(2, 1, 1), r.login(3, 1, 1)
	_, first := r.start(0, a, proutCDB(saRegister, 0, 24), proutList(k1, 0, 0))
	_, second := r.start(0, b, reserve6, nil)
	_, third := r.start(0, c, proutCDB(saRegister, 0, 24), proutList(0, k3, 0))
	must.Be(t, *first == nil && *second == nil && *third == nil, "answered before the first was saved")
	r.w.Run()
	r.good("unregister", **first)
	r.good("RESERVE", **second)
	r.conflict("REGISTER", **third)
	r.conflict("c writes", r.write(c))
	r.good("b writes", r.write(b))
}

// TestSaveFails: no GOOD status, no change; and once the store works again it holds what the unit shows.
func TestSaveFails(t *testing.T) {
	for _, torn := range []bool{false, true} {
		r := newPRRig(t)
		a := r.login(1, 1, 1)
		r.store.fail, r.store.torn = errors.New("no space left"), torn
		r.want("register", r.prout(a, saRegister, 0, 0, k1, flagAPTPL), "CHECK CONDITION 4/4400")
		r.wantKeys(a, 0)
		r.store.fail = nil
		r.good("register without APTPL", r.prout(a, saRegister, 0, 0, k2, 0))
		after := r.restart()
		after.wantKeys(after.login(1, 1, 1), anyGeneration)
	}
}

// TestWithoutStore: PTPL_C is zero, and APTPL is an invalid field (SPC-4 6.16.3, 6.16.4).
func TestWithoutStore(t *testing.T) {
	r := newPRRigWith(t, nil, luntest.Config{})
	a := r.login(1, 1, 1)
	if caps := r.prin(a, 2); caps[2]&1 != 0 || caps[3]&1 != 0 {
		t.Errorf("capabilities % x", caps)
	}
	r.want("APTPL", r.prout(a, saRegister, 0, 0, k1, flagAPTPL), "CHECK CONDITION 5/2600")
	r.want("APTPL", r.prout(a, saIgnore, 0, 0, k1, flagAPTPL), "CHECK CONDITION 5/2600")
	r.good("register", r.prout(a, saRegister, 0, 0, k1, 0))
	r.good("APTPL is ignored", r.prout(a, saReserve, typeWE, k1, 0, flagAPTPL))
	list := moveList(k1, k2, 1, 1, portID(2, 1))
	r.want("APTPL", r.do(a, proutCDB(saMove, 0, len(list)), list...), "CHECK CONDITION 5/2600")
}

// TestDamagedStore: a unit whose reservations cannot be read is not served.
func TestDamagedStore(t *testing.T) {
	r := newPRRig(t)
	a := r.registered(1, k1, flagAPTPL)
	r.good("reserve", r.prout(a, saReserve, typeWE, k1, 0, 0))
	var key string
	for key = range r.store.m {
	}
	check.That(t, strings.Contains(key, prNAA), "saved as %q: reservations belong to the medium", key)
	saved := string(r.store.m[key])
	for name, value := range map[string]string{
		"half":                     saved[:len(saved)/2],
		"another version":          strings.Replace(saved, `"Version":1`, `"Version":2`, 1),
		"a key of zero":            strings.Replace(saved, "0x1111111111111111", "0x0", 1),
		"no such type":             strings.Replace(saved, `"Type":1`, `"Type":2`, 1),
		"holder of a type for all": strings.Replace(saved, `"Type":1`, `"Type":7`, 1),
		"holder not registered":    strings.Replace(saved, "host1", "host2", 1),
	} {
		must.Be(t, value != saved, "%s: the test changed nothing in %s", name, saved)
		tg := lun.NewTarget(lun.TargetConfig{Name: "iqn.2026-11.io.example:target", Loops: 1, Store: &prStore{m: map[string][]byte{key: []byte(value)}}})
		if _, err := tg.AddUnit(0, lun.UnitConfig{Backend: newPRDisk(), ID: prNAA}); err == nil {
			t.Errorf("%s: served", name)
		}
	}
}
