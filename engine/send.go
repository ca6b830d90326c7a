package engine

import (
	"encoding/binary"
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/crc32c"
	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
	"golang.org/x/sys/unix"
)

// sendState is the sending half of a connection: all PDUs that are ready when no send is under way go out as one
// gathered send.
type sendState struct {
	inFlight bool
	batch    *batch // staged or in flight; nil when there is nothing to send
	watch    sendWatch

	path      *sendPath // its interface, for zero-copy sends; nil: none are tried
	notifying int       // batches that wait for their notification
}

// batch is one gathered send, in memory that the kernel may read until it completes: headers packed one after the other, and
// iovecs that point to them and to the data in place. Batches belong to the loop and are lent to connections that have something
// to send.
type batch struct {
	phase batchPhase
	mem   *batchMem
	used  int // bytes of mem.headers
	iovs  int
	first int // first iovec not completely sent
	bytes int
	pdus  int

	next *batch

	last segment // the data segment that is still to be filled

	// For zero-copy sends, see zerocopy.go.
	index   int   // in loop.allBatches, and in the user data of its sends
	conn    *conn // its connection, until its notification
	notices int   // notifications to come
	taken   bool  // the kernel took some of it without a copy

	nrec int
	nblk int
	held int // bytes of the connection's share in blocks
	nrel int
	// blocks are memory that the batch holds: data of commands that have ended, and Go memory that it keeps alive.
	blocks  [sendBatch][]byte
	records [sendBatch]record        // commands that have ended
	release [sendBatch]*session.Task // requests other than commands, to be reported as sent
}

// batchMem is the part of a batch that the kernel reads.
type batchMem struct {
	msg     uring.Msghdr
	iov     [3 * sendBatch]iovec
	headers [sendBatch * headerSlot]byte
}

