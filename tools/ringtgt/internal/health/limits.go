package health

import "time"

// Every bound of the watch, with its reason.
const (
	// pollEvery is the interval at which fault counts are read: a fault is in the log within a second. Reading the counts of
	// 1,500 units takes some tens of microseconds.
	pollEvery = time.Second
	// quiet is how long after a line further lines of the same unit and kind are suppressed. The next line counts their faults.
	quiet = 10 * time.Second
	// maxLines bounds the lines of one poll: when an array fails, so do all of its units. The other lines follow in later
	// polls.
	maxLines = 20
	// inspectEvery is the interval at which each medium is compared with its path. That takes two system calls.
	inspectEvery = 10 * time.Second
	// maxInspections bounds the threads that wait for file systems. With a file server down they wait long.
	maxInspections = 16
	// patience is how long an inspection may take before the unit's medium is reported as not responding.
	patience = 20 * time.Second
)
