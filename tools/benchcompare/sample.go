package main

import "slices"

// median of the samples; 0 for none.
func median(samples []float64) float64 { return quantile(samples, 0.5) }

// spread is the width of the middle half of the samples over their median: one outlier among ten does not move it much. 0 when
// there is no positive median.
func spread(samples []float64) float64 {
	m := median(samples)
	if m <= 0 {
		return 0
	}
	return (quantile(samples, 0.75) - quantile(samples, 0.25)) / m
}

// quantile interpolates between the two nearest samples (the definition of R's type 7 and of spreadsheets).
func quantile(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(samples))
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 == len(s) {
		return s[i]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}
