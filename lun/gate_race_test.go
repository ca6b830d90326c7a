package lun_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// slab is memory without a lock: two commands that touch the same blocks at once are a data race, which the race
// detector reports. Only what the device server keeps apart may be sent to the same blocks.
type slab struct {
	geom  lun.Geometry
	data  []byte
	later func(r *lun.Request) bool // complete on a helper goroutine's word
}

func newSlab(blocks int) *slab {
	return &slab{geom: lun.Geometry{Blocks: uint64(blocks), BlockSize: 512}, data: make([]byte, blocks*512)}
}

func (s *slab) Geometry() lun.Geometry { return s.geom }
func (s *slab) Close() error           { return nil }
func (s *slab) Extents(dst []lun.Extent, _ uint64, _ int) ([]lun.Extent, error) {
	return dst, nil
}

func (s *slab) Submit(l lun.Loop, r *lun.Request) {
	if s.later != nil && s.later(r) {
		l.Go(luntest.Job{Work: func() {}, Then: func() { s.perform(r) }})
		return
	}
	s.perform(r)
}

func (s *slab) perform(r *lun.Request) {
	switch at := s.data[r.Off : r.Off+r.Len]; r.Kind {
	case lun.OpRead:
		copy(r.Buf, at)
	case lun.OpWrite:
		copy(at, r.Buf)
	case lun.OpZero, lun.OpDiscard:
		clear(at)
	}
	r.Done.RequestDone(r, nil)
}

// mappedSlab is a slab that is read where it lies.
type mappedSlab struct{ *slab }

func (s mappedSlab) Memory() []byte { return s.data }

func (s mappedSlab) Bytes(off int64, n int) []byte { return s.data[off : off+int64(n)] }

// crowd is a target under loops that really run at the same time.
type crowd struct {
	t    *testing.T
	live *luntest.Live
	tg   *lun.Target
	u    *lun.Unit
	n    []*lun.Nexus // by loop
}

func newCrowd(t *testing.T, loops int, b lun.Backend) *crowd {
	c := &crowd{t: t, live: luntest.NewLive(t, loops), tg: lun.NewTarget(lun.TargetConfig{Name: rigTarget, Loops: loops})}
	u := must.Get(c.tg.AddUnit(0, lun.UnitConfig{Backend: b, ID: rigID}))(t)
	c.u = u
	for i := range loops {
		n := c.tg.NewNexus(lun.NexusConfig{InitiatorName: "iqn.x:y", ISID: [6]byte{byte(i)}, TPGT: 1, RelPort: 1})
		c.n = append(c.n, n)
		c.do(i, testUnitReady(), nil) // takes the unit attention
	}
	return c
}

// start sends a command from outside the loop; done runs on it.
func (c *crowd) start(loop int, attr lun.Attr, cdb [16]byte, out []byte, done func(*lun.Task)) *lun.Task {
	l := c.live.Loop(loop)
	t := &lun.Task{Nexus: c.n[loop], CDB: cdb, Attr: attr, Loop: l, Out: out, Owner: luntest.Done(done)}
	_, in := luntest.Plan(c.n[loop], 0, &cdb, false)
	t.Buf = make([]byte, in)
	l.Post(luntest.Func(t.Start))
	return t
}

// do sends a command and waits for its end. Not from a loop.
func (c *crowd) do(loop int, cdb [16]byte, out []byte) answer {
	ended := make(chan answer, 1)
	c.start(loop, lun.AttrSimple, cdb, out, func(t *lun.Task) { ended <- answerOf(t) })
	return <-ended
}

// eachSlab runs a test on memory that is read where it lies, and on memory behind requests that end now or later.
func eachSlab(t *testing.T, blocks int, test func(t *testing.T, s *slab, b lun.Backend)) {
	t.Run("mapped", func(t *testing.T) { s := newSlab(blocks); test(t, s, mappedSlab{s}) })
	t.Run("requests", func(t *testing.T) {
		s := newSlab(blocks)
		s.later = func(*lun.Request) bool { return rand.IntN(2) == 0 }
		test(t, s, s)
	})
}

// COMPARE AND WRITE as a lock is built of it: no increment of a counter in a block is ever lost (SBC-3 5.2).
func TestCompareAndWriteLosesNothing(t *testing.T) {
	eachSlab(t, 8, func(t *testing.T, s *slab, b lun.Backend) {
		const loops, each = 4, 200
		c := newCrowd(t, loops, b)
		var wg sync.WaitGroup
		for i := range loops {
			wg.Add(1)
			go func() {
				defer wg.Done()
				seen := make([]byte, 512)
				for done := 0; done < each; {
					out := append(bytes.Clone(seen), seen...)
					binary.BigEndian.PutUint64(out[512:], binary.BigEndian.Uint64(seen)+1)
					switch a := c.do(i, cawCDB(0, 3, 1), out); a.String() {
					case good:
						done++
						copy(seen, out[512:])
					case miscompare:
						// The bytes before the one that differs were right; what is there now is found by trying.
						binary.BigEndian.PutUint64(seen, binary.BigEndian.Uint64(seen)+1)
						if binary.BigEndian.Uint64(seen) > loops*each {
							binary.BigEndian.PutUint64(seen, 0)
						}
					default:
						t.Errorf("COMPARE AND WRITE: %v", a)
						return
					}
				}
			}()
		}
		wg.Wait()
		check.Equal(t, binary.BigEndian.Uint64(s.data[3*512:]), loops*each, "the counter is")
	})
}

