// Package stat summarises repeated measurements. Medians and confidence intervals are those of golang.org/x/perf/benchmath, which
// benchstat uses: nothing here assumes a normal distribution. No function changes its argument.
package stat

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
	"golang.org/x/perf/benchmath"
)

// Median returns the median of values, the mean of the middle two if their number is even; 0 for none.
func Median(values []float64) float64 { return Of(values).Median }

// Spread is a median with the lowest and the highest value.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// Of returns the spread of values; zeros for none.
func Of(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	s := sample(values, benchmath.DefaultThresholds.CompareAlpha)
	return Spread{benchmath.AssumeNothing.Summary(s, 0).Center, s.Values[0], s.Values[len(s.Values)-1]}
}

// MarshalJSON writes 0 for what JSON has no number for.
func (s Spread) MarshalJSON() ([]byte, error) {
	type plain Spread // without this method
	return json.Marshal(plain{finite(s.Median), finite(s.Low), finite(s.High)})
}

func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// Variation returns the coefficient of variation, the sample's standard deviation over its mean; 0 for fewer than two values.
func Variation(values []float64) float64 {
	mean := stats.Mean(values)
	if len(values) < 2 || mean == 0 {
		return 0
	}
	return stats.StdDev(values) / mean
}

// Quantile interpolates between the two values next to the quantile q, from 0 to 1 (the definition of R's type 7); 0 for none.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 >= len(s) {
		return s[len(s)-1]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}

// Interval returns the bounds between which the median of the underlying distribution lies with the given confidence (0.95 is
// usual). One of them is infinite if there are too few values: 0.95 takes 6.
func Interval(values []float64, confidence float64) (lo, hi float64) {
	if len(values) == 0 {
		return math.Inf(-1), math.Inf(1)
	}
	s := benchmath.AssumeNothing.Summary(sample(values, 1-confidence), confidence)
	return s.Lo, s.Hi
}

// sample copies values because benchmath sorts them in place.
func sample(values []float64, alpha float64) *benchmath.Sample {
	return benchmath.NewSample(slices.Clone(values), &benchmath.Thresholds{CompareAlpha: alpha})
}
