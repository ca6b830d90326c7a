package engine

import (
	"slices"

	"github.com/ringtgt/ringtgt/internal/steer"
)

// Place is session.Host's: a CID that returns goes where it was; else a connection goes to another loop only when its own
// has more of the session's connections than that one, so that they spread evenly over the loops. While a receive is with the
// kernel it stays, because what is received comes to this loop: so it is when the final answer to its login was delayed.
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

// placement is how a connection came to its loop.
type placement uint8

const (
	placedAccepted placement = iota // at SYN time: see steer.Level
	placedSpread                    // moved at the end of its login, as its session had a connection more on the loop it came to
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

// settled is for a connection in full feature phase that stays on its loop from now on: the steering is told.
func (c *conn) settled() {
	c.steered = true
	c.loop.engine.steer.Flow(c.name.local, c.name.remote, c.loop.index)
	c.boundSend()
}

// move hands the connection over to another loop: at the end of its login, when nothing of it is with the kernel. What other
// threads post for it meanwhile goes to this loop until home changes, and is passed on; after that it comes behind the arrival
// at the new loop.
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

// arrival is a connection that has moved to a loop.
type arrival struct {
	c *conn
	l *loop
}

// Happen implements lun.Event.
func (a arrival) Happen() {
	a.l.adopt(a.c)
	a.c.s.Moved(a.l.now, a.l.index)
	a.c.rearm()
	a.c.mark()
}

// forget takes a connection off the loop's list of those to receive next. It is not on the list of those to pump: see pump.
func (l *loop) forget(c *conn) {
	if i := slices.Index(l.rearms, c); i >= 0 {
		l.rearms = slices.Delete(l.rearms, i, i+1)
		c.wantRecv = false
	}
}
