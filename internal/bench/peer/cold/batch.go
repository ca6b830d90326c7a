package cold

import (
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/pdu"
)

// batch is the answers of one send.
type batch struct {
	mem   *batchMem
	used  int // bytes of mem.headers
	open  int // where the last piece of mem.headers begins that no iovec has
	iovs  int
	bytes int
	pdus  int
	next  *batch
}

// batchMem is the part of a batch that the kernel reads. The addresses are no pointers: the collector does not look here.
type batchMem struct {
	msg     uring.Msghdr
	iov     [2*window + 1]struct{ base, len uintptr }
	headers [window * (pdu.BHSLen + 2*pdu.DigestLen)]byte
}

// stage returns the batch that takes the next answer; nil: the initiator has more commands unanswered than it was granted.
func (c *conn) stage() *batch {
	b := c.staged
	if b == nil {
		b = c.loop.take()
		c.staged = b
	}
	if b.pdus == window {
		return nil
	}
	b.pdus++
	if !c.dirty {
		c.dirty = true
		c.loop.dirty = append(c.loop.dirty, c)
	}
	return b
}

// header returns a header, zeroed.
func (b *batch) header() *pdu.BHS {
	h := (*pdu.BHS)(b.mem.headers[b.used:])
	*h = pdu.BHS{}
	return h
}

// end completes the header.
func (b *batch) end(digest bool) {
	h := b.mem.headers[b.used : b.used+pdu.BHSLen]
	b.used += pdu.BHSLen
	if digest {
		b.digest(pdu.Digest(0, h))
	}
}

func (b *batch) digest(crc uint32) {
	pdu.PutDigest(b.mem.headers[b.used:], crc)
	b.used += pdu.DigestLen
}

// refer adds data, where it is.
func (b *batch) refer(data []byte) {
	b.close()
	b.iov(unsafe.Pointer(unsafe.SliceData(data)), len(data))
}

// close gives the headers since the last data an iovec.
func (b *batch) close() {
	if n := b.used - b.open; n > 0 {
		b.iov(unsafe.Pointer(&b.mem.headers[b.open]), n)
		b.open = b.used
	}
}

func (b *batch) iov(p unsafe.Pointer, n int) {
	v := &b.mem.iov[b.iovs]
	v.base, v.len = uintptr(p), uintptr(n)
	b.iovs++
	b.bytes += n
}

// flush sends what is staged, unless a send is under way: then it follows.
func (c *conn) flush() {
	c.dirty = false
	b := c.staged
	if b == nil || c.flight != nil || c.over {
		return
	}
	c.staged, c.flight = nil, b
	b.close()
	m := b.mem
	m.msg.Iov, m.msg.Iovlen = (*uring.Iovec)(unsafe.Pointer(&m.iov)), uint64(b.iovs)
	c.loop.ring.SendMsg(uring.FD(c.fd), &m.msg, uring.MsgWaitAll|uring.MsgNoSignal, userData(opSend, c.index))
}

// sent handles the completion of a send. MSG_WAITALL makes it all or a failure.
func (c *conn) sent(cqe uring.CQE) {
	b := c.flight
	c.flight = nil
	if int(cqe.Res) != b.bytes {
		c.end()
	}
	c.loop.put(b)
	switch {
	case c.over:
		c.free()
	case c.staged != nil && !c.dirty:
		c.dirty = true
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// take takes the batch that was used last, which is in the cache.
func (l *loop) take() *batch {
	if l.pool == nil {
		l.more()
	}
	b := l.pool
	l.pool = b.next
	return b
}

func (l *loop) put(b *batch) {
	b.used, b.open, b.iovs, b.bytes, b.pdus = 0, 0, 0, 0, 0
	b.next = l.pool
	l.pool = b
}

func (l *loop) more() {
	size := int(unsafe.Sizeof(batchMem{}))
	mem, err := uring.Map(batchesAtOnce * size)
	if err != nil {
		panic("cold: no memory for batches: " + err.Error())
	}
	for i := range batchesAtOnce {
		l.pool = &batch{mem: (*batchMem)(unsafe.Pointer(&mem[i*size])), next: l.pool}
	}
}