// COMPARE AND WRITE against plain writes of the same blocks: the blocks are always one command's, never parts of two
// (SBC-3 5.2). The writes come from one initiator one after another: two writes at once may mix, that is their business.
func TestCompareAndWriteAgainstWrites(t *testing.T) {
	eachSlab(t, 64, func(t *testing.T, s *slab, b lun.Backend) {
		const blocks, rounds = 32, 400
		c := newCrowd(t, 3, b)
		whole := func(v byte) []byte { return bytes.Repeat([]byte{v}, blocks*512) }
		var wg sync.WaitGroup
		var swapped atomic.Int64
		wg.Add(3)
		go func() {
			defer wg.Done()
			for i := range rounds {
				if a := c.do(0, cdb10(0x2A, 0, 0, blocks), whole(byte(i%4))); a.String() != good {
					t.Errorf("WRITE: %v", a)
				}
			}
		}()
		for loop := 1; loop < 3; loop++ {
			go func() {
				defer wg.Done()
				for i := range rounds {
					a := c.do(loop, cawCDB(0, 0, blocks), append(whole(byte(i%4)), whole(byte(4+loop))...))
					switch a.String() {
					case good:
						swapped.Add(1)
					case miscompare:
						check.That(t, a.info == 0, "the blocks differ from byte %d on only: they are parts of two commands", a.info)
					default:
						t.Errorf("COMPARE AND WRITE: %v", a)
					}
				}
			}()
		}
		wg.Wait()
		check.That(t, bytes.Equal(s.data[:blocks*512], whole(s.data[0])), "the blocks are parts of two commands")
		t.Logf("%d swaps", swapped.Load())
	})
}

// Every command on loops that run at the same time, aborted and abandoned at any moment: each ends once, and the unit is
// idle afterwards.
func TestGateUnderLoad(t *testing.T) {
	const loops, each, depth = 4, 1500, 16
	s := newSlab(2 * loops * each)
	s.later = func(*lun.Request) bool { return rand.IntN(2) == 0 }
	c := newCrowd(t, loops, s)
	var ends [loops * each]atomic.Int32
	var wg sync.WaitGroup
	for loop := range loops {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rng := rand.New(rand.NewPCG(1, uint64(loop)))
			slots := make(chan struct{}, depth)
			var inFlight sync.WaitGroup
			for i := range each {
				id := loop*each + i
				slots <- struct{}{}
				inFlight.Add(1)
				// Blocks of its own: what the gate does not keep apart must not race in the test's memory.
				lba := uint32(id * 2)
				cdb, out := cdb10(0x28, 0, lba, 1), []byte(nil)
				switch rng.IntN(4) {
				case 0:
					cdb, out = cdb10(0x2A, 0, lba, 1), make([]byte, 512)
				case 1:
					cdb, out = cawCDB(0, uint64(lba), 1), make([]byte, 1024)
				}
				t := c.start(loop, lun.Attr(rng.IntN(4)), cdb, out, func(*lun.Task) {
					ends[id].Add(1)
					<-slots
					inFlight.Done()
				})
				if k := rng.IntN(8); k < 2 {
					c.live.Loop(loop).Post(luntest.Func(func() {
						if t.Abort(); k == 0 {
							t.Abandon()
						}
					}))
				}
			}
			inFlight.Wait()
		}()
	}
	wg.Wait()
	for loop := range loops { // what was posted for tasks that had ended
		c.live.Loop(loop).Call(func() {})
	}
	for i := range ends {
		if n := ends[i].Load(); n != 1 {
			t.Fatalf("command %d ended %d times", i, n)
		}
	}
	check.That(t, c.u.Idle(), "the unit is not idle")
}

// Units come and go, are masked and shown, and nexuses come and go with them, while commands run.
func TestManagementUnderLoad(t *testing.T) {
	c := newCrowd(t, 2, newSlab(64))
	stop := make(chan struct{})
	var readers, changes sync.WaitGroup
	changes.Add(1)
	go func() {
		defer changes.Done()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := c.tg.AddUnit(1+i%3, lun.UnitConfig{Backend: newSlab(8)}); err != nil {
				t.Error(err)
			}
			n := c.tg.NewNexus(lun.NexusConfig{InitiatorName: "iqn.x:z", ISID: [6]byte{9, byte(i)}, TPGT: 1, RelPort: 1})
			c.u.Refresh()
			c.u.Reset(n)
			c.u.ClearTaskSet(n, nil)
			c.tg.Reset(lun.ResetWarm, n)
			for _, exports := range [][]lun.Export{{as(0, hostC)}, {as(i%2, "*")}, nil} {
				if err := c.u.SetExports(exports); err != nil {
					t.Error(err)
				}
			}
			n.Close()
			c.tg.RemoveUnit(1 + i%3)
		}
	}()
	for i := range 2 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for j := range 1500 {
				cdb := [][16]byte{cdb10(0x28, 0, uint32(i), 1), {0: 0xA0, 9: 200}, {0: 0x03, 4: 252}, inquiryCDB(true, 0x83, 255), modeSense6(0, 0x3F, 0xFF, 255)}[j%5]
				a := c.do(i, cdb, nil)
				masked := a.String() == noSuchLUN || a.String() == invalidField && cdb[0] == 0x12
				if a.String() != good && a.key != lun.UnitAttention && !masked {
					t.Errorf("command %x: %v", cdb, a)
				}
			}
		}()
	}
	readers.Wait()
	close(stop)
	changes.Wait()
}
