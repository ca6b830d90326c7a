package peer

import "time"

// Every bound, with its reason.
const (
	// readyTimeout bounds the start of a target: ours may lay out its memory, tgtd waits for nothing.
	readyTimeout = 20 * time.Second
	// readyInterval is how often a target that is starting is asked: each question is one system call that fails at once.
	readyInterval = 10 * time.Millisecond
	// drainTimeout is what our own target gets to end in order; a benchmark has closed its sessions before.
	drainTimeout = 2 * time.Second
	// portTries is how many ports are tried: tgtd's cannot be held for it, so another process may take one in between.
	portTries = 10
	// portFirst and portCount are the ports for tgtd: below the kernel's usual range for outgoing connections (32768), above what
	// services register.
	portFirst, portCount = 20000, 10000
	// logTail is how much of a target's output is kept: the reason of a failed start, or a Go crash report.
	logTail = 64 << 10
	// tgtSegment is what tuned tgt takes and sends in one PDU, and takes unasked: with it a request of 256 KiB is one PDU.
	tgtSegment = 256 << 10
	// fillBlock and fillDepth are those of Fill: long enough for a disk, few enough for any command window.
	fillBlock, fillDepth = 256 << 10, 8
	// maxMemory is the largest LUN in memory: one that does not fit the machine shows that before it starts to swap.
	maxMemory = 64 << 30
)
