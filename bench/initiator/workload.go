package initiator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/pdu"
)

// Workload says what Loops do: a closed loop, in which every connection keeps Depth requests under way.
type Workload struct {
	LUN         uint64 // LUN field, see LUN
	ReadPercent int    // 0 to 100; the rest is written
	BlockSize   int    // bytes a request; 0 is 4096
	Depth       int    // requests under way a connection; 0 is 1
	Sequential  bool   // each connection runs through a part of its own of the range; else addresses are random
	First, Last int64  // the range in bytes, Last not included; 0 is the end of the LUN
	// Verify writes data that depends on the address and Seed and compares what is read with it: what was not written so
	// before (see Fill) does not compare.
	Verify bool
	Seed   uint64
	// The run ends after Duration, or Count requests a connection, whichever comes first; one of them is needed. What
	// completes in the first Warmup is not counted.
	Duration, Warmup time.Duration
	Count            uint64
	// Capacity and BlockLen are the LUN's, in logical blocks and bytes a block; 0 asks the target.
	Capacity uint64
	BlockLen uint32
}

// Fill returns a workload that writes the whole range once, for a later one with Verify and the same Seed, range and BlockSize.
// connections is how many all loops have together.
func (w Workload) Fill(connections int) Workload {
	w.defaults()
	w.ReadPercent, w.Sequential, w.Verify, w.Duration, w.Warmup = 0, true, true, 0, 0
	requests := uint64((w.Last - w.First) / int64(w.BlockSize))
	w.Count = (requests + uint64(connections) - 1) / uint64(connections)
	return w
}

func (w *Workload) defaults() {
	w.BlockSize = orDefault(w.BlockSize, defaultBlockSize)
	w.Depth = orDefault(w.Depth, 1)
	if w.Last == 0 {
		w.Last = int64(w.Capacity) * int64(w.BlockLen)
	}
}

