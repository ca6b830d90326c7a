package lun_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// copyRig is a rig with a second unit at LUN 1.
type copyRig struct {
	*rig
	d1 *disk
	u1 *lun.Unit
}

func newCopyRig(tb testing.TB, cfg luntest.Config, first, second []option) *copyRig {
	tb.Helper()
	r := &copyRig{rig: newRigIn(tb, cfg, first...)}
	g := lun.Geometry{Blocks: 4096, BlockSize: 512}
	uc := lun.UnitConfig{ID: "another"}
	var tc lun.TargetConfig
	var how diskHow
	for _, o := range second {
		o(&g, &uc, &tc, &how)
	}
	r.d1 = newDisk(tb, g)
	r.d1.posted = how.posted
	uc.Backend = r.d1
	if how.mapped {
		uc.Backend = mappedDisk{r.d1}
	}
	var err error
	if r.u1, err = r.tg.AddUnit(1, uc); err != nil {
		tb.Fatal(err)
	}
	for _, n := range []*lun.Nexus{r.a, r.b} {
		r.settle(n)
		for range 3 {
			r.start(0, n, 1<<48, lun.AttrSimple, testUnitReady(), nil).wait()
		}
	}
	return r
}

// naa is the CSCD descriptor of a unit (SPC-4 6.4.5.4), made as initiators make it: of the NAA designator in VPD page 83h.
func (r *rig) naa(unit int) []byte {
	r.tb.Helper()
	cdb := [16]byte{0x12, 1, 0x83, 4, 0}
	page := r.start(0, r.a, uint64(unit)<<48, lun.AttrSimple, cdb, nil).wait().in
	bs := uint32(r.a.Lookup(uint64(unit) << 48).Backend().Geometry().BlockSize)
	for at := 4; at+4 <= len(page); at += 4 + int(page[at+3]) {
		if page[at+1]&0x3F == 0x03 {
			d := make([]byte, 32)
			d[0] = 0xE4
			copy(d[4:], page[at:at+4+int(page[at+3])])
			d[29], d[30], d[31] = byte(bs>>16), byte(bs>>8), byte(bs)
			return d
		}
	}
	r.tb.Fatal("VPD page 83h has no NAA designator of the unit")
	return nil
}

// blocksSegment is a segment descriptor 02h (SPC-4 6.4.6.3).
func blocksSegment(src, dst, n uint16, from, to uint64) []byte {
	d := make([]byte, 28)
	d[0], d[3] = 0x02, 0x18
	binary.BigEndian.PutUint16(d[4:], src)
	binary.BigEndian.PutUint16(d[6:], dst)
	binary.BigEndian.PutUint16(d[10:], n)
	binary.BigEndian.PutUint64(d[12:], from)
	binary.BigEndian.PutUint64(d[20:], to)
	return d
}

// bytesSegment is a segment descriptor 0Ah (SPC-4 6.4.6.12).
func bytesSegment(src, dst uint16, n uint32, from, to uint64, fromByte, toByte uint16) []byte {
	d := make([]byte, 32)
	d[0], d[3] = 0x0A, 0x1C
	binary.BigEndian.PutUint16(d[4:], src)
	binary.BigEndian.PutUint16(d[6:], dst)
	binary.BigEndian.PutUint32(d[8:], n)
	binary.BigEndian.PutUint64(d[12:], from)
	binary.BigEndian.PutUint64(d[20:], to)
	binary.BigEndian.PutUint16(d[28:], fromByte)
	binary.BigEndian.PutUint16(d[30:], toByte)
	return d
}

// copyList is a parameter list (SPC-4 6.4.3).
func copyList(id, usage byte, cscds, segments [][]byte) []byte {
	list := make([]byte, 16)
	list[0], list[1] = id, usage<<3
	targets, segs := slices.Concat(cscds...), slices.Concat(segments...)
	binary.BigEndian.PutUint16(list[2:], uint16(len(targets)))
	binary.BigEndian.PutUint32(list[8:], uint32(len(segs)))
	return slices.Concat(list, targets, segs)
}

