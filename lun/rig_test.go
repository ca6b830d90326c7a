package lun_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// disk is a backend for the tests of the device server: blocks in a slice between guards, a cache that a sync empties, a
// log, and requests that can be held or failed. Everything happens on the loops of one World, so it needs no lock.
type disk struct {
	geom   lun.Geometry
	all    []byte // guard, blocks, guard
	data   []byte // the blocks as they read
	medium []byte // the blocks as they would be after a power loss (Volatile)
	mapped []bool // by block

	log    []lun.Request // as they were submitted
	posted bool          // complete by Post, not inside Submit
	fail   func(r *lun.Request) error
	hold   func(r *lun.Request) bool
	held   []func()
	tb     testing.TB
}

const guard = 8192

func newDisk(tb testing.TB, g lun.Geometry) *disk {
	n := int(g.Blocks) * int(g.BlockSize)
	d := &disk{geom: g, all: make([]byte, n+2*guard), mapped: make([]bool, g.Blocks), tb: tb}
	d.data = d.all[guard : guard+n]
	for i := range guard {
		d.all[i], d.all[guard+n+i] = 0xEE, 0xEE
	}
	d.medium = slices.Clone(d.data)
	for i := range d.mapped {
		d.mapped[i] = !g.Thin
	}
	tb.Cleanup(func() {
		for i := range guard {
			if d.all[i] != 0xEE || d.all[guard+n+i] != 0xEE {
				tb.Error("bytes beside the medium were written")
				return
			}
		}
	})
	return d
}

func (d *disk) Geometry() lun.Geometry { return d.geom }
func (d *disk) Close() error           { return nil }

func (d *disk) Submit(l lun.Loop, r *lun.Request) {
	bs := int64(d.geom.BlockSize)
	if r.Off < 0 || r.Len < 0 || r.Off%bs != 0 || r.Len%bs != 0 || r.Off+r.Len > int64(len(d.data)) {
		d.tb.Errorf("request %v [%d, +%d) is not within the medium's %d bytes", r.Kind, r.Off, r.Len, len(d.data))
	}
	if (r.Kind == lun.OpRead || r.Kind == lun.OpWrite) && int64(len(r.Buf)) != r.Len {
		d.tb.Errorf("request %v of %d bytes has a buffer of %d", r.Kind, r.Len, len(r.Buf))
	}
	d.log = append(d.log, *r)
	work := func() {
		var err error
		if d.fail != nil {
			err = d.fail(r)
		}
		if err == nil {
			d.perform(r)
		}
		r.Done.RequestDone(r, err)
	}
	switch {
	case d.hold != nil && d.hold(r):
		d.held = append(d.held, func() { l.Post(luntest.Func(work)) })
	case d.posted:
		l.Post(luntest.Func(work))
	default:
		work()
	}
}

func (d *disk) perform(r *lun.Request) {
	at := d.data[r.Off : r.Off+r.Len]
	switch r.Kind {
	case lun.OpRead:
		copy(r.Buf, at)
	case lun.OpWrite:
		copy(at, r.Buf)
		if r.FUA {
			copy(d.medium[r.Off:], r.Buf)
		}
	case lun.OpZero, lun.OpDiscard:
		clear(at)
	case lun.OpSync:
		copy(d.medium, d.data)
	}
	if r.Kind == lun.OpWrite || r.Kind == lun.OpDiscard {
		for b := r.Off; b < r.Off+r.Len; b += int64(d.geom.BlockSize) {
			d.mapped[b/int64(d.geom.BlockSize)] = r.Kind == lun.OpWrite || !d.geom.Thin
		}
	}
}

// release lets the held requests go on, oldest first.
func (d *disk) release() {
	held := d.held
	d.held, d.hold = nil, nil
	for _, f := range held {
		f()
	}
}

func (d *disk) Extents(dst []lun.Extent, lba uint64, most int) ([]lun.Extent, error) {
	for b := lba; b < d.geom.Blocks && len(dst) < most; {
		e := b
		for e < d.geom.Blocks && d.mapped[e] == d.mapped[b] {
			e++
		}
		dst = append(dst, lun.Extent{LBA: b, Blocks: e - b, Mapped: d.mapped[b]})
		b = e
	}
	return dst, nil
}

// block returns the bytes of n blocks from lba on.
func (d *disk) block(lba, n int) []byte {
	bs := int(d.geom.BlockSize)
	return d.data[lba*bs : (lba+n)*bs]
}

