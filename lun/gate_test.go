package lun

import "testing"

// postLoop is a loop that keeps what is posted to it.
type postLoop struct {
	Loop
	index  int
	posted []Event
}

func (l *postLoop) Index() int       { return l.index }
func (l *postLoop) Post(e Event)     { l.posted = append(l.posted, e) }
func (l *postLoop) TaskDone(*Task)   {}
func (l *postLoop) granted() (n int) { n, l.posted = len(l.posted), nil; return n }

func gateTask(loop *postLoop, attr Attr) *Task { return &Task{Loop: loop, Attr: attr} }

// A reader counts itself before it looks whether it may pass. When the last task inside leaves in between, it is the
// reader that must admit the waiting task: no other task will.
func TestGateReaderHidesTheLastLeaver(t *testing.T) {
	var g gate
	g.init(3)
	loops := [3]postLoop{{index: 0}, {index: 1}, {index: 2}}
	inside, alone, reader := gateTask(&loops[0], AttrSimple), gateTask(&loops[1], AttrSimple), gateTask(&loops[2], AttrSimple)
	if !g.enter(inside, false) || g.enter(alone, true) {
		t.Fatal("the first passes, the one that must be alone waits for it")
	}
	g.counts[2].n.Add(1) // the first half of the reader's enter
	g.leave(inside)
	if loops[1].granted() != 0 {
		t.Fatal("the waiter was let in while a reader may be inside")
	}
	if g.enterSlow(reader) { // the second half
		t.Fatal("the reader passed one that waits")
	}
	if loops[1].granted() != 1 {
		t.Fatal("nobody told the waiter")
	}
	g.passed(alone)
	g.leave(alone)
	if loops[2].granted() != 1 {
		t.Fatal("nobody told the reader")
	}
	g.passed(reader)
	g.leave(reader)
	if !g.idle() {
		t.Error("the gate is not idle")
	}
}

// Every state of a task at the gate, and what cancel and leave do in it.
func TestGateCancel(t *testing.T) {
	loop := &postLoop{}
	fresh := func() (*gate, *Task) {
		g := &gate{}
		g.init(1)
		holder := gateTask(loop, AttrSimple)
		if !g.enter(holder, true) {
			t.Fatal("an empty gate lets one in alone")
		}
		return g, holder
	}
	for _, alone := range []bool{false, true} {
		g, holder := fresh()
		a, b, c := gateTask(loop, AttrSimple), gateTask(loop, AttrSimple), gateTask(loop, AttrSimple)
		for _, w := range []*Task{a, b, c} {
			if g.enter(w, alone) {
				t.Fatal("passed while one is alone inside")
			}
		}
		loop.granted()
		for _, w := range []*Task{b, c, a} { // the middle, the last, the only one
			if !g.cancel(w) || w.gated != gateOutside {
				t.Fatalf("alone %v: a waiting task was not cancelled", alone)
			}
			if g.cancel(w) {
				t.Fatal("cancelled twice")
			}
		}
		d := gateTask(loop, AttrSimple)
		if g.enter(d, alone) {
			t.Fatal("passed while one is alone inside")
		}
		g.leave(holder)
		if loop.granted() != 1 || g.cancel(d) {
			t.Fatal("the last waiter was not let in, or could be cancelled afterwards")
		}
		g.passed(d)
		g.leave(d)
		if !g.idle() {
			t.Errorf("alone %v: the gate is not idle", alone)
		}
	}
}
