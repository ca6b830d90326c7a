package result

import "time"

// Limits of input and output.
const (
	// MaxJSON bounds what Decode reads: ten minutes of a thousand connections are about 2 MB, a comparison has a few dozen runs.
	MaxJSON = 64 << 20
	// maxObjects bounds the JSON objects in it. A histogram takes 30 KiB in memory whatever its encoding is like, and is an object
	// within an object: 1 GiB at most. A run of 1,000 sessions for ten minutes has 6,400.
	maxObjects = 65536
	// maxRows bounds the sessions, connections and CPUs that a table for people lists of each kind: one screen.
	maxRows = 16
	// ManyRounds is the number of rounds from which the bounds of a ratio are those of its median's confidence interval, not the lowest
	// and the highest: over many rounds these only grow apart.
	ManyRounds = 20
	confidence = 0.95
	// longest is the longest latency that the HDR encoding can tell from longer ones: no command's timeout comes near it.
	longest = time.Hour
)
