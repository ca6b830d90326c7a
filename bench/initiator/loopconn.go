package initiator

import (
	"fmt"
	"syscall"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/engine/uring"
	"github.com/ringtgt/ringtgt/pdu"
)

// loopConn is one connection of Loops. During a run it is its loop's alone.
type loopConn struct {
	sessionIndex, loopIndex int
	index                   int // among all connections
	cid                     uint16
	fd                      int
	numbers                 *proto.Numbers
	session                 *Session
	p                       *proto.Conn
	dead                    error

	// The rest is of one run.
	loop     *loop
	slot     int // of the loop's connections and registered files
	sink     *proto.Sink
	msg      *uring.Msghdr
	iov      []uring.Iovec
	sending  bool
	dirty    bool // there may be something to send
	armed    bool // a receive is under way
	progress proto.Progress
	seenMax  uint32 // MaxCmdSN at the last flush

	gen          generator
	requests     []request
	over         []*Command // what ended in this Feed
	live         int        // requests under way
	made         uint64
	attentions   int
	report       ConnReport
	closedBefore uint64
}

// Done, Async and Violation make loopConn a proto.Handler.
func (c *loopConn) Done(cmd *Command) { c.over = append(c.over, cmd) }

// Async is told events that a load generator can do little about: the target closes what it says it closes.
func (c *loopConn) Async(m *pdu.AsyncMessage, data []byte) {
	if cb := c.session.cfg.OnAsync; cb != nil {
		cb(Async{CID: c.cid, Message: *m, Data: append([]byte(nil), data...)})
	}
}

func (c *loopConn) Violation(format string, args ...any) {
	c.session.witness.add(c.cid, format, args...)
}

// open prepares a run.
func (c *loopConn) open(l *loop, slot int, shared []byte) error {
	c.slot = slot
	if err := l.ring.SetFile(slot, c.fd); err != nil {
		return err
	}
	mem, err := l.arena.Bytes(loopSendBuffer, 64)
	if err != nil {
		return err
	}
	c.sink = proto.NewSink(mem, loopSendPieces, loopCopyMax)
	if c.iov, err = uring.Alloc[uring.Iovec](l.arena, loopSendPieces); err != nil {
		return err
	}
	msgs, err := uring.Alloc[uring.Msghdr](l.arena, 1)
	if err != nil {
		return err
	}
	c.msg = &msgs[0]
	c.requests = make([]request, l.w.Depth)
	c.over = make([]*Command, 0, l.w.Depth+8)
	for i := range c.requests {
		r := &c.requests[i]
		r.buf = shared
		if shared == nil {
			if r.buf, err = l.arena.Bytes(l.w.BlockSize, 64); err != nil {
				return err
			}
		}
		r.cmd.User = r
	}
	c.sending, c.dirty, c.armed, c.live, c.made, c.attentions = false, false, false, 0, 0, 0
	c.progress, c.closedBefore = proto.Idle, c.p.Counts().WindowClosed
	return nil
}

// issue starts the next request in r, unless the run is over.
func (c *loopConn) issue(r *request) {
	l := c.loop
	if !l.issuing || l.w.Count > 0 && c.made >= l.w.Count {
		return
	}
	c.made++
	c.gen.prepare(r)
	c.submit(r)
}

func (c *loopConn) submit(r *request) {
	r.submitted = c.loop.now
	if err := c.p.Submit(&r.cmd); err != nil {
		c.fail(err)
		return
	}
	c.live++
	c.dirty = true
}

// arm starts to receive.
func (c *loopConn) arm() {
	c.armed = true
	c.loop.ring.RecvMultishot(uring.Slot(c.slot), loopGroup, opRecv|uint64(c.slot))
}

// received takes a completion of the receive.
func (c *loopConn) received(cqe uring.CQE) {
	l := c.loop
	l.report.Receives++
	if !cqe.More() {
		c.armed = false
	}
	b := l.bufs.Take(cqe)
	var err error
	if len(b) > 0 && c.dead == nil {
		err = c.p.Feed(b, l.now)
		c.settle()
		c.dirty = true // acknowledgements, data asked for, new requests
		if c.numbers.Waiting() {
			l.kick()
		}
	}
	l.bufs.Done(cqe)
	switch e := cqe.Errno(); {
	case err != nil:
		c.fail(err)
	case cqe.Res > 0, e == syscall.ENOBUFS, e == syscall.ECANCELED, e == syscall.EINTR, e == syscall.EAGAIN:
	case e != 0:
		c.fail(fmt.Errorf("%w: receive: %w", ErrConnLost, e))
	default:
		c.fail(fmt.Errorf("%w: the target closed it", ErrConnLost))
	}
}

// settle counts the requests that are over and starts the next ones.
func (c *loopConn) settle() {
	for i := 0; i < len(c.over); i++ { // issuing may fail the connection and add to it
		cmd := c.over[i]
		r, ok := cmd.User.(*request)
		if !ok { // a logout
			if cmd.Done != nil {
				cmd.Done(cmd)
			}
			continue
		}
		c.live--
		if c.conclude(r) && c.dead == nil {
			c.issue(r)
		}
	}
	c.over = c.over[:0]
}

