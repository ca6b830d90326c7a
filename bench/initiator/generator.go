package initiator

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/ringtgt/ringtgt/pdu"
)

// request is a command of a workload, used again and again.
type request struct {
	cmd   Command
	cdb   [16]byte
	buf   []byte // BlockSize bytes; of all requests of the loop, unless they verify
	lba   uint64
	since int64  // ns: when it was submitted or, in an open loop, due
	write uint64 // its number among the connection's writes; of a read that reads one back, that write's
}

// generator makes the requests of one connection. They depend on the workload and the connection's number only, so another
// generator with the same makes them again. It counts in logical blocks.
type generator struct {
	w      *Workload
	rng    rand.PCG
	base   uint64 // where the range, or the connection's part of it, begins
	blocks uint64 // how long it is: whole requests of BlockSize
	sizes  []size // one without a Split
	next   uint64 // sequential: offset of the next request
}

// size is one of the block sizes.
type size struct {
	blocks, slots uint64 // slots is how many of them the range has
	upTo          uint64 // of 2^32, the shares of this one and those before it
}

// newGenerator makes the one of connection i of n.
func newGenerator(w *Workload, i, n int) generator {
	per := uint64(w.BlockSize) / uint64(w.BlockLen)
	g := generator{w: w, base: uint64(w.First) / uint64(w.BlockLen)}
	slots := uint64(w.Last-w.First) / uint64(w.BlockSize)
	if w.Sequential {
		// Parts overlap by a request where they do not come out even, so that all of the range is covered.
		from, to := slots*uint64(i)/uint64(n), (slots*uint64(i+1)+uint64(n)-1)/uint64(n)
		g.base += from * per
		slots = max(1, to-from)
	}
	g.blocks = slots * per
	percent := 0
	for _, s := range w.Split {
		percent += s.Percent
		blocks := uint64(s.Bytes) / uint64(w.BlockLen)
		g.sizes = append(g.sizes, size{blocks: blocks, slots: g.blocks / blocks, upTo: uint64(percent) << 32 / 100})
	}
	if len(w.Split) == 0 {
		g.sizes = []size{{blocks: per, slots: slots, upTo: 1 << 32}}
	}
	g.rng.Seed(w.Seed, uint64(i)+1)
	return g
}

// draw chooses the next request.
func (g *generator) draw() (write bool, lba, blocks uint64) {
	x := g.rng.Uint64()
	write = int(x&0xffff)*100>>16 >= g.w.ReadPercent
	s := &g.sizes[0]
	if len(g.sizes) > 1 {
		y := g.rng.Uint64() >> 32
		for i := 1; y >= s.upTo; i++ {
			s = &g.sizes[i]
		}
	}
	if !g.w.Sequential {
		// Aligned to its own size, within what requests of BlockSize reach.
		slot, _ := bits.Mul64(x>>16<<16, s.slots)
		return write, g.base + slot*s.blocks, s.blocks
	}
	if g.next+s.blocks > g.blocks {
		g.next = 0
	}
	lba = g.base + g.next
	g.next += s.blocks
	return write, lba, s.blocks
}

// prepare makes r the next request.
func (g *generator) prepare(r *request) {
	write, lba, blocks := g.draw()
	if g.w.readBack {
		for !write { // the others have nothing to be read back
			write, lba, blocks = g.draw()
		}
		write = false
	}
	r.lba = lba
	size := blocks * uint64(g.w.BlockLen)
	c := &r.cmd
	r.cdb[0] = 0x88 // READ(16)
	c.In, c.Out = nil, nil
	if write {
		r.cdb[0] = 0x8a // WRITE(16)
		c.Out = r.buf[:size]
		if g.w.Verify {
			stamp(c.Out, lba*uint64(g.w.BlockLen), g.w.Seed)
		}
	} else if g.w.Verify {
		c.In = r.buf[:size]
	}
	binary.BigEndian.PutUint64(r.cdb[2:], lba)
	binary.BigEndian.PutUint32(r.cdb[10:], uint32(blocks))
	c.CDB, c.LUN, c.Attr, c.Expect = r.cdb[:], g.w.LUN, pdu.TaskAttrSimple, uint32(size)
}

// word is the data of the eight bytes at offset at, a multiple of 8.
func word(at, seed uint64) uint64 {
	x := (at>>3 + seed) * 0x9e3779b97f4a7c15
	return x ^ x>>29
}

// stamp fills b with the data for byte offset at.
func stamp(b []byte, at, seed uint64) {
	for ; len(b) >= 8; b, at = b[8:], at+8 {
		binary.LittleEndian.PutUint64(b, word(at, seed))
	}
}

// stamped returns the offset in b of the first word that is not what stamp writes, -1 if there is none.
func stamped(b []byte, at, seed uint64) int {
	for i := 0; i+8 <= len(b); i += 8 {
		if binary.LittleEndian.Uint64(b[i:]) != word(at+uint64(i), seed) {
			return i
		}
	}
	return -1
}
