package lun_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

var sameSizes = []struct {
	name string
	cdb  func(flags byte, lba uint64, n uint32) [16]byte
}{
	{"10", func(f byte, lba uint64, n uint32) [16]byte { return cdb10(0x41, f, uint32(lba), uint16(n)) }},
	{"16", func(f byte, lba uint64, n uint32) [16]byte { return cdb16(0x93, f, lba, n) }},
}

const (
	anchor   = 0x10
	unmapBit = 0x08
	ndob     = 0x01
)

func TestWriteSame(t *testing.T) {
	for _, s := range sameSizes {
		t.Run(s.name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, r *rig, bs int) {
				block := pattern(bs, 5)
				r.d.data[0], r.d.data[len(r.d.data)-1] = 1, 2
				r.want(r.do(s.cdb(0, 1, 1000), block...), good, "SBC-3 5.42")
				for i := range 1000 {
					must.Be(t, bytes.Equal(r.d.block(1+i, 1), block), "block %d is not the one sent", 1+i)
				}
				check.That(t, r.d.data[0] == 1 && r.d.data[len(r.d.data)-1] == 2, "blocks beside the range were written")
				r.want(r.do(s.cdb(0, 500, 524), make([]byte, bs)...), good, "to the end")
				if !bytes.Equal(r.d.block(500, 524), make([]byte, 524*bs)) || !bytes.Equal(r.d.block(499, 1), block) {
					t.Error("not exactly the blocks to the end are zero")
				}
				check.That(t, r.d.mapped[900], "without UNMAP blocks were deallocated")
				r.want(r.do(s.cdb(0, 500, 0), block...), invalidField, "length 0 with WSNZ one (SBC-3 6.6.4)")
				r.want(r.do(s.cdb(0, 1025, 1), block...), lbaOutOfRange, "beyond the end")
				r.want(r.do(s.cdb(0, 1023, 2), block...), lbaOutOfRange, "beyond the end")
				r.want(r.do(s.cdb(0, math.MaxUint32, 1), block...), lbaOutOfRange, "beyond the end")
				for _, n := range []int{0, bs / 2, 2 * bs} {
					r.want(r.do(s.cdb(0, 0, 1), make([]byte, n)...), invalidUnitInfo, "the data-out is not one block")
				}
				r.wantField(r.do(s.cdb(0x60, 0, 1), block...), 1, "WRPROTECT")
				r.wantField(r.do(s.cdb(0x02, 0, 1), block...), 1, "LBDATA is obsolete")
				r.wantField(r.do(s.cdb(0x04, 0, 1), block...), 1, "PBDATA is obsolete")
				r.wantField(r.do(s.cdb(anchor, 0, 1), block...), 1, "SBC-3 5.42: ANCHOR without UNMAP")
				r.wantField(r.do(s.cdb(anchor|unmapBit, 0, 1), block...), 1, "ANC_SUP is zero")
			})
		})
	}
}

func TestWriteSameUnmap(t *testing.T) {
	for _, s := range sameSizes {
		t.Run(s.name, func(t *testing.T) {
			r := newRig(t, withThin, withPosted)
			bs := 512
			r.do(cdb10(0x2A, 0, 0, 100), pattern(100*bs, 1)...)
			r.want(r.do(s.cdb(unmapBit, 10, 50), make([]byte, bs)...), good, "SBC-3 4.7.3.4")
			if slices.Contains(r.d.mapped[10:60], true) || slices.Contains(r.d.mapped[:10], false) || !r.d.mapped[60] {
				t.Error("not exactly the range was deallocated")
			}
			block := pattern(bs, 9)
			r.want(r.do(s.cdb(unmapBit, 10, 50), block...), good, "a block that a deallocated one does not read as is written")
			if !bytes.Equal(r.d.block(59, 1), block) || slices.Contains(r.d.mapped[10:60], false) {
				t.Error("the blocks do not read as what was sent")
			}
			full := newRig(t)
			full.wantField(full.do(s.cdb(unmapBit, 0, 1), make([]byte, bs)...), 1, "UNMAP on a fully provisioned unit")
		})
	}
}

