package hist

import (
	"math/rand/v2"
	"testing"
)

// A histogram that is rebuilt from what Steps tells has the counts of the one it was made from.
func TestRestore(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		var h, got Histogram
		for range 1 + rng.IntN(1000) {
			h.Add(int64(rng.Uint64() >> (1 + rng.Uint64N(62))))
		}
		h.Steps(func(_, high int64, n uint64) { got.AddN(high, n) })
		got.AddN(5, 0) // nothing
		if got.counts != h.counts || got.n != h.n {
			t.Fatal("counts differ")
		}
	}
}
