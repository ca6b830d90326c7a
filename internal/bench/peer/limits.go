package peer

import "time"

// dirPattern names the directories of this package in the temporary directory.
const dirPattern = "ringtgt-peer-*"

// Every bound, with its reason.
const (
	// readyTimeout bounds the start of a target: ours may lay out its memory, tgtd waits for nothing.
	readyTimeout = 20 * time.Second
	// drainTimeout is what our own target gets to end in order; a benchmark has closed its sessions before.
	drainTimeout = 2 * time.Second
	// tgtSegment is what tuned tgt takes and sends in one PDU, and takes unasked: with it a request of 256 KiB is one PDU.
	tgtSegment = 256 << 10
	// maxMemory is the largest LUN in memory: one that does not fit the machine shows that before it starts to swap.
	maxMemory = 64 << 30
)
