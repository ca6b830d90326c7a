package session

import "time"

// Every limit of the protocol, with its reason. Whatever a peer sends is checked against these before it is used as a length, an
// index or a count.
const (
	// DefaultWindow is how many non-immediate requests of a session may be unanswered: the default of Linux's
	// node.session.cmds_max. MaxWindow is the highest value in use there.
	DefaultWindow = 128
	MaxWindow     = 1024

	// maxFunctions bounds the task management functions in progress in a session, on all its connections, until their last
	// acknowledgement. Each concerns every connection of the session, so without a bound their cost would grow with the square of
	// the number of connections. It is as large as the number of immediate requests that a connection may have. Beyond it every
	// connection may still have one function (4.2.2.1).
	maxFunctions = MaxImmediate
	// maxFences bounds the fenced responses of commands (4.2.2.3.4) that a session may leave unacknowledged: two of Linux's
	// command windows. An initiator acknowledges with every request that it sends.
	maxFences = 2 * DefaultWindow

	// MaxImmediate is how many immediate requests of a connection may be unanswered; "An iSCSI target MUST be able to
	// handle at least one immediate task management command and one immediate non-task-management iSCSI command per
	// connection at any time" (RFC 7143, 4.2.2.1), and an initiator that resets a host with 16 LUNs sends no more than these at a time.
	MaxImmediate = 32

	// MaxRecvDataSegmentLength is what we declare (13.12): by default, Linux and libiscsi send at most 256 KiB.
	MaxRecvDataSegmentLength = 256 << 10
	// DefaultDataSegmentLength is in force until declared otherwise, and during login (13.12).
	DefaultDataSegmentLength = 8192
	// minSegment is the minimum of MaxRecvDataSegmentLength, MaxBurstLength and FirstBurstLength (13.12-13.14).
	minSegment = 512
	// FirstBurstLength and MaxBurstLength are what we offer (13.13, 13.14): unsolicited data of one PDU, and bursts long enough
	// for a 1 MiB transfer to take one R2T.
	FirstBurstLength = 256 << 10
	MaxBurstLength   = 1 << 20
	// MaxOutstandingR2T bounds the unfulfilled R2Ts of one task (13.17): two keep a link busy, and four suit an initiator that
	// wants more. taskState holds that many.
	MaxOutstandingR2T = 4

	// maxAHS is the greatest total length of additional header segments that we accept: for an extended CDB of 260 bytes and a
	// bidirectional read length (11.2.2) they take 256 and 8 bytes.
	maxAHS = 264

	// MaxCopy is the longest data segment that an event asks to copy (Event.Copy): sense data with its length (11.4.7), or the
	// header that a Reject carries.
	MaxCopy = 2 + maxSense

	// maxText bounds the text of one PDU, or of PDUs that the C bit joins. A negotiation must accept 8192 bytes (6.1), in any
	// number of pairs; a pair takes at least three bytes.
	maxText = 8192
	// maxLoginText bounds the text of a whole login. Each of its two stages is a negotiation (6.2) and may use its 8192 bytes
	// over several requests, after those that name the session and authenticate.
	maxLoginText = 3 * maxText
	// maxTextPiece is the longest Text Response (11.11), whatever the initiator declared: enough for all targets of a large node.
	// libiscsi accepts only answers of one PDU, and declares 256 KiB.
	maxTextPiece = 1 << 20

	// guessFree is the number of CHAP logins from an address that may fail before its answers are delayed: a secret may be mistyped.
	// maxGuessers is the number of addresses remembered for that, at about 100 bytes each.
	guessFree   = 3
	maxGuessers = 4096

	// maxCHAPBinary is the longest CHAP challenge or response (12.1.3: "MUST NOT exceed 1024 bytes").
	maxCHAPBinary = 1024
	// maxSessions bounds the sessions of a node: TSIH has 16 bits, and 0 is none.
	maxSessions = 1<<16 - 1
	// MaxConnections is how many connections a session may have (13.2): one for each core of a large storage node.
	MaxConnections = 64
	// maxHomes is for how many CIDs of a session the last loop is remembered: as many as a session may have, and as many again for
	// an initiator that never uses a CID twice.
	maxHomes = 2 * MaxConnections
	// DefaultTime2Retain bounds the time, in seconds, that a session without connections is kept (13.16), Time2Wait included.
	// 20 s is the RFC's default. Initiators that cannot continue a session negotiate 0.
	DefaultTime2Retain = 20
	// maxKept bounds the kept sessions of a node: enough for a rack of hosts that lost its network. Each holds one of the 16,384
	// entries of a loop's connection table. maxKeptOfOne bounds those of one initiator; an initiator with a session with every target of
	// a node stays below it.
	maxKept      = 1024
	maxKeptOfOne = 64
	// maxLoginPDUs ends a login that makes no progress. CHAP with every key in its own PDU takes fewer. PDUs with the C bit are
	// bounded by maxText instead.
	maxLoginPDUs = 64

	// maxReplies bounds the answers that have no task (Reject, ping, NOP-In, refused commands) and wait to be sent. A peer
	// that provokes more without reading them loses its connection.
	maxReplies = 256
	// maxRejects is how many Rejects a connection may provoke before it is closed. Each stands for a bug in the peer, and thousands
	// mean that the peer is in a loop.
	maxRejects = 1000

	// tagBuckets is the size of a connection's table of Initiator Task Tags: twice the default window.
	tagBuckets = 256
)

