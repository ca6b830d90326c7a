package lun_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// The sense data that reports a lost write; lun/loss.go explains the choice.
const dataLost = "4/0C00"

// cache is a disk behind a page cache. It reports a failed write-back once, to the first flush, whether an OpSync or a write
// with FUA, as errseq_t does for one open file.
type cache struct {
	*disk
	lost   error // write-back failed, not reported yet
	hold   bool  // hold back the answers of flushes
	held   []func()
	syncs  int // under way
	total  int // so far
	worst  int // the most at one time
	broken error
}

func (c *cache) Submit(l lun.Loop, r *lun.Request) {
	if r.Kind != lun.OpSync && !(r.Kind == lun.OpWrite && r.FUA) {
		c.disk.Submit(l, r)
		return
	}
	if r.Kind == lun.OpWrite && c.broken != nil {
		err := c.broken
		l.Post(luntest.Func(func() { r.Done.RequestDone(r, err) }))
		return
	}
	err := c.lost
	c.lost = nil
	c.perform(r)
	c.syncs++
	c.total++
	c.worst = max(c.worst, c.syncs)
	answer := func() { c.syncs--; r.Done.RequestDone(r, err) }
	if c.hold {
		c.held = append(c.held, func() { l.Post(luntest.Func(answer)) })
		return
	}
	l.Post(luntest.Func(answer))
}

func (c *cache) release() {
	held := c.held
	c.held, c.hold = nil, false
	for _, f := range held {
		f()
	}
}

// newCacheRig returns a rig over a cache. direct: the backend implements FUA itself.
func newCacheRig(t testing.TB, direct bool, more ...option) (*rig, *cache) {
	var c *cache
	o := append([]option{withVolatile, withPosted, func(g *lun.Geometry, _ *lun.UnitConfig, _ *lun.TargetConfig, h *diskHow) {
		g.Buffered = !direct
		h.wrap = func(d *disk) lun.Backend { c = &cache{disk: d}; return c }
	}}, more...)
	r := newRigIn(t, luntest.Config{Loops: 2}, o...)
	return r, c
}

// pass advances the fake clock by d ns.
func (r *rig) pass(d int64) {
	r.w.On(0, func(l *luntest.Loop) { l.After(d, luntest.Func(func() {})) })
	r.w.Run()
}

// forgotten is longer than lossWindow.
const forgotten = 11e9

var (
	syncAll  = cdb10(0x35, 0, 0, 0)
	stop     = startStopCDB(0, 0)
	readFUA  = cdb10(0x28, 8, 0, 1)
	writeFUA = cdb10(0x2A, 8, 8, 1)
	write1   = cdb10(0x2A, 0, 8, 1)
)

// TestEveryNexusIsToldOfALoss: SPC-4 4.5.7: an error that cannot be associated with an I_T nexus is reported to each of them.
// The first report does not consume it.
func TestEveryNexusIsToldOfALoss(t *testing.T) {
	block := pattern(512, 3)
	for name, first := range map[string]func(r *rig) answer{
		"SYNCHRONIZE CACHE": func(r *rig) answer { return r.on(r.b, syncAll) },
		"FUA READ":          func(r *rig) answer { return r.on(r.b, readFUA) },
		"FUA WRITE":         func(r *rig) answer { return r.on(r.b, writeFUA, block...) },
		"START STOP UNIT":   func(r *rig) answer { return r.on(r.b, stop) },
		"MODE SELECT":       func(r *rig) answer { return r.modeSelect6(r.b, 0x10, cachingPage(false)...) },
		"WRITE AND VERIFY":  func(r *rig) answer { return r.on(r.b, cdb10(0x2E, 0, 8, 1), block...) },
	} {
		t.Run(name, func(t *testing.T) {
			r, c := newCacheRig(t, false)
			r.want(r.on(r.a, write1, block...), good, "it is in the cache")
			c.lost = errnoError{lun.ErrMedium, 5}
			a := first(r)
			r.want(a, dataLost, "the flush failed")
			check.That(t, !a.hasInfo, "INFORMATION names block %d: a flush knows of none", a.info)
			for range 2 {
				r.want(r.on(r.a, syncAll), dataLost, "a's write was lost, whoever met the error, and Linux asks again")
				r.want(r.on(r.b, syncAll), dataLost, "b may have lost one too")
			}
			r.pass(forgotten)
			r.want(r.on(r.a, syncAll), good, "a knows")
			r.want(r.on(r.b, syncAll), good, "b knows")
			s := r.u.Health().Snapshot()
			if s.State != lun.HealthLost || s.Why != lun.FaultDataLost || r.u.Health().Count(lun.FaultDataLost) != 1 {
				t.Errorf("the unit is %v because of %v: %+v", s.State, s.Why, s.Faults)
			}
			c.lost = lun.ErrMedium
			r.want(r.on(r.b, syncAll), dataLost, "the next loss")
			r.want(r.on(r.a, syncAll), dataLost, "is told as the first was")
		})
	}
}

