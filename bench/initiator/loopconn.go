package initiator

import (
	"container/heap"
	"fmt"
	"syscall"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/pdu"
)

// loopConn is one connection of Loops. During a run it is its loop's alone.
type loopConn struct {
	sessionIndex, loopIndex int
	index                   int // among all connections
	cid                     uint16
	fd                      int
	numbers                 *proto.Numbers
	shares                  bool // the window, with other connections
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
	armed    bool // a receive is under way
	marked   bool // is in the loop's todo
	held     bool // is in the loop's held
	paced    bool // is in the loop's pacer
	asked    bool // the target wants a text request
	progress proto.Progress
	seenMax  uint32 // MaxCmdSN at the last flush

	gen          generator
	due          schedule // open loop
	freed        int64    // when the last request came back that left the connection with one to make
	free         []*request
	have         int    // requests that there is memory for
	shared       []byte // every request's buffer, unless they verify
	over         []*Command
	live         int    // requests under way
	made, writes uint64 // requests, and how many of them write
	limit        uint64 // made at most
	refused      refused
	attentions   int
	report       ConnReport
	closedBefore uint64
}

// Done, Async and Violation make loopConn a proto.Handler.
func (c *loopConn) Done(cmd *Command) { c.over = append(c.over, cmd) }

// Async passes events on. A load generator can do little about most of them: the target closes what it says it closes.
func (c *loopConn) Async(m *pdu.AsyncMessage, data []byte) {
	c.asked = c.asked || m.AsyncEvent() == pdu.AsyncEventNegotiationRequest
	if cb := c.session.cfg.OnAsync; cb != nil {
		cb(Async{CID: c.cid, Message: *m, Data: append([]byte(nil), data...)})
	}
}

func (c *loopConn) Violation(format string, args ...any) {
	c.session.witness.add(c.cid, format, args...)
}

// prepare assigns the connection to a loop, in a run of n connections.
func (c *loopConn) prepare(l *loop, n int) {
	c.loop = l
	l.conns = append(l.conns, c)
	c.report = ConnReport{Session: c.sessionIndex, Loop: c.loopIndex, CID: c.cid}
	c.limit = l.w.Count
	c.gen = newGenerator(l.w, c.index, n)
	c.refused.round = 0
	if l.w.Sequential && l.w.ReadPercent == 0 && len(l.w.Split) == 0 {
		c.refused.round = c.gen.sizes[0].slots
	}
	if l.w.readBack {
		c.limit = c.writes
		if c.refused.round > 0 { // the rest is the same again
			c.limit = min(c.limit, c.refused.round)
		}
	}
	if l.w.Rate > 0 {
		c.due = newSchedule(l.w, c.index, n)
	}
	c.sending, c.armed, c.marked, c.held, c.paced = false, false, false, false, false
	c.live, c.made, c.attentions, c.freed, c.have = 0, 0, 0, 0, 0
	if !l.w.readBack && !l.w.idle {
		c.writes = 0
		c.refused.begin()
	}
	c.free = nil
	c.progress, c.closedBefore = proto.Idle, c.p.WindowClosed()
}

// open makes the memory of a run, on the loop's thread.
func (c *loopConn) open(slot, send, pieces int, shared []byte) error {
	l := c.loop
	c.slot, c.shared = slot, shared
	if err := l.ring.SetFile(slot, c.fd); err != nil {
		return err
	}
	mem, err := l.arena.Bytes(send, 64)
	if err != nil {
		return err
	}
	c.sink = proto.NewSink(mem, pieces, loopCopyMax)
	if c.iov, err = uring.Alloc[uring.Iovec](l.arena, pieces); err != nil {
		return err
	}
	msgs, err := uring.Alloc[uring.Msghdr](l.arena, 1)
	if err != nil {
		return err
	}
	c.msg = &msgs[0]
	c.over = make([]*Command, 0, l.w.Depth+8)
	c.free = make([]*request, 0, l.w.Depth)
	return nil
}

// start makes the first requests.
func (c *loopConn) start() {
	l := c.loop
	switch {
	case l.w.idle:
	case c.limit == 0 && (l.w.Count > 0 || l.w.readBack):
		l.left--
	case l.w.Rate > 0:
		c.paced = true
		heap.Push(&l.pacer, c)
	default:
		for c.room() {
			c.issue(c.take(), l.now)
		}
	}
}

