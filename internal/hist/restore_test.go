package hist

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A histogram that is rebuilt from what Steps tells, and amended, is the one it was made from.
func TestRestore(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		var h, got Histogram
		for range 1 + rng.IntN(1000) {
			h.Add(int64(rng.Uint64() >> (1 + rng.Uint64N(62))))
		}
		h.Steps(func(_, high int64, n uint64) { got.AddN(high, n) })
		if err := got.Amend(h.Mean(), h.Min(), h.Max()); err != nil {
			t.Fatal(err)
		}
		if got.counts != h.counts || got.n != h.n || got.min != h.min || got.max != h.max {
			t.Fatal("counts, min or max differ")
		}
		if d := got.Mean() - h.Mean(); d.Abs() > h.Mean()/1e15 {
			t.Fatalf("mean is %v, want %v", got.Mean(), h.Mean())
		}
	}
}

// Figures that contradict the steps are refused and change nothing.
func TestAmendRefuses(t *testing.T) {
	var h Histogram
	h.AddN(1000, 3)
	h.AddN(9000, 1)
	h.AddN(5, 0)
	before := h
	for _, c := range []struct{ mean, min, max time.Duration }{
		{3000, 5, 9000}, {3000, 1000, 90000}, {3000, -1, 9000}, {10000, 1000, 9000}, {3, 1000, 9000}, {3000, 1000, -1},
	} {
		if h.Amend(c.mean, c.min, c.max) == nil || h != before {
			t.Errorf("Amend(%d, %d, %d) was taken", c.mean, c.min, c.max)
		}
	}
	if err := new(Histogram).Amend(1, 2, 3); err != nil {
		t.Errorf("an empty one has nothing to amend: %v", err)
	}
}