// TestWhatPromisesTellsOfALoss: every command that promises data on the medium reports a loss, and no other does.
func TestWhatPromisesTellsOfALoss(t *testing.T) {
	block := pattern(512, 3)
	for _, c := range []struct {
		name string
		wce  bool
		do   func(r *rig) answer
		want string
	}{
		{"SYNCHRONIZE CACHE(16)", true, func(r *rig) answer { return r.do(cdb16(0x91, 0, 0, 0)) }, dataLost},
		{"stop", true, func(r *rig) answer { return r.do(stop) }, dataLost},
		{"FUA", true, func(r *rig) answer { return r.do(writeFUA, block...) }, dataLost},
		{"WCE=0", false, func(r *rig) answer { return r.do(write1, block...) }, dataLost},
		{"WRITE SAME, WCE=0", false, func(r *rig) answer { return r.do(cdb10(0x41, 0, 8, 4), block...) }, dataLost},
		{"ORWRITE, WCE=0", false, func(r *rig) answer { return r.do(cdb16(0x8B, 0, 8, 1), block...) }, dataLost},
		{"WRITE", true, func(r *rig) answer { return r.do(write1, block...) }, good},
		{"READ", true, func(r *rig) answer { return r.do(cdb10(0x28, 0, 8, 1)) }, good},
		{"READ, WCE=0", false, func(r *rig) answer { return r.do(cdb10(0x28, 0, 8, 1)) }, good},
		{"TEST UNIT READY", true, func(r *rig) answer { return r.do(testUnitReady()) }, good},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, m := newCacheRig(t, false)
			if !c.wce {
				r.want(r.modeSelect6(r.b, 0x10, cachingPage(false)...), good, "WCE off")
				r.settle(r.a)
			}
			m.lost = lun.ErrMedium
			r.want(r.on(r.b, syncAll), dataLost, "the loss")
			r.want(c.do(r), c.want, c.name)
		})
	}
}

// TestWriteToldIsNotSyncTold: a loss reported by a FUA write is reported again by a SYNCHRONIZE CACHE of the same nexus.
func TestWriteToldIsNotSyncTold(t *testing.T) {
	r, c := newCacheRig(t, false)
	c.lost = lun.ErrMedium
	r.want(r.do(writeFUA, pattern(512, 1)...), dataLost, "the flush of the FUA write failed")
	r.pass(forgotten)
	r.want(r.do(writeFUA, pattern(512, 1)...), good, "writes know")
	r.want(r.do(syncAll), dataLost, "flushes do not")
	r.pass(forgotten)
	r.want(r.do(syncAll), good, "now they do")
}

