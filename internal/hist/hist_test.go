package hist

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Quantiles are right within a step, 1.6%, of those of the sorted values.
func TestHistogram(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h, a, b Histogram
	var all []int64
	for i := range 100000 {
		v := int64(rng.Uint64() >> (20 + rng.Uint64N(44)))
		all = append(all, v)
		h.Add(v)
		if i%3 == 0 {
			a.Add(v)
		} else {
			b.Add(v)
		}
	}
	a.Merge(&b)
	if a.counts != h.counts || a.Mean() != h.Mean() && a.Mean()/1000 != h.Mean()/1000 || a.Min() != h.Min() || a.Max() != h.Max() {
		t.Error("two halves merged are not the whole")
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		want := float64(all[min(int(q*float64(len(all))), len(all)-1)])
		if got := float64(h.Quantile(q)); got < want || got > want*(1+1.0/64)+1 {
			t.Errorf("quantile %v is %v, want %v to 1.6%% more", q, got, want)
		}
	}
	for _, v := range []uint64{0, 1, 63, 64, 65, 127, 128, 129, 1 << 40, 1<<63 - 1} {
		if i := step(v); stepEnd(i) < int64(v) || i > 0 && stepEnd(i-1) >= int64(v) {
			t.Errorf("%d is counted in step %d, which ends at %d", v, i, stepEnd(i))
		}
	}
}
