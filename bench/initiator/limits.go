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
)
