package initiator

import "time"

// Every bound of the drivers, with its reason.
const (
	// recvBuffer is what one read of the goroutine driver takes: a good part
	// of a 1 MiB read, or the answers to a whole window of small ones.
	recvBuffer = 256 << 10
	// sendBuffer is what one write of it sends: as much as a data segment of
	// the target's, and the headers.
	sendBuffer = 300 << 10

	// maxViolations is how many violations are kept; the rest is counted. One
	// is enough to fail a test, a thousand explain it.
	maxViolations = 1000

	// maxText and maxTargets bound what SendTargets returns, in bytes and keys.
	maxText    = 1 << 20
	maxTargets = 1 << 16

	// loginTimeout bounds a login whose context has no deadline: the
	// target's own limit is 15 s.
	loginTimeout = 30 * time.Second
	// logoutTimeout bounds the logout that a target asks for without saying
	// how long it waits.
	logoutTimeout = 10 * time.Second

	// maxUnitAttentions is how many TEST UNIT READY a unit gets to report
	// the unit attentions of a new nexus (SAM-5, 5.14).
	maxUnitAttentions = 16

	// The io_uring driver. A loop's receive buffers are 1 MiB: what a core's
	// second-level cache holds, and eight times the answers to 32 requests
	// of 4 KiB. They come back within a turn.
	recvRingBuffers = 32
	recvRingSize    = 32 << 10
	// What one send gathers: headers of more than a window of requests, and
	// twice as many pieces as a window has writes.
	loopSendBuffer = 64 << 10
	loopSendPieces = 512
	// Data up to here is copied behind its header: cheaper than two pieces.
	loopCopyMax = 1024

	defaultBlockSize = 4096
	// maxBlockSize is the longest request: WRITE of 16 MiB is more than any
	// target's MAXIMUM TRANSFER LENGTH here.
	maxBlockSize = 16 << 20

	// drainTimeout ends a run whose requests do not come back after it is
	// over.
	drainTimeout = 10 * time.Second
	// turnTimeout is how often a loop without traffic looks at the clock.
	turnTimeout = 20 * time.Millisecond

	// maxAttentions is how many unit attentions a connection's run may see
	// before they count as errors.
	maxAttentions = 64
)
