package initiator

import (
	"fmt"
	"testing"
	"time"
)

// loopsFor makes Loops against a daemon. Violations fail the test.
func loopsFor(t testing.TB, cfg LoopsConfig) *Loops {
	t.Helper()
	ls, err := NewLoops(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ls.Close()
		for i, s := range ls.Sessions() {
			for _, v := range s.Violations() {
				t.Errorf("session %d: the target: %v", i, v)
			}
		}
	})
	return ls
}

func mustRun(t testing.TB, ls *Loops, w Workload) *Report {
	t.Helper()
	r, err := ls.Run(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	return r
}

// Everything that was written comes back, over any connection of any loop, with and without digests.
func TestLoopsVerify(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	isid := byte(0)
	for _, shape := range []struct{ conns, loops, sessions int }{{1, 1, 1}, {4, 2, 1}, {2, 2, 2}} {
		for _, digests := range []bool{false, true} {
			for _, size := range []int{512, 4096, 128 << 10} {
				t.Run(fmt.Sprintf("%+v,digests=%v,size=%d", shape, digests, size), func(t *testing.T) {
					var cfg LoopsConfig
					for range shape.loops {
						cfg.CPUs = append(cfg.CPUs, -1)
					}
					for range shape.sessions {
						isid++
						c := daemonConfig(d, isid)
						c.Connections, c.Keys.HeaderDigest, c.Keys.DataDigest, c.FirstCmdSN = shape.conns, digests, digests, 0xffffff00
						cfg.Sessions = append(cfg.Sessions, c)
					}
					ls := loopsFor(t, cfg)
					for _, s := range ls.Sessions() {
						needMCS(t, s, shape.conns)
					}
					w := Workload{BlockSize: size, Depth: 8, Verify: true, Seed: uint64(isid), Capacity: 32768, BlockLen: 512, Last: 4 << 20}
					fill := mustRun(t, ls, w.Fill(ls.Connections()))
					if n, want := fill.Requests(), uint64((4<<20)/size); n < want {
						t.Errorf("%d requests fill the range, want %d", n, want)
					}
					w.ReadPercent, w.Count = 70, 300
					r := mustRun(t, ls, w)
					if n := r.Requests(); n != uint64(300*ls.Connections()) {
						t.Errorf("%d requests, want %d", n, 300*ls.Connections())
					}
					var reads, bytes uint64
					for i := range r.Conns {
						reads += r.Conns[i].Read.Requests
						bytes += r.Conns[i].Read.Bytes + r.Conns[i].Write.Bytes
					}
					if share := float64(reads) / float64(r.Requests()); share < 0.5 || share > 0.9 || bytes != r.Requests()*uint64(size) {
						t.Errorf("%d of %d requests read, %d bytes", reads, r.Requests(), bytes)
					}
					if h := r.Latency(); h.Count() != r.Requests() || h.Min() <= 0 || h.Quantile(0.5) > h.Max() {
						t.Errorf("latencies: %d of %d, from %v, median %v, to %v", h.Count(), r.Requests(), h.Min(), h.Quantile(0.5), h.Max())
					}
				})
			}
		}
	}
}

// What was not written as Verify expects is seen: the test above tests something.
func TestLoopsSeeMiscompares(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	ls := loopsFor(t, LoopsConfig{Sessions: []Config{daemonConfig(d, 1)}})
	r, err := ls.Run(t.Context(), Workload{ReadPercent: 100, Verify: true, Count: 10, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Conns[0].Read.Errors != 10 || r.Err() == nil {
		t.Errorf("zeros compare with what was never written: %d errors, %v", r.Conns[0].Read.Errors, r.Err())
	}
}

// A depth beyond the command window: connections of different loops wait for one another's numbers, and none for ever.
func TestLoopsShareTheWindow(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	c := daemonConfig(d, 1)
	c.Connections, c.FirstCmdSN = 4, 0xfffffff0
	ls := loopsFor(t, LoopsConfig{Sessions: []Config{c}, CPUs: []int{-1, -1}})
	needMCS(t, ls.Sessions()[0], 4)
	r := mustRun(t, ls, Workload{ReadPercent: 100, Depth: 400, Count: 20000})
	if r.Requests() != 80000 {
		t.Errorf("%d requests, want 80000", r.Requests())
	}
	var closed uint64
	for i := range r.Conns {
		closed += r.Conns[i].WindowClosed
	}
	if closed == 0 {
		t.Error("the window was never closed: the test tests nothing")
	}
}

// A run takes the time it was given, counts only after the warm-up, and can be followed by another.
func TestLoopsDuration(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	ls := loopsFor(t, LoopsConfig{Sessions: []Config{daemonConfig(d, 1)}})
	for range 3 {
		r := mustRun(t, ls, Workload{ReadPercent: 50, Depth: 16, Duration: 200 * time.Millisecond, Warmup: 50 * time.Millisecond})
		// How much is done in that time, if anything, depends on the machine.
		if r.Elapsed < 150*time.Millisecond || r.Ended != EndedRuntime {
			t.Errorf("elapsed %v, ended by %s", r.Elapsed, r.Ended)
		}
	}
}

// Nothing is allocated per request: a run ten times as long allocates as much.
func TestLoopsDoNotAllocate(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	ls := loopsFor(t, LoopsConfig{Sessions: []Config{daemonConfig(d, 1)}})
	w := Workload{ReadPercent: 50, Depth: 16, Capacity: 32768, BlockLen: 512}
	allocs := func(count uint64) float64 {
		w.Count = count
		return testing.AllocsPerRun(3, func() { mustRun(t, ls, w) })
	}
	few, many := allocs(2000), allocs(40000)
	if many > few+50 {
		t.Errorf("a run of 2000 requests allocates %.0f times, one of 40000 %.0f times", few, many)
	}
}
