package astarget

import "time"

// What an initiator may make this target hold.
const (
	// maxConns is how many connections there are at once, and maxSessions how many sessions. A tool uses a few.
	maxConns    = 64
	maxSessions = 32
	// maxText is how much text of one request is joined (RFC 7143, 6.1, asks for at least 8192 bytes), and maxPairs how many keys.
	maxText  = 64 << 10
	maxPairs = 256
	// maxQueue is how many bytes wait to be sent to an initiator that does not read: a full window of the longest reads.
	maxQueue = window*maxTransfer + 1<<20
	// maxTransfer is the longest transfer of a command in bytes, which the Block Limits page declares.
	maxTransfer = 1 << 20
	// window is how many commands a session may have under way; the first window of a session is smaller, to be closed soon.
	window      = 32
	firstWindow = 4
	// maxImmediate is how many immediate tasks without an answer a connection may have. None of them waits for anything.
	maxImmediate = 64
	// keptEvents is how much of a connection's exchange a verdict shows, and keptBytes how much of each PDU.
	keptEvents = 48
	keptBytes  = 1024
	// maxSequence bounds the PDUs without data in a sequence of Data-Out.
	maxSequence = 4096
	// maxSegment is the longest data segment that is read in, to see what is wrong with it.
	maxSegment = 1 << 20
	// maxExpected is how many answers a connection may owe.
	maxExpected = 8
)

// What this target declares and grants.
const (
	recvDataSegment  = 16 << 10 // ours: short enough that writes take several PDUs
	loginDataSegment = 8192     // the default, which holds during login (RFC 7143, 6.3)
	firstBurst       = 32 << 10
	maxBurst         = 128 << 10
	outstandingR2T   = 4
	grantedConns     = 4
)

const (
	// patience is how long an answer of the initiator's may take, where the RFC names no time.
	patience = 10 * time.Second
	// closedFor is how long the command window stays closed.
	closedFor = 300 * time.Millisecond
	// logoutWithin is Parameter3 of the request to log out, in seconds.
	logoutWithin = 5
	// sendWithin bounds a send to an initiator that does not read.
	sendWithin = 30 * time.Second
	// lingerFor is how long an initiator may leave its end of a connection open after this end was closed.
	lingerFor = 10 * time.Second
)
