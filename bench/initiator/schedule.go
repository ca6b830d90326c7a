package initiator

import (
	"math"
	"math/rand/v2"
)

// schedule says when the requests of one connection of an open loop are due, in ns since the run began. It depends on nothing
// that the target does. Requests that are due and not sent take no memory: the schedule only knows when the oldest of them was
// due.
//
// At a constant pace connection i of n has every n-th request, beginning with the i-th, so that over all connections one is due
// at every multiple of 1/rate. That is the default: the load is the same in every run and adds no tail of its own. The
// intervals of Poisson are exponentially distributed, as the requests of many independent clients are, so that requests also
// queue at a target that would keep up with their mean; n such schedules are one of n times the rate.
type schedule struct {
	oldest int64   // when the next request to be sent is due
	gap    float64 // ns between two of the connection's, on average

	// Constant pace: the k-th is due at first + k*gap. Made of k and not added up, so that it does not drift.
	first float64
	k     uint64

	random *rand.Rand // Poisson
	at     float64    // oldest, unrounded
}

// newSchedule makes the one of connection i of n.
func newSchedule(w *Workload, i, n int) schedule {
	s := schedule{gap: float64(n) / w.Rate * 1e9, first: float64(i) / w.Rate * 1e9}
	if w.Poisson {
		s.random = rand.New(rand.NewPCG(w.Seed, uint64(i)+1<<32))
		s.advance()
	} else {
		s.oldest = s.constant(0)
	}
	return s
}

func (s *schedule) constant(k uint64) int64 {
	return int64(math.Min(s.first+float64(k)*s.gap, never))
}

// never is later than any time; as a float64 it still fits an int64.
const never = 1 << 62

// advance makes the next one the oldest.
func (s *schedule) advance() {
	if s.random == nil {
		s.k++
		s.oldest = s.constant(s.k)
		return
	}
	s.at = math.Min(s.at+s.random.ExpFloat64()*s.gap, never)
	s.oldest = int64(s.at)
}

// behind returns how many requests are due before now and were not sent. Of a Poisson schedule, whose times beyond the
// oldest have not been drawn, it is the expected number.
func (s *schedule) behind(now int64) uint64 {
	if s.oldest >= now {
		return 0
	}
	if s.random != nil {
		return 1 + uint64(float64(now-s.oldest)/s.gap)
	}
	n := uint64(float64(now-s.oldest) / s.gap)
	for s.constant(s.k+n) < now { // the first that is not due; rounding is at most a step off
		n++
	}
	for n > 0 && s.constant(s.k+n-1) >= now {
		n--
	}
	return n
}
