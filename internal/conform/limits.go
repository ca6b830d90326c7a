package conform

import "time"

// Bounds against a target that sends what it likes.
const (
	// maxPDUs and maxBytes are what a case receives at most.
	maxPDUs  = 20_000
	maxBytes = 64 << 20
	// maxTrace is how many bytes of a case's exchange are kept.
	maxTrace = 2 << 20
	// maxTraces is how many bytes of the exchanges of failures a report keeps.
	maxTraces = 64 << 20
	// maxRounds is how many requests a login takes at most.
	maxRounds = 12
	// maxDataSegment is the longest data segment that a connection takes in, whatever was declared.
	maxDataSegment = 1 << 20
	// maxKeys is how many pairs a text may hold.
	maxKeys = 256
	// maxCHAPBinary is the longest CHAP_C and CHAP_R in bytes (RFC 7143, 12.1.3).
	maxCHAPBinary = 1024
)

const (
	// defaultTimeout bounds a case.
	defaultTimeout = 5 * time.Second
	// defaultTotal bounds a run.
	defaultTotal = 10 * time.Minute
	// initialDataSegment is the longest data segment before anything else is declared (RFC 7143, 13.12).
	initialDataSegment = 8192
	// ourDataSegment is the MaxRecvDataSegmentLength that a login declares unless the case says otherwise.
	ourDataSegment = 64 << 10
	// grace is how long a target may refuse a login after a case before it counts as gone; graceStep is between two attempts.
	grace     = 3 * time.Second
	graceStep = 200 * time.Millisecond
	// restartGrace is how long it may take to answer after it was started again.
	restartGrace = 30 * time.Second
	// attentions is how many unit attentions in a row a new session takes.
	attentions = 16
)
