package main

import "time"

// Every bound of the tool stands here, with its reason.
const (
	// alpha is the probability of calling something slower or faster that is not, for all benchmarks of a run together: it is
	// divided by their number and by the number of looks at the samples (Bonferroni). One false alarm in a hundred comparisons of equal commits is what a gate bears; the
	// minimum ratio makes it rarer still.
	alpha = 0.01

	// intervalAlpha leaves 95% to the interval of a change, the usual width, for all looks together.
	intervalAlpha = 0.05

	// minRounds: 4 + 4 samples cannot be less likely than 2/70 = 0.029 however they fall, 5 + 5 reach 2/252 = 0.008 < alpha.
	minRounds = 5

	// maxRounds keeps the exact distribution of the rank sum small (120 samples: 60 × 14,520 cells, 0.1 s); what 60 rounds do
	// not show needs a quieter machine.
	maxRounds = 60

	// stretch is how many times -rounds are run at most, unless -max-rounds says otherwise: four times the samples halve the
	// uncertainty, more rounds than that gain too little.
	stretch = 4

	// maxThreshold, as a fraction: a threshold above 10 times as slow needs no statistics, so it is a typing error.
	maxThreshold = 10.0

	// maxCPU bounds the numbers in -cpus: what unix.CPUSet holds.
	maxCPU = 1024

	// processLimit bounds one benchmark process: go test's own default. A benchmark that hangs says where.
	processLimit = 10 * time.Minute

	// killLimit is how long output of a killed process is waited for: a child of its own may hold the pipe open.
	killLimit = 5 * time.Second

	// errorTail is how many lines of a failing build or benchmark are shown; a panic's own stack is shorter.
	errorTail = 40
)
