package engine

import (
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
	"golang.org/x/sys/unix"
)

// recvState is the receiving half of a connection: one receive at a time is with the kernel.
type recvState struct {
	armed   bool
	starved bool   // the last receive found no buffer
	direct  []byte // where a direct receive goes; nil when a provided buffer is used
	// held are blocks of tasks that ended while a payload was still arriving in them. They are released when the framer no
	// longer writes to them.
	held [][]byte
}

// armRecv submits a receive: straight into the task's buffer while much of a data segment is missing, otherwise into
// whichever provided buffer the kernel picks when bytes arrive.
func (c *conn) armRecv() {
	r := &c.recv
	if r.armed || !c.mayReceive() {
		return
	}
	r.armed = true
	l := c.loop
	if p := c.s.Framer().Pending(); c.takesInput() && len(p) >= directRecvMin && l.arena.slabOf(p) >= 0 {
		r.direct = p
		l.ring.RecvInto(uring.FD(c.fd), p, true, userData(opRecv, c.index))
		return
	}
	r.direct = nil
	l.ring.RecvBuf(uring.FD(c.fd), recvGroup, userData(opRecv, c.index))
}

// received handles the completion of a receive.
func (c *conn) received(cqe uring.CQE) {
	l, r := c.loop, &c.recv
	r.armed = false
	direct := r.direct != nil
	r.direct = nil // the kernel has finished with the block in any case
	id, provided := cqe.BufferID()
	switch {
	case cqe.Res > 0 && direct:
		l.stats.DirectReceives++
		if c.takesInput() {
			st, err := c.s.Framer().Received(int(cqe.Res))
			c.framed(st, err)
		}
	case cqe.Res > 0 && provided:
		l.stats.Receives++
		if c.takesInput() {
			c.feed(l.recvBufs.Bytes(id, int(cqe.Res)))
		}
	case cqe.Res == -int32(unix.ENOBUFS):
		// The turn used all buffers; they are available again at its end.
		r.starved, l.starved = true, true
	case cqe.Res == -int32(unix.EINTR) || cqe.Res == -int32(unix.EAGAIN):
	default:
		// The peer closed (0), or the socket failed.
		c.transportEnds(cqe.Res)
	}
	if provided {
		l.recvBufs.Recycle(id)
		l.recycled = true
	}
	// Requests that can be answered at once are answered now, while they are in the cache. The answers of the whole turn leave in
	// one send at its end.
	l.tick()
	c.take()
	r.dropHeldUnless(c)
	if c.mayReceive() {
		c.rearm()
	}
	c.mark()
}

// rearm requests the next receive at the end of the turn, when used buffers are available again.
func (c *conn) rearm() {
	if !c.wantRecv {
		c.wantRecv = true
		c.loop.rearms = append(c.loop.rearms, c)
	}
}

// feed runs the framer over b. Each iteration consumes at least a byte, or is the last.
func (c *conn) feed(b []byte) {
	f := c.s.Framer()
	for {
		n, st, err := f.Feed(b)
		b = b[n:]
		if !c.framed(st, err) {
			return
		}
		if len(b) == 0 && st == pdu.NeedMore {
			return
		}
	}
}

// framed passes what the framer found to the protocol. False means that the connection's input ends.
func (c *conn) framed(st pdu.State, err error) bool {
	f := c.s.Framer()
	if err != nil {
		c.s.HeaderError(c.loop.now, err)
		c.enter(connDraining)
		return false
	}
	switch st {
	case pdu.HeaderReady:
		dst := c.s.Header(c.loop.lat.began)
		if f.Header().DataLen() > 0 {
			f.Payload(dst)
		} else {
			c.s.Payload(c.loop.lat.began, true) // the PDU is complete with its header: the framer reports no end of it
		}
	case pdu.PDUReady:
		c.s.Payload(c.loop.lat.began, f.DataDigestOK())
	}
	return c.takesInput()
}

// writesTo reports whether the arriving payload goes into block.
func (r *recvState) writesTo(block []byte, s *session.Conn) bool {
	if within(r.direct, block) {
		return true
	}
	return within(s.Framer().Pending(), block)
}

func within(p, block []byte) bool {
	if len(p) == 0 {
		return false
	}
	a, b := uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(unsafe.Pointer(unsafe.SliceData(block)))
	return a >= b && a < b+uintptr(cap(block))
}

func (r *recvState) hold(block []byte) { r.held = append(r.held, block) }

// dropHeldUnless releases held blocks once no payload arrives in them any more.
func (r *recvState) dropHeldUnless(c *conn) {
	n := 0
	for _, b := range r.held {
		if r.writesTo(b, c.s) {
			r.held[n] = b
			n++
			continue
		}
		c.loop.release(b)
	}
	r.held = r.held[:n]
}

// dropHeld releases held blocks when no receive is with the kernel and the framer will not be fed again.
func (r *recvState) dropHeld(l *loop) {
	for _, b := range r.held {
		l.release(b)
	}
	r.held = nil
}

// transportEnds shuts the connection down because of the result of a receive or send.
func (c *conn) transportEnds(res int32) {
	if c.lost = "closed by the initiator"; res != 0 {
		c.lost = unix.Errno(-res).Error()
	}
	c.shutdown()
}
