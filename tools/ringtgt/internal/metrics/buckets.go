package metrics

import (
	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/hist"
)

// Each bucket of latencies, in ns, is the end of a step of hist.Compact, so that the counts are exact.

// durationEnds are the buckets by default: a scrape has them for each unit and operation.
var durationEnds = []int64{
	1 << 16, 1 << 17, 1 << 18, 1 << 19, // 66 µs to 524 µs
	1 << 20, 1 << 21, 1 << 22, 1 << 24, 1 << 27, // 1 ms to 134 ms
	1 << 30, // 1.1 s
}

// stageEnds are those of the histograms of stages: 1 µs to 17 s, closest where networks and flash are.
var stageEnds = func() (ends []int64) {
	for e := 10; e <= 34; e++ { // 2^e ns
		if e > 30 && e%2 == 1 {
			continue // 2.1 s and 8.6 s
		}
		ends = append(ends, 1<<e)
		if e >= 14 && e < 22 { // 16 µs to 4 ms
			ends = append(ends, 1<<e+1<<(e-1))
		}
	}
	return ends
}()

// durations returns c's buckets for Prometheus: upper bounds in seconds, with cumulative counts.
func durations(c *hist.Compact, ends []int64) map[float64]uint64 {
	out := make(map[float64]uint64, len(ends))
	sum, step := uint64(0), 0
	for _, end := range ends {
		for last := hist.CompactStep(end); step <= last; step++ {
			sum += c[step]
		}
		out[float64(end)/1e9] = sum
	}
	return out
}

// sizes are the buckets of small numbers, up to the given step.
func sizes(s *engine.Sizes, steps int) map[float64]uint64 {
	out := make(map[float64]uint64, steps)
	sum := uint64(0)
	for i := range steps {
		sum += s.Counts[i]
		out[float64(engine.SizeEnd(i))] = sum
	}
	return out
}