func copyCDB(n int) (c [16]byte) {
	c[0] = 0x83
	binary.BigEndian.PutUint32(c[10:], uint32(n))
	return c
}

func resultsCDB(action, id byte, n uint32) (c [16]byte) {
	c[0], c[1], c[2] = 0x84, action, id
	binary.BigEndian.PutUint32(c[10:], n)
	return c
}

// xcopy sends EXTENDED COPY to LUN 0 and waits for its end.
func (r *rig) xcopy(list []byte) answer {
	r.tb.Helper()
	return r.do(copyCDB(len(list)), list...)
}

const copyAborted = "A/0000"

// TestCopyMovesBlocks: between any two units and within one, forwards and over itself, as the blocks were before.
func TestCopyMovesBlocks(t *testing.T) {
	kinds := []struct {
		name    string
		options []option
	}{
		{"memory", []option{withMapped}},
		{"disk", []option{withPosted, withVolatile}},
		{"4k", []option{with4K, withPosted}},
		{"4k memory", []option{with4K, withMapped}},
	}
	for _, from := range kinds {
		for _, to := range kinds {
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				const size = 8 << 20
				large := func(g *lun.Geometry, _ *lun.UnitConfig, _ *lun.TargetConfig, _ *diskHow) {
					g.Blocks = size / uint64(g.BlockSize)
				}
				r := newCopyRig(t, luntest.Config{Seed: 3, MaxDelay: 1000}, append(slices.Clone(from.options), large), append(slices.Clone(to.options), large))
				copy(r.d.data, pattern(len(r.d.data), 1))
				copy(r.d1.data, pattern(len(r.d1.data), 99))
				cscds := [][]byte{r.naa(0), r.naa(1)}
				bs0, bs1 := int(r.d.geom.BlockSize), int(r.d1.geom.BlockSize)
				want0, want1 := slices.Clone(r.d.data), slices.Clone(r.d1.data)
				const n = 4 << 20
				segments := [][]byte{
					blocksSegment(0, 1, uint16(1<<20/bs0), 8, 16),
					bytesSegment(0, 1, 65536, uint64(n/2/bs0), uint64(n/2/bs1), 0, 0),
					blocksSegment(0, 1, 0, 0, 0), // nothing
				}
				copy(want1[16*bs1:], want0[8*bs0:][:1<<20])
				copy(want1[n/2:], want0[n/2:][:65536])
				// Over itself, both ways, by less than a piece.
				shift := uint64(4096 / bs0 * 3)
				count := uint16(3 << 19 / bs0)
				segments = append(segments, blocksSegment(0, 0, count, 0, shift))
				copy(want0[int(shift)*bs0:], slices.Clone(want0[:int(count)*bs0]))
				segments = append(segments, blocksSegment(0, 0, count, shift+8, 0))
				copy(want0[:int(count)*bs0], slices.Clone(want0[(int(shift)+8)*bs0:]))
				r.want(r.xcopy(copyList(1, 0, cscds, segments)), "GOOD", "every segment is in order")
				if !bytes.Equal(r.d.data, want0) || !bytes.Equal(r.d1.data, want1) {
					t.Error("the media are not what the segments make of them")
				}
				check.That(t, r.w.Loop(0).Outstanding() == 0, "a buffer was not given back")
			})
		}
	}
}

