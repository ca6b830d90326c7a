package giouring

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// TestBufRing gives buffers, sees them come back by id, and sees ENOBUFS when there are none.
func TestBufRing(t *testing.T) {
	ring := newRing(t, 8, deferred)
	a, b := socketPair(t)
	mem := memory(t, 4096)
	br := must.Get(ring.SetupBufRing(4, 3, 0))(t)
	mask := BufRingMask(4)
	for i := range 2 {
		br.BufRingAdd(addressOf(mem[64*i:]), 64, uint16(10+i), mask, i)
	}
	br.BufRingAdvance(2)
	arm := func(multishot bool) {
		e := sqe(t, ring)
		if multishot {
			e.PrepareRecvMultishot(a, 0, 0, 0)
		} else {
			e.PrepareRecv(a, 0, 0, 0)
		}
		e.Flags, e.BufIG, e.UserData = SqeBufferSelect, 3, 1
		submit(t, ring)
	}
	arm(true)
	for i := range 2 {
		write(t, b, "hello")
		c := want(t, ring, 1, 5)
		if c.Flags&(CQEFBuffer|CQEFMore) != CQEFBuffer|CQEFMore || c.Flags>>CQEBufferShift != uint32(10+i) {
			t.Errorf("flags %#x, want buffer %d and more", c.Flags, 10+i)
		}
		if string(mem[64*i:64*i+5]) != "hello" {
			t.Errorf("buffer %d holds %q", i, mem[64*i:64*i+5])
		}
	}
	write(t, b, "lost?")
	if c := want(t, ring, 1, neg(syscall.ENOBUFS)); c.Flags&(CQEFMore|CQEFBuffer) != 0 {
		t.Errorf("flags %#x without buffers", c.Flags)
	}
	br.BufRingAdd(addressOf(mem), 64, 7, mask, 0)
	br.BufRingAdvance(1)
	arm(false)
	if c := want(t, ring, 1, 5); c.Flags>>CQEBufferShift != 7 || string(mem[:5]) != "lost?" {
		t.Errorf("flags %#x, %q", c.Flags, mem[:5])
	}
	if err := ring.FreeBufRing(3); err != nil {
		t.Error(err)
	}
	if err := ring.FreeBufRing(3); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("freeing twice: %v", err)
	}
}

// TestBufRingLargest goes around the largest ring more than once: its slots' offsets exceed 16 bits.
func TestBufRingLargest(t *testing.T) {
	ring := newRing(t, 64, deferred)
	a, b := socketPair(t)
	const entries, rounds = MaxBufRingEntries, 3
	mem := memory(t, entries)
	br := must.Get(ring.SetupBufRing(entries, 1, 0))(t)
	mask := BufRingMask(entries)
	// Buffer number i is one byte at mem[i].
	for i := range entries {
		br.BufRingAdd(addressOf(mem[i:]), 1, uint16(i), mask, i)
	}
	br.BufRingAdvance(entries)
	chunk := strings.Repeat("0123456789abcdef", 4)
	for at := 0; at < rounds*entries; at += len(chunk) {
		write(t, b, chunk)
		for range len(chunk) {
			e := ring.GetSQE()
			e.PrepareRecv(a, 0, 0, 0)
			e.Flags, e.BufIG = SqeBufferSelect, 1
		}
		await(t, ring, uint32(len(chunk)))
		if n := ring.CQReady(); n != uint32(len(chunk)) {
			t.Fatalf("%d completions", n)
		}
		for i := range len(chunk) {
			c := ring.CQEAt(uint32(i))
			bid := uint16(c.Flags >> CQEBufferShift)
			if c.Res != 1 || int(bid) != (at+i)%entries || mem[bid] != chunk[i] {
				t.Fatalf("receive %d: %+v, byte %q", at+i, c, mem[bid])
			}
			mem[bid] = 0
			br.BufRingAdd(addressOf(mem[bid:]), 1, bid, mask, i)
		}
		br.BufRingAdvance(len(chunk))
		ring.CQAdvance(uint32(len(chunk)))
	}
}

// TestBufRingIncremental wants one buffer to be filled piece by piece.
func TestBufRingIncremental(t *testing.T) {
	ring := newRing(t, 8, deferred)
	needFeature(t, ring, FeatMinTimeout, "6.12")
	a, b := socketPair(t)
	mem := memory(t, 4096)
	br := must.Get(ring.SetupBufRing(2, 1, uint32(PbufRingInc)))(t)
	br.BufRingAdd(addressOf(mem), 12, 5, BufRingMask(2), 0)
	br.BufRingAdvance(1)
	e := sqe(t, ring)
	e.PrepareRecvMultishot(a, 0, 0, 0)
	e.Flags, e.BufIG, e.UserData = SqeBufferSelect, 1, 1
	for i, more := range []bool{true, true, false} {
		submit(t, ring)
		write(t, b, "abcd")
		c := want(t, ring, 1, 4)
		check.That(t, c.Flags>>CQEBufferShift == 5 && (c.Flags&CQEFBufMore != 0) == more, "piece %d: flags %#x", i, c.Flags)
	}
	if string(mem[:12]) != "abcdabcdabcd" {
		t.Errorf("buffer holds %q", mem[:12])
	}
}

// TestBufRingRefused wants EINVAL for sizes the kernel's indices do not carry.
func TestBufRingRefused(t *testing.T) {
	ring := newRing(t, 4, deferred)
	for _, n := range []uint32{0, 3, 2 * MaxBufRingEntries} {
		if _, err := ring.SetupBufRing(n, 1, 0); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%d entries: %v", n, err)
		}
	}
	must.Get(ring.SetupBufRing(4, 1, 0))(t)
	if _, err := ring.SetupBufRing(4, 1, 0); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("a group twice: %v", err)
	}
}