// SCSI statuses that a request survives (SAM-5, 5.3), and the sense key UNIT ATTENTION (SPC-4, 4.5.6).
const (
	statusGood           = 0x00
	statusCheckCondition = 0x02
	statusBusy           = 0x08
	statusTaskSetFull    = 0x28
	keyUnitAttention     = 0x06
)

// conclude takes a request that is over; false: it was sent again, or its connection is gone.
func (c *loopConn) conclude(r *request) bool {
	l, res := c.loop, &r.cmd.Result
	if res.Err == nil && res.Response == pdu.ServiceResponseCompleted && res.Status == statusGood {
		if l.w.Verify && r.cmd.In != nil {
			if at := stamped(r.buf, r.lba*uint64(l.w.BlockLen), l.w.Seed); at >= 0 {
				c.fault(fmt.Errorf("%w: logical block %d and on, byte %d", ErrMiscompare, r.lba, at))
			}
		}
		if l.now >= l.countFrom && (l.w.Duration == 0 || l.now < l.endAt) {
			c.report.Latency.Add(l.now - r.submitted)
			c.report.Bytes += uint64(res.Transferred)
			if r.cmd.Out != nil {
				c.report.Writes++
			} else {
				c.report.Reads++
			}
			l.lastCounted = l.now
		}
		return true
	}
	if res.Err != nil {
		c.fault(res.Err)
		return false // lost, or rejected: its CmdSN is a hole
	}
	again := res.Status == statusTaskSetFull || res.Status == statusBusy
	if key, _, _, ok := proto.SenseCode(res.Sense); ok && res.Status == statusCheckCondition && key == keyUnitAttention {
		c.attentions++
		again = c.attentions <= maxAttentions
	}
	if again && l.issuing && c.dead == nil {
		c.report.Busy++
		c.submit(r)
		return false
	}
	if !again {
		c.fault(res.Good())
	}
	return true
}

func (c *loopConn) fault(err error) {
	c.report.Errors++
	if c.report.Err == nil {
		c.report.Err = err
	}
}

// fail ends the connection.
func (c *loopConn) fail(err error) {
	if c.dead != nil {
		return
	}
	c.dead = err
	c.fault(err)
	c.p.End(ErrConnLost)
	if len(c.over) > 0 && c.live > 0 {
		c.settleDead()
	}
	_ = syscall.Shutdown(c.fd, syscall.SHUT_RDWR)
}

// settleDead forgets what the end of a connection ended.
func (c *loopConn) settleDead() {
	c.live = 0
	c.over = c.over[:0]
}

// moved reports whether MaxCmdSN rose since the last flush.
func (c *loopConn) moved() bool { return c.numbers.MaxCmdSN() != c.seenMax }

// flush sends what there is, unless a send is under way: then its completion will.
func (c *loopConn) flush() {
	if c.sending {
		return
	}
	c.dirty = false
	c.seenMax = c.numbers.MaxCmdSN()
	c.progress = c.p.Fill(c.sink, c.loop.now)
	pieces := c.sink.Pieces()
	if len(pieces) == 0 {
		return
	}
	for i, b := range pieces {
		c.iov[i] = uring.Iovec{Base: &b[0], Len: uint64(len(b))}
	}
	c.msg.Iov, c.msg.Iovlen = &c.iov[0], uint64(len(pieces))
	c.loop.report.Sends++
	c.loop.report.SentPDUs += uint64(c.sink.PDUs())
	c.send()
}

func (c *loopConn) send() {
	c.sending = true
	c.loop.ring.SendMsg(uring.Slot(c.slot), c.msg, uring.MsgWaitAll|uring.MsgNoSignal, opSend|uint64(c.slot))
}

// sent takes the completion of a send. A short one goes on where it ended.
func (c *loopConn) sent(cqe uring.CQE) {
	c.sending = false
	if c.dead != nil {
		return
	}
	if e := cqe.Errno(); e != 0 {
		if e == syscall.EINTR || e == syscall.EAGAIN {
			c.send()
			return
		}
		c.fail(fmt.Errorf("%w: send: %w", ErrConnLost, e))
		return
	}
	n := uint64(cqe.Res)
	used := int(c.msg.Iovlen)
	first := len(c.sink.Pieces()) - used
	for used > 0 && n >= c.iov[first].Len {
		n -= c.iov[first].Len
		first, used = first+1, used-1
	}
	if used > 0 {
		rest := c.sink.Pieces()[first]
		rest = rest[uint64(len(rest))-c.iov[first].Len+n:]
		c.iov[first] = uring.Iovec{Base: &rest[0], Len: uint64(len(rest))}
		c.msg.Iov, c.msg.Iovlen = &c.iov[first], uint64(used)
		c.send()
		return
	}
	c.sink.Reset()
	c.dirty = true // what came up meanwhile, or did not fit
}