// TestCopyInexact: what does not fill a block is refused, or padded if the CSCD says PAD (SPC-4 6.4.6.1).
func TestCopyInexact(t *testing.T) {
	const inexact = "A/260A"
	r := newCopyRig(t, luntest.Config{}, nil, []option{with4K})
	copy(r.d.data, pattern(len(r.d.data), 1))
	copy(r.d1.data, pattern(len(r.d1.data), 2))
	was := slices.Clone(r.d1.data)
	plain := [][]byte{r.naa(0), r.naa(1)}
	padded := [][]byte{r.naa(0), r.naa(1)}
	padded[1][28] = 0x04
	dc := blocksSegment(1, 0, 8, 0, 0)
	dc[1] = 0x02
	cat := blocksSegment(0, 1, 9, 0, 0)
	cat[1] = 0x01
	for _, c := range []struct {
		name    string
		cscds   [][]byte
		segment []byte
		want    string
	}{
		{"nine small blocks into large ones", plain, blocksSegment(0, 1, 9, 0, 0), inexact},
		{"eight are one", plain, blocksSegment(0, 1, 8, 0, 0), "GOOD"},
		{"nine with PAD", padded, blocksSegment(0, 1, 9, 0, 4), "GOOD"},
		{"nine with CAT", padded, cat, inexact},
		{"DC counts the destination's blocks", plain, dc, "GOOD"},
		{"half a block of bytes", plain, bytesSegment(0, 0, 256, 0, 8, 0, 0), inexact},
		{"from the middle of a block", plain, bytesSegment(0, 0, 512, 0, 8, 256, 0), inexact},
		{"to the middle of a block", plain, bytesSegment(0, 1, 4096, 0, 8, 0, 512), inexact},
		{"a whole block on", plain, bytesSegment(0, 0, 512, 0, 100, 512, 1024), "GOOD"},
	} {
		r.want(r.xcopy(copyList(0, 3, c.cscds, [][]byte{c.segment})), c.want, c.name)
	}
	want := slices.Clone(was)
	data := pattern(len(r.d.data), 1)
	copy(want, data[:4096])
	copy(want[4*4096:], data[:9*512])
	clear(want[4*4096+9*512 : 6*4096])
	check.That(t, bytes.Equal(r.d1.data, want), "the 4096-byte unit is not what the segments make of it")
	if !bytes.Equal(r.d.block(0, 8), want[:4096]) || !bytes.Equal(r.d.block(102, 1), r.d.block(1, 1)) {
		t.Error("the 512-byte unit is not what the segments make of it")
	}
}

