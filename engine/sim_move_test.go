package engine

import (
	"testing"

	"github.com/ringtgt/ringtgt/session"
)

// A connection that is marked again while it is pumped is on its loop's list of those to be looked at: it moves when it is not. Else
// two loops would have it, and the one that it came to would take it for marked for ever.
func TestMarkedConnectionMovesLater(t *testing.T) {
	w := newSimWorld(t, 2, simConfig{}, session.Limits{Window: 8}, nil)
	step := func() bool { w.step++; return w.loopStep() || w.kernelStep() }
	for step() {
	}
	s := w.dial(0)
	for s.s.FD() < 0 && w.k.Step() {
	}
	from, to := w.engine.loops[0], w.engine.loops[1]
	var c *conn
	from.Post(func() {
		c = from.conns[0] // accepted in this turn, and marked for that
		c.moveTo = to.index + 1
		c.pump()
		if c.loop != from {
			t.Error("it moved while it was on the list of its loop")
			c.dirty = false
		}
	})
	for w.loops[0].runnable() { // the other has a letter, for a connection that has not logged in
		w.loops[0].run()
	}
	if c == nil || c.loop != to || from.live != 0 || from.dirty != nil || c.dirty || c.wantRecv {
		t.Fatalf("it should be on no list of its loop, and with the other: %+v", c)
	}
}