// kinds counts the requests of one kind so far.
func (d *disk) kinds(k lun.OpKind) (n int) {
	for _, r := range d.log {
		if r.Kind == k {
			n++
		}
	}
	return n
}

// mappedDisk is a disk whose blocks are sent from where they lie.
type mappedDisk struct{ *disk }

func (d mappedDisk) Memory() []byte { return d.data }

func (d mappedDisk) Bytes(off int64, n int) []byte { return d.data[off : off+int64(n) : off+int64(n)] }

// rig is a target with one unit at LUN 0 and nexuses that send commands to it.
type rig struct {
	tb   testing.TB
	w    *luntest.World
	tg   *lun.Target
	u    *lun.Unit
	d    *disk
	a, b *lun.Nexus // two initiator ports, without unit attentions
	copy bool       // Plan(true)
	loop int        // where do sends its commands
}

// option changes what a rig is made of.
type option func(g *lun.Geometry, u *lun.UnitConfig, tc *lun.TargetConfig, how *diskHow)

type diskHow struct {
	mapped, posted bool
	wrap           func(d *disk) lun.Backend // nil: the disk itself
}

func withMapped(_ *lun.Geometry, _ *lun.UnitConfig, _ *lun.TargetConfig, h *diskHow) { h.mapped = true }
func withPosted(_ *lun.Geometry, _ *lun.UnitConfig, _ *lun.TargetConfig, h *diskHow) { h.posted = true }
func withVolatile(g *lun.Geometry, _ *lun.UnitConfig, _ *lun.TargetConfig, _ *diskHow) {
	g.Volatile = true
}
func withThin(g *lun.Geometry, u *lun.UnitConfig, _ *lun.TargetConfig, _ *diskHow) {
	g.Thin, u.Thin = true, true
}
func withAtomic(g *lun.Geometry, _ *lun.UnitConfig, _ *lun.TargetConfig, _ *diskHow) {
	g.AtomicBlocks = 1 << 20
}
func withRemovable(_ *lun.Geometry, u *lun.UnitConfig, _ *lun.TargetConfig, _ *diskHow) {
	u.Removable = true
}
func withReadOnly(_ *lun.Geometry, u *lun.UnitConfig, _ *lun.TargetConfig, _ *diskHow) {
	u.ReadOnly = true
}
func with4K(g *lun.Geometry, _ *lun.UnitConfig, _ *lun.TargetConfig, _ *diskHow) { g.BlockSize = 4096 }
func withBlocks(n uint64) option {
	return func(g *lun.Geometry, _ *lun.UnitConfig, _ *lun.TargetConfig, _ *diskHow) { g.Blocks = n }
}
func withStore(s lun.Store) option {
	return func(_ *lun.Geometry, _ *lun.UnitConfig, tc *lun.TargetConfig, _ *diskHow) { tc.Store = s }
}
func withUnit(f func(u *lun.UnitConfig)) option {
	return func(_ *lun.Geometry, u *lun.UnitConfig, _ *lun.TargetConfig, _ *diskHow) { f(u) }
}

const (
	rigTarget = "iqn.2026-11.io.example:disk0"
	rigID     = "7d5a5f0c-6c8e-4d0e-9f39-0b8e4c1a2b3c"
)

func newRig(tb testing.TB, options ...option) *rig {
	tb.Helper()
	return newRigIn(tb, luntest.Config{}, options...)
}

func newRigIn(tb testing.TB, cfg luntest.Config, options ...option) *rig {
	tb.Helper()
	g := lun.Geometry{Blocks: 1024, BlockSize: 512}
	uc := lun.UnitConfig{ID: rigID}
	tc := lun.TargetConfig{Name: rigTarget, Ports: []lun.Port{{TPGT: 1, RelPort: 1}}}
	var how diskHow
	for _, o := range options {
		o(&g, &uc, &tc, &how)
	}
	r := &rig{tb: tb, w: luntest.NewWorld(tb, cfg), d: newDisk(tb, g)}
	r.d.posted = how.posted
	uc.Backend = r.d
	if how.mapped {
		uc.Backend = mappedDisk{r.d}
	}
	if how.wrap != nil {
		uc.Backend = how.wrap(r.d)
	}
	tc.Loops = r.w.Loops()
	r.tg = lun.NewTarget(tc)
	u, err := r.tg.AddUnit(0, uc)
	must.OK(tb, err, "AddUnit")
	r.u = u
	r.a, r.b = r.login(1), r.login(2)
	r.settle(r.a)
	r.settle(r.b)
	return r
}