// TestCopyParameterList: what is wrong with a list is found before anything is copied.
func TestCopyParameterList(t *testing.T) {
	const (
		tooManyTargets  = "5/2606"
		targetType      = "5/2607"
		tooManySegments = "5/2608"
		segmentType     = "5/2609"
		inline          = "5/260B"
	)
	r := newCopyRig(t, luntest.Config{}, nil, nil)
	copy(r.d.data, pattern(len(r.d.data), 1))
	was := slices.Clone(r.d.data)
	self := r.naa(0)
	good := blocksSegment(0, 0, 8, 0, 100)
	change := func(d []byte, at int, b byte) []byte {
		d = slices.Clone(d)
		d[at] = b
		return d
	}
	many := func(d []byte, n int) (out [][]byte) {
		for range n {
			out = append(out, d)
		}
		return out
	}
	list := copyList(1, 0, [][]byte{self}, [][]byte{good})
	for _, c := range []struct {
		name string
		list []byte
		want string
		at   int // field pointer; -1: none
	}{
		{"no list", nil, "GOOD", -1},
		{"no descriptors", copyList(1, 0, nil, nil), "GOOD", -1},
		{"no segments", copyList(1, 0, [][]byte{self}, nil), "GOOD", -1},
		{"less than a header", list[:15], listLengthError, -1},
		{"a CSCD cut short", list[:16+31], listLengthError, -1},
		{"a segment cut short", list[:len(list)-1], listLengthError, -1},
		{"list id usage 01b", copyList(1, 1, [][]byte{self}, [][]byte{good}), invalidParam, 1},
		{"usage 11b with a list id", copyList(1, 3, [][]byte{self}, [][]byte{good}), invalidParam, 0},
		{"inline data", change(list, 15, 4), inline, -1},
		{"17 CSCDs", copyList(1, 0, many(self, 17), [][]byte{good}), tooManyTargets, -1},
		{"65 segments", copyList(1, 0, [][]byte{self}, many(good, 65)), tooManySegments, -1},
		{"longer than the longest list", copyList(1, 0, many(self, 17), many(good, 140)), listLengthError, -1},
		{"a Fibre Channel CSCD", copyList(1, 0, [][]byte{self, change(self, 0, 0xE0)}, [][]byte{good}), targetType, 16 + 32},
		{"a designator of 21 bytes", copyList(1, 0, [][]byte{change(self, 7, 21)}, [][]byte{good}), invalidParam, 16 + 7},
		{"another block length", copyList(1, 0, [][]byte{change(self, 30, 0x10)}, [][]byte{good}), invalidParam, 16 + 29},
		{"stream to stream", copyList(1, 0, [][]byte{self}, [][]byte{good, change(good, 0, 3)}), segmentType, 16 + 32 + 28},
		{"a wrong descriptor length", copyList(1, 0, [][]byte{self}, [][]byte{change(good, 3, 0x1C)}), invalidParam, 16 + 32 + 2},
		{"a segment of 256 MiB and a byte", copyList(1, 0, [][]byte{self}, [][]byte{bytesSegment(0, 0, 256<<20+1, 0, 0, 0, 0)}), invalidParam, 16 + 32 + 8},
		{"half a CSCD", append(copyList(1, 0, [][]byte{self[:16]}, nil), make([]byte, 32)...), listLengthError, -1},
		{"half a segment", append(copyList(1, 0, nil, [][]byte{good[:20]}), make([]byte, 32)...), listLengthError, -1},
	} {
		got := r.xcopy(c.list)
		r.want(got, c.want, c.name)
		if want := c.at >= 0; want != (got.specific[0]&0x80 != 0) || want && int(binary.BigEndian.Uint16(got.specific[1:])) != c.at {
			t.Errorf("%s: field pointer % x, want byte %d", c.name, got.specific, c.at)
		}
	}
	check.That(t, bytes.Equal(r.d.data, was) && len(r.d.log) == 0, "a list that was refused copied something")
	// What the initiator did not send is not there, whatever the CDB says.
	r.want(r.do(copyCDB(len(list)), list[:20]...), listLengthError, "the list ends where the data ends")
	// SPC-4 6.4.5.1: LU ID TYPE is ignored.
	r.want(r.xcopy(copyList(1, 0, [][]byte{change(self, 1, 0x80)}, [][]byte{good})), "GOOD", "LU ID TYPE is ignored")
}

