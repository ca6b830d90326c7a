package proto

// The bounds of the protocol, with their reasons.
const (
	// MaxConnections is how many connections of one session are made: the
	// target of this project grants no more (RFC 7143, 13.2).
	MaxConnections = 64

	// MaxTasks is how many tasks of one connection may be outstanding: an Initiator Task Tag has 12 bits for the slot, and no
	// command window is larger than 1024 here. DefaultTasks is what a Conn gets by default.
	MaxTasks     = 1 << slotBits
	DefaultTasks = 1024

	// DefaultDataSegmentLength is in force during login and until declared otherwise (13.12).
	DefaultDataSegmentLength = 8192

	// Defaults of what is offered. 256 KiB and 1 MiB are what large targets
	// grant; four R2Ts keep a link busy; 20 s is the RFC's own default.
	defaultMaxRecvDataSegmentLength = 256 << 10
	defaultFirstBurstLength         = 256 << 10
	defaultMaxBurstLength           = 1 << 20
	defaultMaxOutstandingR2T        = 4
	defaultTime2Retain              = 20

	// maxLoginText is how much text of one login response is gathered over PDUs with the C bit: 8192 bytes have to be taken
	// (6.1); twice that is room for a target that says more.
	maxLoginText = 16 << 10

	// maxLoginRounds ends a login that goes in circles: security takes four
	// exchanges, the rest two, and a long text as many as it has pieces.
	maxLoginRounds = 32

	// maxKeys is how many pairs one text may hold: the standards define fewer than 40.
	maxKeys = 128

	// maxCHAPBinary is the longest CHAP challenge or response (12.1.3).
	maxCHAPBinary = 1024

	// shortText is as long as the longest sense data with its length, 2 + 252
	// bytes (SPC-4, 4.5.1), and as pings and messages are.
	shortText = 512

	// maxReplies bounds the answers to a target's pings that wait to be
	// sent: a target that sends pings and does not read gets no memory.
	maxReplies = 64

	// minSink is the least room that a Sink must have for a request: header, additional header segments and digest.
	minSink = 48 + 264 + 4 + 4
)
