// Package conformance is a suite of tests for the contract of lun.Backend. Every backend runs it.
package conformance

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// Want describes the backend that a test opens.
type Want struct {
	BlockSize uint32
	Bytes     int64 // a multiple of BlockSize
	Thin      bool
	ReadOnly  bool
}

// Suite describes a backend to the tests.
type Suite struct {
	// Open opens a backend that reads as zeroes. The test closes it. A nil b means that this kind of backend cannot satisfy w;
	// skip is the reason.
	Open func(t *testing.T, w Want) (b lun.Backend, skip string)
	// Forgets is set if written blocks read as zeroes.
	Forgets bool
	// Extents is how precisely the backend reports allocation.
	Extents Knowledge
	// Queued is set if the backend uses lun.Queue, where faults can be injected.
	Queued bool
	// Ragged is set if a transfer may be cut short at any byte, and not only at blocks (direct I/O).
	Ragged bool
	// Survives reopens the medium of old, which is closed. It is nil if the content does not survive.
	Survives func(t *testing.T, w Want, old lun.Backend) lun.Backend
}

// Knowledge is how precisely a backend reports which blocks are allocated.
type Knowledge uint8

const (
	Exact   Knowledge = iota // block by block: written and not discarded since
	Coarse                   // by larger units: a block with data is mapped, a discarded unit is not
	Nothing                  // everything is mapped, always
	Never                    // nothing is mapped, ever
)

// Run runs all tests of the suite.
func (s Suite) Run(t *testing.T) {
	for _, bs := range []uint32{512, 4096} {
		for _, thin := range []bool{false, true} {
			name := map[uint32]string{512: "512", 4096: "4096"}[bs]
			if thin {
				name += "/thin"
			} else {
				name += "/thick"
			}
			t.Run(name, func(t *testing.T) {
				w := Want{BlockSize: bs, Thin: thin, Bytes: 2<<20 + 3*int64(bs)}
				for _, c := range cases {
					if c.when != nil && !c.when(s) {
						continue
					}
					if testing.Short() && !c.threads {
						continue // for the race detector: a World runs one goroutine
					}
					t.Run(c.name, func(t *testing.T) { c.run(t, s, w) })
				}
			})
		}
	}
}

var cases = []struct {
	name string
	run  func(t *testing.T, s Suite, w Want)
	when func(s Suite) bool // nil: always

	threads bool // its loops run at the same time
}{
	{"geometry", geometry, nil, false},
	{"reads zeroes at first", startsZero, nil, false},
	{"reads what was written", readBack, nil, false},
	{"edges", edges, nil, false},
	{"discard and zero", ranges, nil, false},
	{"extents", extents, nil, false},
	{"durability", durability, nil, false},
	{"read-only", readOnly, nil, false},
	{"loops at the same time", loops, nil, false},
	{"loops really at the same time", live, nil, true},
	{"short transfers", short, Suite.queued, false},
	{"errors", errnos, Suite.queued, false},
	{"close while busy", closeBusy, nil, false},
	{"survives", survives, func(s Suite) bool { return s.Survives != nil }, false},
}

// queued reports whether the backend makes system calls, which can be short or fail.
func (s Suite) queued() bool { return s.Queued }

// rig is one backend in one world.
type rig struct {
	t    *testing.T
	s    Suite
	w    *luntest.World
	b    lun.Backend
	bs   int64
	size int64

	closed bool
}

func (r *rig) close() {
	r.t.Helper()
	r.closed = true
	if err := r.b.Close(); err != nil {
		r.t.Errorf("Close: %v", err)
	}
}

func (s Suite) rig(t *testing.T, want Want, cfg luntest.Config) *rig {
	t.Helper()
	b, skip := s.Open(t, want)
	if b == nil {
		t.Skip(skip)
	}
	cfg.NoSync = cfg.Intercept == nil
	r := &rig{t: t, s: s, w: luntest.NewWorld(t, cfg), b: b, bs: int64(want.BlockSize), size: want.Bytes}
	t.Cleanup(func() {
		r.w.Run()
		if !r.closed {
			r.close()
		}
	})
	return r
}

// op is a request that checks how it is completed.
type op struct {
	lun.Request
	t     *testing.T
	loop  *luntest.Loop
	ended int
	err   error
	after func()
}

// RequestDone implements lun.Completion.
func (o *op) RequestDone(r *lun.Request, err error) {
	o.ended++
	switch {
	case r != &o.Request:
		o.t.Errorf("another request was completed than was submitted")
	case o.ended > 1:
		o.t.Errorf("a request was completed %d times", o.ended)
	case !o.loop.HasTurn():
		o.t.Errorf("a request of loop %d was completed elsewhere", o.loop.Index())
	}
	o.err = err
	if o.after != nil {
		o.after()
	}
}