func orDefault(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

// check says what is wrong with a workload that has its defaults.
func (w *Workload) check() error {
	switch {
	case w.BlockLen == 0 || w.Capacity == 0:
		return fmt.Errorf("%w: the LUN has no capacity", ErrUsage)
	case w.BlockSize < 0 || w.BlockSize > maxBlockSize || w.BlockSize%int(w.BlockLen) != 0:
		return fmt.Errorf("%w: BlockSize %d is not of whole blocks of %d up to %d", ErrUsage, w.BlockSize, w.BlockLen, maxBlockSize)
	case w.Depth < 0 || w.Depth > proto.MaxTasks:
		return fmt.Errorf("%w: Depth %d", ErrUsage, w.Depth)
	case w.ReadPercent < 0 || w.ReadPercent > 100:
		return fmt.Errorf("%w: ReadPercent %d", ErrUsage, w.ReadPercent)
	case w.First < 0 || w.Last-w.First < int64(w.BlockSize) || w.First%int64(w.BlockLen) != 0 || w.Last > int64(w.Capacity)*int64(w.BlockLen):
		return fmt.Errorf("%w: the range %d to %d", ErrUsage, w.First, w.Last)
	case w.Duration <= 0 && w.Count == 0:
		return fmt.Errorf("%w: neither Duration nor Count", ErrUsage)
	}
	return nil
}

// ErrMiscompare: data that was read is not what was written.
var ErrMiscompare = errors.New("initiator: data miscompare")

// request is a command of a workload, used again and again.
type request struct {
	cmd       Command
	cdb       [16]byte
	buf       []byte // BlockSize bytes; of all requests of the loop, unless they verify
	lba       uint64
	submitted int64 // ns
}

// generator makes the requests of one connection.
type generator struct {
	w        *Workload
	rng      rand.PCG
	slots    uint64 // requests that the range, or the connection's part of it, holds
	base     uint64 // first logical block
	next     uint64
	perBlock uint64 // logical blocks a request
}

// newGenerator makes the one of connection i of n.
func newGenerator(w *Workload, i, n int) generator {
	g := generator{w: w, perBlock: uint64(w.BlockSize) / uint64(w.BlockLen), base: uint64(w.First) / uint64(w.BlockLen)}
	g.slots = uint64(w.Last-w.First) / uint64(w.BlockSize)
	if w.Sequential {
		// Parts overlap by a request where they do not come out even, so that all of the range is covered.
		from, to := g.slots*uint64(i)/uint64(n), (g.slots*uint64(i+1)+uint64(n)-1)/uint64(n)
		g.base += from * g.perBlock
		g.slots = max(1, to-from)
	}
	g.rng.Seed(w.Seed, uint64(i)+1)
	return g
}

// prepare makes r the next request.
func (g *generator) prepare(r *request) {
	var slot uint64
	x := g.rng.Uint64()
	if g.w.Sequential {
		slot = g.next
		if g.next++; g.next == g.slots {
			g.next = 0
		}
	} else {
		slot = x >> 7 % g.slots
	}
	write := int(x&0x7f)*100>>7 >= g.w.ReadPercent
	r.lba = g.base + slot*g.perBlock
	c := &r.cmd
	r.cdb[0] = 0x88 // READ(16)
	c.In, c.Out = nil, nil
	if write {
		r.cdb[0] = 0x8a // WRITE(16)
		c.Out = r.buf
		if g.w.Verify {
			stamp(r.buf, r.lba*uint64(g.w.BlockLen), g.w.Seed)
		}
	} else if g.w.Verify {
		c.In = r.buf
	}
	binary.BigEndian.PutUint64(r.cdb[2:], r.lba)
	binary.BigEndian.PutUint32(r.cdb[10:], uint32(g.perBlock))
	c.CDB, c.LUN, c.Attr, c.Expect = r.cdb[:], g.w.LUN, pdu.TaskAttrSimple, uint32(g.w.BlockSize)
}

// word is what stands at byte offset at, a multiple of 8.
func word(at, seed uint64) uint64 {
	x := (at>>3 + seed) * 0x9e3779b97f4a7c15
	return x ^ x>>29
}

// stamp writes the data that belongs at byte offset at.
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

// Report is what a run measured.
type Report struct {
	Elapsed time.Duration // without the warm-up
	Conns   []ConnReport
	Loops   []LoopReport
}

// ConnReport is one connection's part.
type ConnReport struct {
	Session, Loop int
	CID           uint16
	Reads, Writes uint64
	Bytes         uint64
	Busy          uint64 // TASK SET FULL, BUSY and unit attentions: sent again
	Errors        uint64
	Err           error // the first error
	Latency       Histogram
	WindowClosed  uint64 // times that the command window held the connection up
}

// LoopReport is one thread's part.
type LoopReport struct {
	CPU              int           // -1: not pinned
	User, System     time.Duration // of the thread, in the whole run
	Turns            uint64        // of the loop
	Sends, SentPDUs  uint64
	Receives         uint64 // completions
	Enters, Blocking uint64 // io_uring_enter calls
}

// Requests returns how many requests were counted.
func (r *Report) Requests() (n uint64) {
	for i := range r.Conns {
		n += r.Conns[i].Reads + r.Conns[i].Writes
	}
	return n
}

// IOPS returns requests a second.
func (r *Report) IOPS() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Requests()) / r.Elapsed.Seconds()
}

// CPUTime returns the processor time that the loops took.
func (r *Report) CPUTime() (t time.Duration) {
	for i := range r.Loops {
		t += r.Loops[i].User + r.Loops[i].System
	}
	return t
}

// Latency returns the latencies of all connections.
func (r *Report) Latency() *Histogram {
	h := new(Histogram)
	for i := range r.Conns {
		h.Merge(&r.Conns[i].Latency)
	}
	return h
}

// Err returns the first error of any connection.
func (r *Report) Err() error {
	for i := range r.Conns {
		if c := &r.Conns[i]; c.Err != nil {
			return fmt.Errorf("session %d, CID %d: %w", c.Session, c.CID, c.Err)
		}
	}
	return nil
}
