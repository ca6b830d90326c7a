package engine

import (
	"math/rand/v2"
	"slices"
	"testing"
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
		if !ok || e.at != w {
			t.Fatalf("due(%d) = %v %v", w, e.at, ok)
		}
	}
	if h.next() != 0 {
		t.Fatal("an empty heap has a deadline")
	}
}