// login makes the I_T nexus of an initiator port.
func (r *rig) login(port byte) *lun.Nexus {
	return r.tg.NewNexus(lun.NexusConfig{InitiatorName: "iqn.2026-11.io.example:host", ISID: [6]byte{0, 0, 0, 0, 0, port}, TPGT: 1, RelPort: 1})
}

// settle takes the pending unit attentions of n and returns them in the order they came.
func (r *rig) settle(n *lun.Nexus) (got []lun.ASC) {
	r.tb.Helper()
	for range 40 {
		a := r.on(n, testUnitReady())
		if a.key != lun.UnitAttention {
			return got
		}
		got = append(got, a.asc)
	}
	r.tb.Fatal("unit attentions without end")
	return nil
}

// call is a command on its way.
type call struct {
	rig   *rig
	task  *lun.Task
	ended int
	answer
}

// answer is how a command ended.
type answer struct {
	status   lun.Status
	key      lun.SenseKey
	asc      lun.ASC
	hasInfo  bool
	info     uint64
	specific [3]byte
	in       []byte
	aborted  bool
	reqOut   int64
	reqIn    int64
}

func (c *call) done(t *lun.Task) {
	if c.ended++; c.ended > 1 {
		c.rig.tb.Fatalf("command %x ended %d times", t.CDB, c.ended)
	}
	c.answer = answerOf(t)
}

func answerOf(t *lun.Task) answer {
	a := answer{status: t.Status, in: slices.Clone(t.In), aborted: t.Aborted(), reqOut: t.RequiredOut, reqIn: t.RequiredIn}
	if t.Status != lun.StatusCheckCondition {
		return a
	}
	s := t.Sense[:t.SenseLen]
	if s[0]&0x7F == 0x72 {
		a.key, a.asc = lun.SenseKey(s[1]&0xF), lun.ASC(binary.BigEndian.Uint16(s[2:]))
		return a
	}
	a.key, a.asc = lun.SenseKey(s[2]&0xF), lun.ASC(binary.BigEndian.Uint16(s[12:]))
	a.hasInfo, a.info = s[0]&0x80 != 0, uint64(binary.BigEndian.Uint32(s[3:]))
	copy(a.specific[:], s[15:18])
	return a
}

func (a answer) String() string {
	switch a.status {
	case lun.StatusGood:
		return "GOOD"
	case lun.StatusReservationConflict:
		return "RESERVATION CONFLICT"
	case lun.StatusCheckCondition:
		return fmt.Sprintf("%X/%04X", byte(a.key), uint16(a.asc))
	}
	return fmt.Sprintf("status %02X", byte(a.status))
}

// The answers of the specifications, as answer.String writes them.
const (
	invalidOpcode   = "5/2000"
	lbaOutOfRange   = "5/2100"
	invalidField    = "5/2400"
	noSuchLUN       = "5/2500"
	invalidParam    = "5/2600"
	listLengthError = "5/1A00"
	invalidUnitInfo = "5/0E03"
	miscompare      = "E/1D00"
	writeProtected  = "7/2700"
	softProtected   = "7/2702"
	noMedium        = "2/3A02"
	removalStopped  = "5/5302"
	sanitizing      = "2/041B"
	sanitizeFailed  = "3/3103"
	savingRefused   = "5/3900"
	targetFailure   = "4/4400"
)

// start sends a command with its data-out on a loop. offered is the EXPECTED DATA TRANSFER LENGTH of its data-out.
func (r *rig) start(loop int, n *lun.Nexus, lunField uint64, attr lun.Attr, cdb [16]byte, out []byte) *call {
	r.tb.Helper()
	c := r.plan(loop, n, lunField, attr, cdb, out)
	c.begin()
	return c
}

// plan is start without what follows the arrival of the command's header.
func (r *rig) plan(loop int, n *lun.Nexus, lunField uint64, attr lun.Attr, cdb [16]byte, out []byte) *call {
	r.tb.Helper()
	c := &call{rig: r}
	t := &lun.Task{Nexus: n, LUN: lunField, CDB: cdb, Attr: attr, Loop: r.w.Loop(loop), Owner: luntest.Done(c.done), Expected: int64(len(out))}
	wants, in := t.Plan(r.copy)
	if wants < 0 || in < 0 || wants > lun.MaxTransfer || in > lun.MaxTransfer {
		r.tb.Fatalf("command %x plans %d out and %d in", cdb, wants, in)
	}
	t.Out = slices.Clone(out[:min(len(out), wants)])
	t.Buf = bytes.Repeat([]byte{0xDB}, in)
	c.task = t
	return c
}

