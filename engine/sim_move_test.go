package engine

import (
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// A connection that is marked again while it is pumped stays on its loop's dirty list, and moves only once it is off it.
// Otherwise two loops would list it, and its new loop would believe it marked forever.
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
	from.Post(query(func() {
		c = from.conns[0] // accepted and marked in this turn
		c.moveTo = to.index
		c.enter(connMoving)
		c.pump()
		if c.loop != from {
			t.Error("the connection moved while it was on its loop's dirty list")
			c.dirty = false
		}
	}))
	for w.loops[0].runnable() { // the other loop has a message for a connection that has not logged in
		w.loops[0].run()
	}
	if c == nil || c.loop != to || from.live != 0 || from.dirty != nil || c.dirty || c.wantRecv {
		t.Fatalf("the connection should have moved to the other loop and be on no dirty list: %+v", c)
	}
}

// The target shuts down while a connection is between two loops: both have asked their initiators to log out, and neither had the
// connection. It is asked when it arrives.
func TestShutdownReachesMovingConnection(t *testing.T) {
	s := betweenLoops(t, func(s *scenario) {
		s.engine.draining.Store(true)
		for _, l := range s.engine.loops {
			l.askToLogOut()
		}
	})
	if !slices.ContainsFunc(s.conns["2"].got, func(x wire) bool { return x.h.Opcode() == pdu.OpAsyncMessage }) {
		t.Errorf("the connection that moved was not asked to log out: %v", s.conns["2"].got)
	}
}

// A TARGET COLD RESET ends all sessions of the target (RFC 7143, 11.5.1): the connection does not join its session any more.
func TestColdResetReachesMovingConnection(t *testing.T) {
	s := betweenLoops(t, func(s *scenario) {
		s.target.Reset(lun.ResetCold, nil)
		s.engine.dropTarget(s.target, &conn{}) // before the connection arrives
	})
	got := s.conns["2"].got
	if len(got) != 1 || (*pdu.LoginResponse)(&got[0].h).Status() != pdu.LoginSessionDoesNotExist {
		t.Errorf("the connection that moved got %v; want that its session is gone", got)
	}
}

// betweenLoops calls act while a connection has left its loop and has not arrived at the next one.
func betweenLoops(t *testing.T, act func(*scenario)) *scenario {
	s := newScenario("moving")
	s.play(t, "session conns=1 loops=2")
	from, to := s.engine.loops[1], s.engine.loops[0]
	s.connect("2", 2, from.index) // its session has a connection there: it moves
	between := func() bool {
		return slices.ContainsFunc(s.targets, func(o *simTarget) bool { return o.c.loop == to && !slices.Contains(to.conns, o.c) })
	}
	for !between() {
		if s.step++; !s.loopStep() && !s.kernelStep() {
			t.Fatal("the connection does not move")
		}
	}
	act(s)
	s.settle()
	return s
}
