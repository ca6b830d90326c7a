package lun_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// prRig is a target with one unit, nexuses by name, and commands that run to their end, for the tests of reservations.
type prRig struct {
	t       *testing.T
	w       *luntest.World
	tg      *lun.Target
	u       *lun.Unit
	store   *prStore
	aborter *prAborter
	nexuses map[string]*lun.Nexus
	lun     int // where commands go
}

// prNode is the iSCSI name of the test's initiator i.
func prNode(i int) string { return fmt.Sprintf("iqn.2026-11.io.example:host%d", i) }

const prNAA = "0f0e0d0c-0b0a-4908-8706-050403020100"

func newPRRig(t *testing.T) *prRig { return newPRRigWith(t, &prStore{}, luntest.Config{}) }

// newPRRigWith starts a target on what store holds: a restart, when store is another rig's.
func newPRRigWith(t *testing.T, store *prStore, cfg luntest.Config) *prRig {
	t.Helper()
	r := &prRig{t: t, w: luntest.NewWorld(t, cfg), store: store, nexuses: map[string]*lun.Nexus{}}
	r.aborter = &prAborter{}
	tc := lun.TargetConfig{Name: "iqn.2026-11.io.example:target", Loops: r.w.Loops(), Aborter: r.aborter,
		Ports: []lun.Port{{TPGT: 1, RelPort: 1}, {TPGT: 2, RelPort: 2}}}
	if store != nil {
		tc.Store = store
	}
	r.tg = lun.NewTarget(tc)
	u, err := r.tg.AddUnit(0, lun.UnitConfig{Backend: newPRDisk(), ID: prNAA, Removable: true})
	must.OK(t, err, "AddUnit")
	r.u = u
	return r
}

// login opens (or finds) the nexus of initiator host with ISID isid through portal group tpgt, without unit attentions.
func (r *prRig) login(host, isid int, tpgt uint16) *lun.Nexus {
	r.t.Helper()
	name := fmt.Sprintf("%d/%d/%d", host, isid, tpgt)
	if n := r.nexuses[name]; n != nil {
		return n
	}
	n := r.tg.NewNexus(lun.NexusConfig{InitiatorName: prNode(host), ISID: [6]byte{0, 2, 0x3D, 0, 0, byte(isid)}, TPGT: tpgt, RelPort: tpgt})
	r.nexuses[name] = n
	r.attentions(n)
	return n
}

// prResult is how a command ended.
type prResult struct {
	status lun.Status
	key    lun.SenseKey
	asc    lun.ASC
	in     []byte
}

func (p prResult) String() string {
	switch p.status {
	case lun.StatusGood:
		return "GOOD"
	case lun.StatusReservationConflict:
		return "RESERVATION CONFLICT"
	case lun.StatusCheckCondition:
		return fmt.Sprintf("CHECK CONDITION %X/%04X", byte(p.key), uint16(p.asc))
	}
	return fmt.Sprintf("status %#x", byte(p.status))
}

func resultOf(t *lun.Task) prResult {
	p := prResult{status: t.Status, in: slices.Clone(t.In)}
	if p.status == lun.StatusCheckCondition {
		p.key, p.asc = lun.SenseKey(t.Sense[2]&0x0F), lun.ASC(binary.BigEndian.Uint16(t.Sense[12:]))
	}
	return p
}

// start sends a command on a loop; the result is there when the pointer is not nil.
func (r *prRig) start(loop int, n *lun.Nexus, cdb []byte, out []byte) (*lun.Task, **prResult) {
	r.t.Helper()
	result := new(*prResult)
	t := &lun.Task{Nexus: n, Loop: r.w.Loop(loop), LUN: uint64(r.lun) << 48}
	copy(t.CDB[:], cdb)
	t.Owner = luntest.Done(func(t *lun.Task) {
		must.Be(r.t, *result == nil, "command %#x ended twice", cdb[0])
		p := resultOf(t)
		*result = &p
	})
	planned, in := luntest.Plan(n, t.LUN, &t.CDB, false)
	t.Buf = make([]byte, in)
	t.Out = out[:min(len(out), planned):min(len(out), planned)]
	r.w.On(loop, func(*luntest.Loop) { t.Start() })
	return t, result
}

