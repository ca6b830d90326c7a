package engine

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
)

// Deadlines come up in order whatever the order they were added in.
func TestTimersComeUpInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h timers
	var want []int64
	for range 1000 {
		at := r.Int64N(500) + 1
		h.add(timer{at: at})
		want = append(want, at)
	}
	slices.Sort(want)
	for i, w := range want {
		if h.next() != w {
			t.Fatalf("next deadline is %d, want %d", h.next(), w)
		}
		if _, ok := h.due(w - 1); ok {
			t.Fatalf("entry %d came up before its time", i)
		}
		e, ok := h.due(w)
		must.Be(t, ok && e.at == w, "due(%d) = %v %v", w, e.at, ok)
	}
	must.Be(t, h.next() == 0, "an empty heap has a deadline")
}

// A connection has one entry, at the earliest of its deadlines. An earlier deadline moves the entry; a later one takes effect
// when the entry is due.
func TestTimersOfAConnection(t *testing.T) {
	var h timers
	c, other := &conn{}, &conn{}
	h.arm(other, 70)
	for _, at := range []int64{100, 50, 80} {
		h.arm(c, at)
	}
	if len(h.heap) != 2 || h.next() != 50 {
		t.Fatalf("%d entries, the next at %d; want 2, at 50", len(h.heap), h.next())
	}
	if e, ok := h.due(50); !ok || e.conn != c || c.timer != 0 {
		t.Fatalf("%v %v, the connection's place is %d", e, ok, c.timer)
	}
	h.arm(c, 60)
	h.disarm(c)
	if h.next() != 70 || c.timer != 0 {
		t.Fatalf("the next is at %d after the connection's entry was taken away", h.next())
	}
}
