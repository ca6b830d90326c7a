package initiator

import "github.com/ringtgt/ringtgt/internal/hist"

// Histogram counts latencies, to within 1.6%. Its zero value is empty, and one goroutine uses it at a time.
//
//	Count() uint64                      how many there are
//	Min, Mean, Max() time.Duration
//	Quantile(q float64) time.Duration   0.5 is the median
//	Merge(o *Histogram)                 adds those of o
//	Steps(f func(low, high int64, n uint64))  calls f for each step that is not empty, in ns
type Histogram = hist.Histogram

// Sparse is a Histogram of one connection: it takes memory only for the powers of two that occur. It has Count, Max and Merge
// likewise; Histogram() returns all it counts as a Histogram.
type Sparse = hist.Sparse
