package engine

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/uring"
)

// testArena returns an arena that never grows by itself.
func testArena(t *testing.T, limit int) *arena {
	t.Helper()
	a := must.Get(newArena(limit, func([]byte) {}))(t)
	t.Cleanup(func() { uring.Unmap(a.raw) })
	return a
}

// Blocks that are out at the same time never overlap, are aligned to their size, and everything given back can be had
// again as the largest blocks.
func TestArenaBlocksAreDisjointAlignedAndComeBack(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		a := testArena(t, 3*slabSize)
		out := map[uintptr][]byte{}
		owner := map[uint32]uintptr{}
		for range 20000 {
			if r.IntN(2) == 0 || len(out) == 0 {
				n := 1 + r.IntN(minBlock<<r.IntN(orders))
				b := a.alloc(n)
				if b == nil {
					continue
				}
				p := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
				if len(b) != n || p%uintptr(cap(b)) != 0 {
					t.Fatalf("seed %d: alloc(%d) gave len %d cap %d at %#x", seed, n, len(b), cap(b), p)
				}
				for k := range uint32(cap(b) / minBlock) {
					blk := uint32((p-a.base)/minBlock) + k
					if o, taken := owner[blk]; taken {
						t.Fatalf("seed %d: block %d handed out twice (%#x)", seed, blk, o)
					}
					owner[blk] = p
				}
				out[p] = b
			} else {
				for p, b := range out { // any
					for k := range uint32(cap(b) / minBlock) {
						delete(owner, uint32((p-a.base)/minBlock)+k)
					}
					delete(out, p)
					a.release(b[:1])
					break
				}
			}
		}
		for _, b := range out {
			a.release(b)
		}
		must.Be(t, a.inUse == 0, "seed %d: %d bytes still out", seed, a.inUse)
		for i := range a.slabs * slabSize / maxBlock {
			must.Be(t, a.alloc(maxBlock) != nil, "seed %d: only %d of the largest blocks came back", seed, i)
		}
	}
}

// Releasing twice or something else is our own bug and must not go unnoticed.
func TestArenaRefusesForeignAndDoubleRelease(t *testing.T) {
	a := testArena(t, slabSize)
	b := a.alloc(100)
	a.release(b)
	for name, f := range map[string]func(){
		"twice":   func() { a.release(b) },
		"foreign": func() { a.release(make([]byte, 10)) },
	} {
		func() {
			defer func() {
				check.That(t, recover() != nil, "%s: no panic", name)
			}()
			f()
		}()
	}
}

// Whoever waits for the largest block gets it when everything has come back, in whatever portions it came: the last
// ones may be small.
func TestArenaLargeBlockAfterSmallOnesComeBack(t *testing.T) {
	a := testArena(t, slabSize)
	var all [][]byte
	for b := a.alloc(minBlock); b != nil; b = a.alloc(minBlock) {
		all = append(all, b)
	}
	// One small block of each of the largest stays out.
	var last [][]byte
	for i, b := range all {
		if i%(maxBlock/minBlock) == 7 {
			last = append(last, b)
			continue
		}
		a.release(b)
	}
	must.Be(t, a.alloc(maxBlock) == nil, "the largest block, while one small block of each is out")
	for _, b := range last {
		a.release(b)
	}
	must.Be(t, a.inUse == 0 && a.alloc(maxBlock) != nil, "%d bytes in use, and no largest block", a.inUse)
}

// A request that can wait gets memory whose pages are present, and leaves a reserve for small requests. A request that cannot wait
// is served in any case, unless there is no memory.
func TestArenaGrowsAheadOfNeed(t *testing.T) {
	began := 0
	a := must.Get(newArena(3*slabSize, func([]byte) { began++ }))(t)
	t.Cleanup(func() { uring.Unmap(a.raw) })
	if b := a.allocReady(minBlock); b != nil || began != 1 {
		t.Fatalf("nothing is ready: got %d bytes, %d slabs were begun", len(b), began)
	}
	if b := a.alloc(minBlock); b == nil || began != 1 {
		t.Fatalf("a request that cannot wait: got %d bytes, %d slabs were begun", len(b), began)
	}
	a.prepared()
	ready := func() (n int) {
		for a.allocReady(maxBlock) != nil {
			n++
		}
		return n
	}
	if n := ready(); n != slabSize/maxBlock-1 || began != 2 {
		t.Fatalf("got %d of the largest blocks, %d slabs were begun", n, began)
	}
	if b := a.alloc(growReserve / 2); b == nil || a.slabOf(b) != 0 {
		t.Fatal("nothing is left for a small request")
	}

	// Without memory, the ready part is used up and nothing else is touched.
	a.failed()
	for a.alloc(minBlock) != nil {
	}
	if a.slabs != 1 || a.inUse != slabSize || began != 2 {
		t.Fatalf("%d slabs and %d bytes are in use, %d slabs were begun", a.slabs, a.inUse, began)
	}
	a.retry()
	if b := a.alloc(minBlock); b != nil || began != 3 {
		t.Fatalf("while it is tried again: got %d bytes, %d slabs were begun", len(b), began)
	}
	a.prepared()
	if n := ready(); n != slabSize/maxBlock-1 || began != 4 {
		t.Fatalf("got %d more of the largest blocks, %d slabs were begun", n, began)
	}

	// With the last slab no reserve is kept.
	a.prepared()
	if n := ready(); n != slabSize/maxBlock+1 || began != 4 {
		t.Fatalf("got %d more of the largest blocks, %d slabs were begun", n, began)
	}
	must.Be(t, !a.grows() && a.slabs == 3 && a.ready == 3, "%d of %d slabs are ready", a.ready, a.slabs)
}
