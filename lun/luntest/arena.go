package luntest

import (
	"bytes"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Poison fills memory that nobody may read yet, or any more.
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

// arena gives out page-aligned memory off the Go heap. A buffer that comes back is poisoned and looked at again before it
// is reused and at the end: whoever still wrote into it is found out. A page of poison behind each catches overruns.
type arena struct {
	t     testing.TB
	limit int
	used  int
	out   map[*byte]block // given out, by first byte
	back  map[int][]block // given back, by size of mem, oldest first
}

type block struct {
	mem []byte // all of it, guard page included
	n   int    // what was asked for
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
	size := (n+page-1)/page*page + page
	var b block
	// Four stay in quarantine, so that a late write has time to show.
	if q := a.back[size]; len(q) > 4 {
		b = q[0]
		a.back[size] = q[1:]
		a.check(b.mem, "written to after Free")
	} else {
		mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			a.t.Fatalf("luntest: mmap: %v", err)
		}
		poison(mem)
		b.mem = mem
	}
	b.n = n
	a.used += n
	a.out[&b.mem[0]] = b
	return b.mem[:n:n]
}

func (a *arena) free(buf []byte) {
	a.t.Helper()
	b, ok := a.out[unsafe.SliceData(buf)]
	if !ok {
		a.t.Fatalf("luntest: Free of %d bytes that Alloc did not give, or twice", len(buf))
	}
	delete(a.out, &b.mem[0])
	a.used -= b.n
	a.check(b.mem[b.n:], "written to beyond its end")
	poison(b.mem[:b.n])
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

func (a *arena) close() {
	a.t.Helper()
	for _, q := range a.back {
		for _, b := range q {
			a.check(b.mem, "written to after Free")
			unix.Munmap(b.mem)
		}
	}
	for _, b := range a.out {
		unix.Munmap(b.mem)
	}
	clear(a.back)
	clear(a.out)
}
