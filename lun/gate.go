package lun

import (
	"sync"
	"sync/atomic"
)

// gate is a unit's reader/writer lock for tasks, biased toward readers. Media commands pass it shared; COMPARE AND WRITE,
// the other read-modify-write commands and ORDERED tasks (SAM-5 8.9.2) pass it alone. No thread blocks: a task that
// may not pass waits in the gate's list and is posted to its loop when it may.
//
// Passing shared costs one atomic add on the loop's own counter and one load of word; leaving likewise. word is written
// under mu only. The order "count, then look at word" of a reader against "set word, then look at the counts" of a
// writer (all sequentially consistent) means that at least one of them sees the other.
//
// t.gated is written under mu while t waits, and by t's loop otherwise.
type gate struct {
	word   atomic.Uint32 // gateOpen, gateClosing or gateHeld, and gateLateBit
	_      [60]byte
	counts []gateCount // by loop

	mu    sync.Mutex
	owner *Task     // the exclusive task: waiting for the counts to be zero (gateClosing), or running (gateHeld)
	queue taskQueue // waiters, first come first served, with HEAD OF QUEUE tasks in front

	// late lists abandoned tasks whose requests the backend may still execute; behind lists tasks that wait because they touch
	// the same blocks (gate_late.go).
	late   *Task
	behind taskQueue
}

// gateCount is one loop's number of tasks inside, alone on its cache lines (two: adjacent lines are fetched in pairs).
type gateCount struct {
	n atomic.Int64
	_ [120]byte
}

const (
	gateOpen    = iota // no exclusive task
	gateClosing        // owner waits for the tasks inside to leave
	gateHeld           // owner runs

	gateLateBit = 4 // in addition to one of the above: late is not empty
)

// gateState is a task's state at the gate.
type gateState uint8

const (
	gateOutside       gateState = iota
	gateWaitShared              // in the queue
	gateWaitAlone               // in the queue
	gateDraining                // owner, waiting for the counts
	gateGrantedShared           // passed; its event is on the way to its loop
	gateGrantedAlone            // passed; its event is on the way to its loop
	gateShared                  // inside
	gateAlone                   // inside, alone
	gateWaitLate                // behind a late request
	gateWaitLateAlone           // behind a late request
	gateLate                    // abandoned: outside, but its request may still change blocks
)

func (g *gate) init(loops int) { g.counts = make([]gateCount, loops) }

// enter admits t, shared or alone. If it returns false, t waits, and t.gatePassed runs on its loop later, unless t is cancelled first.
func (g *gate) enter(t *Task, alone bool) bool {
	if alone {
		return g.enterAlone(t)
	}
	g.counts[t.Loop.Index()].n.Add(1)
	if g.word.Load() == gateOpen {
		t.gated = gateShared
		return true
	}
	return g.enterSlow(t)
}

func (g *gate) enterSlow(t *Task) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	// A HEAD OF QUEUE task overtakes waiting tasks (SAM-5 8.9.3), but not the one that runs.
	s, late := g.state(), g.behindLate(t)
	passes := s == gateOpen || s == gateClosing && t.Attr == AttrHead
	if passes && !late {
		t.gated = gateShared
		return true
	}
	g.counts[t.Loop.Index()].n.Add(-1)
	if passes {
		t.gated = gateWaitLate
		g.behind.push(t)
	} else {
		t.gated = gateWaitShared
		g.enqueue(t)
	}
	g.drained() // the owner may have counted us
	return false
}

func (g *gate) enterAlone(t *Task) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state() != gateOpen {
		t.gated = gateWaitAlone
		g.enqueue(t)
		return false
	}
	if g.stepsAside(t) {
		return false
	}
	g.owner = t
	g.set(gateClosing)
	if !g.clear() {
		t.gated = gateDraining
		return false
	}
	g.set(gateHeld)
	t.gated = gateAlone
	return true
}

