package engine

import (
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/uring"
)

// arena hands out the memory that the kernel sees: power-of-two blocks from minBlock to maxBlock, aligned to their size,
// in mmapped slabs that are registered with the loop's ring. It belongs to its loop: no locks. It is a buddy allocator
// that joins halves only when a large block is requested and none is left: a freed 4 KiB block is almost always requested
// again as 4 KiB.
//
// The first touch of a page costs a page fault. For a slab that takes 5 ms, or 55 ms on a virtual machine whose host has to find
// the memory first. So a helper prepares slabs (grow.go), one at a time and ahead of need. A slab that is not ready serves
// only small requests and requests that cannot wait.
type arena struct {
	raw     []byte  // the whole mapping
	base    uintptr // start of the reserved address range
	mem     []byte  // the whole range
	slabs   int     // slabs in use: the first ones
	ready   int     // slabs whose pages are present: the first of those in use
	limit   int     // slabs that may be in use
	order   []uint8 // per minBlock: order of the allocated block that starts there, freeMark | order for a free one
	free    [orders][]uint32
	freed   int // bytes given back since the last coalesce
	inUse   int // bytes handed out
	growth  growth
	prepare func(mem []byte) // starts to prepare the next slab; prepared or failed follows
}

const (
	orders   = 11 // 4 KiB << 10 == 4 MiB
	freeMark = 0x80
	noBlock  = 0xff
)

// newArena reserves limit bytes (rounded up to slabs) of address space.
func newArena(limit int, prepare func(mem []byte)) (*arena, error) {
	n := (limit + slabSize - 1) / slabSize
	if n < 1 {
		n = 1
	}
	// One slab more, to align the base to the largest block.
	raw, err := uring.Map(n*slabSize + maxBlock)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes of buffers: %w", n*slabSize, err)
	}
	p := uintptr(unsafe.Pointer(unsafe.SliceData(raw)))
	skip := int((maxBlock - p%maxBlock) % maxBlock)
	mem := raw[skip : skip+n*slabSize]
	a := &arena{
		raw: raw, base: p + uintptr(skip), mem: mem, limit: n,
		order: make([]uint8, n*slabSize/minBlock), prepare: prepare,
	}
	for i := range a.order {
		a.order[i] = noBlock
	}
	return a, nil
}

// size returns the size to which the arena may grow, in bytes.
func (a *arena) size() int { return a.limit * slabSize }

func orderOf(n int) int {
	if n <= minBlock {
		return 0
	}
	return bits.Len(uint(n-1)) - 12
}

// blockSize is the size of the block that holds n bytes.
func blockSize(n int) int { return minBlock << orderOf(n) }

// alloc returns n bytes, 1 <= n <= maxBlock, or nil when the arena is exhausted. The slice's capacity is the size of its block.
// Its pages may not be present yet.
func (a *arena) alloc(n int) []byte { return a.get(n, false) }

// allocReady is alloc for a request that can wait: the block's pages are present. A nil result may also mean that the arena is
// growing. While it grows, the last growReserve bytes are kept for small requests.
func (a *arena) allocReady(n int) []byte {
	if a.grows() && a.ready*slabSize-a.inUse-blockSize(n) < growReserve {
		a.next()
		return nil
	}
	return a.get(n, true)
}

func (a *arena) get(n int, ready bool) []byte {
	if n <= 0 || n > maxBlock {
		return nil
	}
	o := orderOf(n)
	b, ok := a.find(o, ready || a.growth.fails())
	if !ok {
		a.next() // the ready memory may be fragmented, or hidden below blocks that are not ready
		return nil
	}
	off := int(b) * minBlock
	a.order[b] = uint8(o)
	a.inUse += minBlock << o
	if a.short() {
		a.next()
	}
	return a.mem[off : off+n : off+minBlock<<o]
}

