package conformance

import (
	"testing"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// extents: GET LBA STATUS reports the allocation (SBC-3 5.5). Runs are in order, without gaps, to the end of the medium; no
// two neighbours could be one; a block with data is mapped; a block that is not mapped reads as zeroes.
func extents(t *testing.T, s Suite, w Want) {
	r := s.rig(t, w, luntest.Config{Seed: 5})
	m := r.model()
	r.wantExtents(m)
	if w.Thin && s.Extents != Nothing && r.mapped() != 0 {
		t.Errorf("%d blocks are mapped before anything was written", r.mapped())
	}
	rng := r.w.Rand()
	blocks := r.size / r.bs
	for range 60 {
		at := rng.Int64N(blocks)
		n := 1 + rng.Int64N(min(blocks-at, 200))
		if rng.IntN(2) == 0 { // as large as the coarsest unit, and aligned
			at, n = at/64*64, min(64, blocks-at/64*64)
		}
		switch rng.IntN(4) {
		case 0, 1:
			data := pattern(at*r.bs, n*r.bs, byte(rng.Uint32()))
			r.write(at*r.bs, data, false)
			m.write(at*r.bs, data)
		case 2:
			r.ranged(lun.OpDiscard, at*r.bs, n*r.bs)
			m.zero(at*r.bs, n*r.bs, true)
		case 3:
			r.ranged(lun.OpZero, at*r.bs, n*r.bs)
			m.zero(at*r.bs, n*r.bs, false)
		}
		r.wantExtents(m)
	}
	r.wantIs(m.data)
	r.ranged(lun.OpDiscard, 0, r.size)
	m.zero(0, r.size, true)
	r.wantExtents(m)
	if w.Thin && s.Extents != Nothing && r.mapped() != 0 {
		t.Errorf("%d blocks are mapped after all was discarded", r.mapped())
	}
}

func (r *rig) extentsFrom(lba uint64, most int) []lun.Extent {
	r.t.Helper()
	before := []lun.Extent{{LBA: 1 << 60}}
	got, err := r.b.Extents(before, lba, most)
	if err != nil {
		r.t.Fatalf("Extents from %d: %v", lba, err)
	}
	if len(got) == 0 || got[0] != before[0] || len(got)-1 > most {
		r.t.Fatalf("Extents is to append at most %d runs; it made %v of %v", most, got, before)
	}
	return got[1:]
}

func (r *rig) mapped() (n uint64) {
	for _, e := range r.extentsFrom(0, 1<<20) {
		if e.Mapped {
			n += e.Blocks
		}
	}
	return n
}

func (r *rig) wantExtents(m *model) {
	r.t.Helper()
	blocks := uint64(r.size / r.bs)
	all := r.extentsFrom(0, 1<<20)
	at := uint64(0)
	for i, e := range all {
		switch {
		case e.LBA != at || e.Blocks == 0:
			r.t.Fatalf("run %d is %+v, and the one before ended at %d", i, e, at)
		case i > 0 && e.Mapped == all[i-1].Mapped:
			r.t.Errorf("runs %+v and %+v are one", all[i-1], e)
		}
		for b := e.LBA; b < e.LBA+e.Blocks && b < blocks; b++ {
			if want, sure := r.wantMapped(m, b); sure && e.Mapped != want {
				r.t.Fatalf("block %d: mapped is %v, want %v", b, e.Mapped, want)
			}
		}
		at += e.Blocks
	}
	if at != blocks {
		r.t.Fatalf("the runs end at block %d of %d", at, blocks)
	}
	r.wantParts(all, blocks)
	for _, c := range []struct {
		lba  uint64
		most int
	}{{blocks, 9}, {blocks + 1, 9}, {1 << 63, 9}, {0, 0}} {
		if got := r.extentsFrom(c.lba, c.most); len(got) != 0 {
			r.t.Errorf("Extents(%d, max %d) gave %v", c.lba, c.most, got)
		}
	}
}

// wantMapped returns whether block b should be mapped; sure is false if the backend may report either.
func (r *rig) wantMapped(m *model, b uint64) (want, sure bool) {
	switch {
	case !r.b.Geometry().Thin || r.s.Extents == Nothing:
		return true, true
	case r.s.Extents == Never:
		return false, true
	case r.s.Extents == Exact:
		return m.written[b], true
	}
	return true, m.data[int64(b)*r.bs] != 0 // Coarse
}

// wantParts reads parts of all runs.
func (r *rig) wantParts(all []lun.Extent, blocks uint64) {
	r.t.Helper()
	// From the middle of a run, the rest of it comes first; there are no more runs than requested, and none beyond the end.
	for _, from := range []uint64{0, 1, blocks / 3, blocks/2 + 1, blocks - 1} {
		want := []lun.Extent{}
		for _, e := range all {
			if end := e.LBA + e.Blocks; end > from && len(want) < 2 {
				lba := max(e.LBA, from)
				want = append(want, lun.Extent{LBA: lba, Blocks: end - lba, Mapped: e.Mapped})
			}
		}
		got := r.extentsFrom(from, 2)
		if len(got) != len(want) {
			r.t.Fatalf("from %d: %v, want %v", from, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				r.t.Fatalf("from %d: %v, want %v", from, got, want)
			}
		}
	}
}
