package hist

import (
	"math/rand/v2"
	"testing"
)

// same fails unless two histograms say the same, the sums to rounding.
func same(t *testing.T, got, want *Histogram, because string) {
	t.Helper()
	if got.counts != want.counts || got.n != want.n || got.min != want.min || got.max != want.max {
		t.Errorf("%s: %d from %v to %v, want %d from %v to %v", because, got.n, got.Min(), got.Max(), want.n, want.Min(), want.Max())
	}
	if d := got.sum - want.sum; d > 1e-6*want.sum+1 || -d > 1e-6*want.sum+1 {
		t.Errorf("%s: the sum is %v, want %v", because, got.sum, want.sum)
	}
}

// A Sparse counts as a Histogram does, alone and merged.
func TestSparse(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var want, viaMerge Histogram
	var a, b, all Sparse
	for i := range 50000 {
		v := int64(rng.Uint64()>>(1+rng.Uint64N(62))) - 1
		want.Add(v)
		all.Add(v)
		if i%3 == 0 {
			a.Add(v)
		} else {
			b.Add(v)
		}
	}
	same(t, all.Histogram(), &want, "one by one")
	viaMerge.MergeSparse(&a)
	viaMerge.MergeSparse(&b)
	same(t, &viaMerge, &want, "two merged into a Histogram")
	a.Merge(&b)
	same(t, a.Histogram(), &want, "two merged")
	if a.Count() != want.Count() || a.Max() != want.Max() {
		t.Errorf("%d up to %v, want %d up to %v", a.Count(), a.Max(), want.Count(), want.Max())
	}
}

// AddSpaced is as many Adds, whatever the period: below a step, above one, none, and where latencies would be negative.
func TestAddSpaced(t *testing.T) {
	for _, c := range []struct {
		n       uint64
		longest int64
		period  float64
	}{
		{0, 5, 1}, {1, 0, 1}, {1, 1e9, 1}, {2, 100, 100}, {1000, 1e9, 1e6}, {1000, 999_000, 1000}, {5000, 1000, 1}, {7, 1e12, 0}, {100000, 1 << 40, 512},
		{3, 100, 64}, {100, 6400, 64}, {1 << 16, 1 << 30, 1 << 12},
	} {
		var want Histogram
		var got Sparse
		for j := range c.n {
			want.Add(c.longest - int64(float64(j)*c.period))
		}
		got.AddSpaced(c.n, c.longest, c.period)
		same(t, got.Histogram(), &want, "spaced")
	}
	var h Sparse
	h.AddSpaced(1e12, 1e12, 1) // at once, not one by one
	if h.Count() != 1e12 {
		t.Errorf("%d are counted, want 1e12", h.Count())
	}
}

// What a Sparse takes is bounded by the powers of two, not by how many latencies there are.
func TestSparseAllocates(t *testing.T) {
	var h Sparse
	if n := testing.AllocsPerRun(1, func() {
		h = Sparse{}
		for v := range int64(100000) {
			h.Add(v * 1000)
		}
	}); n > 59 {
		t.Errorf("%v allocations, want at most one for each power of two", n)
	}
}