// find takes a block of order o from its free list.
func (a *arena) find(o int, ready bool) (uint32, bool) {
	for {
		if b, ok := a.take(o, ready); ok {
			return b, true
		}
		if a.freed >= minBlock<<o {
			a.coalesce()
			if a.has(o, ready) {
				continue
			}
		}
		if ready || !a.grow() {
			break
		}
	}
	// All slabs are in use. However little was released since halves were last joined, it may be the missing half, and a
	// waiting request can get memory in no other way.
	if a.freed == 0 || a.slabs*slabSize-a.inUse < minBlock<<o {
		return 0, false
	}
	a.coalesce()
	return a.take(o, ready)
}

// has reports whether take would find a block.
func (a *arena) has(o int, ready bool) bool {
	bound := a.bound(ready)
	for ; o < orders; o++ {
		if n := len(a.free[o]); n > 0 && a.free[o][n-1] < bound {
			return true
		}
	}
	return false
}

// bound returns the first block that take must not use.
func (a *arena) bound(ready bool) uint32 {
	if ready {
		return uint32(a.ready * (slabSize / minBlock))
	}
	return uint32(len(a.order))
}

// take pops a block of order o, splitting a larger one if necessary. It looks only at the top of each free list: with ready set,
// a block that is not ready hides the ready ones below it until its own slab is ready.
func (a *arena) take(o int, ready bool) (uint32, bool) {
	bound := a.bound(ready)
	k := o
	for k < orders && (len(a.free[k]) == 0 || a.free[k][len(a.free[k])-1] >= bound) {
		k++
	}
	if k == orders {
		return 0, false
	}
	l := a.free[k]
	b := l[len(l)-1]
	a.free[k] = l[:len(l)-1]
	for k > o {
		k--
		half := b + 1<<k
		a.order[half] = freeMark | uint8(k)
		a.free[k] = append(a.free[k], half)
	}
	return b, true
}

// release frees a block. b must start where alloc's slice started.
func (a *arena) release(b []byte) {
	if cap(b) == 0 {
		return
	}
	p := uintptr(unsafe.Pointer(unsafe.SliceData(b[:1])))
	off := p - a.base
	if off >= uintptr(len(a.mem)) || off%minBlock != 0 {
		panic("engine: release of memory that is not an arena block")
	}
	blk := uint32(off / minBlock)
	o := a.order[blk]
	if o >= orders {
		panic("engine: arena block released twice")
	}
	a.order[blk] = freeMark | o
	a.free[o] = append(a.free[o], blk)
	a.freed += minBlock << o
	a.inUse -= minBlock << o
}

// slabOf returns the slab that b lies in, -1 if it is not in the arena.
func (a *arena) slabOf(b []byte) int {
	off := uintptr(unsafe.Pointer(unsafe.SliceData(b))) - a.base
	if off >= uintptr(a.slabs*slabSize) {
		return -1
	}
	return int(off / slabSize)
}

// coalesce joins free buddies, smallest first.
func (a *arena) coalesce() {
	a.freed = 0
	for o := 0; o < orders-1; o++ {
		keep := a.free[o][:0]
		for _, b := range a.free[o] {
			if a.order[b] != freeMark|uint8(o) {
				continue // taken into a pair already
			}
			buddy := b ^ 1<<o
			if a.order[buddy] == freeMark|uint8(o) {
				lo := min(b, buddy)
				a.order[b], a.order[buddy] = noBlock, noBlock
				a.order[lo] = freeMark | uint8(o+1)
				a.free[o+1] = append(a.free[o+1], lo)
				continue
			}
			keep = append(keep, b)
		}
		a.free[o] = keep
	}
}

// grow adds one more slab, ready or not. It touches no memory.
func (a *arena) grow() bool {
	if a.slabs == a.limit {
		return false
	}
	i := a.slabs
	a.slabs++
	for off := 0; off < slabSize; off += maxBlock {
		b := uint32((i*slabSize + off) / minBlock)
		a.order[b] = freeMark | (orders - 1)
		a.free[orders-1] = append(a.free[orders-1], b)
	}
	return true
}

func (a *arena) slab(i int) []byte { return a.mem[i*slabSize : (i+1)*slabSize : (i+1)*slabSize] }
