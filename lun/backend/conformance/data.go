package conformance

import (
	"math"
	"testing"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// geometry: a backend reports the geometry that it was opened with.
func geometry(t *testing.T, s Suite, w Want) {
	r := s.rig(t, w, luntest.Config{})
	g := r.b.Geometry()
	switch {
	case g.BlockSize != w.BlockSize:
		t.Errorf("block size %d, want %d", g.BlockSize, w.BlockSize)
	case g.Blocks != uint64(w.Bytes)/uint64(w.BlockSize):
		t.Errorf("%d blocks, want %d", g.Blocks, uint64(w.Bytes)/uint64(w.BlockSize))
	case g.Thin != w.Thin:
		t.Errorf("thin is %v, want %v", g.Thin, w.Thin)
	case g.ReadOnly:
		t.Error("read-only, and nobody asked for it")
	case g.PhysShift > 15:
		t.Errorf("PhysShift %d does not fit READ CAPACITY(16)", g.PhysShift)
	}
	if again := r.b.Geometry(); again != g {
		t.Errorf("the geometry changed from %+v to %+v by itself", g, again)
	}
}

func startsZero(t *testing.T, s Suite, w Want) {
	r := s.rig(t, w, luntest.Config{})
	r.wantIs(make([]byte, r.size))
}

// readBack: writes of every alignment within a page and over its ends change their blocks and no other.
func readBack(t *testing.T, s Suite, w Want) {
	r := s.rig(t, w, luntest.Config{Seed: 1, MaxDelay: 1000})
	m := r.model()
	blocks := r.size / r.bs
	tag := byte(0)
	for _, at := range []int64{0, 1, 7, 8, 9, 63, 64, 65, blocks / 2} {
		for _, n := range []int64{1, 2, 7, 8, 9, 64, 129} {
			tag++
			off, data := at*r.bs, pattern(at*r.bs, n*r.bs, tag)
			r.write(off, data, tag%3 == 0)
			m.write(off, data)
			from := max(off-r.bs, 0)
			to := min(off+int64(len(data))+r.bs, r.size)
			if got := r.read(from, to-from); differs(got, m.data[from:to]) >= 0 {
				t.Fatalf("after a write of %d blocks at %d, reading it and its neighbours gave something else", n, at)
			}
		}
	}
	for n := int64(1); n < 10; n++ { // up to the very last block
		off := r.size - n*r.bs
		data := pattern(off, n*r.bs, byte(n))
		r.write(off, data, false)
		m.write(off, data)
	}
	// The largest transfer there is.
	big := pattern(0, r.size/r.bs*r.bs, 0x55)
	r.write(0, big, false)
	m.write(0, big)
	r.wantIs(m.data)
}

// edges: a request beyond the medium fails with a medium error and does nothing; a length of zero succeeds.
func edges(t *testing.T, s Suite, w Want) {
	r := s.rig(t, w, luntest.Config{})
	m := r.model()
	data := pattern(0, r.size, 3)
	r.write(0, data, false)
	m.write(0, data)
	for _, c := range []struct{ off, n int64 }{
		{r.size, r.bs},
		{r.size - r.bs, 2 * r.bs},
		{r.size + r.bs, r.bs},
		{-r.bs, r.bs},
		{math.MaxInt64 / r.bs * r.bs, 2 * r.bs}, // the sum overflows
		{math.MaxInt64 - r.bs + 1, r.bs},
	} {
		for _, kind := range []lun.OpKind{lun.OpRead, lun.OpWrite, lun.OpDiscard, lun.OpZero} {
			var buf []byte
			if kind == lun.OpRead || kind == lun.OpWrite {
				buf = r.alloc(c.n)
			}
			wantErr(t, kindName(kind)+" beyond the end", r.do(kind, c.off, c.n, buf, false), lun.ErrMedium)
		}
	}
	for _, kind := range []lun.OpKind{lun.OpRead, lun.OpWrite, lun.OpDiscard, lun.OpZero} {
		for _, off := range []int64{0, r.size} {
			if err := r.do(kind, off, 0, nil, false); err != nil {
				t.Errorf("%s of nothing at %d: %v", kindName(kind), off, err)
			}
		}
	}
	r.wantIs(m.data)
}

// ranges: a discarded and a zeroed range reads as zeroes, whatever its alignment, and its neighbours do not change.
func ranges(t *testing.T, s Suite, w Want) {
	r := s.rig(t, w, luntest.Config{Seed: 1, MaxDelay: 1000})
	m := r.model()
	data := pattern(0, r.size, 9)
	fill := func() {
		r.write(0, data, false)
		m.write(0, data)
	}
	blocks := r.size / r.bs
	for _, kind := range []lun.OpKind{lun.OpDiscard, lun.OpZero} {
		fill()
		at := int64(0)
		for n := int64(1); n < 20 && at+n < blocks; n++ {
			r.ranged(kind, at*r.bs, n*r.bs)
			m.zero(at*r.bs, n*r.bs, kind == lun.OpDiscard)
			at += n + n%3 + 1
		}
		r.wantIs(m.data)
		fill()
		r.ranged(kind, r.size-3*r.bs, 3*r.bs) // to the end, which is in the middle of a page
		m.zero(r.size-3*r.bs, 3*r.bs, kind == lun.OpDiscard)
		r.wantIs(m.data)
		r.ranged(kind, 0, r.size)
		m.zero(0, r.size, kind == lun.OpDiscard)
		r.wantIs(m.data)
		r.ranged(kind, 0, r.size) // twice
		one := pattern(5*r.bs, r.bs, 1)
		r.write(5*r.bs, one, false)
		m.write(5*r.bs, one)
		r.wantIs(m.data)
	}
}

// readOnly: requests that would change the medium are refused; all others work.
func readOnly(t *testing.T, s Suite, w Want) {
	w.ReadOnly = true
	r := s.rig(t, w, luntest.Config{})
	if !r.b.Geometry().ReadOnly {
		t.Fatal("the geometry does not say that it is read-only")
	}
	buf := r.alloc(r.bs)
	for _, kind := range []lun.OpKind{lun.OpWrite, lun.OpDiscard, lun.OpZero} {
		var b []byte
		if kind == lun.OpWrite {
			b = buf
		}
		wantErr(t, kindName(kind), r.do(kind, 0, r.bs, b, false), lun.ErrReadOnly)
	}
	if err := r.do(lun.OpSync, 0, 0, nil, false); err != nil {
		t.Errorf("sync: %v", err)
	}
	r.wantIs(make([]byte, r.size))
}

// survives: synced data is still there when the medium is opened again.
func survives(t *testing.T, s Suite, w Want) {
	r := s.rig(t, w, luntest.Config{})
	m := r.model()
	data := pattern(0, r.size, 77)
	r.write(0, data, false)
	m.write(0, data)
	r.ranged(lun.OpDiscard, 8*r.bs, 16*r.bs)
	m.zero(8*r.bs, 16*r.bs, true)
	if err := r.do(lun.OpSync, 0, 0, nil, false); err != nil {
		t.Fatalf("sync: %v", err)
	}
	r.close()
	r.b = s.Survives(t, w, r.b)
	defer r.b.Close()
	r.wantIs(m.data)
}
