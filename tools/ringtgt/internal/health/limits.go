package health

import "time"

// Every bound of the watch, with its reason.
const (
	// pollEvery is how often the units' counts of faults are read: what goes wrong is in the log within a second. Reading
	// those of 1,500 units takes some tens of microseconds.
	pollEvery = time.Second
	// quiet is for how long a line of one unit and kind keeps further ones back; the next says how many faults they were.
	quiet = 10 * time.Second
	// maxLines bounds the lines of one poll, whatever happens: an array that fails takes all of its units with it. What is
	// kept back comes with the polls that follow.
	maxLines = 20
	// inspectEvery is how often each medium is compared with what its path leads to. It is two system calls.
	inspectEvery = 10 * time.Second
	// maxInspections bounds the threads that wait for filesystems: those of a server that is away wait for long.
	maxInspections = 16
	// patience is for how long an inspection may take before the unit is said to have a medium that does not answer.
	patience = 20 * time.Second
)