// leave takes t out of the gate, whether it is inside shared or alone.
func (g *gate) leave(t *Task) {
	switch t.gated {
	case gateShared:
		t.gated = gateOutside
		g.counts[t.Loop.Index()].n.Add(-1)
		if g.word.Load() != gateOpen {
			g.mu.Lock()
			g.drained()
			g.mu.Unlock()
		}
	case gateAlone:
		g.mu.Lock()
		t.gated = gateOutside
		g.next()
		g.mu.Unlock()
	case gateLate:
		g.mu.Lock()
		g.arrived(t)
		g.mu.Unlock()
	}
}

// cancel removes t if it waits. It returns false if t has already passed, and gatePassed is about to run.
func (g *gate) cancel(t *Task) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch t.gated {
	case gateWaitShared, gateWaitAlone:
		g.queue.remove(t)
	case gateWaitLate, gateWaitLateAlone:
		g.behind.remove(t)
		g.drained() // an ORDERED owner may have waited for t
	case gateDraining:
		g.next()
	default:
		return false
	}
	t.gated = gateOutside
	return true
}

// passed records, on t's loop, that t was admitted.
func (g *gate) passed(t *Task) {
	g.mu.Lock()
	switch t.gated {
	case gateGrantedShared:
		t.gated = gateShared
	case gateGrantedAlone:
		t.gated = gateAlone
	}
	g.mu.Unlock()
}

// idle reports whether no task is inside or waits.
func (g *gate) idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.word.Load() == gateOpen && g.empty()
}

// The rest runs under mu.

func (g *gate) state() uint32 { return g.word.Load() &^ gateLateBit }

func (g *gate) set(state uint32) {
	if g.late != nil {
		state |= gateLateBit
	}
	g.word.Store(state)
}

// clear reports whether the owner may run: no task is inside, no late request may change blocks that the owner touches, and, if
// the owner is ORDERED, no older task waits behind a late request (SAM-5 8.9.2).
func (g *gate) clear() bool {
	return g.empty() && !g.behindLate(g.owner) && (g.owner.Attr != AttrOrdered || g.behind.head == nil)
}

// stepsAside moves t, which must run alone, from the gate to the tasks behind a late request, if it must wait for one. At the
// gate it would block the whole unit. An ORDERED task stays at the gate, ahead of all younger tasks (SAM-5 8.9.2).
func (g *gate) stepsAside(t *Task) bool {
	if t.Attr == AttrOrdered || !g.behindLate(t) {
		return false
	}
	t.gated = gateWaitLateAlone
	g.behind.push(t)
	return true
}

func (g *gate) empty() bool {
	for i := range g.counts {
		if g.counts[i].n.Load() != 0 {
			return false
		}
	}
	return true
}

// drained admits the waiting owner once no task is inside.
func (g *gate) drained() {
	if g.state() == gateClosing && g.clear() {
		g.set(gateHeld)
		g.grant(g.owner, gateGrantedAlone)
	}
}

// next ends the owner's turn and admits waiting tasks, up to the next exclusive one.
func (g *gate) next() {
	g.owner = nil
	for t := g.queue.pop(); t != nil; t = g.queue.pop() {
		switch {
		case t.gated == gateWaitAlone && g.stepsAside(t):
		case t.gated == gateWaitAlone:
			g.owner = t
			t.gated = gateDraining
			g.set(gateClosing)
			g.drained()
			return
		case g.behindLate(t):
			t.gated = gateWaitLate
			g.behind.push(t)
		default:
			g.counts[t.Loop.Index()].n.Add(1)
			g.grant(t, gateGrantedShared)
		}
	}
	g.set(gateOpen)
}

func (g *gate) grant(t *Task, s gateState) {
	t.gated = s
	t.Loop.Post((*admission)(t))
}

func (g *gate) enqueue(t *Task) {
	if t.Attr == AttrHead {
		g.queue.pushFront(t)
	} else {
		g.queue.push(t)
	}
}
