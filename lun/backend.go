package lun

// Geometry describes a backend's medium. While the backend is open a resize may change Blocks, and the medium itself may change
// ReadOnly, Rotating and Volatile; Unit.Refresh picks that up. The other fields are fixed.
type Geometry struct {
	Blocks    uint64 // capacity in blocks
	BlockSize uint32 // logical block size in bytes: 512 or 4096
	PhysShift uint8  // log2(physical block / logical block): READ CAPACITY(16) byte 13
	ReadOnly  bool
	Thin      bool // Discard releases space, and Extents reports which blocks are allocated
	Rotating  bool // true also if unknown
	Volatile  bool // writes are on the medium only after Sync or with FUA (WCE=1)
	// Buffered: the medium is Volatile and keeps writes in the kernel's page cache. The kernel reports a failed write-back only
	// once, to whichever flush comes first, so only OpSync may flush. A write with FUA becomes a plain write and an OpSync.
	Buffered bool
	// AtomicBlocks is the most blocks that one OpWrite, aligned to its own length or to 4096 bytes, writes either completely or
	// not at all, even if the power fails (SBC-4 4.29). 0 means that there is no such guarantee, and no WRITE ATOMIC. A medium
	// whose content does not survive a power failure can always guarantee it.
	AtomicBlocks uint32
}

// Extent is one run of blocks with the same provisioning state (SBC-4 5.9 GET LBA STATUS).
type Extent struct {
	LBA, Blocks uint64
	Mapped      bool
}

// OpKind is the operation that a Request asks for.
type OpKind uint8

const (
	OpRead    OpKind = iota
	OpWrite          // Buf to the medium; with FUA, it is on the medium before completion
	OpSync           // everything acknowledged before is on the medium at completion; Off/Len are a hint (Len 0: all)
	OpDiscard        // [Off, Off+Len) is deallocated; reads as zeroes afterwards
	OpZero           // [Off, Off+Len) reads as zeroes afterwards, stays allocated where the backend can
)

// Request is one asynchronous backend operation. It completes exactly once, on the loop that submitted it, by a
// call of Done.RequestDone; Buf is borrowed until then. Requests are embedded in their owner and reused, so a
// backend keeps no pointer to one after completing it.
type Request struct {
	Kind OpKind
	FUA  bool
	Off  int64  // bytes, a multiple of the block size
	Len  int64  // bytes; for OpRead and OpWrite it equals len(Buf)
	Buf  []byte // memory off the Go heap (an arena); aligned for O_DIRECT when its owner's was
	Done Completion

	// For the backend, while it has the request: bytes done so far (short transfers are continued) and free words.
	Moved   int64
	Scratch [2]uint64
	Retry   *Request // intrusive list link
}

// Completion receives finished requests. err is nil, or one of the errors in errors.go (ErrMedium, ErrNoSpace ...); any other error
// is reported as an internal target failure.
type Completion interface {
	RequestDone(r *Request, err error)
}

// Queued is an optional interface of a Completion. A Queue that delays a request reports the delay in ns, from submission until the
// medium got the request. It calls RequestQueued before RequestDone.
type Queued interface {
	RequestQueued(ns int64)
}

// Backend stores blocks. All methods may be called from any loop, and so by several at once. Package conformance
// (lun/backend/conformance) tests this contract:
//
//   - A request completes exactly once, by r.Done.RequestDone on l. Moved then is how many bytes were done, Len after success.
//   - A range that is not completely on the medium fails with ErrMedium and changes nothing. One of length 0 succeeds.
//   - Overlapping requests in flight race as they do on a disk: for each block, one of them is last. A discarded or zeroed
//     block reads as zeroes.
//   - Close does not wait: requests in flight complete as they would have, later ones with ErrGone.
type Backend interface {
	Geometry() Geometry
	// Submit starts r on l. It does not block: anything that may block belongs in l.Go. The request may complete before Submit
	// returns.
	Submit(l Loop, r *Request)
	// Extents appends to dst the provisioning state from lba on: at most max runs, in order and without gaps, no two of which
	// could be one; none if lba is not on the medium. It may read metadata (lseek SEEK_DATA) and so may block: callers use it
	// from Loop.Go only.
	Extents(dst []Extent, lba uint64, max int) ([]Extent, error)
	Close() error
}

// Mapped is a backend whose blocks are in memory: reads are sent directly from there, without a buffer or a copy.
type Mapped interface {
	// Bytes returns the n bytes at off, at most MaxTransfer. They stay valid until Close, and change when written.
	Bytes(off int64, n int) []byte
	// Memory returns all the memory that Bytes returns parts of. Close releases it.
	Memory() []byte
}

// Queue is the block I/O of an event loop, through its ring. Each call completes later on the same loop, by op.QueueDone; see
// lun/backend/disk.go. buf must be loop arena or other mmapped memory. fd is an open file descriptor.
type Queue interface {
	// PRead reads into buf at off, PWrite writes it; dsync makes the write durable before it completes (RWF_DSYNC).
	// op gets the result: n >= 0 bytes moved (maybe short), or n < 0, the negated errno.
	PRead(fd int, buf []byte, off int64, op QueueOp, r *Request)
	PWrite(fd int, buf []byte, off int64, dsync bool, op QueueOp, r *Request)
	// FSync is fdatasync(2).
	FSync(fd int, op QueueOp, r *Request)
	// FAllocate is fallocate(2) with mode.
	FAllocate(fd int, mode uint32, off, n int64, op QueueOp, r *Request)
	// Discard is BLKDISCARD on a block device (BLOCK_URING_CMD_DISCARD, or a worker on older kernels).
	Discard(fd int, off, n int64, op QueueOp, r *Request)
}

// QueueOp receives the results of Queue calls.
type QueueOp interface {
	QueueDone(l Loop, r *Request, n int)
}

// Loop is the event loop as the device server sees it. Except for Post, everything is called on the loop's own thread.
type Loop interface {
	Queue
	// Index is the loop's number, from 0 to MaxLoops-1.
	Index() int
	// Now is the loop's monotonic clock in nanoseconds.
	Now() int64
	// Post calls e.Happen on this loop soon. Any goroutine may call Post. It is not for the data path: it allocates.
	Post(e Event)
	// Go calls w.Do, which may block, on a helper goroutine, and then w.Happen on this loop. It is not for the data path.
	Go(w Work)
	// After calls e.Happen on this loop once d nanoseconds have passed. It is not for the data path.
	After(d int64, e Event)
	// Alloc returns n bytes of arena memory for a command that needs more than Plan asked for (EXTENDED COPY, WRITE SAME,
	// SANITIZE), or nil if there is none now. Free frees it.
	Alloc(n int) []byte
	Free(b []byte)
}
