package initiator

import (
	"container/heap"
	"math"
	"testing"
)

// At a constant pace one request is due at each multiple of 1/rate over all connections, each has every n-th, and a million
// on there is no drift.
func TestScheduleConstant(t *testing.T) {
	const n, rate = 3, 7000
	w := &Workload{Rate: rate}
	var s [n]schedule
	for i := range s {
		s[i] = newSchedule(w, i, n)
	}
	for k := range int64(1_000_000) {
		c := &s[k%n]
		if want := k * 1e9 / rate; c.oldest-want > 1 || want-c.oldest > 1 {
			t.Fatalf("request %d is due at %d ns, want %d", k, c.oldest, want)
		}
		c.advance()
	}
}

// What is behind is what advancing would count, at every time, and takes no time itself.
func TestScheduleBehind(t *testing.T) {
	for _, rate := range []float64{0.3, 1, 999, 1e6 / 3, maxRate} {
		for i := range 3 {
			s := newSchedule(&Workload{Rate: rate}, i, 3)
			for range i {
				s.advance()
			}
			walk := s
			var n uint64
			for step := range int64(200) {
				now := walk.oldest + step%3 - 1 // just before a request is due, when it is, and after
				for walk.oldest < now {
					walk.advance()
					n++
				}
				if got := s.behind(now); got != n {
					t.Fatalf("rate %v, connection %d: %d are behind at %d, want %d", rate, i, got, now, n)
				}
				walk.advance()
				n++
			}
		}
	}
	s := newSchedule(&Workload{Rate: maxRate}, 0, 1)
	if n := s.behind(1e15); n != 1e14 {
		t.Errorf("after 11 days %d are behind, want 1e14", n)
	}
}

// The intervals of Poisson have the mean of the rate, and as large a deviation: they are exponential. Two connections have
// others.
func TestSchedulePoisson(t *testing.T) {
	const n, rate, count = 2, 10000.0, 200_000
	gap := n / rate * 1e9
	w := &Workload{Rate: rate, Poisson: true, Seed: 5}
	a, b := newSchedule(w, 0, n), newSchedule(w, 1, n)
	if a.oldest == b.oldest {
		t.Error("two connections have the same schedule")
	}
	var sum, squares float64
	for range count {
		before := a.at
		a.advance()
		if a.at < before {
			t.Fatal("time runs backwards")
		}
		sum += a.at - before
		squares += (a.at - before) * (a.at - before)
	}
	mean := sum / count
	if dev := math.Sqrt(squares/count - mean*mean); math.Abs(mean-gap) > gap/100 || math.Abs(dev-gap) > gap/50 {
		t.Errorf("intervals of %v ns, deviation %v; want %v and as much", mean, dev, gap)
	}
	if got, want := a.behind(a.oldest+int64(100*gap)), uint64(101); got != want {
		t.Errorf("%d are behind, want the one that is due and the expected number of %d gaps", got, want-1)
	}
}

// The queue gives the connection whose request is due first, whatever the order in which they come and go.
func TestPacer(t *testing.T) {
	var p pacer
	if p.first() != never {
		t.Error("an empty queue has a first")
	}
	for i := range 100 {
		c := new(loopConn)
		c.due = newSchedule(&Workload{Rate: 1000}, i*37%100, 100)
		heap.Push(&p, c)
	}
	last := int64(-1)
	for i := range 10_000 {
		if p.first() < last {
			t.Fatalf("step %d: %d comes after %d", i, p.first(), last)
		}
		last = p.first()
		c := p[0]
		c.due.advance()
		if i%7 == 0 { // out and in again
			heap.Pop(&p)
			heap.Push(&p, c)
		} else {
			heap.Fix(&p, 0)
		}
	}
	if want := int64(9999 * 1e6); last != want {
		t.Errorf("the last is due at %d, want %d", last, want)
	}
}