// TestCopyAborts: errors in processing a segment end in COPY ABORTED that says which and where (SPC-4 6.4.4); the segments
// before it are done.
func TestCopyAborts(t *testing.T) {
	const (
		unreachable  = "A/0804"
		notReachable = "A/0D02"
		thirdParty   = "A/0D01"
		wrongType    = "A/0D03"
	)
	r := newCopyRig(t, luntest.Config{}, []option{withMapped}, nil)
	copy(r.d.data, pattern(len(r.d.data), 1))
	stranger := r.naa(0)
	stranger[12] ^= 1
	tape := r.naa(0)
	tape[1] = 0x01
	port := r.naa(0)
	port[5] |= 0x10
	cscds := [][]byte{r.naa(0), r.naa(1), stranger, tape, port}
	first := blocksSegment(0, 1, 8, 0, 0)
	for _, c := range []struct {
		name    string
		segment []byte
		want    string
		field   int
	}{
		{"no such source", blocksSegment(5, 1, 8, 0, 0), unreachable, 4},
		{"no such destination", blocksSegment(0, 0x7FF, 8, 0, 0), unreachable, 6},
		{"a unit that is not here", blocksSegment(2, 1, 8, 0, 0), notReachable, 4},
		{"a port's designator", blocksSegment(0, 4, 8, 0, 0), notReachable, 6},
		{"a tape", blocksSegment(0, 3, 8, 0, 0), wrongType, 6},
		{"source beyond the end", blocksSegment(0, 1, 8, 1017, 0), copyAborted, 12},
		{"destination beyond the end", blocksSegment(0, 1, 8, 0, 4089), copyAborted, 20},
		{"a source LBA near 2^64", blocksSegment(0, 1, 8, 1<<64-4, 0), copyAborted, 12},
		{"an offset that wraps", bytesSegment(0, 1, 512, 1<<64-1, 0, 512, 0), copyAborted, 12},
		{"a destination offset that wraps", bytesSegment(0, 1, 512, 0, 1<<64-1, 0, 512), copyAborted, 20},
	} {
		clear(r.d1.data)
		got := r.xcopy(copyList(7, 0, cscds, [][]byte{first, c.segment}))
		r.want(got, c.want, c.name)
		if got.specific[0] != 0xA0 || int(binary.BigEndian.Uint16(got.specific[1:])) != c.field {
			t.Errorf("%s: segment pointer % x, want byte %d of the segment", c.name, got.specific, c.field)
		}
		check.That(t, bytes.Equal(r.d1.block(0, 8), r.d.block(0, 8)), "%s: the segment before it was not done", c.name)
		s := r.do(resultsCDB(4, 7, 200)).in
		if len(s) != 60+18 || s[56] != byte(lun.StatusCheckCondition) || binary.BigEndian.Uint16(s[58:]) != 18 || binary.BigEndian.Uint32(s) != uint32(len(s)-4) {
			t.Fatalf("%s: failure details % x", c.name, s)
		}
		check.Equal(t, binary.BigEndian.Uint16(s[60+10:]), 1, "%s: the sense data names segment", c.name)
		s = r.do(resultsCDB(0, 7, 200)).in
		if len(s) != 12 || s[4]&0x7F != 2 || binary.BigEndian.Uint16(s[5:]) != 1 || binary.BigEndian.Uint32(s[8:]) != 4096 {
			t.Errorf("%s: copy status % x, want completed with errors, 1 segment, 4096 bytes", c.name, s)
		}
	}
	// A medium that fails is a third party's failure, with what it said.
	r.d1.fail = func(q *lun.Request) error {
		if q.Kind == lun.OpWrite && q.Off == 512*100 {
			return lun.ErrNoSpace
		}
		return nil
	}
	list := copyList(7, 0, cscds, [][]byte{first, blocksSegment(0, 1, 8, 0, 100)})
	r.want(r.xcopy(list), thirdParty, "the destination failed")
	s := r.do(resultsCDB(4, 7, 200)).in[60:]
	if s[8] != 0 || s[9] != 18 || binary.BigEndian.Uint16(s[10:]) != 1 || s[18] != 2 || s[19]&0x7F != 0x70 || s[21]&0xF != 7 {
		t.Errorf("sense data % x, want the destination's CHECK CONDITION with DATA PROTECT at byte 18", s)
	}
	r.d1.fail = func(*lun.Request) error { return lun.ErrMedium }
	r.want(r.xcopy(copyList(7, 0, cscds, [][]byte{blocksSegment(1, 0, 8, 0, 100)})), thirdParty, "the source failed")
	if s := r.do(resultsCDB(4, 7, 200)).in[60:]; s[8] != 18 || s[9] != 0 || s[18] != 2 {
		t.Errorf("sense data % x, want the source's CHECK CONDITION at byte 18", s)
	}
	check.That(t, r.w.Loop(0).Outstanding() == 0, "a buffer was not given back")
}

