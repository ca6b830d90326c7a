package initiator

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// What a workload wrote is read back: every write of it once more as a read, over the same connection, in whatever mix, order
// and sizes it was.
func TestReadBack(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	seed := uint64(0)
	for name, w := range map[string]Workload{
		"random writes":      {BlockSize: 4096, Count: 500},
		"sequential writes":  {BlockSize: 8192, Sequential: true, Count: 20},
		"a split":            {Split: []Share{{512, 30}, {4096, 50}, {16384, 20}}, Count: 500},
		"a sequential split": {Split: []Share{{512, 30}, {4096, 50}, {16384, 20}}, Sequential: true, Count: 500},
		"an open loop":       {Rate: 20000, Poisson: true, Count: 500},
	} {
		t.Run(name, func(t *testing.T) {
			seed++
			c := daemonConfig(d, byte(seed))
			c.Connections = 2
			ls := loopsFor(t, LoopsConfig{Sessions: []Config{c}, CPUs: []int{-1, -1}})
			w.Verify, w.Seed, w.Depth = true, seed, 8
			r := mustRun(t, ls, w)
			wrote := r.Write()
			back, err := ls.ReadBack(t.Context())
			if err != nil || back.Err() != nil || back.Ended != EndedSize {
				t.Fatalf("ended by %s: %v, %v", back.Ended, err, back.Err())
			}
			if sum := back.Read(); sum.Requests != wrote.Requests || sum.Bytes != wrote.Bytes || back.Requests() != sum.Requests {
				t.Errorf("%d requests of %d bytes are read back; %d of %d were written", sum.Requests, sum.Bytes, wrote.Requests, wrote.Bytes)
			}
		})
	}
}

// Reading back makes the writes of a workload, in their order, and no other request.
func TestReadBackDraws(t *testing.T) {
	w := Workload{Split: []Share{{512, 50}, {4096, 50}}, ReadPercent: 40, Verify: true, Seed: 9, Capacity: 1 << 20, BlockLen: 512}
	w.defaults()
	back := w
	back.readBack = true
	g, again := newGenerator(&w, 1, 3), newGenerator(&back, 1, 3)
	a, b := request{buf: make([]byte, 4096)}, request{buf: make([]byte, 4096)}
	for i := range 1000 {
		if g.prepare(&a); a.cmd.Out == nil {
			continue
		}
		again.prepare(&b)
		if b.cmd.In == nil || b.lba != a.lba || b.cmd.Expect != a.cmd.Expect || !bytes.Equal(a.cdb[1:], b.cdb[1:]) {
			t.Fatalf("request %d wrote %d bytes at %d; %d bytes at %d are read back", i, a.cmd.Expect, a.lba, b.cmd.Expect, b.lba)
		}
	}
}

// A mixed workload's writes are found among its reads; one that went round in order is read back in one round.
func TestReadBackShapes(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	ls := loopsFor(t, LoopsConfig{Sessions: []Config{daemonConfig(d, 1)}})
	w := Workload{Verify: true, Seed: 3, Depth: 8, Last: 1 << 20}
	mustRun(t, ls, w.Fill(1))
	w.ReadPercent, w.Count = 70, 1000
	r := mustRun(t, ls, w)
	back, err := ls.ReadBack(t.Context())
	if err != nil || back.Err() != nil || back.Requests() != r.Write().Requests || back.Requests() < 200 {
		t.Errorf("%d of %d writes are read back: %v, %v", back.Requests(), r.Write().Requests, err, back.Err())
	}
	w.ReadPercent, w.Sequential = 0, true
	mustRun(t, ls, w)
	if back, err = ls.ReadBack(t.Context()); err != nil || back.Err() != nil || back.Requests() != 256 {
		t.Errorf("%d requests read back a range of 256 that was written in order: %v, %v", back.Requests(), err, back.Err())
	}
}

// A write that the target lost is found: one block of what was written is put back to zeros behind the workload's back.
func TestReadBackFindsALostWrite(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	other := real(t, daemonConfig(d, 9))
	if err := other.Ready(t.Context(), 0, 0); err != nil {
		t.Fatal(err)
	}
	ls := loopsFor(t, LoopsConfig{Sessions: []Config{daemonConfig(d, 1)}})
	w := Workload{Verify: true, Seed: 3, Depth: 8, Sequential: true, Count: 256}
	if _, err := ls.ReadBack(t.Context()); !errors.Is(err, ErrUsage) {
		t.Errorf("without a run: %v, want %v", err, ErrUsage)
	}
	mustRun(t, ls, w)
	if err := other.Write(t.Context(), 0, 0, 8*100+3, 1, make([]byte, 512)); err != nil {
		t.Fatal(err)
	}
	r, err := ls.ReadBack(t.Context())
	if err != nil || !errors.Is(r.Err(), ErrMiscompare) || r.Read().Errors != 1 {
		t.Errorf("%v; %d errors, the first %v: want one miscompare", err, r.Read().Errors, r.Err())
	}
	if want := "logical block 800 and on, byte 1536"; !bytes.Contains([]byte(fmt.Sprint(r.Err())), []byte(want)) {
		t.Errorf("%v: want %q in it", r.Err(), want)
	}
	w.Verify = false
	mustRun(t, ls, w)
	if _, err := ls.ReadBack(t.Context()); !errors.Is(err, ErrUsage) {
		t.Errorf("after a run without Verify: %v, want %v", err, ErrUsage)
	}
}

