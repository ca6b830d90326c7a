package cold

import (
	"github.com/ringtgt/ringtgt/internal/bench/peer/script"
	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/pdu"
	"golang.org/x/sys/unix"
)

// conn is a connection, and the only one of its session.
type conn struct {
	loop  *loop
	fd    int
	index int

	recv   receive
	multi  bool   // the next receive may be a multishot one
	over   bool   // it ends once the kernel has none of its operations
	arming bool   // it is in loop.arm
	dirty  bool   // it is in loop.dirty
	inside bool   // the framer is inside a PDU
	text   []byte // payload of requests that are no commands

	framer         pdu.Framer
	header, data   bool // digests
	statSN, cmdSN  uint32
	staged, flight *batch
}

// begin starts a connection.
func (c *conn) begin() {
	c.multi = c.loop.multi
	c.framer.SetLimits(0, maxData)
	c.wantRecv()
}

func (c *conn) wantRecv() {
	if !c.arming {
		c.arming = true
		c.loop.arm = append(c.loop.arm, c)
	}
}

// armRecv gives the kernel a receive.
func (c *conn) armRecv() {
	c.arming = false
	if c.over || c.recv != recvNone {
		return
	}
	ud := userData(opRecv, c.index)
	switch p := c.framer.Pending(); {
	case c.multi:
		c.recv.to(recvMulti)
		c.loop.ring.RecvMultishot(uring.FD(c.fd), recvGroup, ud)
	case len(p) >= directMin:
		c.recv.to(recvDirect)
		c.loop.ring.RecvInto(uring.FD(c.fd), p, true, ud)
	default:
		c.recv.to(recvOnce)
		c.loop.ring.RecvBuf(uring.FD(c.fd), recvGroup, ud)
	}
}

// received handles a completion of a receive.
func (c *conn) received(cqe uring.CQE) {
	direct := c.recv == recvDirect
	if !cqe.More() {
		c.recv.to(recvNone)
	}
	id, provided := cqe.BufferID()
	switch {
	case c.over:
	case cqe.Res > 0 && direct:
		st, err := c.framer.Received(int(cqe.Res))
		if err != nil || !c.framed(st) {
			c.end()
		}
	case cqe.Res > 0:
		if !c.feed(c.loop.bufs.Bytes(id, int(cqe.Res))) {
			c.end()
		}
	case cqe.Res == -int32(unix.ENOBUFS), cqe.Res == -int32(unix.ECANCELED), cqe.Res == -int32(unix.EINTR):
	default:
		c.end()
	}
	if provided {
		c.loop.bufs.Recycle(id)
	}
	switch {
	case c.over:
		c.free()
	case c.recv == recvNone:
		c.wantRecv()
	case c.recv == recvMulti && len(c.framer.Pending()) >= directMin:
		c.recv.to(recvStopping)
		c.multi = false
		c.loop.ring.CancelFD(uring.FD(c.fd), userData(opCancel, c.index))
	}
}

// feed handles the bytes of a receive; false ends the connection.
func (c *conn) feed(b []byte) bool {
	for len(b) > 0 {
		if !c.inside {
			switch n := c.whole(b); {
			case n < 0:
				return false
			case n > 0:
				b = b[n:]
				continue
			}
		}
		n, st, err := c.framer.Feed(b)
		b = b[n:]
		if c.inside = true; err != nil || !c.framed(st) {
			return false
		}
	}
	return true
}

// whole handles a command that lies completely in b, and returns its length: 0 if b begins with anything else, -1 to end the
// connection. Most commands do, and take no more than this.
func (c *conn) whole(b []byte) int {
	if len(b) < pdu.BHSLen {
		return 0
	}
	h := (*pdu.BHS)(b)
	n, at := h.DataLen(), pdu.BHSLen
	if h.Opcode() != pdu.OpSCSICommand || h.AHSLen() != 0 {
		return 0
	}
	if c.header {
		at += pdu.DigestLen
	}
	end := at + n + pdu.Pad(n)
	total := end
	if c.data && n > 0 {
		total += pdu.DigestLen
	}
	if len(b) < total {
		return 0
	}
	if c.header && pdu.GetDigest(b[pdu.BHSLen:]) != pdu.Digest(0, b[:pdu.BHSLen]) ||
		total > end && pdu.GetDigest(b[end:]) != pdu.Digest(0, b[at:end]) {
		return -1
	}
	k := (*pdu.SCSICommand)(h)
	if n > 0 {
		to := c.loop.place(k)
		if to == nil {
			return -1
		}
		copy(to, b[at:at+n])
	}
	if !c.command(k) {
		return -1
	}
	return total
}

// framed handles what the framer found in PDUs that come in pieces, and in those that are no commands.
func (c *conn) framed(st pdu.State) bool {
	h := c.framer.Header()
	switch {
	case st == pdu.NeedMore:
		return true
	case st == pdu.HeaderReady && h.DataLen() > 0:
		to := c.payload(h)
		c.framer.Payload(to)
		return to != nil
	}
	c.inside = false
	switch h.Opcode() {
	case pdu.OpSCSICommand:
		return c.framer.DataDigestOK() && c.command((*pdu.SCSICommand)(h))
	case pdu.OpLoginRequest:
		return c.login((*pdu.LoginRequest)(h))
	case pdu.OpLogoutRequest:
		r := (*pdu.LogoutRequest)(h)
		c.cmdSN = r.CmdSN()
		a := script.Logout(r)
		return c.answer(&a, nil)
	}
	return false
}

// payload is where a PDU's data segment goes; nil ends the connection.
func (c *conn) payload(h *pdu.BHS) []byte {
	switch {
	case h.Opcode() == pdu.OpSCSICommand:
		return c.loop.place((*pdu.SCSICommand)(h))
	case h.DataLen() <= script.MaxText:
		c.text = make([]byte, h.DataLen())
		return c.text
	}
	return nil
}

// login agrees to what the initiator offers, digests included, for one connection.
func (c *conn) login(r *pdu.LoginRequest) bool {
	h, answer, ok := script.Login(r, c.text, ours, own...)
	if !ok {
		return false
	}
	c.cmdSN = r.CmdSN() // immediate: it uses up no CmdSN
	if !c.answer(&h, answer) {
		return false
	}
	c.header, c.data = script.Offers(c.text, "HeaderDigest", "CRC32C"), script.Offers(c.text, "DataDigest", "CRC32C")
	c.framer.SetDigests(c.header, c.data)
	return true
}

var (
	ours = map[string]string{"MaxConnections": "1"}
	own  = []pdu.KeyValue{{Key: "MaxRecvDataSegmentLength", Value: "262144"}}
)

// end begins the end of a connection.
func (c *conn) end() {
	if !c.over {
		c.over = true
		_ = unix.Shutdown(c.fd, unix.SHUT_RDWR) // it ends a receive and a send that are with the kernel
	}
}

// free ends a connection of which the kernel has no operation.
func (c *conn) free() {
	if c.recv != recvNone || c.flight != nil {
		return
	}
	if c.staged != nil {
		c.loop.put(c.staged)
		c.staged = nil
	}
	_ = unix.Close(c.fd)
	c.loop.conns[c.index] = nil
}
