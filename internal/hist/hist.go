// Package hist has histograms of latencies. It is a leaf: the target and the load generator both use it.
package hist

import (
	"math/bits"
	"time"
)

// subBits sets a Histogram's resolution: 2^subBits steps for every power of two, so that a value is off by at most
// 1/64, 1.6%.
const subBits = 6

// Histogram counts latencies in steps that are linear within a power of two and double with each. It never allocates
// and serves one goroutine at a time. The zero value is empty.
type Histogram struct {
	counts   [(64 - subBits + 1) << subBits]uint64
	n        uint64
	sum      float64
	min, max int64
}

// step returns where a value is counted, value the upper end of a step.
func step(v uint64) int {
	if v < 1<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return (shift+1)<<subBits + int(v>>shift)&(1<<subBits-1)
}

func stepEnd(i int) int64 {
	if i < 1<<subBits {
		return int64(i)
	}
	shift := i>>subBits - 1
	return int64((uint64(i&(1<<subBits-1))+1<<subBits+1)<<shift - 1)
}

// Add counts one latency in ns; negative ones count as 0.
func (h *Histogram) Add(ns int64) {
	ns = max(ns, 0)
	if h.n == 0 || ns < h.min {
		h.min = ns
	}
	h.max = max(h.max, ns)
	h.counts[step(uint64(ns))]++
	h.n++
	h.sum += float64(ns)
}

// Merge adds what o has counted.
func (h *Histogram) Merge(o *Histogram) {
	if o.n == 0 {
		return
	}
	if h.n == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	for i, c := range &o.counts {
		h.counts[i] += c
	}
	h.n += o.n
	h.sum += o.sum
}

// Count returns how many latencies were counted.
func (h *Histogram) Count() uint64 { return h.n }

// Mean returns the mean latency. Mean, Min and Max are 0 if nothing was counted.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.n))
}

// Min returns the shortest latency.
func (h *Histogram) Min() time.Duration { return time.Duration(h.min) }

// Max returns the longest latency.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max) }

// Quantile returns a latency that a share q, 0 to 1, of all does not exceed, rounded up to the end of its step.
func (h *Histogram) Quantile(q float64) time.Duration {
	want := uint64(q * float64(h.n))
	var seen uint64
	for i, c := range &h.counts {
		seen += c
		if c > 0 && seen > want || seen == h.n && h.n > 0 {
			return time.Duration(min(stepEnd(i), h.max))
		}
	}
	return 0
}

// Steps calls f for every step that is not empty, lowest first: low to high, both included, in ns.
func (h *Histogram) Steps(f func(low, high int64, n uint64)) {
	for i, c := range &h.counts {
		if c > 0 {
			low := int64(0)
			if i > 0 {
				low = stepEnd(i-1) + 1
			}
			f(low, stepEnd(i), c)
		}
	}
}

// Sub subtracts o, an earlier state of h, so that h has the latencies counted since. Min and Max become those of the steps.
func (h *Histogram) Sub(o *Histogram) {
	h.n -= o.n
	h.sum -= o.sum
	h.min, h.max = 0, 0
	for i := range h.counts {
		h.counts[i] -= o.counts[i]
	}
	first := true
	h.Steps(func(low, high int64, _ uint64) {
		if first {
			h.min, first = low, false
		}
		h.max = high
	})
}