// do sends a command and lets the world run until it ended.
func (r *prRig) do(n *lun.Nexus, cdb []byte, out ...byte) prResult {
	r.t.Helper()
	_, result := r.start(0, n, cdb, out)
	r.w.RunUntil(fmt.Sprintf("command %x ends", cdb), func() bool { return *result != nil })
	return **result
}

// attentions takes the pending unit attentions of n, as TEST UNIT READY meets them.
func (r *prRig) attentions(n *lun.Nexus) (pending []lun.ASC) {
	r.t.Helper()
	for range 40 {
		p := r.do(n, []byte{0x00, 0, 0, 0, 0, 0})
		if p.status != lun.StatusCheckCondition || p.key != lun.UnitAttention {
			return pending
		}
		pending = append(pending, p.asc)
	}
	r.t.Fatal("unit attentions without end")
	return nil
}

// Service actions of PERSISTENT RESERVE OUT (SPC-4 table 213).
const (
	saRegister = iota
	saReserve
	saRelease
	saClear
	saPreempt
	saPreemptAbort
	saIgnore
	saMove
)

// Reservation types (SPC-4 table 206) and what they are called in tests.
const (
	typeWE   = 1
	typeEA   = 3
	typeWERO = 5
	typeEARO = 6
	typeWEAR = 7
	typeEAAR = 8
)

var prTypes = map[byte]string{typeWE: "WE", typeEA: "EA", typeWERO: "WE-RO", typeEARO: "EA-RO", typeWEAR: "WE-AR", typeEAAR: "EA-AR"}

func typesInOrder() []byte { return slices.Sorted(maps.Keys(prTypes)) }

const (
	flagAPTPL   = 0x01
	flagALLTGPT = 0x04
	flagSPECIPT = 0x08
)

