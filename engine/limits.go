package engine

import (
	"time"

	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// Every bound of the engine, with its reason. Engine.MemoryBound is the sum of what they let it use.
const (
	// MaxLoops bounds the loops of one engine; the device server keeps one counter per unit for each.
	MaxLoops = 256

	// ringEntries is the submission queue: a turn that stages more submits in between. ringCQEntries holds every
	// completion that can be under way without overflow: one receive and one send a connection and the disk queue.
	ringEntries   = 1024
	ringCQEntries = 8192

	// recvBuffers × recvBufferSize is what one turn can receive before buffers come back: they are consumed in the turn
	// in which they are filled, so this bounds a turn, not the number of connections.
	recvBuffers    = 128
	recvBufferSize = 32 << 10

	// directRecvMin is the missing part of a data segment from which a receive goes straight into the task's buffer: below
	// it the extra receive costs more than the copy.
	directRecvMin = 16 << 10

	// minBlock and maxBlock bound arena allocations: a page for O_DIRECT, and the device server's MaxTransfer.
	minBlock = 4 << 10
	maxBlock = 4 << 20
	// slabSize is what the arena grows by: a few of the largest blocks, registered with the ring as one fixed buffer.
	slabSize = 16 << 20
	// growAhead is how much of the arena is kept ready and free. With less, the next slab is prepared. Two of the largest blocks
	// serve most loops during that time, and a small target still uses few slabs.
	growAhead = 8 << 20
	// growReserve is the part of it kept for small requests while the next slab is prepared: 256 reads of 4 KiB.
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
	// narrowWindow is the command window of a session that wants more memory than its share: the device is kept busy by less.
	narrowWindow = 16

	// sendBatch is how many PDUs one gathered send carries: the gain is nearly all there at 8, and 64 PDUs of
	// 3 iovecs stay under IOV_MAX (1024).
	sendBatch = 64
	// batchesAtOnce is the number of batches mapped at a time.
	batchesAtOnce = 16
	// sendBatchBytes ends a batch early, so that one connection's large reads do not fill the socket for the others of its loop.
	sendBatchBytes = 4 << 20
	// nearSendBuffer is SO_SNDBUF of a near connection. What the kernel makes of it, 1 MiB, is what a core's second-level cache holds, and
	// keeps 80 Gbit/s going over a round trip of nearRTT; reads of 64 KiB and more take a quarter less processor time with it
	// (docs/performance.md). Half as much costs as much again, twice as much gains nothing.
	nearSendBuffer = 512 << 10
	nearRTT        = 100 * time.Microsecond

	// headerSlot is the room for a PDU's header, its digest, and up to 64 bytes of copied data with padding and digest (a SCSI
	// response with sense data needs 2+32). longestCopied is the most that a PDU takes of it: with longer sense data a batch is
	// full before sendBatch.
	headerSlot    = 128
	longestCopied = pdu.BHSLen + 4 + session.MaxCopy + 3 + 4

	// pollMin is what a loop begins to poll with: less is lost in reading the clock. maxPoll is beyond what any sleep costs.
	pollMin = 2 * int64(time.Microsecond)
	maxPoll = time.Millisecond
	// defaultPoll is longer than a round trip with an initiator on the same network, and than waking a virtual processor.
	defaultPoll = 50 * time.Microsecond

	// listenBacklog holds the connections of a whole rack that comes back at once.
	listenBacklog = 1024
	// acceptRetry is the pause after accept failed for want of descriptors or memory.
	acceptRetry = 100 * time.Millisecond

	// maxConnsPerLoop bounds a loop's connection table: beyond it a new connection is closed at accept.
	maxConnsPerLoop = 16384

	// lineInterval, and the number of lines that a loop logs in it about connections that end, connections that it has no room
	// for (or cannot accept), CHAP logins that fail, and aborted tasks that a backend keeps: enough to see who and why, and
	// too few to fill a disk.
	lineInterval = int64(10 * time.Second)
	endLines     = 100
	refusedLines = 1
	guessLines   = 10
	stuckLines   = 10

	// defaultSendTimeout is how long an initiator may acknowledge nothing of a send before its connection ends: the time in which
	// keepalive gives up a silent initiator (session's nopInterval and nopTimeout). sendLooks is the number of checks in that
	// time.
	defaultSendTimeout = 30 * time.Second
	sendLooks          = 6

	// lingerGrace is how long a connection that said its last word waits for the peer to close: a round trip, generously.
	lingerGrace = time.Second

	// maxTasks bounds the tasks of a loop: the windows of a thousand busy sessions.
	maxTasks = 131072

	// ioBatch is how many operations go to the block layer, and how many of its completions are answered, at a time. At depth 32
	// a virtual disk does 16% more than with all at once, for 5% more processor time an operation: docs/performance.md.
	ioBatch = 4

	// maxIO bounds the operations that a loop has with the kernel's block layer; more wait in a list.
	maxIO = 1024

	// worthTick is how much data the device server copies until that is worth a look at the clock: 26 ns beside a microsecond.
	worthTick = 16 << 10
	// sizeSteps is how many powers of two the tasks of a loop and its batches are counted in: maxTasks is 2^17.
	sizeSteps = 20

	// latencyChunk is how many histogram sets of a unit, 10 KiB each, are copied between two turns of a loop, and connChunk
	// how many connections are looked at: either takes some microseconds.
	latencyChunk = 2
	connChunk    = 32
	// statusChunk is the same for status, which makes a system call for each connection.
	statusChunk = 16

	// abortGrace is how long an aborted task may stay in the backend before the answer to the abort goes out anyway and
	// the task is detached: longer than a disk's own retry, shorter than an initiator's abort timeout (Linux: 15 s).
	abortGrace = 5 * time.Second

	// drainPoll is how often a graceful stop looks whether everything has ended.
	drainPoll = 10 * time.Millisecond
	// drainGrace is how long a graceful stop waits for initiators to log out after they were asked to.
	drainGrace = 3 * time.Second
)
