package lun_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// raceCache answers flushes from goroutines. It reports one error, to the first flush.
type raceCache struct {
	lost   atomic.Bool
	raised atomic.Bool
	under  atomic.Int32
	t      *testing.T
}

func (c *raceCache) Geometry() lun.Geometry {
	return lun.Geometry{Blocks: 64, BlockSize: 512, Volatile: true, Buffered: true}
}
func (c *raceCache) Close() error { return nil }
func (c *raceCache) Extents(dst []lun.Extent, _ uint64, _ int) ([]lun.Extent, error) {
	return dst, nil
}

func (c *raceCache) Submit(l lun.Loop, r *lun.Request) {
	if r.Kind != lun.OpSync {
		r.Done.RequestDone(r, nil)
		return
	}
	check.That(c.t, c.under.Add(1) == 1, "two flushes at once")
	go func() {
		var err error
		if c.lost.CompareAndSwap(true, false) {
			err = lun.ErrMedium
		}
		l.Post(luntest.Func(func() {
			c.under.Add(-1)
			r.Done.RequestDone(r, err)
		}))
	}()
}

// TestFlushRace: flushes and FUA writes from all loops at once. None that begins after write-back failed is answered GOOD, and
// each ends exactly once.
func TestFlushRace(t *testing.T) {
	const loops, rounds, after = 4, 40, 20
	live := luntest.NewLive(t, loops)
	for range rounds {
		c := &raceCache{t: t}
		tg := lun.NewTarget(lun.TargetConfig{Name: rigTarget, Loops: loops, Ports: []lun.Port{{TPGT: 1, RelPort: 1}}})
		must.Get(tg.AddUnit(0, lun.UnitConfig{Backend: c, ID: rigID}))(t)
		var all sync.WaitGroup
		for i := range loops {
			n := tg.NewNexus(lun.NexusConfig{InitiatorName: "iqn.x:y", ISID: [6]byte{5: byte(i)}, TPGT: 1, RelPort: 1})
			send := func(cdb [16]byte) lun.Status {
				ended := make(luntest.Ended, 1)
				task := &lun.Task{Nexus: n, Loop: live.Loop(i), CDB: cdb, Owner: ended, Out: make([]byte, 512)}
				live.Loop(i).Post(luntest.Func(task.Start))
				<-ended
				return task.Status
			}
			send(testUnitReady())
			all.Go(func() {
				for done := 0; done < after; {
					raised := c.raised.Load()
					cdb := syncAll
					if done%3 == i%3 {
						cdb = writeFUA
					}
					if s := send(cdb); raised && s != lun.StatusCheckCondition {
						t.Errorf("%02X began after write-back failed and ended with status %02X", cdb[0], byte(s))
					}
					if done++; done == after/2 && i == 0 {
						c.lost.Store(true)
						c.raised.Store(true)
					}
				}
			})
		}
		all.Wait()
	}
}
