package engine

import (
	"sync/atomic"

	"github.com/ringtgt/ringtgt/lun"
)

// mailbox carries events from any goroutine to a loop: a lock-free stack that the loop takes whole and reverses. It is the
// control path (drains, task management, moves of connections); commands do not pass through it.
type mailbox struct {
	head atomic.Pointer[posted]
	// sleeping is set by the loop before it blocks; the sender that clears it wakes the loop, so that a busy loop is
	// never signalled.
	sleeping atomic.Bool
	wake     func()
	// stirred is a second stack, of connections to which another loop has handed something. Its links are in the connections, so
	// that passing a command from loop to loop allocates nothing.
	stirred atomic.Pointer[conn]
}

type posted struct {
	event lun.Event
	next  *posted
}

// query is an event with which a caller outside the loops reads or stops a loop, and waits for that. It is the only event that is a
// function: its caller waits for it, so it need not outlive the process.
type query func()

// Happen implements lun.Event.
func (q query) Happen() { q() }

// post puts e into the box and wakes the loop if it sleeps.
func (m *mailbox) post(e lun.Event) {
	p := &posted{event: e}
	for {
		p.next = m.head.Load()
		if m.head.CompareAndSwap(p.next, p) {
			break
		}
	}
	if m.rouse() {
		m.wake()
	}
}

// stir puts a connection into the box, unless it is there already, and reports whether the loop sleeps and must be woken.
func (m *mailbox) stir(c *conn) (asleep bool) {
	if c.stirred.Swap(true) {
		return false
	}
	for {
		c.nextStirred = m.stirred.Load()
		if m.stirred.CompareAndSwap(c.nextStirred, c) {
			break
		}
	}
	return m.rouse()
}

// rouse reports whether the caller must wake the loop.
func (m *mailbox) rouse() bool { return m.sleeping.Load() && m.sleeping.CompareAndSwap(true, false) }

func (m *mailbox) empty() bool { return m.head.Load() == nil && m.stirred.Load() == nil }

// takeStirred empties the box of connections and calls fn for each, which can be put there again from then on.
func (m *mailbox) takeStirred(fn func(c *conn)) {
	for c := m.stirred.Swap(nil); c != nil; {
		next := c.nextStirred
		c.nextStirred = nil
		c.stirred.Store(false)
		fn(c)
		c = next
	}
}

// drain runs the posted events, oldest first.
func (m *mailbox) drain() {
	p := m.head.Swap(nil)
	var first *posted
	for p != nil {
		next := p.next
		p.next = first
		first = p
		p = next
	}
	for p := first; p != nil; p = p.next {
		p.event.Happen()
	}
}
