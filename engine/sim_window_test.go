package engine

import "testing"

// A loop that delivers for the others stops after one request more than the window has slots, and looks at the window again in
// its next turn (docs/session.md). Requests that arrived meanwhile are delivered then, without any other event.
func TestDeliveryThatWasLaidDownGoesOn(t *testing.T) {
	s := newScenario("token")
	s.play(t, "session conns=3 loops=3 window=2")
	s.play(t, "conn 2: read cmdsn=2 lba=2 as=B")
	s.play(t, "expect executed nothing")
	// While connection 1's loop delivers, the other loops overtake it: they execute, and the initiator gets answers and sends more.
	more := []string{"conn 3: read cmdsn=3 lba=3 as=C", "conn 2: read cmdsn=4 lba=4 as=D"}
	others := func() {
		for moved := true; moved; {
			s.step++
			moved = s.loopStep() || s.kernelStep()
			for _, c := range s.all() {
				moved = c.read() || moved
			}
		}
	}
	s.onWake = func(wake func()) {
		if len(more) == 0 {
			wake()
			return
		}
		line := more[0]
		more = more[1:]
		for _, sl := range s.loops {
			if !sl.running {
				sl.l.Post(query(func() {})) // wakes the loop for an unrelated reason
			}
		}
		wake()
		others()
		s.do(s.parse(line))
		others()
	}
	s.play(t, "conn 1: read cmdsn=1 lba=1 as=A")
	if len(more) > 0 {
		t.Fatalf("no delivery was preempted for %v", more)
	}
	s.play(t, "expect executed B C A D")
	for _, line := range []string{"expect conn 1: good for A", "expect conn 2: good for B", "expect conn 3: good for C", "expect conn 2: good for D"} {
		s.play(t, line)
	}
	s.end()
}