// TestFlushesDoNotPassEachOther: with one error for two flushes under way, one could be answered GOOD before the other's error
// was seen.
func TestFlushesDoNotPassEachOther(t *testing.T) {
	for name, second := range map[string][16]byte{"SYNCHRONIZE CACHE": syncAll, "FUA WRITE": writeFUA} {
		t.Run(name, func(t *testing.T) {
			r, c := newCacheRig(t, false)
			r.want(r.on(r.a, write1, pattern(512, 1)...), good, "in the cache")
			c.lost, c.hold = lun.ErrMedium, true
			b := r.start(1, r.b, 0, lun.AttrSimple, second, pattern(512, 2)) // gets the error, on another loop
			r.w.Run()
			c.hold = false
			a := r.start(0, r.a, 0, lun.AttrSimple, syncAll, nil)
			r.w.Run()
			check.That(t, a.ended == 0, "a was answered %v while b's flush, which knows better, is under way", a.answer)
			c.release()
			r.want(b.wait(), dataLost, "b met the error")
			r.want(a.wait(), dataLost, "and a's write is lost")
			check.That(t, c.worst == 1, "%d flushes at once", c.worst)
		})
	}
}

// TestFlushesAreShared: waiting requests of all loops share one flush, and each is answered on its own loop.
func TestFlushesAreShared(t *testing.T) {
	r, c := newCacheRig(t, false)
	c.hold = true
	var all []*call
	for i := range 9 {
		all = append(all, r.start(i%2, r.a, 0, lun.AttrSimple, syncAll, nil))
	}
	r.w.Run()
	before := len(c.held)
	r.w.On(1, func(*lunLoop) { all[3].task.Abort() })
	c.release()
	for i, a := range all {
		if got := a.wait(); i != 3 {
			r.want(got, good, fmt.Sprint("flush ", i))
		} else if !got.aborted || got.status != lun.StatusTaskAborted {
			t.Errorf("the aborted flush ended with %v", got)
		}
	}
	check.That(t, before == 1, "%d flushes at once", before)
	check.That(t, c.total == 2, "%d flushes in all, want the first, and one that the eight others share", c.total)
}

// TestAbortedFlushLatches: the error of a flush whose command was aborted is not lost.
func TestAbortedFlushLatches(t *testing.T) {
	for _, cdb := range [][16]byte{syncAll, readFUA, writeFUA, stop} {
		for _, direct := range []bool{false, true} {
			r, c := newCacheRig(t, direct)
			c.lost, c.hold = lun.ErrMedium, true
			b := r.start(1, r.b, 0, lun.AttrSimple, cdb, pattern(512, 1))
			r.w.Run()
			r.w.On(1, func(*lunLoop) { b.task.Abort() })
			c.release()
			b.wait()
			r.want(r.do(syncAll), dataLost, fmt.Sprintf("the aborted %02X met the error", cdb[0]))
		}
	}
}

// TestWhoComesBackIsTold: a port that was logged in when data was lost gets the report after its return, and so does another port
// of its initiator. An unknown initiator does not, and a loss that was reported is not reported again.
func TestWhoComesBackIsTold(t *testing.T) {
	r, c := newCacheRig(t, false)
	login := func(name string, port byte) *lun.Nexus {
		n := r.tg.NewNexus(lun.NexusConfig{InitiatorName: name, ISID: [6]byte{5: port}, TPGT: 1, RelPort: 1})
		r.settle(n)
		return n
	}
	const host, other, stranger = "iqn.2026-11.io.example:Host", "iqn.2026-11.io.example:hos", "iqn.2026-11.io.example:new"
	r.want(r.on(r.a, write1, pattern(512, 1)...), good, "a's write, in the cache")
	old := login(other, 1)
	r.a.Close()
	old.Close()
	c.lost = lun.ErrMedium
	r.want(r.on(r.b, syncAll), dataLost, "the loss")
	r.want(r.on(login(stranger, 1), syncAll), good, "who was not there lost nothing")
	r.want(r.on(login(other, 2), syncAll), dataLost, "another port of an initiator that was not told")
	a := login(host, 1)
	r.want(r.on(a, syncAll), dataLost, "a comes back")
	a.Close()
	r.want(r.on(login(host, 1), syncAll), good, "a was told")
	away := login(host, 9)
	r.want(r.on(away, syncAll), good, "so was its initiator")
	away.Close()
	b := r.b
	c.lost = lun.ErrMedium
	r.want(r.on(r.b, readFUA), dataLost, "a second loss, met by a read")
	b.Close()
	two := login(host, 2)
	r.want(r.on(two, syncAll), dataLost, "b was not told by a read")
	two.Close()
	r.want(r.on(login(host, 9), syncAll), dataLost, "a port that was here before the second loss, whatever another port was told")
}