// A split's requests have their shares of the sizes, each aligned to its own, and stay within what requests of the largest
// reach, which is what Fill writes.
func TestSplit(t *testing.T) {
	w := Workload{Split: []Share{{512, 10}, {4096, 0}, {12288, 60}, {65536, 30}}, ReadPercent: 30, First: 8192, Last: 8192 + 10*65536 + 30000,
		Capacity: 1 << 20, BlockLen: 512, Count: 1}
	w.Last -= w.Last % 512
	w.defaults()
	if err := w.check(); err != nil || w.BlockSize != 65536 {
		t.Fatalf("BlockSize %d: %v", w.BlockSize, err)
	}
	for _, sequential := range []bool{false, true} {
		w.Sequential = sequential
		sizes, reads, next := map[uint64]int{}, 0, uint64(16)
		const n = 200_000
		g := newGenerator(&w, 0, 1)
		touched := make([]bool, 16+10*128)
		for range n {
			write, lba, blocks := g.draw()
			sizes[blocks*512]++
			if !write {
				reads++
			}
			if lba < 16 || lba+blocks > 16+10*128 {
				t.Fatalf("%d blocks at %d", blocks, lba)
			}
			touched[lba], touched[lba+blocks-1] = true, true
			if !sequential && (lba-16)%blocks != 0 {
				t.Fatalf("%d blocks at %d are not aligned to their size", blocks, lba)
			}
			if sequential && lba != next && lba != 16 {
				t.Fatalf("%d blocks at %d, the last request ended at %d", blocks, lba, next)
			}
			next = lba + blocks
		}
		for _, s := range w.Split {
			if share := float64(sizes[uint64(s.Bytes)]) / n * 100; share < float64(s.Percent)-1 || share > float64(s.Percent)+1 {
				t.Errorf("%.1f%% of requests have %d bytes, want %d%%", share, s.Bytes, s.Percent)
			}
		}
		if share := float64(reads) / n * 100; len(sizes) != 3 || share < 29 || share > 31 {
			t.Errorf("%d sizes, %.1f%% reads", len(sizes), share)
		}
		if !touched[16] || !touched[16+10*128-1] {
			t.Error("the ends of the range are not reached")
		}
	}
}

// With a split, what Fill wrote is what reads of any size find.
func TestSplitVerify(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	c := daemonConfig(d, 1)
	c.Connections = 2
	ls := loopsFor(t, LoopsConfig{Sessions: []Config{c}, CPUs: []int{-1, -1}})
	w := Workload{Split: []Share{{512, 40}, {4096, 30}, {131072, 30}}, Verify: true, Seed: 8, Depth: 4, Last: 4<<20 + 512}
	mustRun(t, ls, w.Fill(2))
	w.ReadPercent, w.Count = 60, 500
	if r := mustRun(t, ls, w); r.Requests() != 1000 {
		t.Errorf("%d requests", r.Requests())
	}
}

// Nothing is allocated per request in an open loop, with a split, or where intervals are counted.
func TestOpenLoopDoesNotAllocate(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	ls := loopsFor(t, LoopsConfig{Sessions: []Config{daemonConfig(d, 1)}})
	for name, w := range map[string]Workload{
		"open loop": {Rate: 200_000, Depth: 16},
		"poisson":   {Rate: 200_000, Poisson: true, Depth: 16},
		"split":     {Split: []Share{{512, 50}, {4096, 50}}, Depth: 16},
	} {
		w.ReadPercent, w.Capacity, w.BlockLen = 50, 32768, 512
		allocs := func(count uint64) float64 {
			w.Count = count
			return testing.AllocsPerRun(1, func() { mustRun(t, ls, w) })
		}
		few, many := allocs(2000), allocs(20000)
		if many > few+100 {
			t.Errorf("%s: a run of 2000 requests allocates %.0f times, one of 20000 %.0f times", name, few, many)
		}
	}
}
