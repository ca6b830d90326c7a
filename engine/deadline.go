package engine

import (
	"errors"

	"golang.org/x/sys/unix"
)

var errNothingTaken = errors.New("initiator does not receive what is sent")

// sendWatch is a deadline for the send that is with the kernel. Without it an initiator that only pings could read as much as
// its share, receive nothing, and hold that memory for ever. Progress is what its TCP has acknowledged. The kernel is asked for
// that only when a send takes long.
type sendWatch struct {
	look  int64  // when to check
	acked uint64 // bytes acknowledged at the last check
	since int64  // when a check first saw that number, 0 before the first check
}

// begin begins to watch a send.
func (w *sendWatch) begin(now, timeout int64) { w.look, w.since = now+timeout/sendLooks, 0 }

// late is a check, with acked bytes acknowledged by now. It reports whether there was no progress for timeout.
func (w *sendWatch) late(now int64, acked uint64, timeout int64) bool {
	if w.since == 0 || acked != w.acked {
		w.acked, w.since = acked, now
	}
	w.look = now + timeout/sendLooks
	return now-w.since >= timeout-timeout/sendLooks
}

// slowSend checks a send that takes long.
func (c *conn) slowSend() {
	l := c.loop
	acked := uint64(0) // if the kernel does not tell, there is no progress
	if info, err := l.engine.machine.sockets.GetsockoptTCPInfo(c.fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
		acked = info.Bytes_acked
	}
	if c.send.watch.late(l.now, acked, int64(l.engine.cfg.sendTimeout)) {
		c.s.Terminate(l.now, errNothingTaken)
	}
}

// due is the connection's next deadline, 0 if it has none.
func (c *conn) due() int64 {
	at := earlier(c.s.Timer(), c.abandonBy)
	if c.send.inFlight && !c.shut() {
		at = earlier(at, c.send.watch.look)
	}
	if c.phase == connLingering {
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

// armTimer puts the connection's deadline on the loop's heap, unless an earlier one is there already.
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
	if c.phase == connLingering && c.lingerBy <= now {
		c.shutdown()
	}
	if w := &c.send.watch; c.send.inFlight && !c.shut() && w.look <= now {
		c.slowSend()
	}
	c.mark()
}