func proutCDB(sa, scopeType byte, length int) []byte {
	cdb := []byte{0x5F, sa, scopeType, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(cdb[5:], uint32(length))
	return cdb
}

// proutList is the basic parameter list (SPC-4 table 214), with TransportIDs if any are given.
func proutList(key, saKey uint64, flags byte, ids ...[]byte) []byte {
	list := binary.BigEndian.AppendUint64(nil, key)
	list = binary.BigEndian.AppendUint64(list, saKey)
	list = append(list, 0, 0, 0, 0, flags, 0, 0, 0)
	if flags&flagSPECIPT != 0 {
		all := slices.Concat(ids...)
		list = binary.BigEndian.AppendUint32(list, uint32(len(all)))
		list = append(list, all...)
	}
	return list
}

// prout sends PERSISTENT RESERVE OUT with a basic parameter list.
func (r *prRig) prout(n *lun.Nexus, sa, typ byte, key, saKey uint64, flags byte, ids ...[]byte) prResult {
	r.t.Helper()
	list := proutList(key, saKey, flags, ids...)
	return r.do(n, proutCDB(sa, typ, len(list)), list...)
}

// moveList is the parameter list of REGISTER AND MOVE (SPC-4 table 217).
func moveList(key, saKey uint64, flags byte, relPort uint16, id []byte) []byte {
	list := binary.BigEndian.AppendUint64(nil, key)
	list = binary.BigEndian.AppendUint64(list, saKey)
	list = append(list, 0, flags)
	list = binary.BigEndian.AppendUint16(list, relPort)
	list = binary.BigEndian.AppendUint32(list, uint32(len(id)))
	return append(list, id...)
}

// portID is the TransportID of an initiator port, nodeID of a node (SPC-4 tables 506 and 505).
func portID(host, isid int) []byte {
	return iscsiTransportID(0x45, fmt.Sprintf("%s,i,0x00023d0000%02x", prNode(host), isid))
}
func nodeID(host int) []byte { return iscsiTransportID(0x05, prNode(host)) }

func iscsiTransportID(first byte, text string) []byte {
	size := (len(text) + 4) / 4 * 4
	id := binary.BigEndian.AppendUint16([]byte{first, 0}, uint16(size))
	return append(append(id, text...), make([]byte, size-len(text))...)
}

// want fails the test unless the command ended as said: "GOOD", "RESERVATION CONFLICT", "CHECK CONDITION 5/2400".
func (r *prRig) want(what string, got prResult, want string) {
	r.t.Helper()
	must.Be(r.t, got.String() == want, "%s: %v, want %s", what, got, want)
}

func (r *prRig) good(what string, got prResult) { r.t.Helper(); r.want(what, got, "GOOD") }
func (r *prRig) conflict(what string, got prResult) {
	r.t.Helper()
	r.want(what, got, "RESERVATION CONFLICT")
}

// wantAttentions fails the test unless exactly these are pending for n, and takes them.
func (r *prRig) wantAttentions(what string, n *lun.Nexus, want ...lun.ASC) {
	r.t.Helper()
	if got := r.attentions(n); !slices.Equal(got, want) {
		r.t.Fatalf("%s: unit attentions %04X, want %04X", what, got, want)
	}
}

func (r *prRig) prin(n *lun.Nexus, sa byte) []byte {
	r.t.Helper()
	p := r.do(n, []byte{0x5E, sa, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0})
	r.good("PERSISTENT RESERVE IN", p)
	return p.in
}

// keys is what READ KEYS shows.
func (r *prRig) keys(n *lun.Nexus) (generation uint32, keys []uint64) {
	r.t.Helper()
	in := r.prin(n, 0)
	length := int(binary.BigEndian.Uint32(in[4:]))
	must.Be(r.t, length == len(in)-8 && length%8 == 0, "READ KEYS: ADDITIONAL LENGTH %d, %d bytes follow", length, len(in)-8)
	for b := in[8:]; len(b) > 0; b = b[8:] {
		keys = append(keys, binary.BigEndian.Uint64(b))
	}
	return binary.BigEndian.Uint32(in), keys
}

// reservation is what READ RESERVATION shows; typ 0 is none.
func (r *prRig) reservation(n *lun.Nexus) (key uint64, typ byte) {
	r.t.Helper()
	in := r.prin(n, 1)
	switch length := binary.BigEndian.Uint32(in[4:]); {
	case length == 0 && len(in) == 8:
		return 0, 0
	case length == 16 && len(in) == 24 && in[21]>>4 == 0:
		return binary.BigEndian.Uint64(in[8:]), in[21]
	}
	r.t.Fatalf("READ RESERVATION: % x", in)
	return 0, 0
}

// registered is login(host, 1, 1) of a nexus that registers with key.
func (r *prRig) registered(host int, key uint64, flags byte) *lun.Nexus {
	r.t.Helper()
	n := r.login(host, 1, 1)
	r.good("REGISTER", r.prout(n, saRegister, 0, 0, key, flags))
	return n
}

const anyGeneration = -1

// wantKeys fails the test unless READ KEYS shows this PRGENERATION and these keys.
func (r *prRig) wantKeys(n *lun.Nexus, generation int, want ...uint64) {
	r.t.Helper()
	if gen, keys := r.keys(n); generation != anyGeneration && int(gen) != generation || !slices.Equal(keys, want) {
		r.t.Fatalf("PRGENERATION %d, keys %x, want %d, %x", gen, keys, generation, want)
	}
}

// wantReservation and wantType fail the test unless READ RESERVATION shows this key and type; 0 is no reservation.
func (r *prRig) wantReservation(n *lun.Nexus, key uint64, typ byte) {
	r.t.Helper()
	gotKey, got := r.reservation(n)
	must.Be(r.t, gotKey == key && got == typ, "reserved with key %#x, type %d, want %#x, %d", gotKey, got, key, typ)
}

func (r *prRig) wantType(n *lun.Nexus, typ byte, because string) {
	r.t.Helper()
	_, got := r.reservation(n)
	must.Be(r.t, got == typ, "reserved with type %d, want %d: %s", got, typ, because)
}

// prStatus is one descriptor of READ FULL STATUS.
type prStatus struct {
	port    string // of the initiator
	relPort uint16
	key     uint64
	holder  bool
	typ     byte
}

func (r *prRig) fullStatus(n *lun.Nexus) (all []prStatus) {
	r.t.Helper()
	in := r.prin(n, 3)
	b := in[8:]
	if int(binary.BigEndian.Uint32(in[4:])) != len(b) {
		r.t.Fatalf("READ FULL STATUS: ADDITIONAL LENGTH %d, %d bytes follow", binary.BigEndian.Uint32(in[4:]), len(b))
	}
	for len(b) > 0 {
		s := prStatus{key: binary.BigEndian.Uint64(b), relPort: binary.BigEndian.Uint16(b[18:])}
		size := int(binary.BigEndian.Uint32(b[20:]))
		must.Be(r.t, b[12]&0x02 == 0, "ALL_TG_PT is one")
		if s.holder = b[12]&0x01 != 0; s.holder {
			s.typ = b[13]
		}
		id := b[24 : 24+size]
		if id[0] != 0x45 || int(binary.BigEndian.Uint16(id[2:])) != size-4 || size%4 != 0 || size < 24 || id[size-1] != 0 {
			r.t.Fatalf("TransportID % x", id)
		}
		text := id[4:]
		s.port = string(text[:slices.Index(text, 0)])
		all = append(all, s)
		b = b[24+size:]
	}
	return all
}

func (r *prRig) read(n *lun.Nexus) prResult { r.t.Helper(); return r.do(n, []byte{0x28, 9: 0, 8: 1}) }
func (r *prRig) write(n *lun.Nexus) prResult {
	r.t.Helper()
	return r.do(n, []byte{0x2A, 9: 0, 8: 1}, make([]byte, 512)...)
}

// prStore is a Store that forgets nothing but what a test makes it lose.
type prStore struct {
	m     map[string][]byte
	saves int
	// fail, when not nil, is what the next Saves return; torn says that they save all the same.
	fail error
	torn bool
	// onSave sees each Save before it takes effect.
	onSave func()
}

func (s *prStore) Load(key string) ([]byte, error) { return s.m[key], nil }

func (s *prStore) Save(key string, value []byte) error {
	s.saves++
	if s.onSave != nil {
		s.onSave()
	}
	if s.fail != nil && !s.torn {
		return s.fail
	}
	if s.m == nil {
		s.m = map[string][]byte{}
	}
	s.m[key] = slices.Clone(value)
	return s.fail
}

// copy is the store as a crash now would leave it.
func (s *prStore) copy() *prStore { return &prStore{m: maps.Clone(s.m)} }

// prAborter is the engine's part of PREEMPT AND ABORT.
type prAborter struct {
	calls int
	match func(*lun.Nexus) bool
	done  lun.Event
	hold  bool // a test calls done itself
}

func (a *prAborter) AbortTasks(_ lun.Loop, u *lun.Unit, of lun.NexusSet, done lun.Event) {
	a.calls++
	a.match, a.done = of.Has, done
	if !a.hold {
		done.Happen()
	}
}

// prDisk is 64 blocks of zeroes that answer at once.
type prDisk struct{ data []byte }

func newPRDisk() *prDisk { return &prDisk{make([]byte, 64*512)} }

func (d *prDisk) Geometry() lun.Geometry {
	return lun.Geometry{Blocks: uint64(len(d.data) / 512), BlockSize: 512}
}

func (d *prDisk) Submit(_ lun.Loop, r *lun.Request) {
	switch r.Kind {
	case lun.OpRead:
		copy(r.Buf, d.data[r.Off:])
	case lun.OpWrite:
		copy(d.data[r.Off:], r.Buf)
	}
	r.Done.RequestDone(r, nil)
}

func (d *prDisk) Extents(dst []lun.Extent, lba uint64, max int) ([]lun.Extent, error) {
	return append(dst, lun.Extent{LBA: lba, Blocks: uint64(len(d.data)/512) - lba, Mapped: true}), nil
}

func (d *prDisk) Close() error { return nil }
