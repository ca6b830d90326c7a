package engine

import (
	"time"

	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// Every limit of the engine, with its reason. Engine.MemoryBound is the sum of the memory that they allow.
const (
	// MaxLoops bounds the loops of one engine; the device server keeps one counter per unit for each.
	MaxLoops = 256

	// ringEntries is the size of the submission queue: a turn that stages more submits in between. ringCQEntries is the size of
	// the completion queue. It holds without overflow one receive and one send of each connection, and the disk operations.
	ringEntries   = 1024
	ringCQEntries = 8192

	// recvBuffers × recvBufferSize is what one turn can receive. Buffers are consumed in the turn in which they are filled, so
	// this bounds a turn, not the number of connections. 64 KiB hold what the kernel delivers of a stream at a time: half as much makes
	// two turns and two sends of a burst of writes.
	recvBuffers    = 128
	recvBufferSize = 64 << 10

	// directRecvMin: if at least so much of a data segment is missing, it is received straight into the task's buffer. For less,
	// the extra receive costs more than the copy.
	directRecvMin = 16 << 10

	// minBlock and maxBlock bound arena allocations: a page for O_DIRECT, and the device server's MaxTransfer.
	minBlock = 4 << 10
	maxBlock = 4 << 20
	// slabSize is the unit in which the arena grows: a few of the largest blocks, registered with the ring as one fixed buffer.
	slabSize = 16 << 20
	// growAhead is how much of the arena is kept ready and free. With less, the next slab is prepared. Two of the largest blocks
	// serve most loops during that time, and a small target still uses few slabs.
	growAhead = 8 << 20
	// growReserve is the part of growAhead kept for small requests while the next slab is prepared: 256 reads of 4 KiB.
	growReserve = 1 << 20
	// growRetry is the pause after the kernel had no memory for a slab.
	growRetry = time.Second
	// defaultArena is the arena a loop may grow to: 64 tasks of the largest transfer, or 8192 of 64 KiB.
	defaultArena = 512 << 20
	maxArena     = 16 << 30
	// arenaShares: a single initiator may take 1/arenaShares of the arena. A quarter of the default arena holds a full window of
	// 1 MiB transfers. Several initiators get less each, see share.go: a thousand of them half a MiB each.
	arenaShares = 4
	// smallHold is what every initiator may hold while another one waits for a large block: 16 reads of 4 KiB.
	smallHold = 64 << 10
	// requestRoom is what the pings and text of a connection may take beyond its initiator's share, so that they are answered even
	// if commands have used up the share.
	requestRoom = 64 << 10
	// narrowWindow is the command window of a session that wants more memory than its share. It is enough to keep the device busy.
	narrowWindow = 16

	// sendBatch is how many PDUs one gathered send carries. Most of the gain is reached at 8, and 64 PDUs of 3 iovecs stay under
	// IOV_MAX (1024).
	sendBatch = 64
	// batchesAtOnce is how many batches are mapped at a time.
	batchesAtOnce = 16
	// sendBatchBytes ends a batch early, so that one connection's large reads do not fill the socket for the others of its loop.
	sendBatchBytes = 4 << 20
	// prefetchFirst is how much of a data segment is loaded when it is staged: the page's translation and enough lines for the
	// processor to see where it is going. The rest comes while the one before it is copied.
	prefetchFirst = 512
	// nearSendBuffer is SO_SNDBUF of a near connection. The kernel doubles it to 1 MiB, which fits a core's second-level cache and
	// sustains 80 Gbit/s over a round trip of nearRTT. With it, reads of 64 KiB and more take a quarter less processor time
	// (docs/performance.md). Half as much loses that gain again, twice as much gains nothing more.
	nearSendBuffer = 512 << 10
	nearRTT        = 100 * time.Microsecond

	// zeroCopyMin is how much data each command of a batch must have on average to be sent without a copy: for less, pages, references
	// and the second completion cost more than the copy.
	zeroCopyMin = 16 << 10
	// maxNotifying bounds the batches of a connection that wait for a notification; the next ones are copied. As many batches of
	// 64 KiB are a socket's full send buffer. maxNotifyingPerLoop bounds the memory for them.
	maxNotifying        = 16
	maxNotifyingPerLoop = 512
	// pathTries is how many copied sends show that an interface always copies; pathDoubts where it did not before. After pathRetry one
	// send tries again: what made the kernel copy may be gone.
	pathTries  = 4
	pathDoubts = 64
	pathRetry  = time.Minute
	// maxPaths bounds the interfaces that a loop remembers.
	maxPaths = 64

	// headerSlot is the space for a PDU's header, its digest, and up to 64 bytes of copied data with padding and digest (a SCSI
	// response with sense data needs 2+32). longestCopied is the most that a PDU may take: if PDUs carry longer sense data, a batch
	// is full before sendBatch.
	headerSlot    = 128
	longestCopied = pdu.BHSLen + 4 + session.MaxCopy + 3 + 4

	// pollMin is how long a loop polls at first; anything shorter is lost in reading the clock. maxPoll is more than any sleep costs.
	pollMin = 2 * int64(time.Microsecond)
	maxPoll = time.Millisecond
	// By default a loop polls for pollWakeUps times what waking a thread takes: the initiator is another machine of the same kind,
	// which is woken too before it sends the next command. leastAutoPoll is longer than a round trip with an initiator on the same
	// network. mostAutoPoll bounds what a single slow measurement can cause.
	pollWakeUps   = 16
	leastAutoPoll = 50 * time.Microsecond
	mostAutoPoll  = 250 * time.Microsecond
	// pollDecay is by how much a wait longer than the limit shortens polling: one late answer costs little, and three or four
	// in a row end it.
	pollDecay = 4
	// wakeTries is the number of wake-ups that are measured at start, wakeSettle the pause before each: together 4.5 ms.
	wakeTries  = 9
	wakeSettle = 500 * time.Microsecond

	// listenBacklog holds the connections of a whole rack that reconnects at once.
	listenBacklog = 1024
	// acceptRetry is the pause after accept failed for want of descriptors or memory.
	acceptRetry = 100 * time.Millisecond

	// maxConnsPerLoop bounds a loop's connection table: any further connection is closed when it is accepted.
	maxConnsPerLoop = 16384

	// defaultBurst is how much of a rate is saved up while it is not used: 1% of what 10 s allow. It covers a loop's longest turn, so
	// that a command that starts late costs no rate. minBurst still covers heldTick, and maxBurst is what people think of as a burst.
	defaultBurst = 100 * time.Millisecond
	minBurst     = 5 * time.Millisecond
	maxBurst     = time.Minute
	// maxRate bounds a rate, so that times do not overflow: more than any machine carries.
	maxRate = 1 << 50
	// maxDebt is how long a single command can delay the ones behind it: less than the 30 s after which Linux aborts those. Only WRITE
	// SAME, VERIFY and EXTENDED COPY of many blocks take so long, or large transfers at less than 200 kB a second.
	maxDebt = int64(20 * time.Second)
	// maxDebtors bounds the initiators of a target that have left with a debt: peers choose their names. Whoever changes its name has no
	// debt anyway.
	maxDebtors = 1024
	// heldTick is how often held commands are looked at, at most: an initiator with one command at a time gets 10,000 a second then.
	heldTick = int64(100 * time.Microsecond)
	// heldPatience is how long a loop leaves the rate of a limit to other loops whose turn it is: ten wake-ups, and less than minBurst, so
	// that no rate is lost where they are busy.
	heldPatience = int64(time.Millisecond)

	// lineInterval, and the number of lines that a loop logs in it in the long run: about logins and ends of connections (each),
	// logins that are refused, connections that it has no room for (or cannot accept), and aborted tasks that a backend keeps. It is
	// enough to see which and why, and too little to fill a disk. The bursts let a rack of hosts that log in again have its lines.
	lineInterval = int64(10 * time.Second)
	endLines     = 100
	endBurst     = 4096
	refusalLines = 10
	refusalBurst = 100
	noRoomLines  = 1
	stuckLines   = 10

	// defaultSendTimeout is how long an initiator may acknowledge nothing of a send before its connection is closed: as long as
	// keepalive waits for a silent initiator (session's nopInterval and nopTimeout). sendLooks is the number of checks in that time.
	defaultSendTimeout = 30 * time.Second
	sendLooks          = 6

	// lingerGrace is how long a connection waits for the peer to close after the last PDU: more than any round trip.
	lingerGrace = time.Second

	// maxTasks bounds the tasks of a loop. It covers the windows of a thousand busy sessions.
	maxTasks = 131072

	// ioBatch is how many operations are submitted to an idle disk at a time, and how many completions are answered first, so that
	// disk and initiator work while the rest is processed. Further batches grow up to ioBatchMost: neither waits for them any
	// more, and each costs a system call, a send, or an exit to the hypervisor (docs/performance.md).
	ioBatch     = 4
	ioBatchMost = 32

	// maxIO bounds a loop's operations at the kernel's block layer; further ones wait in a list.
	maxIO = 1024

	// worthTick: after the device server copied so much data, about a microsecond's worth, the loop reads the clock, which takes 26 ns.
	worthTick = 16 << 10
	// sizeSteps is the number of powers of two that statistics of sizes distinguish: maxTasks is 2^17.
	sizeSteps = 20

	// latencyChunk is how many histogram sets of units, 10 KiB each, are copied between two turns of a loop, and connChunk is how
	// many connections are visited. Either takes some microseconds.
	latencyChunk = 2
	connChunk    = 32
	// statusChunk is the same for status, which makes a system call for each connection.
	statusChunk = 16

	// abortGrace is how long an aborted task may stay in the backend before it is abandoned and the abort is answered: longer than
	// a disk's own retry, shorter than an initiator's abort timeout (Linux: 15 s).
	abortGrace = 5 * time.Second

	// drainPoll is how often a graceful stop checks whether everything has ended.
	drainPoll = 10 * time.Millisecond
	// drainGrace is how long a graceful stop waits for initiators to log out after they were asked to.
	drainGrace = 3 * time.Second
	// evictGrace is how long RemoveUnit and SetExports wait for a backend to release the commands that it has just aborted.
	evictGrace = time.Second
)
