package lun_test

import (
	"encoding/binary"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

// FuzzPROut sends PERSISTENT RESERVE OUT with any service action, scope, type, length and parameter list, as a holder, a
// registered nexus or a stranger, on a unit with a reservation of any type. Nothing panics, nothing is read beyond what
// arrived, what PERSISTENT RESERVE IN shows stays well formed, only GOOD changes it, and it survives a restart.
func FuzzPROut(f *testing.F) {
	f.Add(byte(saRegister), byte(0), uint32(24), byte(0), proutList(k1, k2, flagAPTPL))
	f.Add(byte(saRegister), byte(0), uint32(24), byte(2), proutList(0, k2, flagALLTGPT))
	both := proutList(0, k2, flagSPECIPT, portID(5, 1), nodeID(1))
	f.Add(byte(saRegister), byte(0), uint32(len(both)), byte(2), both)
	f.Add(byte(saPreempt), byte(typeWEAR), uint32(24), byte(1), proutList(k2, k1, 0))
	move := moveList(k1, k3, 3, 2, portID(4, 4))
	f.Add(byte(saMove), byte(0), uint32(len(move)), byte(0), move)
	f.Fuzz(func(t *testing.T, sa, scopeType byte, length uint32, who byte, list []byte) {
		if len(list) > lun.MaxParam {
			return
		}
		r := newPRRig(t)
		n := []*lun.Nexus{r.login(1, 1, 1), r.login(2, 1, 1), r.login(3, 1, 2)}
		watcher := r.login(9, 1, 1)
		r.good("register", r.prout(n[0], saRegister, 0, 0, k1, flagAPTPL))
		r.good("register", r.prout(n[1], saRegister, 0, 0, k2, flagAPTPL))
		r.good("reserve", r.prout(n[0], saReserve, typesInOrder()[int(who>>2)%6], k1, 0, 0))
		gen, _ := r.keys(watcher)
		before := r.view(watcher)

		cdb := proutCDB(sa&0x1F, scopeType, 0)
		binary.BigEndian.PutUint32(cdb[5:], length)
		got := r.do(n[int(who&3)%3], cdb, list[:len(list):len(list)]...)
		switch got.status {
		case lun.StatusGood, lun.StatusReservationConflict:
		case lun.StatusCheckCondition:
			must.Be(t, got.key == lun.IllegalRequest, "%v", got)
		default:
			t.Fatalf("%v", got)
		}
		r.attentions(watcher) // a registration by name may have given the watcher an attention
		after := r.view(watcher)
		genAfter, keys := r.keys(watcher)
		holders := 0
		for _, s := range after.status {
			if s.key == 0 || s.holder && s.typ != after.typ {
				t.Fatalf("%+v in %+v", s, after)
			}
			if s.holder {
				holders++
			}
		}
		if len(keys) != len(after.status) || (after.typ != 0) != (holders > 0) || after.typ > 0 && after.typ < typeWEAR && holders != 1 {
			t.Fatalf("keys %x, %+v", keys, after)
		}
		changed := len(before.status) != len(after.status) || before.key != after.key || before.typ != after.typ
		for i := range min(len(before.status), len(after.status)) {
			changed = changed || before.status[i] != after.status[i]
		}
		if changed && got.status != lun.StatusGood || genAfter-gen > 1 {
			t.Fatalf("%v: generation %d to %d\nbefore %+v\nafter  %+v", got, gen, genAfter, before, after)
		}
		again := r.restart()
		if restored := again.view(again.login(9, 1, 1)); len(restored.status) != len(after.status) && len(restored.status) != 0 || restored.typ != after.typ && restored.typ != 0 {
			t.Fatalf("after a restart %+v, before it %+v", restored, after)
		}
	})
}