// iovec is the kernel's struct iovec, as uring.Iovec is, but its address is not a pointer for the garbage collector. Batches
// lie in memory that the collector does not scan: overwriting a pointer there to Go memory that has been freed would be a fatal
// error. The batch or its task keeps alive what the address points to.
type iovec struct {
	base uintptr
	len  uint64
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// room reports whether another PDU can be staged. A PDU takes one block at most: its command's, or the Go memory that it keeps alive.
func (s *sendState) room() bool {
	b := s.batch
	return b == nil || !s.inFlight && b.pdus < sendBatch && b.used+longestCopied <= len(b.mem.headers) && b.bytes < sendBatchBytes
}

func (s *sendState) idle() bool { return s.batch == nil }

// stage adds one PDU to the batch.
func (c *conn) stage(ev *session.Event) {
	s := &c.send
	if s.batch == nil {
		s.batch = c.loop.getBatch()
	}
	b := s.batch
	b.pdus++
	c.loop.stats.PDUsSent++
	h := &ev.Header
	h.SetDataLen(len(ev.Data))
	b.put(h[:])
	if ev.HeaderDigest {
		b.put32(pdu.Digest(0, h[:]))
	}
	if n := len(ev.Data); n > 0 {
		data := ev.Data
		switch pad := pdu.Pad(n); {
		case ev.Copy:
			at := b.used
			b.put(data)
			b.zeros(pad)
			if ev.DataDigest {
				b.put32(pdu.Digest(0, b.mem.headers[at:b.used]))
			}
		default:
			if ev.Keep {
				b.blocks[b.nblk] = data // for the garbage collector; Go does not move it
				b.nblk++
			}
			if !ev.DataDigest {
				b.refer(data)
				b.zeros(pad)
				break
			}
			dst := c.private(ev)
			b.refer(dst)
			b.zeros(pad)
			b.put32(0)
			b.begin(segment{dst: dst, src: data, pad: pad, at: b.used - pdu.DigestLen})
			if ev.Release == nil {
				b.complete(nil) // the memory stays with the task
			}
		}
	}
	if t := ev.Release; t != nil {
		if t.Command() {
			own := c.task(t)
			b.note(own)
			c.takeOver(b, own)
			c.s.Sent(c.loop.now, t)
			return
		}
		b.release[b.nrel] = t
		b.nrel++
	}
}

// takeOver transfers a command's data-in block to the batch, so that the command can end before the kernel has taken its answer: a
// task that is reused at once is still in the cache, one that waits for a socket is not.
func (c *conn) takeOver(b *batch, t *task) {
	if t.buf == nil || t.inServer() { // taskEvicted: the backend may still write to it
		return
	}
	size := blockSize(cap(t.buf))
	b.blocks[b.nblk] = t.buf
	b.nblk++
	b.held += size
	t.buf = nil
	t.held -= size
}

// put appends p to the packed headers, and extends the last iovec if it ends there.
func (b *batch) put(p []byte) {
	m := b.mem
	n := copy(m.headers[b.used:], p)
	at := address(m.headers[b.used:])
	b.used += n
	b.bytes += n
	if b.iovs > 0 {
		last := &m.iov[b.iovs-1]
		if last.base+uintptr(last.len) == at {
			last.len += uint64(n)
			return
		}
	}
	m.iov[b.iovs] = iovec{at, uint64(n)}
	b.iovs++
}

func (b *batch) put32(v uint32) {
	var w [4]byte
	binary.LittleEndian.PutUint32(w[:], v)
	b.put(w[:])
}

func (b *batch) zeros(n int) {
	if n > 0 {
		var z [4]byte
		b.put(z[:n])
	}
}

// refer appends data without copying it.
func (b *batch) refer(data []byte) {
	b.mem.iov[b.iovs] = iovec{address(data), uint64(len(data))}
	b.iovs++
	b.bytes += len(data)
}

// segment is a data segment, and its digest, that must be in memory of their own before the batch is sent.
type segment struct {
	dst, src []byte // the same memory if the data is in place
	pad      int
	at       int // of the digest, in the batch's headers
}

// private returns memory for the data segment that does not change while it is sent: where the data is, or the task's block if the
// data is in a Mapped backend's memory.
func (c *conn) private(ev *session.Event) []byte {
	if ev.Header.Opcode() != pdu.OpDataIn {
		return ev.Data
	}
	buf := c.task(ev.Task).buf
	at := int((*pdu.DataIn)(&ev.Header).BufferOffset())
	end := at + len(ev.Data)
	if end > len(buf) || within(ev.Data, buf) {
		return ev.Data
	}
	return buf[at:end]
}

// begin leaves f to be filled when the next data segment is staged, or the batch submitted. Random blocks of memory are not in the
// cache: meanwhile the processor finds the page and its first lines, and while f is filled it loads the one after it.
func (b *batch) begin(f segment) {
	crc32c.Prefetch(f.src[:min(len(f.src), prefetchFirst)])
	b.complete(f.src)
	b.last = f
}

// complete fills what begin left. next is what will be filled after it, or nil.
func (b *batch) complete(next []byte) {
	f := &b.last
	if f.src == nil {
		return
	}
	var crc uint32
	if &f.dst[0] == &f.src[0] {
		crc = pdu.Digest(0, f.src)
	} else {
		crc = pdu.CopyDigest(0, f.dst, f.src, next)
	}
	if f.pad > 0 {
		crc = pdu.Digest(crc, b.mem.headers[f.at-f.pad:f.at])
	}
	pdu.PutDigest(b.mem.headers[f.at:], crc)
	*f = segment{}
}

// flushSend submits the staged batch.
func (c *conn) flushSend() {
	s := &c.send
	if s.batch == nil || s.inFlight {
		return
	}
	b := s.batch
	if c.shut() {
		c.sent()
		return
	}
	b.complete(nil)
	b.enter(batchSending)
	if c.zeroCopy(b) {
		b.submitZeroCopy(c)
	} else {
		b.submit(c)
	}
	s.inFlight = true
	s.watch.begin(c.loop.now, int64(c.loop.engine.cfg.sendTimeout))
	c.loop.stats.Sends++
}

func (b *batch) submit(c *conn) {
	m := b.mem
	m.msg.Iov = (*uring.Iovec)(unsafe.Pointer(&m.iov[b.first]))
	m.msg.Iovlen = uint64(b.iovs - b.first)
	c.loop.ring.SendMsg(uring.FD(c.fd), &m.msg, unix.MSG_WAITALL|unix.MSG_NOSIGNAL, userData(opSend, c.index))
}

// sendDone handles the completion of a send.
func (c *conn) sendDone(cqe uring.CQE) {
	s := &c.send
	b := s.batch
	if cqe.Res < 0 && cqe.Res != -int32(unix.EINTR) && cqe.Res != -int32(unix.EAGAIN) {
		s.inFlight = false
		c.transportEnds(cqe.Res)
		c.sent()
		c.mark()
		return
	}
	if n := max(int(cqe.Res), 0); n < b.bytes {
		b.advance(n)
		b.submit(c)
		return
	}
	s.inFlight = false
	c.account(b)
	c.sent()
	c.mark()
}

// advance drops n sent bytes from the front.
func (b *batch) advance(n int) {
	b.bytes -= n
	for n > 0 {
		v := &b.mem.iov[b.first]
		k := min(uint64(n), v.len)
		v.base += uintptr(k)
		v.len -= k
		n -= int(k)
		if v.len == 0 {
			b.first++
		}
	}
}

// sent reports to the protocol which tasks' answers have been sent, and returns the batch to the pool unless the kernel still reads
// its memory.
func (c *conn) sent() {
	b := c.send.batch
	c.send.batch = nil
	for i := range b.nrel {
		t := b.release[i]
		b.release[i] = nil
		c.s.Sent(c.loop.now, t)
	}
	if b.notices > 0 {
		b.enter(batchNotifying)
		c.send.notifying++
		c.loop.notifying++
		return
	}
	c.freeBatch(b)
}

// freeBatch returns a batch of the connection, and the memory that it holds.
func (c *conn) freeBatch(b *batch) {
	held := b.held
	c.loop.putBatch(b)
	if held > 0 {
		c.unhold(held)
	}
}

// getBatch takes a batch from the pool.
func (l *loop) getBatch() *batch {
	b := l.batches
	if b == nil {
		l.moreBatches()
		b = l.batches
	}
	l.batches = b.next
	b.next = nil
	b.enter(batchStaged)
	return b
}

func (l *loop) putBatch(b *batch) {
	b.enter(batchFree)
	for i := range b.nblk {
		if l.arena.slabOf(b.blocks[i]) >= 0 {
			l.release(b.blocks[i])
		}
		b.blocks[i] = nil
	}
	b.used, b.iovs, b.first, b.bytes, b.pdus = 0, 0, 0, 0, 0
	b.nrec, b.nblk, b.held, b.nrel = 0, 0, 0, 0
	b.last = segment{}
	b.conn, b.taken = nil, false
	b.next = l.batches
	l.batches = b
}

// moreBatches maps memory for some more batches.
func (l *loop) moreBatches() {
	const n = batchesAtOnce
	size := int(unsafe.Sizeof(batchMem{}))
	mem, err := uring.Map(n * size)
	if err != nil {
		// Without memory for headers nothing can be answered any more.
		panic("engine: no memory for send batches: " + err.Error())
	}
	for i := range n {
		b := &batch{mem: (*batchMem)(unsafe.Pointer(&mem[i*size])), next: l.batches, index: len(l.allBatches)}
		l.allBatches = append(l.allBatches, b)
		l.batches = b
	}
}