// more reports whether the connection has requests left to make.
func (c *loopConn) more() bool { return c.dead == nil && (c.limit == 0 || c.made < c.limit) }

// room reports whether it may make one now.
func (c *loopConn) room() bool { return c.more() && (len(c.free) > 0 || c.have < c.loop.w.Depth) }

// take returns a request that is not in flight; there is room. Memory for them is made a few at a time, up to Depth.
func (c *loopConn) take() *request {
	if len(c.free) == 0 {
		c.grow()
	}
	r := c.free[len(c.free)-1]
	c.free = c.free[:len(c.free)-1]
	return r
}

func (c *loopConn) grow() {
	l := c.loop
	chunk := make([]request, min(requestChunk, l.w.Depth-c.have))
	c.have += len(chunk)
	for i := range chunk {
		r := &chunk[i]
		if r.buf = c.shared; r.buf == nil {
			var err error
			if r.buf, err = l.arena.Bytes(l.w.BlockSize, 64); err != nil {
				panic(err) // the arena has room for Depth of them
			}
		}
		r.cmd.User = r
		c.free = append(c.free, r)
	}
}

// issue starts the next request in r, whose latency counts from since.
func (c *loopConn) issue(r *request, since int64) {
	if c.made++; c.made == c.limit {
		c.loop.left--
	}
	r.since = since
	c.gen.prepare(r)
	if r.cmd.Out != nil {
		r.write = c.writes
		c.writes++
	} else if c.loop.w.readBack {
		r.write = c.made - 1
	}
	c.submit(r)
}

func (c *loopConn) submit(r *request) {
	if err := c.p.Submit(&r.cmd); err != nil {
		c.fail(err)
		return
	}
	c.live++
	c.loop.live++
	c.mark()
}

// mark makes the loop look at the connection before it sleeps.
func (c *loopConn) mark() {
	if !c.marked {
		c.marked = true
		c.loop.todo = append(c.loop.todo, c)
	}
}

// arm starts to receive.
func (c *loopConn) arm() {
	c.armed = true
	c.loop.ring.RecvMultishot(uring.Slot(c.slot), loopGroup, opRecv|uint64(c.slot))
}

// received handles a completion of the receive.
func (c *loopConn) received(cqe uring.CQE) {
	l := c.loop
	l.report.Receives++
	if !cqe.More() {
		c.armed = false
	}
	b := l.bufs.Take(cqe)
	var err error
	if len(b) > 0 && c.dead == nil {
		err = c.p.Feed(b)
		c.settle()
		if c.shares && c.numbers.Waiting() {
			l.kick()
		}
	}
	c.mark() // acknowledgements, data asked for, a receive to arm
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

// fail ends the connection, and the run with it.
func (c *loopConn) fail(err error) {
	if c.dead != nil {
		return
	}
	l := c.loop
	c.dead = err
	if l.ended != endInterrupted { // an interruption does not wait for a slow target
		if c.report.Err == nil {
			c.report.Err = err
		}
		l.lose(fmt.Errorf("initiator: session %d, CID %d: %w", c.sessionIndex, c.cid, err))
	}
	answered := len(c.over)
	c.p.End(ErrConnLost)
	l.now = l.clock()
	for _, cmd := range c.over[answered:] {
		if r, ok := cmd.User.(*request); ok {
			c.live--
			l.live--
			c.late(r)
		}
	}
	c.over = c.over[:answered]
	if c.sending {
		l.out--
	}
	_ = syscall.Shutdown(c.fd, syscall.SHUT_RDWR)
}

// moved reports whether MaxCmdSN rose since the last flush.
func (c *loopConn) moved() bool { return c.numbers.MaxCmdSN() != c.seenMax }

// flush sends what there is, unless a send is in flight: then its completion will.
func (c *loopConn) flush() {
	if c.sending {
		return
	}
	c.seenMax = c.numbers.MaxCmdSN()
	c.progress = c.p.Fill(c.sink)
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
	c.loop.out++
	c.loop.ring.SendMsg(uring.Slot(c.slot), c.msg, uring.MsgWaitAll|uring.MsgNoSignal, opSend|uint64(c.slot))
}

// sent handles the completion of a send. A short one continues where it ended.
func (c *loopConn) sent(cqe uring.CQE) {
	c.sending = false
	if c.dead != nil {
		return
	}
	c.loop.out--
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
	c.mark() // what came up meanwhile, or did not fit
}
