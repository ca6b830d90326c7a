package hist

import (
	"math"
	"time"
)

const pageSteps = 1 << subBits

// Sparse counts latencies in the steps of a Histogram and takes memory only for the powers of two that occur: 0.5 KiB
// each, on top of 0.5 KiB. The latencies of one connection span a dozen, so a thousand connections with two of these take
// 12 MiB where Histograms would take 60. The price is that Add allocates when a power of two comes up for the first time,
// at most 59 times in all. A copy shares its counts with the original. The zero value is empty.
type Sparse struct {
	pages    [64 - subBits + 1]*[pageSteps]uint64
	n        uint64
	sum      float64
	min, max int64
}

// Add counts one latency in ns; negative ones count as 0.
func (h *Sparse) Add(ns int64) {
	ns = max(ns, 0)
	h.bounds(ns, ns)
	*h.count(step(uint64(ns)))++
	h.n++
	h.sum += float64(ns)
}

func (h *Sparse) bounds(lo, hi int64) {
	if h.n == 0 || lo < h.min {
		h.min = lo
	}
	h.max = max(h.max, hi)
}

func (h *Sparse) count(i int) *uint64 {
	p := h.pages[i>>subBits]
	if p == nil {
		p = new([pageSteps]uint64)
		h.pages[i>>subBits] = p
	}
	return &p[i&(pageSteps-1)]
}

// AddSpaced counts n latencies, the longest of them longest ns and each period ns shorter than the one before; those below
// 0 count as 0. Its cost does not depend on n.
func (h *Sparse) AddSpaced(n uint64, longest int64, period float64) {
	if n == 0 {
		return
	}
	longest, period = max(longest, 0), max(period, 0)
	shortest := max(0, longest-int64(math.Min(float64(n-1)*period, float64(longest))))
	h.bounds(shortest, longest)
	for i, below := step(uint64(shortest)), uint64(0); below < n; i++ {
		// How many are not above the step's end: all but those with longest - j*period > end.
		end, upTo := stepEnd(i), n
		if end < longest {
			above := uint64(n)
			if period > 0 {
				above = min(n, uint64(math.Ceil(float64(longest-end)/period)))
			}
			upTo = n - above
		}
		if upTo > below {
			*h.count(i) += upTo - below
			below = upTo
		}
	}
	// The mean of those that are not cut off at 0, times their number.
	whole := n
	if period > 0 {
		whole = min(n, uint64(float64(longest)/period)+1)
	}
	h.sum += float64(whole) * (float64(longest) - period*float64(whole-1)/2)
	h.n += n
}

// Merge adds what o has counted.
func (h *Sparse) Merge(o *Sparse) {
	if o.n == 0 {
		return
	}
	h.bounds(o.min, o.max)
	for i, p := range o.pages {
		if p == nil {
			continue
		}
		if h.pages[i] == nil {
			h.pages[i] = new([pageSteps]uint64)
		}
		for j, c := range p {
			h.pages[i][j] += c
		}
	}
	h.n += o.n
	h.sum += o.sum
}

// MergeSparse adds what o has counted.
func (h *Histogram) MergeSparse(o *Sparse) {
	if o.n == 0 {
		return
	}
	if h.n == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	for i, p := range o.pages {
		if p == nil {
			continue
		}
		for j, c := range p {
			h.counts[i<<subBits+j] += c
		}
	}
	h.n += o.n
	h.sum += o.sum
}

// Histogram returns the same counts in a Histogram of its own.
func (h *Sparse) Histogram() *Histogram {
	d := new(Histogram)
	d.MergeSparse(h)
	return d
}

// Count returns how many latencies were counted.
func (h *Sparse) Count() uint64 { return h.n }

// Max returns the longest latency.
func (h *Sparse) Max() time.Duration { return time.Duration(h.max) }
