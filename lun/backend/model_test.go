package backend_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// The random verify test: commands of chance, many in flight on several loops, against whole units of a target, over each
// backend, with what the units hold compared byte by byte to a model. Requests are delayed, reordered, cut short, failed
// and aborted as a seed decides.
//
// Commands in flight do not overlap where that would leave the result to chance: each locks the blocks it is about in
// the model. The exception is a few blocks that everybody increments by COMPARE AND WRITE, without any lock.

// modelKind is one kind of unit under test.
type modelKind struct {
	name    string
	open    func(t *testing.T, bs uint32, thin bool, size int64) (b lun.Backend, skip string)
	forgets bool
	faults  bool // its requests fail now and then
	unit    int  // short transfers are cut to multiples of it; 0: blocks
}

func modelFile(direct backend.Direct, dir func(t *testing.T) (string, string)) func(*testing.T, uint32, bool, int64) (lun.Backend, string) {
	return func(t *testing.T, bs uint32, thin bool, size int64) (lun.Backend, string) {
		folder, skip := dir(t)
		if folder == "" {
			return nil, skip
		}
		path := filepath.Join(folder, "disk")
		must.OK(t, os.WriteFile(path, nil, 0o600))
		must.OK(t, os.Truncate(path, size))
		return mustOpen(t, backend.Spec{Kind: backend.KindFile, Path: path, BlockSize: bs, Thin: thin, Direct: direct}), ""
	}
}

func mustOpen(t *testing.T, s backend.Spec) backend.Backend {
	t.Helper()
	return must.Get(backend.Open(s))(t)
}

func modelKinds() []modelKind {
	memory := func(t *testing.T, bs uint32, thin bool, size int64) (lun.Backend, string) {
		return mustOpen(t, backend.Spec{Kind: backend.KindMemory, Size: size, BlockSize: bs, Thin: thin}), ""
	}
	faulty := func(inner func(*testing.T, uint32, bool, int64) (lun.Backend, string)) func(*testing.T, uint32, bool, int64) (lun.Backend, string) {
		return func(t *testing.T, bs uint32, thin bool, size int64) (lun.Backend, string) {
			b, skip := inner(t, bs, thin, size)
			if b == nil {
				return nil, skip
			}
			f := faulttest.New(b)
			f.Chance(7, faulttest.Chances{Delay: 300_000, MaxDelay: 3_000_000, Error: 10_000, Partial: 10_000})
			return f, ""
		}
	}
	return []modelKind{
		{name: "mem", open: memory},
		{name: "null", forgets: true, open: func(t *testing.T, bs uint32, thin bool, size int64) (lun.Backend, string) {
			return mustOpen(t, backend.Spec{Kind: backend.KindNull, Size: size, BlockSize: bs, Thin: thin}), ""
		}},
		{name: "file", open: modelFile(backend.DirectOff, tempDir), unit: 1},
		{name: "file/direct", open: modelFile(backend.DirectOn, directDir)},
		{name: "block", open: func(t *testing.T, bs uint32, thin bool, size int64) (lun.Backend, string) {
			path, skip := loopDevice(t, size, bs)
			if path == "" {
				return nil, skip
			}
			return mustOpen(t, backend.Spec{Kind: backend.KindBlock, Path: path, BlockSize: bs, Thin: thin}), ""
		}},
		{name: "mem/faults", open: faulty(memory), faults: true},
		{name: "file/faults", open: faulty(modelFile(backend.DirectOff, tempDir)), faults: true},
	}
}

// modelRounds multiplies the number of commands; RINGTGT_ROUNDS sets it for a long run.
func modelRounds(t *testing.T) int {
	v := os.Getenv("RINGTGT_ROUNDS")
	if v == "" {
		return 1
	}
	n, err := strconv.Atoi(v)
	must.Be(t, err == nil && n >= 1, "RINGTGT_ROUNDS=%q is no number of rounds", v)
	return n
}

// TestModel is the random verify test.
func TestModel(t *testing.T) {
	rounds := modelRounds(t)
	for _, k := range modelKinds() {
		t.Run(k.name, func(t *testing.T) {
			for _, bs := range []uint32{512, 4096} {
				for _, thin := range []bool{false, true} {
					t.Run(fmt.Sprintf("bs=%d,thin=%v", bs, thin), func(t *testing.T) {
						luntest.Seeds(t, 1, func(t *testing.T, seed uint64) {
							m := newModel(t, k, seed, bs, thin)
							m.run(200 * rounds)
						})
					})
				}
			}
		})
	}
}

const (
	modelUnits    = 2
	modelLoops    = 3
	modelFlying   = 12 // commands in flight, about
	modelCounters = 4  // blocks at the start of unit 0 that COMPARE AND WRITE counts in
)

// model is one run.
type model struct {
	t      *testing.T
	k      modelKind
	w      *luntest.World
	rng    *rand.Rand
	tg     *lun.Target
	nexus  [2]*lun.Nexus
	bs     int
	blocks int
	thin   bool
	units  [modelUnits]*modelUnit
	flying []*command
	count  map[string]int // commands by name that ended GOOD

	counted [modelCounters]int // COMPARE AND WRITEs that were GOOD
	unsure  [modelCounters]int // and those whose outcome is unknown
}

