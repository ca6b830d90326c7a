package engine

import (
	"errors"

	"golang.org/x/sys/unix"
)

var errNothingTaken = errors.New("initiator does not receive what is sent")

// sendWatch is a deadline for what the kernel is sending. Without it an initiator could issue reads up to its share, receive
// no data, answer pings only, and hold that memory for ever. Progress means that its TCP acknowledges data. The kernel is asked
// about that only when a send takes long.
type sendWatch struct {
	look  int64  // when to check
	acked uint64 // bytes acknowledged at the last check
	since int64  // when a check first saw that number, 0 before the first check
}

// busy reports whether the kernel has data of the connection: a send, or batches that wait for their notification.
func (s *sendState) busy() bool { return s.inFlight || s.notifying > 0 }

// begin starts the deadline of a send.
func (w *sendWatch) begin(now, timeout int64) { w.look, w.since = now+timeout/sendLooks, 0 }

// late reports whether there was no progress for timeout. acked is how many bytes have been acknowledged so far.
func (w *sendWatch) late(now int64, acked uint64, timeout int64) bool {
	if w.since == 0 || acked != w.acked {
		w.acked, w.since = acked, now
	}
	w.look = now + timeout/sendLooks
	return now-w.since >= timeout-timeout/sendLooks
}

// slowSend checks the progress of a send that takes long.
func (c *conn) slowSend() {
	l := c.loop
	acked := uint64(0) // if the kernel cannot say, there counts as no progress
	if info, err := l.engine.machine.sockets.GetsockoptTCPInfo(c.fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
		acked = info.Bytes_acked
		if !c.send.inFlight && info.Unacked == 0 && info.Notsent_bytes == 0 {
			// The initiator has it all. Some drivers notify only when they send the next packet.
			c.send.watch.begin(l.now, int64(l.engine.cfg.sendTimeout))
			return
		}
	}
	if c.send.watch.late(l.now, acked, int64(l.engine.cfg.sendTimeout)) {
		c.s.Terminate(l.now, errNothingTaken)
	}
}

// due is the connection's next deadline, 0 if it has none.
func (c *conn) due() int64 {
	at := earlier(c.s.Timer(), c.abandonBy)
	if c.send.busy() && !c.shut() {
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

// armTimer adds the connection's deadline to the loop's heap, unless its entry there is earlier.
func (c *conn) armTimer() {
	if at := c.due(); at != 0 {
		c.loop.timers.arm(c, at)
	}
}

// timerDue handles the connection's deadlines that have passed.
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
	if w := &c.send.watch; c.send.busy() && !c.shut() && w.look <= now {
		c.slowSend()
	}
	c.mark()
}
