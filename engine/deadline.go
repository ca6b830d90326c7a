package engine

import (
	"errors"

	"golang.org/x/sys/unix"
)

var errNothingTaken = errors.New("initiator takes no answers")

// sendWatch is a deadline for the send that is with the kernel. An initiator may ask for as much as its share and take nothing, and
// pings keep its connection alive; with the deadline that ends. What counts is what its end of the connection has acknowledged,
// and that is asked for only when a send takes long.
type sendWatch struct {
	look  int64  // when to look
	acked uint64 // bytes that were acknowledged at the last look
	since int64  // when so many were acknowledged first, 0: there was no look yet
}

// begin is the start of a send.
func (w *sendWatch) begin(now, timeout int64) { w.look, w.since = now+timeout/sendLooks, 0 }

// late is a look: acked bytes were acknowledged by now. It reports whether it were no more for all of timeout.
func (w *sendWatch) late(now int64, acked uint64, timeout int64) bool {
	if w.since == 0 || acked != w.acked {
		w.acked, w.since = acked, now
	}
	w.look = now + timeout/sendLooks
	return now-w.since >= timeout-timeout/sendLooks
}

// slowSend looks at a send that takes long.
func (c *conn) slowSend() {
	l := c.loop
	acked := uint64(0) // where the kernel does not tell, nothing moves
	if info, err := l.engine.machine.sockets.GetsockoptTCPInfo(c.fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
		acked = info.Bytes_acked
	}
	if c.send.watch.late(l.now, acked, int64(l.engine.cfg.sendTimeout)) {
		c.s.Terminate(l.now, errNothingTaken)
	}
}

// due is when the connection is to be looked at without input, 0 never.
func (c *conn) due() int64 {
	at := earlier(c.s.Timer(), c.abandonBy)
	if c.send.inFlight && !c.shut {
		at = earlier(at, c.send.watch.look)
	}
	if !c.shut {
		at = earlier(at, c.lingerBy)
	}
	return at
}

func earlier(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// armTimer puts the connection's deadline on the loop's heap, unless an earlier look is there already.
func (c *conn) armTimer() {
	if at := c.due(); at != 0 {
		c.loop.timers.arm(c, at)
	}
}

// timerDue does what is due by now.
func (c *conn) timerDue() {
	now := c.loop.now
	if t := c.s.Timer(); t != 0 && t <= now {
		c.s.Advance(now)
	}
	if c.abandonBy != 0 && c.abandonBy <= now {
		c.abandonLate()
	}
	if c.lingerBy != 0 && c.lingerBy <= now {
		c.shutdown()
	}
	if w := &c.send.watch; c.send.inFlight && !c.shut && w.look <= now {
		c.slowSend()
	}
	c.mark()
}