// TestCopyDescriptorSense: with D_SENSE the same is said in descriptor format (SPC-4 4.5.2).
func TestCopyDescriptorSense(t *testing.T) {
	r := newCopyRig(t, luntest.Config{}, nil, nil)
	page := r.do([16]byte{0x1A, 0x08, 0x0A, 4: 255}).in
	page[0], page[2] = 0, 0 // reserved in MODE SELECT
	page[4] &= 0x7F         // PS
	page[6] |= 0x04         // D_SENSE
	r.want(r.do([16]byte{0x15, 0x10, 4: byte(len(page))}, page...), "GOOD", "D_SENSE can be changed")
	c := r.start(0, r.a, 0, lun.AttrSimple, copyCDB(16+32+28), copyList(1, 0, [][]byte{r.naa(0)}, [][]byte{blocksSegment(0, 3, 8, 0, 0)}))
	r.want(c.wait(), "A/0804", "the index leads nowhere")
	s := c.task.Sense[:c.task.SenseLen]
	want := []byte{0x72, 0x0A, 0x08, 0x04, 0, 0, 0, 20, 0x01, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x06, 0, 0, 0xA0, 0, 6, 0}
	check.That(t, bytes.Equal(s, want), "sense data % x, want % x", s, want)
}

// TestCopyRights: the copy manager may do on a unit what its initiator may do there, and no more.
func TestCopyRights(t *testing.T) {
	const thirdParty = "A/0D01"
	reserve := func(r *copyRig, unit int, typ byte) {
		t.Helper()
		key := make([]byte, 24)
		key[15] = 9
		send := func(cdb [16]byte, out []byte) {
			t.Helper()
			r.want(r.start(0, r.b, uint64(unit)<<48, lun.AttrSimple, cdb, out).wait(), "GOOD", "nexus b reserves")
		}
		send([16]byte{0x5F, 0x00, 8: 24}, key)
		key[7], key[15] = 9, 0
		send([16]byte{0x5F, 0x01, typ, 8: 24}, key)
	}
	copies := func(r *copyRig, src, dst uint16) answer {
		return r.xcopy(copyList(1, 0, [][]byte{r.naa(0), r.naa(1)}, [][]byte{blocksSegment(src, dst, 8, 0, 64)}))
	}
	for _, c := range []struct {
		name     string
		unit     int
		typ      byte // 1 write exclusive, 3 exclusive access
		src, dst uint16
		want     string
	}{
		{"write exclusive on the destination", 1, 1, 0, 1, thirdParty},
		{"write exclusive on the source", 1, 1, 1, 0, "GOOD"},
		{"exclusive access on the source", 1, 3, 1, 0, thirdParty},
		{"write exclusive where the command goes", 0, 1, 0, 1, "RESERVATION CONFLICT"},
	} {
		r := newCopyRig(t, luntest.Config{}, nil, nil)
		reserve(r, c.unit, c.typ)
		r.want(copies(r, c.src, c.dst), c.want, c.name)
		if c.want == thirdParty {
			if s := r.do(resultsCDB(4, 1, 200)).in[60:]; s[18] != byte(lun.StatusReservationConflict) {
				t.Errorf("%s: sense data % x, want RESERVATION CONFLICT at byte 18", c.name, s)
			}
		}
	}
	r := newCopyRig(t, luntest.Config{}, nil, []option{withReadOnly})
	r.want(copies(r, 0, 1), thirdParty, "the destination is read-only")
	r.want(copies(r, 1, 0), "GOOD", "the source may be read-only")
	r = newCopyRig(t, luntest.Config{}, []option{withReadOnly}, nil)
	r.want(copies(r, 0, 1), "GOOD", "the copy manager's own unit is only read")
	r = newCopyRig(t, luntest.Config{}, nil, []option{withRemovable})
	r.want(r.start(0, r.a, 1<<48, lun.AttrSimple, [16]byte{0x1B, 4: 2}, nil).wait(), "GOOD", "LUN 1 is ejected")
	r.want(copies(r, 0, 1), thirdParty, "the destination has no medium")
	// Unit attentions of the destination are for the initiator: they neither stop the copy nor go away by it.
	r = newCopyRig(t, luntest.Config{}, nil, nil)
	r.u1.Reset(nil)
	r.want(copies(r, 0, 1), "GOOD", "a unit attention is no affair of the copy manager's")
	r.want(r.start(0, r.a, 1<<48, lun.AttrSimple, testUnitReady(), nil).wait(), "6/2903", "it is still pending")
}