// submit starts a request; for reads and writes buf is the arena memory itself.
func (r *rig) submit(loop int, kind lun.OpKind, off, n int64, buf []byte, fua bool, after func(o *op)) *op {
	l := r.w.Loop(loop)
	o := &op{t: r.t, loop: l}
	o.Request = lun.Request{Kind: kind, FUA: fua, Off: off, Len: n, Buf: buf, Done: o}
	if after != nil {
		o.after = func() { after(o) }
	}
	r.w.On(loop, func(*luntest.Loop) { r.b.Submit(l, &o.Request) })
	return o
}

// do carries out one request and waits for it.
func (r *rig) do(kind lun.OpKind, off, n int64, buf []byte, fua bool) error {
	r.t.Helper()
	o := r.submit(0, kind, off, n, buf, fua, nil)
	r.w.RunUntil("the request is done", func() bool { return o.ended > 0 })
	if o.err == nil && kind != lun.OpSync && o.Moved != n {
		r.t.Errorf("a request of %d bytes was good and moved %d", n, o.Moved)
	}
	return o.err
}

func (r *rig) alloc(n int64) (buf []byte) {
	r.w.On(0, func(l *luntest.Loop) { buf = l.Alloc(int(n)) })
	if buf == nil {
		r.t.Fatalf("no memory for %d bytes", n)
	}
	return buf
}

func (r *rig) free(buf []byte) { r.w.On(0, func(l *luntest.Loop) { l.Free(buf) }) }

// write writes data at off, from memory that is poisoned as soon as the write is done.
func (r *rig) write(off int64, data []byte, fua bool) {
	r.t.Helper()
	buf := r.alloc(int64(len(data)))
	copy(buf, data)
	if err := r.do(lun.OpWrite, off, int64(len(data)), buf, fua); err != nil {
		r.t.Fatalf("write of %d bytes at %d: %v", len(data), off, err)
	}
	if !bytes.Equal(buf, data) {
		r.t.Errorf("a write of %d bytes at %d changed its buffer", len(data), off)
	}
	r.free(buf)
}

// read reads n bytes at off.
func (r *rig) read(off, n int64) []byte {
	r.t.Helper()
	buf := r.alloc(n)
	if err := r.do(lun.OpRead, off, n, buf, false); err != nil {
		r.t.Fatalf("read of %d bytes at %d: %v", n, off, err)
	}
	out := bytes.Clone(buf)
	r.free(buf)
	if m, ok := r.b.(lun.Mapped); ok && !bytes.Equal(m.Bytes(off, int(n)), out) {
		r.t.Errorf("Bytes(%d, %d) is not what a read gives", off, n)
	}
	return out
}

// ranged discards or zeroes.
func (r *rig) ranged(kind lun.OpKind, off, n int64) {
	r.t.Helper()
	if err := r.do(kind, off, n, nil, false); err != nil {
		r.t.Fatalf("%s of %d bytes at %d: %v", kindName(kind), n, off, err)
	}
}

func kindName(k lun.OpKind) string {
	return [...]string{"read", "write", "sync", "discard", "zero"}[k]
}

// wantIs compares all of the medium with model.
func (r *rig) wantIs(model []byte) {
	r.t.Helper()
	const piece = 1 << 20
	for off := int64(0); off < r.size; off += piece {
		n := min(piece, r.size-off)
		got := r.read(off, n)
		if i := differs(got, model[off:off+n]); i >= 0 {
			at := off + int64(i)
			r.t.Fatalf("byte %d (block %d) is %#x, want %#x", at, at/r.bs, got[i], model[at])
		}
	}
}

// differs returns the first index at which a and b, of equal length, differ; -1 if none.
func differs(a, b []byte) int {
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

// pattern returns n bytes that depend on their offset and on tag. No long run of them is zero or the poison.
func pattern(off, n int64, tag byte) []byte {
	b := make([]byte, n)
	for i := range b {
		at := off + int64(i)
		b[i] = byte(at) ^ byte(at>>9)*7 ^ tag | 1
	}
	return b
}

// model is the expected content of the medium.
type model struct {
	data    []byte
	written []bool // by block: written or zeroed, and not discarded since
	bs      int64
	forgets bool
}

func (r *rig) model() *model {
	return &model{data: make([]byte, r.size), written: make([]bool, r.size/r.bs), bs: r.bs, forgets: r.s.Forgets}
}

func (m *model) write(off int64, data []byte) {
	if !m.forgets {
		copy(m.data[off:], data)
	}
	m.mark(off, int64(len(data)), true)
}

func (m *model) zero(off, n int64, discard bool) {
	clear(m.data[off : off+n])
	m.mark(off, n, !discard)
}

func (m *model) mark(off, n int64, written bool) {
	for b := off / m.bs; b < (off+n)/m.bs; b++ {
		m.written[b] = written
	}
}

// wantErr fails unless err is want.
func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}
