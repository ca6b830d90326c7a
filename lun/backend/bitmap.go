package backend

import (
	"math/bits"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
)

// bitmap records which blocks are allocated, with a bit each, in words that are changed atomically. It is off the Go heap
// and takes memory only for pages in which a bit was ever set.
type bitmap struct {
	words []atomic.Uint64
	mem   []byte
	n     uint64 // bits
}

func newBitmap(n uint64) (bitmap, error) {
	words := (n + 63) / 64
	mem, err := unix.Mmap(-1, 0, int(words*8), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return bitmap{}, err
	}
	return bitmap{words: unsafe.Slice((*atomic.Uint64)(unsafe.Pointer(&mem[0])), words), mem: mem, n: n}, nil
}

// set marks blocks [from, to) as allocated. If they already are, nothing is stored.
func (b *bitmap) set(from, to uint64) {
	for from < to {
		word, low := from/64, from%64
		count := min(64-low, to-from)
		mask := (^uint64(0) >> (64 - count)) << low
		if w := &b.words[word]; w.Load()&mask != mask {
			w.Or(mask)
		}
		from += count
	}
}

// reset marks blocks [from, to) as not allocated.
func (b *bitmap) reset(from, to uint64) {
	for from < to {
		word, low := from/64, from%64
		count := min(64-low, to-from)
		mask := (^uint64(0) >> (64 - count)) << low
		if w := &b.words[word]; w.Load()&mask != 0 {
			w.And(^mask)
		}
		from += count
	}
}

// run returns whether block at is allocated, and the first block after it that differs (or the end).
func (b *bitmap) run(at uint64) (allocated bool, end uint64) {
	allocated = b.words[at/64].Load()>>(at%64)&1 != 0
	for at < b.n {
		w := b.words[at/64].Load()
		if allocated {
			w = ^w
		}
		w >>= at % 64
		if w != 0 {
			return allocated, min(at+uint64(bits.TrailingZeros64(w)), b.n)
		}
		at += 64 - at%64
	}
	return allocated, b.n
}

// extents appends at most max runs from lba on.
func (b *bitmap) extents(dst []lun.Extent, lba uint64, max int) []lun.Extent {
	for ; max > 0 && lba < b.n; max-- {
		mapped, end := b.run(lba)
		dst = append(dst, lun.Extent{LBA: lba, Blocks: end - lba, Mapped: mapped})
		lba = end
	}
	return dst
}
