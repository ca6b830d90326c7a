package lun

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// postLoop is a loop that keeps what is posted to it.
type postLoop struct {
	Loop
	index  int
	posted []Event
}

func (l *postLoop) Index() int       { return l.index }
func (l *postLoop) Post(e Event)     { l.posted = append(l.posted, e) }
func (l *postLoop) granted() (n int) { n, l.posted = len(l.posted), nil; return n }

func gateTask(loop *postLoop, attr Attr) *Task { return &Task{Loop: loop, Attr: attr} }

// A reader counts itself before it looks whether it may pass. When the last task inside leaves in between, it is the
// reader that must admit the waiting task: no other task will.
func TestGateReaderHidesTheLastLeaver(t *testing.T) {
	var g gate
	g.init(3)
	loops := [3]postLoop{{index: 0}, {index: 1}, {index: 2}}
	inside, alone, reader := gateTask(&loops[0], AttrSimple), gateTask(&loops[1], AttrSimple), gateTask(&loops[2], AttrSimple)
	must.Be(t, g.enter(inside, false) && !g.enter(alone, true), "the first passes, the one that must be alone waits for it")
	g.counts[2].n.Add(1) // the first half of the reader's enter
	g.leave(inside)
	must.Be(t, loops[1].granted() == 0, "the waiter was let in while a reader may be inside")
	if g.enterSlow(reader) { // the second half
		t.Fatal("the reader passed one that waits")
	}
	must.Be(t, loops[1].granted() == 1, "nobody told the waiter")
	g.passed(alone)
	g.leave(alone)
	must.Be(t, loops[2].granted() == 1, "nobody told the reader")
	g.passed(reader)
	g.leave(reader)
	check.That(t, g.idle(), "the gate is not idle")
}

// Every state of a task at the gate, and what cancel and leave do in it.
func TestGateCancel(t *testing.T) {
	loop := &postLoop{}
	fresh := func() (*gate, *Task) {
		g := &gate{}
		g.init(1)
		holder := gateTask(loop, AttrSimple)
		must.Be(t, g.enter(holder, true), "an empty gate lets one in alone")
		return g, holder
	}
	for _, alone := range []bool{false, true} {
		g, holder := fresh()
		a, b, c := gateTask(loop, AttrSimple), gateTask(loop, AttrSimple), gateTask(loop, AttrSimple)
		for _, w := range []*Task{a, b, c} {
			must.Be(t, !g.enter(w, alone), "passed while one is alone inside")
		}
		loop.granted()
		for _, w := range []*Task{b, c, a} { // the middle, the last, the only one
			must.Be(t, g.cancel(w) && w.gated == gateOutside, "alone %v: a waiting task was not cancelled", alone)
			must.Be(t, !g.cancel(w), "cancelled twice")
		}
		d := gateTask(loop, AttrSimple)
		must.Be(t, !g.enter(d, alone), "passed while one is alone inside")
		g.leave(holder)
		must.Be(t, loop.granted() == 1 && !g.cancel(d), "the last waiter was not let in, or could be cancelled afterwards")
		g.passed(d)
		g.leave(d)
		check.That(t, g.idle(), "alone %v: the gate is not idle", alone)
	}
}