func TestWriteSameNDOB(t *testing.T) {
	r := newRig(t, withThin)
	cdb := cdb16(0x93, ndob, 3, 5)
	if out, _ := luntest.Plan(r.a, 0, &cdb, false); out != 0 {
		t.Errorf("NDOB plans %d bytes of data-out", out)
	}
	copy(r.d.data, pattern(len(r.d.data), 1))
	r.want(r.do(cdb), good, "SBC-4: zeroes without data-out")
	check.That(t, bytes.Equal(r.d.block(3, 5), make([]byte, 5*512)) && r.d.block(8, 1)[1] != 0, "not exactly the range is zero")
	r.want(r.do(cdb16(0x93, ndob|unmapBit, 3, 5)), good, "deallocated")
	check.That(t, !r.d.mapped[3], "NDOB with UNMAP left the blocks mapped")
	r.wantField(r.do(cdb10(0x41, ndob, 0, 1), make([]byte, 512)...), 1, "WRITE SAME(10) has no NDOB")
}

// A WRITE SAME of a whole disk runs in pieces that leave the loop to others.
func TestWriteSamePieces(t *testing.T) {
	r := newRig(t, withBlocks(64<<20/512), withMapped)
	turns := 0
	c := r.start(0, r.a, 0, lun.AttrSimple, cdb16(0x93, 0, 0, 64<<20/512), pattern(512, 1))
	for c.ended == 0 {
		must.Be(t, r.w.Step(), "nothing is left to happen")
		turns++
	}
	r.want(c.answer, good, "SBC-3 5.42")
	check.That(t, turns >= 15, "64 MiB were written in %d turns of the loop, want at least one in 4 MiB", turns)
	for _, q := range r.d.log {
		must.Be(t, q.Len <= 256<<10, "a piece of %d bytes", q.Len)
	}
	check.Equal(t, r.w.Loop(0).Outstanding(), 0, "work buffers that were not given back:")
}

// unmapList is the parameter list of UNMAP (SBC-3 5.25.2).
func unmapList(extents ...[2]uint64) []byte {
	b := make([]byte, 8)
	binary.BigEndian.PutUint16(b[0:], uint16(6+16*len(extents)))
	binary.BigEndian.PutUint16(b[2:], uint16(16*len(extents)))
	for _, e := range extents {
		b = binary.BigEndian.AppendUint64(b, e[0])
		b = binary.BigEndian.AppendUint32(b, uint32(e[1]))
		b = append(b, 0, 0, 0, 0)
	}
	return b
}

func (r *rig) unmap(list []byte) answer {
	return r.do([16]byte{0: 0x42, 7: byte(len(list) >> 8), 8: byte(len(list))}, list...)
}

func TestUnmap(t *testing.T) {
	r := newRig(t, withThin, withPosted)
	fill := func() {
		r.do(cdb10(0x41, 0, 0, 1024), pattern(512, 1)...)
	}
	fill()
	r.want(r.unmap(unmapList([2]uint64{5, 10}, [2]uint64{100, 1}, [2]uint64{7, 2}, [2]uint64{1023, 1})), good, "SBC-3 5.25")
	for i, m := range r.d.mapped {
		if want := !(i >= 5 && i < 15 || i == 100 || i == 1023); m != want {
			t.Errorf("block %d: mapped %v", i, m)
		}
	}
	fill()
	for name, c := range map[string]struct {
		list []byte
		want string
	}{
		"no list":                        {nil, good},
		"no descriptors":                 {unmapList(), good},
		"no blocks":                      {unmapList([2]uint64{9, 0}), good},
		"no blocks at the end":           {unmapList([2]uint64{1024, 0}), good},
		"half a header":                  {make([]byte, 7), listLengthError},
		"beyond the end":                 {unmapList([2]uint64{1, 1}, [2]uint64{1024, 1}), lbaOutOfRange},
		"no blocks beyond the end":       {unmapList([2]uint64{1025, 0}), lbaOutOfRange},
		"wrapping":                       {unmapList([2]uint64{math.MaxUint64, 2}), lbaOutOfRange},
		"fewer descriptors than said":    {unmapList([2]uint64{1, 1}, [2]uint64{2, 1})[:24], listLengthError},
		"too many descriptors":           {unmapList(make([][2]uint64, 257)...), invalidParam},
		"as many as may be, overlapping": {unmapList(make([][2]uint64, 256)...), good},
	} {
		r.want(r.unmap(c.list), c.want, name)
	}
	check.That(t, !slices.Contains(r.d.mapped, false), "a refused UNMAP deallocated blocks")
	// SBC-3 5.25.2: an incomplete descriptor is ignored.
	list := unmapList([2]uint64{1, 1}, [2]uint64{2, 1})
	list[3] -= 4
	r.want(r.unmap(list), good, "an incomplete descriptor is ignored")
	check.That(t, !r.d.mapped[1] && r.d.mapped[2], "not exactly the complete descriptor was carried out")
	r.wantField(r.do([16]byte{0: 0x42, 1: 1, 8: 24}, unmapList([2]uint64{1, 1})...), 1, "ANC_SUP is zero")
	r.want(r.do([16]byte{0: 0x42, 8: 24}, unmapList([2]uint64{1, 1})[:10]...), listLengthError, "less data than the CDB says")
	full := newRig(t)
	full.want(full.unmap(unmapList([2]uint64{1, 1})), invalidOpcode, "a fully provisioned unit has no UNMAP")
}

