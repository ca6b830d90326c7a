package hist

import (
	"fmt"
	"time"
)

// AddN counts the same latency n times.
func (h *Histogram) AddN(ns int64, n uint64) {
	if n == 0 {
		return
	}
	ns = max(ns, 0)
	if h.n == 0 || ns < h.min {
		h.min = ns
	}
	h.max = max(h.max, ns)
	h.counts[step(uint64(ns))] += n
	h.n += n
	h.sum += float64(ns) * float64(n)
}

// Amend sets the exact figures of a histogram that was rebuilt from its steps, which only bound them. It refuses figures that
// contradict the steps: the shortest must be in the first step that is not empty, the longest in the last.
func (h *Histogram) Amend(mean, shortest, longest time.Duration) error {
	if h.n == 0 {
		return nil
	}
	if shortest < 0 || step(uint64(shortest)) != step(uint64(h.min)) || longest < 0 || step(uint64(longest)) != step(uint64(h.max)) ||
		mean < shortest || mean > longest {
		return fmt.Errorf("mean %v, min %v and max %v are not those of a histogram of %v to %v", mean, shortest, longest, h.Min(), h.Max())
	}
	h.min, h.max = int64(shortest), int64(longest)
	h.sum = (float64(mean) + 0.5) * float64(h.n) // Mean rounds down
	return nil
}