func (c *call) begin() { c.rig.w.On(c.task.Loop.Index(), func(*luntest.Loop) { c.task.Start() }) }

// wait lets the world run until the command ended.
func (c *call) wait() answer {
	c.rig.tb.Helper()
	c.rig.w.RunUntil(fmt.Sprintf("command %x ends", c.task.CDB), func() bool { return c.ended > 0 })
	return c.answer
}

// on sends a SIMPLE command to LUN 0 and waits for its end.
func (r *rig) on(n *lun.Nexus, cdb [16]byte, out ...byte) answer {
	r.tb.Helper()
	return r.start(r.loop, n, 0, lun.AttrSimple, cdb, out).wait()
}

// do is on nexus a.
func (r *rig) do(cdb [16]byte, out ...byte) answer {
	r.tb.Helper()
	return r.on(r.a, cdb, out...)
}

// want fails the test unless the answer is as the specification has it.
func (r *rig) want(got answer, want, because string) {
	r.tb.Helper()
	check.That(r.tb, got.String() == want, "got %v, want %s, because %s", got, want, because)
}

// wantField is want INVALID FIELD IN CDB at byte index.
func (r *rig) wantField(got answer, index int, because string) {
	r.tb.Helper()
	r.want(got, invalidField, because)
	if got.specific[0]&0xC0 != 0xC0 || int(binary.BigEndian.Uint16(got.specific[1:])) != index {
		r.tb.Errorf("field pointer % x, want byte %d of the CDB, because %s", got.specific, index, because)
	}
}

// CDBs.

func testUnitReady() [16]byte { return [16]byte{} }

func cdb6(op byte, lba uint32, n byte) [16]byte {
	return [16]byte{op, byte(lba >> 16 & 0x1F), byte(lba >> 8), byte(lba), n}
}

func cdb10(op, flags byte, lba uint32, n uint16) (c [16]byte) {
	c[0], c[1] = op, flags
	binary.BigEndian.PutUint32(c[2:], lba)
	binary.BigEndian.PutUint16(c[7:], n)
	return c
}

func cdb12(op, flags byte, lba uint32, n uint32) (c [16]byte) {
	c[0], c[1] = op, flags
	binary.BigEndian.PutUint32(c[2:], lba)
	binary.BigEndian.PutUint32(c[6:], n)
	return c
}

func cdb16(op, flags byte, lba uint64, n uint32) (c [16]byte) {
	c[0], c[1] = op, flags
	binary.BigEndian.PutUint64(c[2:], lba)
	binary.BigEndian.PutUint32(c[10:], n)
	return c
}

// pattern is n bytes that tell from where they are.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	const period = 1 << 16
	for i := range b[:min(n, period)] {
		b[i] = byte(i) ^ byte(i>>8)*7 ^ seed
	}
	for at := period; at < n; at *= 2 { // byte by byte takes long under the race detector
		copy(b[at:], b[:at])
	}
	return b
}

// mediaKinds are the units that every media test runs on.
var mediaKinds = []struct {
	name    string
	options []option
}{
	{"memory", []option{withMapped}},
	{"disk", []option{withPosted, withVolatile}},
	{"inline", []option{withVolatile}},
	{"memory 4k thin", []option{withMapped, with4K, withThin}},
	{"disk 4k thin", []option{withPosted, with4K, withThin, withVolatile}},
}

// eachKind runs a test on every kind of unit.
func eachKind(t *testing.T, test func(t *testing.T, r *rig, bs int), more ...option) {
	for _, k := range mediaKinds {
		t.Run(k.name, func(t *testing.T) {
			r := newRig(t, append(slices.Clone(k.options), more...)...)
			test(t, r, int(r.d.geom.BlockSize))
		})
	}
}

// store keeps values in memory.
type store struct {
	values map[string][]byte
	err    error
}

func newStore() *store { return &store{values: map[string][]byte{}} }

func (s *store) Load(key string) ([]byte, error) { return slices.Clone(s.values[key]), s.err }
func (s *store) Save(key string, value []byte) error {
	if s.err == nil {
		s.values[key] = slices.Clone(value)
	}
	return s.err
}

// lunLoop is a loop of the rig's world.
type lunLoop = luntest.Loop
