package hist

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// Every latency lies in its step, steps follow one another without gap or overlap, and none is wider than an eighth.
func TestCompactSteps(t *testing.T) {
	low := int64(0)
	for i := range CompactSteps - 1 {
		high := CompactEnd(i)
		if got := CompactStep(low + 1); got != i {
			t.Errorf("%d is counted in step %d, want %d", low+1, got, i)
		}
		if got := CompactStep(high); got != i {
			t.Errorf("%d, the end of step %d, is counted in %d", high, i, got)
		}
		if i > 0 && (high-low)*8 > low {
			t.Errorf("step %d is (%d, %d]: wider than an eighth", i, low, high)
		}
		low = high
	}
	if low != CompactHigh || CompactEnd(0) != CompactLow {
		t.Errorf("steps go from %d to %d", CompactEnd(0), low)
	}
	for _, over := range []int64{CompactHigh + 1, 1<<63 - 1} {
		if got := CompactStep(over); got != CompactSteps-1 || CompactEnd(got) != -1 {
			t.Errorf("%d is counted in step %d", over, got)
		}
	}
	for _, under := range []int64{-1 << 63, -1, 0, 1} {
		if got := CompactStep(under); got != 0 {
			t.Errorf("%d is counted in step %d", under, got)
		}
	}
	if n := unsafe.Sizeof(Compact{}); n != 1680 {
		t.Errorf("a Compact has %d bytes", n)
	}
}

// Quantiles are those of the sorted values, rounded up to the end of their step and never above the longest.
func TestCompactQuantiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var c Compact
	var all []int64
	for range 50000 {
		v := int64(1000 + rng.Uint64()>>(34+rng.Uint64N(16))) // up to 1.07 s
		all = append(all, v)
		c.Add(v, 1)
	}
	slices.Sort(all)
	most := all[len(all)-1]
	if c.Count() != uint64(len(all)) {
		t.Fatalf("%d counted", c.Count())
	}
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[min(int(q*float64(len(all))), len(all)-1)]
		if got := c.Quantile(q, most); got < want || got > want+want/8 || got > most {
			t.Errorf("quantile %v is %d, want %d to an eighth more", q, got, want)
		}
	}
	end := CompactEnd(100)
	if got, want := c.Cumulative(end), uint64(len(all)-len(slices.DeleteFunc(slices.Clone(all), func(v int64) bool { return v <= end }))); got != want {
		t.Errorf("%d values at most %d, want %d", got, end, want)
	}
	if got := new(Compact).Quantile(0.5, 0); got != 0 {
		t.Errorf("the median of nothing is %d", got)
	}
}

// What was added and taken away again leaves what was there before.
func TestCompactMergeSub(t *testing.T) {
	var a, b Compact
	a.Add(300, 2)
	a.Add(1<<40, 1)
	b.Add(300, 5)
	b.Add(-3, 1)
	sum := a
	sum.Merge(&b)
	if sum.Count() != 9 || sum.Cumulative(CompactEnd(CompactStep(300))) != 8 {
		t.Errorf("merged: %d", sum.Count())
	}
	sum.Sub(&a)
	if sum != b {
		t.Error("what is left after taking a from a and b is not b")
	}
}

// JSON has the steps that are not empty, and only bounds of steps are read back.
func TestCompactJSON(t *testing.T) {
	var c, got Compact
	c.Add(0, 3)
	c.Add(1000, 2)
	c.Add(1<<50, 1)
	text, err := json.Marshal(c)
	if want := "[[256,3],[1024,2],[-1,1]]"; err != nil || string(text) != want {
		t.Fatalf("%s, %v; want %s", text, err, want)
	}
	if err := json.Unmarshal(text, &got); err != nil || got != c {
		t.Errorf("read back: %v", err)
	}
	for _, bad := range []string{"[[257,1]]", "[[256,-1]]", "[[-2,1]]", "{}", "[[0,1]]"} {
		if json.Unmarshal([]byte(bad), &got) == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func BenchmarkCompactAdd(b *testing.B) {
	var c Compact
	for i := range b.N {
		c.Add(int64(i)<<4&0xfffff, 1)
	}
}
