package initiator

import "time"

// The bounds of the drivers, with their reasons.
const (
	// recvBuffer is what one read of the goroutine driver takes: a quarter of a 1 MiB read, or the answers to a whole window of
	// small ones.
	recvBuffer = 256 << 10
	// sendBuffer is what one write of it sends: one of the target's longest data segments, and headers.
	sendBuffer = 300 << 10

	// maxViolations is how many violations are kept; the rest is dropped. One is enough to fail a test, a thousand explain it.
	maxViolations = 1000

	// maxText and maxTargets bound what SendTargets returns, in bytes and keys.
	maxText    = 1 << 20
	maxTargets = 1 << 16

	// loginTimeout bounds a login whose context has no deadline: the target's own limit is 15 s.
	loginTimeout = 30 * time.Second
	// logoutTimeout bounds the logout that a target asks for without saying how long it waits.
	logoutTimeout = 10 * time.Second

	// maxUnitAttentions is how many TEST UNIT READY a unit gets to report the unit attentions of a new nexus (SAM-5, 5.14).
	maxUnitAttentions = 16

	// inTurn is how many sessions Loops logs in one after the other. A target that places connections by the order of their arrival
	// then treats several sessions and one session of several connections alike, and the next run as this one.
	inTurn = 16
	// maxLogins is how many of more sessions log in, or out, at a time. A login is two round trips and little work; a target
	// whose listen backlog is 128 copes with as many.
	maxLogins = 32
	// keepAfter is how long Loops without a run let the target wait for an
	// answer to a ping: targets wait for five seconds and more.
	keepAfter = time.Second
	// keepFor is how long that runs before its rings are made again.
	keepFor = time.Hour
	// closeTimeout bounds the logouts of Loops, of all of them together.
	closeTimeout = time.Second

	// The io_uring driver. A loop's receive buffers are 1 MiB: what a core's second-level cache holds, and eight times the
	// answers to 32 requests of 4 KiB. They come back within a turn.
	recvRingBuffers = 32
	recvRingSize    = 32 << 10
	// What one send gathers: headers of more than a window of requests, and twice as many pieces as a window has writes.
	loopSendBuffer = 64 << 10
	loopSendPieces = 512
	// With more than fewConns connections on a loop each gets a quarter: 18 MB
	// for a thousand. What does not fit goes with the next send.
	fewConns           = 64
	loopSendBufferMany = loopSendBuffer / 4
	loopSendPiecesMany = loopSendPieces / 4
	// The answers to some forty pings at a time.
	idleSendBuffer = 2 << 10
	idleSendPieces = 8
	// requestChunk is how many requests a connection takes memory for at a time, as far as Depth: 16 KiB.
	requestChunk = 32
	// Data up to this length is copied behind its header, which is cheaper than two pieces.
	loopCopyMax = 1024

	// maxRefused is how many failed writes a connection remembers for ReadBack: some MB, where a target refuses every one.
	maxRefused = 1 << 16

	defaultBlockSize = 4096
	// maxBlockSize is the longest request: WRITE of 16 MiB is more than any target's MAXIMUM TRANSFER LENGTH here.
	maxBlockSize = 16 << 20

	// defaultOpenDepth is how many requests of an open loop a connection has in flight by default. It bounds memory, not the
	// load: the latency of requests that wait counts from when they were due. A few connections with as many fill the largest
	// command window here.
	defaultOpenDepth = 256
	// maxRate is more than a machine's loops can send. The schedule's times, in whole nanoseconds, are still accurate to a
	// tenth of the gap.
	maxRate = 100_000_000
	// maxSpin is more than any machine takes to wake a thread that it could run. It bounds Poll as well.
	maxSpin = 10 * time.Millisecond
	// maxFillDepth bounds Depth in Fill and ReadBack: writing a range in order gains nothing from more.
	maxFillDepth = 32

	// minInterval is the shortest slice of a series: ten turns of a busy loop.
	minInterval = time.Millisecond
	// maxSeries bounds the slices that a run keeps, each with a histogram of 30 KiB: a chart has no more columns.
	maxSeries = 600
	// partsUnderWay is how many slices loops may be ahead of OnInterval before they make longer ones.
	partsUnderWay = 64

	// drainTimeout bounds the wait for requests in flight at the end of a run; hasteTimeout does after an interruption or the
	// loss of a connection.
	drainTimeout = 10 * time.Second
	hasteTimeout = 3 * time.Second
	// quitTimeout is how often a loop checks whether its receives have ended.
	quitTimeout = 20 * time.Millisecond

	// maxAttentions is how many unit attentions a connection's run may see before they count as errors.
	maxAttentions = 64
)
