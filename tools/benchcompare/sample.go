package main

import "github.com/ringtgt/ringtgt/internal/stat"

// spread is the width of the middle half of the samples over their median: one outlier among ten does not move it much. It is 0
// if there is no positive median.
func spread(samples []float64) float64 {
	m := stat.Median(samples)
	if m <= 0 {
		return 0
	}
	return (stat.Quantile(samples, 0.75) - stat.Quantile(samples, 0.25)) / m
}
