package session

import "time"

// Every bound of the protocol, with its reason. What a peer sends is measured against these before anything is
// stored, indexed or repeated.
const (
	// DefaultWindow is how many non-immediate requests of a session may be unanswered: Linux's node.session.cmds_max is
	// 128 by default, and MaxWindow is its highest value in use.
	DefaultWindow = 128
	MaxWindow     = 1024

	// maxFunctions is how many task management functions of a session may be under way on all its connections together,
	// until the last acknowledgement that they wait for: each concerns every connection of the session, and what they cost
	// would grow with the square of their number. As many as one connection may have immediate requests; beyond it every
	// connection may still have one (4.2.2.1).
	maxFunctions = MaxImmediate
	// maxFences is how many fenced responses of commands (4.2.2.3.4) a session may leave unacknowledged: two full windows of
	// Linux. An initiator acknowledges with every request that it sends.
	maxFences = 2 * DefaultWindow

	// MaxImmediate is how many immediate requests of a connection may be unanswered; "An iSCSI target MUST be able to
	// handle at least one immediate task management command and one immediate non-task-management iSCSI command per
	// connection at any time" (RFC 7143, 4.2.2.1), and an initiator that resets a host with 16 LUNs sends no more than these at a time.
	MaxImmediate = 32

	// MaxRecvDataSegmentLength is what we declare (13.12): 256 KiB is what Linux and libiscsi send at most by default.
	MaxRecvDataSegmentLength = 256 << 10
	// DefaultDataSegmentLength is in force until declared otherwise, and during login (13.12).
	DefaultDataSegmentLength = 8192
	// minSegment is the least that MaxRecvDataSegmentLength, MaxBurstLength and FirstBurstLength may be (13.12-13.14).
	minSegment = 512
	// FirstBurstLength and MaxBurstLength are what we offer (13.13, 13.14): one PDU's worth of unsolicited data, and bursts
	// so long that a 1 MiB transfer takes one R2T.
	FirstBurstLength = 256 << 10
	MaxBurstLength   = 1 << 20
	// MaxOutstandingR2T bounds the R2Ts of one task that are not fulfilled (13.17): two keep a link busy; four are room for
	// an initiator that asks for more. taskState holds that many.
	MaxOutstandingR2T = 4

	// maxAHS is the longest additional header segments that we take: an extended CDB of 260 bytes and a bidirectional read
	// length (11.2.2) are 256 and 8 bytes.
	maxAHS = 264

	// MaxCopy is the longest data segment that an event asks to copy (Event.Copy): sense data with its length (11.4.7), or the
	// header that a Reject carries.
	MaxCopy = 2 + maxSense

	// maxText is how much text may come at a time, in one PDU or gathered over continued ones: 8192 bytes have to be taken in
	// a negotiation (6.1), in however many pairs; of pairs there can be no more than a third of that.
	maxText = 8192
	// maxLoginText is how much text a login may bring in all: each of its two stages is a negotiation (6.2), and may come to
	// its 8192 bytes over several requests, with those that name the session and authenticate before them.
	maxLoginText = 3 * maxText
	// maxTextPiece is the longest Text Response (11.11), whatever the initiator declared: the targets of a large node at once.
	// libiscsi takes no answer of more than one PDU; it declares 256 KiB.
	maxTextPiece = 1 << 20

	// guessFree is how many CHAP logins of an address may fail until its answers are slowed: a secret mistyped. maxGuessers is how
	// many addresses are remembered for that, some 100 bytes each.
	guessFree   = 3
	maxGuessers = 4096

	// maxCHAPBinary is the longest CHAP challenge or response (12.1.3: "MUST NOT exceed 1024 bytes").
	maxCHAPBinary = 1024
	// maxName is the longest iSCSI name in bytes (4.2.7.1).
	maxName = 223
	// maxSessions bounds the sessions of a node: TSIH has 16 bits, and 0 is none.
	maxSessions = 1<<16 - 1
	// MaxConnections is how many connections a session may have (13.2): one a core of a large storage node.
	MaxConnections = 64
	// maxHomes is how many CIDs of a session are remembered with the loop they were on: as many as may be up, and as many
	// again, for an initiator that never uses a CID twice.
	maxHomes = 2 * MaxConnections
	// DefaultTime2Retain is how long, in seconds, a session whose last connection was lost waits for another (13.16), at most,
	// Time2Wait and all: 20 s is the RFC's own default. Initiators that cannot continue a session negotiate 0.
	DefaultTime2Retain = 20
	// maxKept is how many sessions of a node wait for a connection: a rack of hosts that lost its network. Each has a place in a
	// loop's table of connections, of which a loop has 16,384. maxKeptOfOne is how many of them one initiator has: more than its
	// sessions with all targets of a node that can be continued at all.
	maxKept      = 1024
	maxKeptOfOne = 64
	// maxLoginPDUs ends a login that never gets anywhere: CHAP with every key in a PDU of its own takes fewer. Pieces of a text
	// that goes on (C bit) are bounded by maxText instead.
	maxLoginPDUs = 64

	// maxReplies bounds the answers that have no task (Reject, ping, NOP-In, refused commands) and wait to be sent. A peer
	// that provokes more without reading them loses its connection.
	maxReplies = 256
	// maxRejects is how many Rejects a connection gets in its life until one more means that it is closed: each is a bug of
	// the peer's, and thousands would be a loop.
	maxRejects = 1000

	// tagBuckets is the size of a connection's table of Initiator Task Tags: twice the default window.
	tagBuckets = 256
)

// Times, in nanoseconds as the loop counts. A NodeConfig may set others.
const (
	// loginTimeout ends a login that does not reach full feature phase: open-iscsi's login_timeout is 15 s too.
	loginTimeout = int64(15 * time.Second)
	// nopInterval is how long a connection may be silent before it is asked whether it lives.
	nopInterval = int64(15 * time.Second)
	// nopTimeout is how long the answer to that may take.
	nopTimeout = int64(15 * time.Second)
	// dataTimeout is how long data that was asked for, or announced, may keep everybody waiting: as long as keepalive takes to give
	// up an initiator that is silent. Linux aborts a write that takes 30 s by itself.
	dataTimeout = int64(30 * time.Second)
	// guessGap is between two answers to CHAP logins of an address of which some have failed: two guesses a second would take
	// longer than the universe has for 96 bits, and a host with one wrong secret waits little with its others. guessWait is how many
	// of them may wait: well below loginTimeout. guessMemory is how long a failure is remembered.
	guessGap    = int64(500 * time.Millisecond)
	guessWait   = int64(4 * time.Second)
	guessMemory = int64(time.Minute)
	// flushTimeout is how long a graceful close may wait for a peer that does not read.
	flushTimeout = int64(5 * time.Second)
	// drainGrace is how long a function over a task set waits for the data that an affected write was promised (4.2.3.3).
	// Linux sends none for them without having negotiated FastAbort, so it must end by itself; what comes later is discarded,
	// and its tag is never given again.
	drainGrace = int64(2 * time.Second)
	// fenceGrace is how long an initiator may take to acknowledge what a fenced response waits for (4.2.2.3.3), after it was
	// asked to by a NOP-In. As nopTimeout: who acknowledges nothing for so long is lost.
	fenceGrace = int64(15 * time.Second)
	// orderGrace is how long an ORDERED command waits for one before it that waits for memory, which commands behind it may
	// hold: a second is long for memory to come back, and short for an initiator.
	orderGrace = int64(time.Second)
	// shutdownGrace is how long an initiator has to log out after it was asked to (11.9.1).
	shutdownGrace = int64(3 * time.Second)
)
