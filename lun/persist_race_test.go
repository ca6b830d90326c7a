package lun_test

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// prLive is a unit under loops that run at the same time, one nexus each.
type prLive struct {
	t     *testing.T
	live  *luntest.Live
	tg    *lun.Target
	store *lockedStore
}

type lockedStore struct {
	sync.Mutex
	prStore
}

func (s *lockedStore) Load(key string) ([]byte, error) {
	s.Lock()
	defer s.Unlock()
	return s.prStore.Load(key)
}

func (s *lockedStore) Save(key string, value []byte) error {
	s.Lock()
	defer s.Unlock()
	return s.prStore.Save(key, value)
}

func newPRLive(t *testing.T, loops int) *prLive {
	t.Helper()
	l := &prLive{t: t, live: luntest.NewLive(t, loops), store: &lockedStore{}}
	l.tg = lun.NewTarget(lun.TargetConfig{Name: "iqn.2026-11.io.example:target", Loops: loops, Store: l.store, Ports: []lun.Port{{TPGT: 1, RelPort: 1}}})
	must.Get(l.tg.AddUnit(0, lun.UnitConfig{Backend: newPRDisk(), ID: prNAA}))(t)
	return l
}

// client is what the test's goroutine i uses: its own loop, its own nexus.
func (l *prLive) client(i int) func(cdb []byte, out []byte) prResult {
	n := l.tg.NewNexus(lun.NexusConfig{InitiatorName: prNode(i), TPGT: 1, RelPort: 1})
	return func(cdb []byte, out []byte) prResult {
		for {
			ended := make(luntest.Ended, 1)
			t := &lun.Task{Nexus: n, Loop: l.live.Loop(i), Owner: ended, Out: out}
			copy(t.CDB[:], cdb)
			_, in := luntest.Plan(n, 0, &t.CDB, false)
			t.Buf = make([]byte, in)
			l.live.Loop(i).Post(luntest.Func(t.Start))
			<-ended
			if p := resultOf(t); p.status != lun.StatusCheckCondition || p.key != lun.UnitAttention {
				return p
			}
		}
	}
}

// TestReservationIsALock: reservations that cannot be preempted are locks, and what they guard needs no other. The race
// detector would see two holders; so would the count.
func TestReservationIsALock(t *testing.T) {
	const clients, rounds = 4, 150
	for name, lock := range map[string]struct {
		take, give func(i int) (cdb, out []byte)
	}{
		"PERSISTENT RESERVE": {
			func(i int) ([]byte, []byte) { return proutCDB(saReserve, typeEA, 24), proutList(uint64(i+1), 0, 0) },
			func(i int) ([]byte, []byte) { return proutCDB(saRelease, typeEA, 24), proutList(uint64(i+1), 0, 0) },
		},
		"RESERVE(6)": {
			func(int) ([]byte, []byte) { return reserve6, nil },
			func(int) ([]byte, []byte) { return release6, nil },
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newPRLive(t, clients)
			guarded := 0
			var all sync.WaitGroup
			for i := range clients {
				do := l.client(i)
				all.Go(func() {
					if name == "PERSISTENT RESERVE" { // with APTPL: every change waits for the store
						if p := do(proutCDB(saRegister, 0, 24), proutList(0, uint64(i+1), flagAPTPL)); p.status != lun.StatusGood {
							t.Errorf("register: %v", p)
						}
					}
					for held := 0; held < rounds; {
						switch p := do(lock.take(i)); p.status {
						case lun.StatusReservationConflict:
							continue
						case lun.StatusGood:
						default:
							t.Errorf("reserve: %v", p)
							return
						}
						guarded++
						held++
						if p := do([]byte{0x2A, 8: 1, 9: 0}, make([]byte, 512)); p.status != lun.StatusGood { // the disk has no lock either
							t.Errorf("the holder writes: %v", p)
						}
						if p := do(lock.give(i)); p.status != lun.StatusGood {
							t.Errorf("release: %v", p)
						}
					}
				})
			}
			all.Wait()
			check.That(t, guarded == clients*rounds, "counted %d, want %d: two held it at once", guarded, clients*rounds)
		})
	}
}

// TestEachChangeCounts: service actions from all loops at once, saved or not. Each that counts has counted once, and what
// the store has at the end is what the unit shows.
func TestEachChangeCounts(t *testing.T) {
	const clients, rounds = 4, 200
	l := newPRLive(t, clients)
	var counted [clients]uint32
	var all sync.WaitGroup
	for i := range clients {
		do := l.client(i)
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 7))
			key := uint64(i + 1)
			for range rounds {
				flags, typ := byte(rng.IntN(2)), typesInOrder()[rng.IntN(6)]
				if p := do(proutCDB(saIgnore, 0, 24), proutList(0, key, flags)); p.status == lun.StatusGood {
					counted[i]++
				} else if p.status != lun.StatusReservationConflict {
					t.Errorf("register: %v", p)
				}
				switch rng.IntN(8) {
				case 0:
					if do(proutCDB(saClear, 0, 24), proutList(key, 0, 0)).status == lun.StatusGood {
						counted[i]++
					}
				case 1, 2:
					other := uint64(rng.IntN(clients) + 1)
					if do(proutCDB(saPreempt, typ, 24), proutList(key, other, 0)).status == lun.StatusGood {
						counted[i]++
					}
				case 3:
					do(proutCDB(saReserve, typ, 24), proutList(key, 0, 0))
				case 4:
					do(proutCDB(saRelease, typ, 24), proutList(key, 0, 0))
				case 5:
					if do(reserve6, nil).status == lun.StatusGood {
						do(release6, nil)
					}
				default:
					do([]byte{0x2A, 5: byte(i), 8: 1, 9: 0}, make([]byte, 512)) // blocks of its own: the disk has no lock
				}
			}
		})
	}
	all.Wait()
	do := l.client(0)
	if p := do(proutCDB(saIgnore, 0, 24), proutList(0, 1, flagAPTPL)); p.status != lun.StatusGood {
		t.Fatalf("register: %v", p)
	}
	want := uint32(1)
	for _, n := range counted {
		want += n
	}
	shown := do([]byte{0x5E, 3, 7: 255, 8: 255, 9: 0}, nil).in
	check.Equal(t, binary.BigEndian.Uint32(shown), want, "PRGENERATION is")
	after := newPRRigWith(t, l.store.copy(), luntest.Config{})
	saved := after.prin(after.login(9, 1, 1), 3)
	check.That(t, string(saved[8:]) == string(shown[8:]), "shown % x\nsaved % x", shown[8:], saved[8:])
}