// Times, in nanoseconds of the loop's clock. A NodeConfig may set others.
const (
	// loginTimeout ends a login that does not reach full feature phase: open-iscsi's login_timeout is 15 s too.
	loginTimeout = int64(15 * time.Second)
	// nopInterval is how long a connection may be silent before it gets a NOP-In that asks for an answer.
	nopInterval = int64(15 * time.Second)
	// nopTimeout is how long the answer to that may take.
	nopTimeout = int64(15 * time.Second)
	// dataTimeout bounds the wait for solicited or announced data. It equals the time after which a silent initiator is given
	// up (nopInterval and nopTimeout). Linux itself aborts a write after 30 s.
	dataTimeout = int64(30 * time.Second)
	// guessGap is the time between two delayed answers to an address. At two guesses a second a secret of 96 bits is out of
	// reach, and a host with one wrong secret hardly delays its other logins. guessWait bounds the delay, well below
	// loginTimeout. guessMemory is how long a failure is remembered.
	guessGap    = int64(500 * time.Millisecond)
	guessWait   = int64(4 * time.Second)
	guessMemory = int64(time.Minute)
	// logoutTimeout is how long a connection waits, with its input ignored, for the session's logout on another connection. The
	// host abandons an aborted task of that connection after some seconds, so something is wrong if this is reached.
	logoutTimeout = int64(time.Minute)
	// flushTimeout is how long a graceful close may wait for a peer that does not read.
	flushTimeout = int64(5 * time.Second)
	// drainGrace is how long a function over a task set waits for the outstanding data of an affected write (4.2.3.3). Linux sends
	// none for such writes even if it has not negotiated FastAbort, so the wait must be bounded. Data that arrives later is
	// discarded, and its Target Transfer Tag is not used again.
	drainGrace = int64(2 * time.Second)
	// fenceGrace is how long an initiator may take to acknowledge what a fenced response waits for (4.2.2.3.3), after a
	// NOP-In asked for that. It equals nopTimeout: an initiator that acknowledges nothing for so long is lost.
	fenceGrace = int64(15 * time.Second)
	// orderGrace is how long an ORDERED command waits for an earlier command that waits for memory, because later commands may hold
	// that memory. A second is long for memory to be freed, and short for an initiator.
	orderGrace = int64(time.Second)
	// shutdownGrace is how long an initiator has to log out after it was asked to (11.9.1).
	shutdownGrace = int64(3 * time.Second)
)
