package session

import (
	"fmt"
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// mcTarget is the target's end of a connection as the engine has it: one receive at a time is with the kernel, what is
// ready goes out as one gathered send, and Closed comes when the kernel has nothing of it.
type mcTarget struct {
	w    *mcWorld
	loop *mcLoop
	home *mcLoop // loop, for other threads
	s    *Conn
	sock *mcSocket
	nx   *mcNexus

	stirred bool
	moveTo  int // index + 1

	armed  bool
	landed bool   // the completion is with the loop
	direct []byte // where the receive goes that is with the kernel; nil: any buffer

	batch    *mcBatch
	inFlight bool

	tasks    []*mcTask
	dirty    bool
	wantRecv bool
	timerAt  int64

	closing, lingering, finSent, shut, toldGone, dropped bool

	// For the oracle.
	byITT    map[uint32]*mcCmd // commands that arrived on it
	lastSN   map[uint64]uint32 // CmdSN of the last prompt command that was executed, by LUN
	statSN   uint32
	exp, max uint32
	told     bool // exp and max are set
	upAt     int  // step of its last Login Response
	ended    bool // another connection has its CID, or it was logged out: nothing of it may be seen
}

func (c *mcTarget) String() string { return fmt.Sprintf("cid %d/%d", c.s.CID(), c.sock.id) }

// mcBatch is a gathered send.
type mcBatch struct {
	segs    [][]byte
	pdus    int
	release []*Task
}

func (c *mcTarget) room() bool {
	return c.batch == nil || !c.inFlight && c.batch.pdus < max(c.w.cfg.batch, 1)
}

func (c *mcTarget) mark() {
	if !c.dirty && !c.dropped {
		c.dirty = true
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// pump takes the protocol's events.
func (c *mcTarget) pump() {
	l := c.loop
	for c.s.Next(l.now, c.room() && !c.shut, &l.ev) {
		ev := &l.ev
		if c.toldGone && ev.Kind != Abort && ev.Kind != SessionDown {
			c.w.Fatalf("%v: event kind %d after Closed", c, ev.Kind)
		}
		switch ev.Kind {
		case Send:
			if !c.room() || c.shut {
				c.w.Fatalf("%v: Send without room", c)
			}
			c.stage(ev)
		case Execute:
			c.execute(ev.Task.Owner.(*mcTask))
		case Abort:
			c.abort(ev.Task.Owner.(*mcTask))
		case Manage:
			c.manage(ev.Task)
		case SessionUp:
			c.nx = ev.Session.Owner.(*mcNexus)
		case SessionJoined:
			if c.nx = ev.Session.Owner.(*mcNexus); c.nx.ups == 0 {
				c.w.Fatalf("%v: SessionJoined before NewNexus", c)
			}
		case Move:
			c.moveTo = ev.Loop + 1
		case SessionDown:
			ev.Session.Owner.(*mcNexus).wentDown(c)
		case Flush:
			c.w.logf("%v: Flush, %v, last %v", c, ev.Reason, ev.Last)
			c.closing, c.lingering = true, true
		case Close:
			c.w.logf("%v: Close, %v", c, ev.Reason)
			c.closing = true
			c.shut = true
		}
		c.w.preempt()
	}
	c.flushSend()
	if c.moveTo != 0 && c.batch == nil && !c.closing {
		c.move()
		return
	}
	c.armTimer()
	c.finish()
}

func (c *mcTarget) armTimer() {
	at := c.s.Timer()
	if at == 0 || c.timerAt != 0 && c.timerAt <= at {
		return
	}
	c.timerAt = at
	c.loop.timers = append(c.loop.timers, mcTimer{at: at, conn: c})
}

func (c *mcTarget) timerDue(at int64) {
	if c.timerAt != at || c.dropped {
		return
	}
	c.timerAt = 0
	if t := c.s.Timer(); t != 0 && t <= c.loop.now {
		c.s.Advance(c.loop.now)
	}
	c.mark()
}

// finish moves a closing connection on.
func (c *mcTarget) finish() {
	if !c.closing {
		return
	}
	if c.batch == nil {
		if c.lingering && !c.shut {
			c.linger()
		} else {
			c.shut = true
		}
	}
	if !c.shut || c.armed || c.inFlight {
		return
	}
	if !c.toldGone {
		c.toldGone = true
		c.sock.downEnd = true
		c.w.logf("%v: Closed", c)
		c.s.Closed(c.loop.now)
		c.mark()
		return
	}
	if len(c.tasks) == 0 && !c.dirty && c.s.Over() {
		c.drop()
	}
}

func (c *mcTarget) drop() {
	c.dropped = true
	c.w.targets = slices.DeleteFunc(c.w.targets, func(o *mcTarget) bool { return o == c })
	c.w.tidy()
}

// linger shuts our direction down and leaves the peer a second to read.
func (c *mcTarget) linger() {
	if c.finSent {
		return
	}
	c.finSent = true
	c.sock.downEnd = true
	c.loop.after(1e9, func() {
		if !c.dropped {
			c.shut = true
			c.mark()
		}
	})
	c.rearm()
}

// move takes the connection to another loop.
func (c *mcTarget) move() {
	l, to := c.loop, c.w.loops[c.moveTo-1]
	c.moveTo = 0
	l.rearms = slices.DeleteFunc(l.rearms, func(o *mcTarget) bool { return o == c })
	l.dirty = slices.DeleteFunc(l.dirty, func(o *mcTarget) bool { return o == c })
	c.wantRecv, c.dirty, c.timerAt = false, false, 0
	if c.armed || c.inFlight || len(c.tasks) > 0 {
		c.w.Fatalf("%v: Move with something under way", c)
	}
	c.loop = to
	to.post(func() {
		c.s.Moved(to.now, to.index)
		c.rearm()
		c.mark()
	})
	c.w.preempt()
	c.home = to
	c.w.stats["move"]++
}

// Receiving.

func (c *mcTarget) rearm() {
	if !c.wantRecv {
		c.wantRecv = true
		c.loop.rearms = append(c.loop.rearms, c)
	}
}

func (c *mcTarget) armRecv() {
	if c.armed || c.shut || c.moveTo != 0 || c.closing && !c.lingering {
		return
	}
	c.armed = true
	c.direct = nil
	if p := c.s.Framer().Pending(); !c.closing && len(p) >= 256 {
		c.direct = p
	}
}

// kernelReceives completes the receive, if there is something for it.
func (c *mcTarget) kernelReceives() bool {
	s := c.sock
	if !c.armed || c.landed {
		return false
	}
	var b []byte
	switch {
	case s.reset || c.shut:
	case s.silent:
		return false
	case len(s.up) > 0:
		n := len(s.up)
		if c.w.rng != nil && c.w.rng.IntN(2) == 0 {
			n = 1 + c.w.rng.IntN(min(n, 200))
		}
		if c.direct != nil {
			n = min(n, len(c.direct))
		}
		b, s.up = s.up[:n:n], s.up[n:]
	case !s.upEnd:
		return false
	}
	direct := c.direct
	if direct != nil {
		copy(direct, b) // the kernel writes now; the loop hears of it later
	}
	c.landed = true
	c.loop.completed(func() { c.received(b, direct != nil) })
	return true
}

func (c *mcTarget) received(b []byte, direct bool) {
	c.armed, c.landed, c.direct = false, false, nil
	switch {
	case len(b) == 0:
		c.closing = true
		c.shut = true
	case c.closing:
	case direct:
		st, err := c.s.Framer().Received(len(b))
		c.framed(st, err)
	default:
		c.feed(b)
	}
	if !c.shut && (!c.closing || c.lingering) {
		c.rearm()
	}
	c.mark()
}

func (c *mcTarget) feed(b []byte) {
	f := c.s.Framer()
	for {
		n, st, err := f.Feed(b)
		b = b[n:]
		if !c.framed(st, err) || len(b) == 0 && st == pdu.NeedMore {
			return
		}
		c.w.preempt()
	}
}

func (c *mcTarget) framed(st pdu.State, err error) bool {
	f := c.s.Framer()
	now := c.loop.now
	if err != nil {
		c.s.HeaderError(now, err)
		c.closing = true
		return false
	}
	switch st {
	case pdu.HeaderReady:
		c.headerArrived(f.Header())
		dst := c.s.Header(now)
		if f.Header().DataLen() > 0 {
			f.Payload(dst)
			break
		}
		c.arrived(f.Header())
		c.s.Payload(now, true)
	case pdu.PDUReady:
		c.arrived(f.Header())
		c.s.Payload(now, f.DataDigestOK())
	}
	return !c.closing
}

// Sending.

func (c *mcTarget) stage(ev *Event) {
	if c.batch == nil {
		c.batch = &mcBatch{}
	}
	b := c.batch
	b.pdus++
	h := ev.Header
	h.SetDataLen(len(ev.Data))
	c.staged(&h, ev)
	head := append([]byte(nil), h[:]...)
	if ev.HeaderDigest {
		head = pdu.AppendDigest(head, pdu.Digest(0, head))
	}
	b.segs = append(b.segs, head)
	if n := len(ev.Data); n > 0 {
		data := ev.Data
		if ev.Copy {
			data = append([]byte(nil), data...)
		}
		tail := make([]byte, pdu.Pad(n), 8)
		if ev.DataDigest {
			tail = pdu.AppendDigest(tail, pdu.Digest(pdu.Digest(0, data), tail))
		}
		b.segs = append(b.segs, data, tail)
	}
	if ev.Release != nil {
		b.release = append(b.release, ev.Release)
	}
}

func (c *mcTarget) flushSend() {
	if c.batch == nil || c.inFlight {
		return
	}
	if c.shut {
		c.sent()
		return
	}
	c.inFlight = true
}

// kernelSends completes a part of the send, or all of it.
func (c *mcTarget) kernelSends() bool {
	s, b := c.sock, c.batch
	if !c.inFlight || b == nil || len(b.segs) == 0 {
		return false
	}
	if s.reset || c.shut {
		b.segs = nil
		c.loop.completed(func() {
			c.inFlight = false
			c.closing, c.shut = true, true
			c.sent()
			c.mark()
		})
		return true
	}
	fits := 1 << 30
	if c.w.cfg.socket > 0 {
		fits = c.w.cfg.socket - len(s.down)
	}
	if fits <= 0 {
		return false
	}
	if c.w.rng != nil && c.w.rng.IntN(4) == 0 {
		fits = min(fits, 1+c.w.rng.IntN(300))
	}
	for fits > 0 && len(b.segs) > 0 {
		n := min(fits, len(b.segs[0]))
		s.down = append(s.down, b.segs[0][:n]...)
		fits -= n
		if b.segs[0] = b.segs[0][n:]; len(b.segs[0]) == 0 {
			b.segs = b.segs[1:]
		}
	}
	if len(b.segs) == 0 {
		c.loop.completed(func() {
			c.inFlight = false
			c.sent()
			c.mark()
		})
	}
	return true
}

func (c *mcTarget) sent() {
	b := c.batch
	c.batch = nil
	for _, t := range b.release {
		c.s.Sent(c.loop.now, t)
	}
}