func TestUnmapLBACount(t *testing.T) {
	r := newRig(t)
	v := &void{Geom: lun.Geometry{Blocks: 1 << 30, BlockSize: 512, Thin: true}}
	r.tg.RemoveUnit(0)
	must.Get(r.tg.AddUnit(0, lun.UnitConfig{Backend: v, Thin: true}))(t)
	r.settle(r.a)
	r.want(r.unmap(unmapList([2]uint64{0, 1 << 20})), good, "MAXIMUM UNMAP LBA COUNT")
	r.want(r.unmap(unmapList([2]uint64{0, 1 << 19}, [2]uint64{0, 1<<19 + 1})), invalidParam, "more than MAXIMUM UNMAP LBA COUNT")
	for _, q := range v.log {
		check.That(t, q.Len <= 32<<20, "a piece of %d bytes", q.Len)
	}
}

// void is a medium of any size that keeps nothing.
type void struct {
	Geom lun.Geometry
	log  []lun.Request
}

func (v *void) Geometry() lun.Geometry { return v.Geom }
func (v *void) Close() error           { return nil }
func (v *void) Submit(_ lun.Loop, r *lun.Request) {
	v.log = append(v.log, *r)
	r.Done.RequestDone(r, nil)
}
func (v *void) Extents(dst []lun.Extent, lba uint64, _ int) ([]lun.Extent, error) {
	return append(dst, lun.Extent{Blocks: v.Geom.Blocks}), nil
}

// lbaStatus returns the descriptors of GET LBA STATUS as {LBA, blocks, provisioning status}.
func (r *rig) lbaStatus(lba uint64, alloc uint32) (all [][3]uint64) {
	r.tb.Helper()
	c := cdb16(0x9E, 0x12, lba, alloc)
	a := r.do(c)
	r.want(a, good, "SBC-3 5.4")
	if len(a.in) < 8 {
		return nil
	}
	for d := a.in[8:]; len(d) >= 16; d = d[16:] {
		all = append(all, [3]uint64{binary.BigEndian.Uint64(d), uint64(binary.BigEndian.Uint32(d[8:])), uint64(d[12] & 0xF)})
	}
	return all
}

func TestGetLBAStatus(t *testing.T) {
	r := newRig(t, withThin)
	r.do(cdb10(0x2A, 0, 10, 5), pattern(5*512, 1)...)
	want := [][3]uint64{{0, 10, 1}, {10, 5, 0}, {15, 1009, 1}}
	if got := r.lbaStatus(0, 4096); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := r.lbaStatus(0, 24); !slices.Equal(got, want[:1]) {
		t.Errorf("with room for one: %v", got)
	}
	if got := r.lbaStatus(12, 24); !slices.Equal(got, [][3]uint64{{12, 3, 0}}) {
		t.Errorf("from LBA 12: %v, want the descriptor to begin there (SBC-3 5.4.2)", got)
	}
	if got := newRig(t).lbaStatus(1000, 64); !slices.Equal(got, [][3]uint64{{1000, 24, 0}}) {
		t.Errorf("fully provisioned: %v, want all mapped", got)
	}
	for _, lba := range []uint64{1024, 1025, 1 << 63, math.MaxUint64} {
		r.want(r.do(cdb16(0x9E, 0x12, lba, 24)), lbaOutOfRange, "SBC-3 5.4")
	}
	for n := range uint32(30) {
		a := r.do(cdb16(0x9E, 0x12, 0, n))
		check.That(t, a.String() == good && len(a.in) <= int(n), "allocation length %d: %v, %d bytes", n, a, len(a.in))
	}
	r.wantField(r.do([16]byte{0: 0x9E, 1: 0x1F}), 1, "SPC-4 4.3.4: a service action that is not there")
	// Every second block, more than an answer holds: it stops, contiguous.
	for i := range r.d.mapped {
		r.d.mapped[i] = i%2 == 0
	}
	got := r.lbaStatus(0, 65535)
	check.That(t, len(got) == 255, "%d descriptors, want 255", len(got))
	for i, d := range got {
		must.Be(t, d == [3]uint64{uint64(i), 1, uint64(i % 2)}, "descriptor %d is %v", i, d)
	}
}

