package result

import "time"

// Limits of input and output.
const (
	// maxRows bounds the sessions, connections and CPUs that a table for people lists of each kind: one screen.
	maxRows = 16
	// ManyRounds is the number of rounds from which the bounds of a ratio are those of its median's confidence interval, not the lowest
	// and the highest: over many rounds these only grow apart.
	ManyRounds = 20
	confidence = 0.95
	// longest is the longest latency that the HDR encoding can tell from longer ones: no command's timeout comes near it.
	longest = time.Hour
)
