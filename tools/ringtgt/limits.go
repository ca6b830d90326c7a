package main

import "time"

const (
	// maxJobs bounds the changes that wait. Further ones wait in their connections, of which the control socket has a bounded number.
	maxJobs = 1024
	// maxBatch bounds the changes that are carried out together, and so how long the first of them waits for the others.
	maxBatch = 256
	// drainTime bounds how long a removal waits for the commands in progress, and for initiators to log out.
	drainTime = 30 * time.Second
)