// modelUnit is what one unit should hold.
type modelUnit struct {
	b     lun.Backend
	data  []byte
	locks []int // by block: -1 is locked by one that writes, n > 0 by n that read
}

func newModel(t *testing.T, k modelKind, seed uint64, bs uint32, thin bool) *model {
	unit := int(bs)
	if k.unit != 0 {
		unit = k.unit
	}
	m := &model{t: t, k: k, bs: int(bs), thin: thin, count: map[string]int{}}
	m.w = luntest.NewWorld(t, luntest.Config{Loops: modelLoops, Seed: seed, MaxDelay: 1_000_000, ShortEvery: 8, ShortUnit: unit, AllocFailEvery: 200, NoSync: true})
	m.rng = m.w.Rand()
	m.blocks = 4<<20/m.bs + 5 // so that the end is in the middle of a page
	m.tg = lun.NewTarget(lun.TargetConfig{Name: "iqn.2026-11.io.example:model", Ports: []lun.Port{{TPGT: 1, RelPort: 1}}, Loops: modelLoops})
	for i := range m.units {
		b, skip := k.open(t, bs, thin, int64(m.blocks)*int64(bs))
		if b == nil {
			t.Skip(skip)
		}
		m.units[i] = &modelUnit{b: b, data: make([]byte, m.blocks*m.bs), locks: make([]int, m.blocks)}
		must.Get(m.tg.AddUnit(i, lun.UnitConfig{Backend: b, ID: fmt.Sprint("unit", i), Thin: thin}))(t)
		t.Cleanup(func() { b.Close() })
	}
	for i := range m.nexus {
		m.nexus[i] = m.tg.NewNexus(lun.NexusConfig{InitiatorName: "iqn.2026-11.io.example:host", ISID: [6]byte{5: byte(i)}, TPGT: 1, RelPort: 1})
	}
	return m
}

// run keeps modelFlying commands in flight until n were started, then lets them end and compares everything.
func (m *model) run(n int) {
	for _, nexus := range m.nexus { // unit attentions of the login
		for u := range modelUnits {
			m.await(m.plain(nexus, u, [16]byte{}))
		}
	}
	m.count = map[string]int{}
	for started := 0; started < n; {
		if len(m.flying) < modelFlying && m.rng.IntN(4) != 0 {
			if m.randomCommand() {
				started++
			}
		} else if m.rng.IntN(60) == 0 && len(m.flying) > 0 {
			m.giveUp(m.flying[m.rng.IntN(len(m.flying))])
		} else if !m.w.Step() && len(m.flying) >= modelFlying {
			m.t.Fatal("nothing happens and commands do not end")
		}
		if m.t.Failed() {
			m.t.FailNow()
		}
	}
	m.w.RunUntil("all commands end", func() bool { return len(m.flying) == 0 })
	m.w.Run()
	for i := range modelLoops {
		check.Equal(m.t, m.w.Loop(i).Outstanding(), 0, "loop %d: buffers that were not given back:", i)
	}
	m.compareAll()
	if testing.Verbose() {
		m.t.Logf("GOOD: %v", m.count)
	}
}

// compareAll reads both units through READ(16) and compares them with the model, but for the counters.
func (m *model) compareAll() {
	for i, u := range m.units {
		for lba := 0; lba < m.blocks; {
			n := min(m.blocks-lba, 512)
			got := m.readGood(i, lba, n)
			want := u.data[lba*m.bs : (lba+n)*m.bs]
			if i == 0 && lba == 0 {
				for c := range modelCounters {
					m.checkCounter(c, got[c*m.bs:(c+1)*m.bs])
				}
				got, want = got[modelCounters*m.bs:], want[modelCounters*m.bs:]
				lba, n = modelCounters, n-modelCounters
			}
			if at := firstDifference(got, want); at >= 0 {
				m.t.Fatalf("unit %d, block %d, byte %d is %#x, want %#x", i, lba+at/m.bs, at%m.bs, got[at], want[at])
			}
			lba += n
		}
	}
}

// readGood reads until a READ is GOOD: faults and lack of memory pass.
func (m *model) readGood(unit, lba, n int) []byte {
	for range 200 {
		c := m.plain(m.nexus[0], unit, cdb16(0x88, 0, lba, n))
		m.await(c)
		if c.task.Status == lun.StatusGood {
			return c.in
		}
	}
	m.t.Fatalf("unit %d: 200 READs of %d blocks at %d failed", unit, n, lba)
	return nil
}

// checkCounter wants each COMPARE AND WRITE that was GOOD to have counted once.
func (m *model) checkCounter(c int, block []byte) {
	if m.k.forgets {
		return
	}
	v := counterOf(block)
	check.That(m.t, bytes.Equal(block, counterBlock(v, m.bs)), "counter %d is not a whole block: % x ...", c, block[:16])
	if v < m.counted[c] || v > m.counted[c]+m.unsure[c] {
		m.t.Errorf("counter %d is %d after %d COMPARE AND WRITEs that were GOOD and %d of which nobody knows", c, v, m.counted[c], m.unsure[c])
	}
}

func counterBlock(v, bs int) []byte {
	b := make([]byte, bs)
	for i := 0; i < bs; i += 4 {
		b[i], b[i+1], b[i+2], b[i+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	}
	return b
}

func counterOf(b []byte) int { return int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3]) }

func firstDifference(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}
