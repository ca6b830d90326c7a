package luntest

import (
	"bytes"
	"math/bits"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Poison fills memory before its first and after its last use.
const Poison = 0xa5

func poison(b []byte) {
	if len(b) == 0 {
		return
	}
	b[0] = Poison
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// arena allocates page-aligned memory off the Go heap. A freed buffer is poisoned, and checked before it is reused and at
// the end, which detects late writes. A page of poison after each buffer detects overruns.
type arena struct {
	t     testing.TB
	limit int
	used  int
	out   map[*byte]block // allocated, by first byte
	back  map[int][]block // freed, by size of mem, oldest first
}

// block is a mapping. Its buffer ends at the guard page, up to alignment.
type block struct {
	mem []byte // all of it, guard page included; everything but the buffer is poison
	at  int    // where the buffer starts
	n   int    // the requested size
}

const page = 4096

func newArena(t testing.TB, limit int) *arena {
	return &arena{t: t, limit: limit, out: map[*byte]block{}, back: map[int][]block{}}
}

func (a *arena) alloc(n int) []byte {
	a.t.Helper()
	if n <= 0 {
		a.t.Fatalf("luntest: Alloc(%d)", n)
	}
	if a.used+n > a.limit {
		return nil
	}
	pages := (n + page - 1) / page
	size := (sizeClass(pages) + 1) * page
	b := block{n: n, at: size - (pages+1)*page}
	// Four stay in quarantine, so that a late write has time to show.
	if q := a.back[size]; len(q) > 4 {
		b.mem = q[0].mem
		a.back[size] = q[1:]
		a.check(b.mem, "written to after Free")
	} else if mem := spares.take(size); mem != nil {
		b.mem = mem
		a.check(b.mem, "written to after the end of its test, an earlier one")
	} else {
		mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			a.t.Fatalf("luntest: mmap: %v", err)
		}
		poison(mem)
		b.mem = mem
	}
	a.used += n
	buf := b.mem[b.at : b.at+n : b.at+n]
	a.out[&buf[0]] = b
	return buf
}

// sizeClass rounds pages up to one of four sizes between powers of two: fewer sizes, more reuse.
func sizeClass(pages int) int {
	step := max(1, 1<<bits.Len(uint(pages-1))/8)
	return (pages + step - 1) / step * step
}

func (a *arena) free(buf []byte) {
	a.t.Helper()
	b, ok := a.out[unsafe.SliceData(buf)]
	if !ok {
		a.t.Fatalf("luntest: Free of %d bytes that Alloc did not give, or twice", len(buf))
	}
	delete(a.out, unsafe.SliceData(buf))
	a.used -= b.n
	a.check(b.mem[b.at+b.n:], "written to beyond its end")
	poison(b.mem[b.at : b.at+b.n])
	a.back[len(b.mem)] = append(a.back[len(b.mem)], b)
}

func (a *arena) check(b []byte, what string) {
	a.t.Helper()
	if len(b) == 0 || b[0] == Poison && bytes.Equal(b[1:], b[:len(b)-1]) {
		return
	}
	for i, c := range b {
		if c != Poison {
			a.t.Errorf("luntest: a buffer was %s, at byte %d", what, i)
			return
		}
	}
}

// close checks the returned buffers and leaves their mappings to later tests. Buffers that were not returned may have a request in
// flight, so they are not reused.
func (a *arena) close() {
	a.t.Helper()
	for _, q := range a.back {
		for _, b := range q {
			a.check(b.mem, "written to after Free")
			if a.t.Failed() || !spares.put(b.mem) {
				unix.Munmap(b.mem)
			}
		}
	}
	for _, b := range a.out {
		unix.Munmap(b.mem)
	}
	clear(a.back)
	clear(a.out)
}

// spares holds the mappings of tests that ended, all poison. A fresh mapping costs a page fault for every page: without
// this they were more than half of what the tests of backends cost.
var spares spareBlocks

// maxSpare bounds what spares holds.
const maxSpare = 128 << 20

type spareBlocks struct {
	mu     sync.Mutex
	bySize map[int][][]byte
	held   int
}

func (s *spareBlocks) take(size int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.bySize[size]
	if len(q) == 0 {
		return nil
	}
	mem := q[len(q)-1]
	s.bySize[size] = q[:len(q)-1]
	s.held -= size
	return mem
}

// put offers mem for reuse, and reports whether it was accepted.
func (s *spareBlocks) put(mem []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held+len(mem) > maxSpare {
		return false
	}
	if s.bySize == nil {
		s.bySize = map[int][][]byte{}
	}
	s.bySize[len(mem)] = append(s.bySize[len(mem)], mem)
	s.held += len(mem)
	return true
}
