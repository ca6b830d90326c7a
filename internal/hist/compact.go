package hist

import (
	"encoding/json"
	"fmt"
	"math/bits"
)

// A Compact's steps: one for everything up to CompactLow, 8 for each doubling from there to CompactHigh, and one for anything
// longer. All bounds are in ns.
const (
	compactBits = 3
	lowBits     = 8  // CompactLow: less than a target can do in
	highBits    = 34 // CompactHigh, 17.2 s: longer than an initiator waits for an abort

	CompactLow   = 1 << lowBits
	CompactHigh  = 1 << highBits
	CompactSteps = (highBits-lowBits)<<compactBits + 2
)

// Compact counts latencies in 1,680 bytes. It is coarser than a Histogram, because a target keeps thousands of them. A step is
// (low, high] with high at most 1.125 times low, and high is a whole number of ns: a consumer that counts values "less or equal",
// like Prometheus, loses nothing. Each element is a count. The zero value is empty; it serves one goroutine at a time.
type Compact [CompactSteps]uint64

// CompactStep returns the step in which a latency of ns is counted.
func CompactStep(ns int64) int {
	if ns <= CompactLow {
		return 0
	}
	if ns > CompactHigh {
		return CompactSteps - 1
	}
	v := uint64(ns - 1) // a step ends with its upper bound
	e := bits.Len64(v) - 1
	return (e-lowBits)<<compactBits + int(v>>(e-compactBits)&(1<<compactBits-1)) + 1
}

// CompactEnd returns the upper bound of step i in ns, included in it; -1 for the last, which has none.
func CompactEnd(i int) int64 {
	if i == CompactSteps-1 {
		return -1
	}
	octave, k := i>>compactBits, i&(1<<compactBits-1)
	return (1<<compactBits + int64(k)) << (octave + lowBits - compactBits)
}

// Add counts n latencies of ns.
func (c *Compact) Add(ns int64, n uint64) { c[CompactStep(ns)] += n }

// Merge adds what o has counted.
func (c *Compact) Merge(o *Compact) {
	for i, n := range o {
		c[i] += n
	}
}

// Sub subtracts o, an earlier state of c.
func (c *Compact) Sub(o *Compact) {
	for i, n := range o {
		c[i] -= n
	}
}

// Count returns how many latencies were counted.
func (c *Compact) Count() (n uint64) {
	for _, k := range c {
		n += k
	}
	return n
}

// Quantile returns a latency in ns that a share q, 0 to 1, of all does not exceed: the end of its step, or most, the longest
// known latency, if that is less. It is 0 if nothing was counted.
func (c *Compact) Quantile(q float64, most int64) int64 {
	n := c.Count()
	if n == 0 {
		return 0
	}
	want := min(uint64(q*float64(n)), n-1)
	var seen uint64
	for i, k := range c {
		if seen += k; seen > want {
			if end := CompactEnd(i); end >= 0 && end < most {
				return end
			}
			break
		}
	}
	return most
}

// Cumulative returns how many latencies were at most ns, which must be the end of a step (CompactEnd).
func (c *Compact) Cumulative(ns int64) (n uint64) {
	for _, k := range c[:CompactStep(ns)+1] {
		n += k
	}
	return n
}

// MarshalJSON writes the steps that are not empty: [upper bound in ns, -1 for the last; count] each, lowest first.
func (c Compact) MarshalJSON() ([]byte, error) {
	out := [][2]int64{}
	for i, n := range c {
		if n > 0 {
			out = append(out, [2]int64{CompactEnd(i), int64(n)})
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (c *Compact) UnmarshalJSON(text []byte) error {
	var steps [][2]int64
	if err := json.Unmarshal(text, &steps); err != nil {
		return err
	}
	*c = Compact{}
	for _, s := range steps {
		i := CompactSteps - 1
		if s[0] >= 0 {
			i = CompactStep(s[0])
		}
		if CompactEnd(i) != s[0] || s[1] < 0 {
			return fmt.Errorf("hist: no step ends at %d ns with %d in it", s[0], s[1])
		}
		c[i] = uint64(s[1])
	}
	return nil
}
