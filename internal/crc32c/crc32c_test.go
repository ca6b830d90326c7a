package crc32c

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

// Every length up to two blocks and some more, at every alignment, gives hash/crc32's checksum, in one piece and continued; and Copy
// copies that many bytes and no other.
func TestAgreesWithHashCRC32(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	src := make([]byte, 1200)
	for i := range src {
		src[i] = byte(r.Uint32())
	}
	for n := range 1100 {
		for at := range 64 {
			compare(t, r.Uint32(), src[at:at+n], (at*7+n)%64)
			if t.Failed() {
				return
			}
		}
	}
	for _, n := range []int{4096, 4100, 65536, 65537, 262144 + 511} {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		compare(t, 0, p, 3)
	}
}

// compare copies to an address that is at bytes beyond an aligned one.
func compare(t *testing.T, crc uint32, p []byte, at int) {
	t.Helper()
	want := crc32.Update(crc, table, p)
	if got := Update(crc, p); got != want {
		t.Errorf("Update of %d bytes from %#x is %#x, want %#x", len(p), crc, got, want)
	}
	cut := len(p) / 3
	if got := Update(Update(crc, p[:cut]), p[cut:]); got != want {
		t.Errorf("Update of %d bytes in two pieces is %#x, want %#x", len(p), got, want)
	}
	const fence = 0xA5
	room := bytes.Repeat([]byte{fence}, at+len(p)+64)
	for _, next := range [][]byte{nil, p, p[:len(p)/2]} {
		if got := Copy(crc, room[at:at+len(p)], p, next); got != want {
			t.Errorf("Copy of %d bytes gives %#x, want %#x", len(p), got, want)
		}
	}
	if !bytes.Equal(room[at:at+len(p)], p) {
		t.Errorf("Copy of %d bytes does not copy them", len(p))
	}
	for i, b := range room {
		if (i < at || i >= at+len(p)) && b != fence {
			t.Errorf("Copy of %d bytes writes at %d, outside of them", len(p), i-at)
			return
		}
	}
}

func FuzzAgreesWithHashCRC32(f *testing.F) {
	f.Add(uint32(0), []byte("123456789"), byte(0))
	f.Add(^uint32(0), bytes.Repeat([]byte{1, 2, 3}, 300), byte(5))
	f.Fuzz(func(t *testing.T, crc uint32, p []byte, at byte) { compare(t, crc, p, int(at%64)) })
}

func BenchmarkUpdate(b *testing.B) {
	for _, n := range []int{48, 512, 4096, 65536} {
		p := make([]byte, n)
		for name, update := range map[string]func(uint32, []byte) uint32{
			"ours":   Update,
			"crc32":  func(crc uint32, p []byte) uint32 { return crc32.Update(crc, table, p) },
			"copy":   func(crc uint32, p []byte) uint32 { return Copy(crc, target[:len(p)], p, nil) },
			"copy+1": func(crc uint32, p []byte) uint32 { copy(target[:], p); return crc32.Update(crc, table, p) },
		} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.SetBytes(int64(n))
				var crc uint32
				for b.Loop() {
					crc = update(crc, p)
				}
			})
		}
	}
}

var target [65536]byte
