package engine

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// Blocks that are out at the same time never overlap, are aligned to their size, and everything given back can be had
// again as the largest blocks.
func TestArenaBlocksAreDisjointAlignedAndComeBack(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		slabs := 0
		a, err := newArena(3*slabSize, func(int, []byte) { slabs++ })
		if err != nil {
			t.Fatal(err)
		}
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
		if a.inUse != 0 {
			t.Fatalf("seed %d: %d bytes still out", seed, a.inUse)
		}
		for i := range a.slabs * slabSize / maxBlock {
			if a.alloc(maxBlock) == nil {
				t.Fatalf("seed %d: only %d of the largest blocks came back", seed, i)
			}
		}
		if slabs != a.slabs {
			t.Fatalf("seed %d: told of %d slabs, %d in use", seed, slabs, a.slabs)
		}
	}
}

// Releasing twice or something else is our own bug and must not go unnoticed.
func TestArenaRefusesForeignAndDoubleRelease(t *testing.T) {
	a, err := newArena(slabSize, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := a.alloc(100)
	a.release(b)
	for name, f := range map[string]func(){
		"twice":   func() { a.release(b) },
		"foreign": func() { a.release(make([]byte, 10)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// Whoever waits for the largest block gets it when everything has come back, in whatever portions it came: the last
// ones may be small.
func TestArenaLargeBlockAfterSmallOnesComeBack(t *testing.T) {
	a, err := newArena(slabSize, nil)
	if err != nil {
		t.Fatal(err)
	}
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
	if a.alloc(maxBlock) != nil {
		t.Fatal("the largest block, while one small block of each is out")
	}
	for _, b := range last {
		a.release(b)
	}
	if a.inUse != 0 || a.alloc(maxBlock) == nil {
		t.Fatalf("%d bytes in use, and no largest block", a.inUse)
	}
}
