package engine

import (
	"slices"

	"github.com/ringtgt/ringtgt/internal/steer"
)

// Place implements session.Host. A CID that returns goes to the loop where it was. Any other connection goes to another loop only if
// its own has more of the session's connections than that one, so that they spread evenly over the loops. A connection with a
// receive in the kernel stays, because its completion comes to this loop: this is so if the final login response was delayed.
func (c *conn) Place(loops []int, last int) int {
	if c.recv.armed {
		return c.loop.index
	}
	all := c.loop.engine.loops
	if last >= 0 && last < len(all) {
		if last != c.loop.index {
			c.placement = placedReturned
		}
		return last
	}
	count := make([]int, len(all))
	for _, i := range loops {
		count[i]++
	}
	best := c.loop.index
	for i := range all {
		if count[i] < count[best] {
			best = i
		}
	}
	if best != c.loop.index {
		c.placement = placedSpread
	}
	return best
}

// placement records how a connection came to its loop.
type placement uint8

const (
	placedAccepted placement = iota // at SYN time: see steer.Level
	placedSpread                    // moved at the end of its login, because its session had more connections on the first loop
	placedReturned                  // moved at the end of its login to where its CID was before
)

func (p placement) reason(level steer.Level) string {
	switch p {
	case placedSpread:
		return "moved: spreads the session"
	case placedReturned:
		return "moved: the CID was here"
	}
	switch level {
	case steer.Program:
		return "accepted: initiator's turn"
	case steer.IncomingCPU:
		return "accepted: CPU of the SYN"
	}
	return "accepted: hash"
}

// established is called when a connection is in full feature phase and will not move any more. It enters the connection in the steering.
func (c *conn) established() {
	c.steered = true
	c.loop.engine.steer.Flow(c.name.local, c.name.remote, c.loop.index)
	c.boundSend()
	c.findPath()
	if c.nexus() != nil {
		c.takeLimits()
	}
}

// move hands the connection over to another loop at the end of its login, when it has no operation with the kernel. Events that other
// threads post for it go to this loop until home changes, and are passed on; from then on they follow the arrival into the new
// loop's mailbox.
func (c *conn) move() {
	l := c.loop
	to := l.engine.loops[c.moveTo]
	c.enter(connServing)
	l.forget(c)
	l.disown(c)
	c.leaveShare()
	c.share = nil
	l.timers.disarm(c)
	c.loop = to
	to.Post(arrival{c, to})
	c.home.Store(to)
}

// arrival is the event with which a connection arrives at its new loop.
type arrival struct {
	c *conn
	l *loop
}

// Happen implements lun.Event.
func (a arrival) Happen() {
	a.l.adopt(a.c)
	a.c.s.Moved(a.l.now, a.l.index)
	if a.l.engine.draining.Load() {
		a.c.s.Shutdown(a.l.now) // no loop had it when askToLogOut ran
	}
	a.c.leavePortal() // or closePortal
	a.c.rearm()
	a.c.mark()
}

// forget removes a connection from the list of those to receive next. It is not on the list of those to pump: see pump.
func (l *loop) forget(c *conn) {
	if i := slices.Index(l.rearms, c); i >= 0 {
		l.rearms = slices.Delete(l.rearms, i, i+1)
		c.wantRecv = false
	}
}