// strange is a backend that describes its provisioning state as it likes.
type strange struct {
	void
	extents []lun.Extent
	err     error
}

func (s *strange) Extents(dst []lun.Extent, _ uint64, _ int) ([]lun.Extent, error) {
	return append(dst, s.extents...), s.err
}

// SBC-3 5.4.2: the answer begins at the LBA asked for and is contiguous, whatever a backend's metadata looks like.
func TestGetLBAStatusOfAStrangeBackend(t *testing.T) {
	s := &strange{void: void{Geom: lun.Geometry{Blocks: 1 << 34, BlockSize: 512, Thin: true}}}
	r := newRig(t)
	r.tg.RemoveUnit(0)
	must.Get(r.tg.AddUnit(0, lun.UnitConfig{Backend: s, Thin: true}))(t)
	r.settle(r.a)
	all := uint64(1 << 34)
	for name, c := range map[string]struct {
		extents []lun.Extent
		want    [][3]uint64
	}{
		"a run that began before":     {[]lun.Extent{{LBA: 0, Blocks: 150}, {LBA: 150, Blocks: 10, Mapped: true}}, [][3]uint64{{100, 50, 1}, {150, 10, 0}}},
		"a gap":                       {[]lun.Extent{{LBA: 100, Blocks: 5}, {LBA: 110, Blocks: 10}}, [][3]uint64{{100, 5, 1}}},
		"a run that is over":          {[]lun.Extent{{LBA: 0, Blocks: 100}}, [][3]uint64{{100, 1<<32 - 1, 0}}},
		"nothing":                     {nil, [][3]uint64{{100, 1<<32 - 1, 0}}},
		"a run beyond the medium":     {[]lun.Extent{{LBA: 100, Blocks: 50}, {LBA: 150, Blocks: 1 << 62, Mapped: true}}, [][3]uint64{{100, 50, 1}, {150, 1<<32 - 1, 0}}},
		"a run longer than the field": {[]lun.Extent{{LBA: 0, Blocks: all}}, [][3]uint64{{100, 1<<32 - 1, 1}}},
		"a run twice":                 {[]lun.Extent{{LBA: 100, Blocks: 5}, {LBA: 100, Blocks: 5}}, [][3]uint64{{100, 5, 1}}},
	} {
		s.extents = c.extents
		if got := r.lbaStatus(100, 4096); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	s.err = lun.ErrUnsupported
	r.want(r.do(cdb16(0x9E, 0x12, 100, 24)), targetFailure, "the backend cannot say")
}

func TestSynchronizeCache(t *testing.T) {
	for _, op := range []byte{0x35, 0x91} {
		cdb := func(lba uint64, n uint32) [16]byte {
			if op == 0x35 {
				return cdb10(op, 0, uint32(lba), uint16(n))
			}
			return cdb16(op, 0, lba, n)
		}
		r := newRig(t, withVolatile, withPosted)
		data := pattern(512, 1)
		r.do(cdb10(0x2A, 0, 4, 1), data...)
		r.want(r.do(cdb(0, 0)), good, "SBC-3 5.23")
		check.That(t, bytes.Equal(r.d.medium[4*512:5*512], data), "SYNCHRONIZE CACHE ended before the medium had the data")
		r.want(r.do(cdb(1020, 4)), good, "a range")
		r.want(r.do(cdb(1020, 5)), lbaOutOfRange, "SBC-3 5.23")
		r.want(r.do(cdb(1025, 0)), lbaOutOfRange, "SBC-3 5.23")
		r.d.fail = func(*lun.Request) error { return lun.ErrMedium }
		r.want(r.do(cdb(0, 0)), "4/0C00", "what could not be written is not said to be")
	}
}

func TestPreFetch(t *testing.T) {
	r := newRig(t)
	for _, imm := range []byte{0, 2} {
		r.want(r.do(cdb10(0x34, imm, 0, 5)), good, "there is no cache, so not CONDITION MET (SBC-3 5.6)")
		r.want(r.do(cdb16(0x90, imm, 0, 5)), good, "there is no cache")
		r.want(r.do(cdb16(0x90, imm, 0, 0)), good, "to the end")
		r.want(r.do(cdb10(0x34, imm, 1025, 0)), lbaOutOfRange, "SBC-3 5.6")
		r.want(r.do(cdb16(0x90, imm, 1023, 2)), lbaOutOfRange, "SBC-3 5.6")
	}
}