// TestLossOfOneUnit: a loss is not reported on another unit.
func TestLossOfOneUnit(t *testing.T) {
	r, c := newCacheRig(t, false)
	must.Get(r.tg.AddUnit(1, lun.UnitConfig{Backend: newDisk(t, lun.Geometry{Blocks: 64, BlockSize: 512, Volatile: true}), ID: "other"}))(t)
	r.settle(r.a)
	c.lost = lun.ErrMedium
	r.want(r.do(syncAll), dataLost, "the loss")
	one := func() answer { return r.start(0, r.a, 1<<48, lun.AttrSimple, syncAll, nil).wait() }
	one() // POWER ON
	r.want(one(), good, "unit 1 lost nothing")
}

// TestFUAWriteThatFails: with O_DIRECT a write with FUA fails by itself, or because the flush after it does, by which other data
// is lost. Repeating it without FUA tells which.
func TestFUAWriteThatFails(t *testing.T) {
	block := pattern(512, 1)
	r, c := newCacheRig(t, true)
	c.lost = lun.ErrMedium
	r.want(r.on(r.b, writeFUA, block...), dataLost, "the flush failed")
	check.That(t, bytes.Equal(r.d.block(8, 1), block), "the block was not written again")
	r.want(r.on(r.a, syncAll), dataLost, "a's data was in that cache")

	r, c = newCacheRig(t, true)
	bad := func(q *lun.Request) error {
		if q.Kind == lun.OpWrite {
			return lun.ErrMedium
		}
		return nil
	}
	r.d.fail, c.broken = bad, lun.ErrMedium
	r.want(r.on(r.b, writeFUA, block...), "3/0C00", "a bad block")
	r.d.fail, c.broken = nil, nil
	r.want(r.on(r.a, syncAll), good, "is nobody else's matter")
}

// TestFlushErrors: no error of a flush may be hidden by a retry, whatever its errno.
func TestFlushErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{lun.ErrMedium, dataLost},
		{lun.ErrBusy, dataLost},
		{lun.ErrReadOnly, dataLost},
		{lun.ErrUnsupported, dataLost},
		{bytes.ErrTooLarge, dataLost},
		{lun.ErrNoSpace, "7/2707"},
		{lun.ErrGone, "2/0403"},
	} {
		r, m := newCacheRig(t, false)
		m.lost = c.err
		r.want(r.do(syncAll), c.want, c.err.Error())
		r.want(r.do(syncAll), dataLost, "and again, when it was "+c.err.Error())
	}
}

// TestFlushAlwaysReachesTheBackend: only the medium knows which caches it has (SBC-3 5.23).
func TestFlushAlwaysReachesTheBackend(t *testing.T) {
	r := newRig(t, withPosted) // not Volatile
	for _, cdb := range [][16]byte{syncAll, cdb16(0x91, 0, 0, 0), stop, readFUA} {
		before := r.d.kinds(lun.OpSync)
		r.want(r.do(cdb), good, "nothing is wrong")
		check.That(t, r.d.kinds(lun.OpSync) == before+1, "command %02X sent no flush", cdb[0])
	}
}

func cachingPage(wce bool) []byte {
	page := make([]byte, 20)
	page[0], page[1] = 0x08, 18
	if wce {
		page[2] = 4
	}
	return page
}
