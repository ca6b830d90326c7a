package stat

import (
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// Verdict is the outcome of a comparison.
type Verdict int

const (
	Same   Verdict = iota // the interval of the ratio excludes a change beyond the threshold
	Higher                // beyond the threshold, and not by chance
	Lower                 // likewise
	Noisy                 // the samples do not decide
)

func (v Verdict) String() string {
	return [...]string{"no difference", "higher", "lower", "too noisy to say"}[v]
}

// Rule decides when a difference counts.
type Rule struct {
	Threshold float64 // a fraction: new counts as higher from (1+Threshold) times old, as lower from 1/(1+Threshold)
	Alpha     float64 // level of the rank test, and 1 minus the confidence of the interval
}

// Comparison is what two samples of the same quantity say about its change.
type Comparison struct {
	Old, New  Spread
	Ratio     float64 // of the medians, new over old
	Low, High float64 // confidence interval of the median of the pairwise ratios; 0 and +Inf if there is none
	P         float64 // two-sided, of the Mann-Whitney U test
	Verdict   Verdict
}

// Compare compares two samples of positive values. Where old and new are equal in number, value i of each must come from the same
// interleaved round: the interval is that of the ratios round by round, so drift that affects both sides cancels out. A sample
// that is empty or contains a value that is not positive makes the verdict Noisy.
func Compare(old, new []float64, r Rule) Comparison {
	c := Comparison{Old: Of(old), New: Of(new), High: math.Inf(1), P: 1, Verdict: Noisy}
	if len(old) == 0 || len(new) == 0 || !positive(old) || !positive(new) {
		return c
	}
	c.Ratio = c.New.Median / c.Old.Median
	c.P = benchmath.AssumeNothing.Compare(sample(old, r.Alpha), sample(new, r.Alpha)).P
	if len(old) == len(new) {
		ratios := make([]float64, len(old))
		for i := range old {
			ratios[i] = new[i] / old[i]
		}
		lo, hi := Interval(ratios, 1-r.Alpha)
		c.Low, c.High = max(lo, 0), hi
	}
	most := 1 + r.Threshold
	switch {
	case c.P < r.Alpha && c.Ratio > most:
		c.Verdict = Higher
	case c.P < r.Alpha && c.Ratio < 1/most:
		c.Verdict = Lower
	case c.High <= most && c.Low >= 1/most:
		c.Verdict = Same
	}
	return c
}

func positive(values []float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return !(v > 0) })
}
