package engine

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
)

const ms = int64(time.Millisecond)

func newBucket(rate int64, burst time.Duration) *bucket {
	b := &bucket{}
	b.set(0, rate, burst)
	return b
}

// After a pause a bucket gives what its rate yields in burst, and one unit more: a unit may start when the one before it is paid for.
// Then it gives one at a time, each exactly when the rate yields it.
func TestBucketKeepsItsRate(t *testing.T) {
	b := newBucket(1000, 10*time.Millisecond)
	now := 500 * ms
	n := 0
	for b.take(now, b.cost(1)) {
		n++
	}
	check.Equal(t, n, 11, "units after a long pause")
	for range 100 {
		check.That(t, !b.take(now+ms-1, b.cost(1)), "a unit is given a nanosecond early")
		now += ms
		check.Equal(t, b.ready(), now, "when the next unit may start")
		check.That(t, b.take(now, b.cost(1)), "a unit is not given in time")
	}
}

// Whoever comes late by less than burst loses nothing.
func TestBucketMakesUpForLateness(t *testing.T) {
	b := newBucket(10000, 100*time.Millisecond)
	rng := rand.New(rand.NewPCG(1, 1))
	now, n := int64(0), 0
	for now < 10000*ms {
		now += rng.Int64N(99 * ms)
		for b.take(now, b.cost(1)) {
			n++
		}
	}
	check.Equal(t, int64(n), now/(ms/10)+1, "units in the whole time")
}

// What takes longer than burst passes and leaves a debt, at most maxDebt.
func TestBucketGivesCredit(t *testing.T) {
	b := newBucket(1<<20, 10*time.Millisecond)
	check.That(t, b.take(0, b.cost(4<<20)), "4 MiB do not pass at 1 MiB a second")
	check.Equal(t, b.ready(), int64(4*time.Second), "when they are paid for")
	check.That(t, !b.take(b.ready()-1, b.cost(1)), "a byte passes before")
	check.That(t, b.take(b.ready(), b.cost(1)), "a byte does not pass then")
	slow := newBucket(1, 10*time.Millisecond)
	check.That(t, slow.take(0, slow.cost(1<<44)), "16 TiB do not pass")
	check.Equal(t, slow.ready(), maxDebt, "the debt")
}

// A changed rate keeps a debt in units and yields no credit.
func TestBucketChangesItsRate(t *testing.T) {
	for _, tc := range []struct {
		name     string
		from, to int64
		taken    int64 // units
		ready    int64
	}{
		{"debt halves with twice the rate", 100, 200, 100, 500 * ms},
		{"debt doubles with half of it", 200, 100, 100, 1000 * ms},
		{"no debt", 100, 200, 0, 0},
		{"a new limit", 0, 200, 100, 0},
		{"the same limit", 100, 100, 100, 1000 * ms},
		{"a removed one", 100, 0, 100, 0},
		{"the most", 1 << 50, 1, 1 << 50, maxDebt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBucket(tc.from, time.Second)
			b.take(0, b.cost(tc.taken))
			b.set(0, tc.to, time.Second)
			check.Equal(t, b.ready(), tc.ready, "when the debt is paid")
		})
	}
	b := newBucket(100, time.Second)
	b.set(int64(time.Hour), 200, time.Second)
	check.That(t, b.take(int64(time.Hour), b.cost(1)) && !b.take(int64(time.Hour), b.cost(1)), "a change yields credit")
}

// The rounding of a cost is less than one part in ten thousand, at a million units a second too.
func TestBucketCostsAreFine(t *testing.T) {
	for _, rate := range []int64{1, 7, 999, 1e6, 1234567} {
		b := newBucket(rate, time.Second)
		exact := float64(ticksPerSecond) / float64(rate)
		off := 1 - float64(b.cost(1))/exact
		check.That(t, off >= 0 && off < 1e-4, "at %d a second a unit is %v too cheap", rate, off)
	}
	b := newBucket(10e9, time.Second)
	off := 1 - float64(b.cost(4096))*10e9/4096/float64(ticksPerSecond)
	check.That(t, off < 1e-3, "at 10 GB a second 4096 bytes are %v too cheap", off)
}

// A command takes from both buckets of a meter or from none.
func TestMeterTakesBothOrNone(t *testing.T) {
	m := &meter{}
	m.ops.set(0, 1000, 100*time.Millisecond)
	m.bytes.set(0, 1<<20, 100*time.Millisecond)
	check.That(t, m.take(0, 1<<20), "the first does not pass")
	for range 100 {
		check.That(t, !m.take(500*ms, 1), "a byte passes before the megabyte is paid for")
	}
	check.Equal(t, m.ops.ready(), 400*ms, "when the commands that did not pass are paid for: the credit is full")
	check.That(t, m.take(500*ms, 0), "a command without bytes waits for bytes")
	check.Equal(t, m.ready(1), int64(time.Second), "when a byte may pass")
	check.That(t, m.take(1000*ms, 1), "a byte does not pass then")
}

// Loops share a bucket without a lock: together they get what its rate yields.
func TestBucketIsShared(t *testing.T) {
	b := newBucket(1e6, time.Second)
	const loops, until = 4, 200 * ms
	got := make(chan int)
	for k := range int64(loops) {
		go func() {
			n := 0
			for now := k; now <= until; now += 100 {
				if b.take(now, b.cost(1)) {
					n++
				}
			}
			got <- n
		}()
	}
	all := 0
	for range loops {
		all += <-got
	}
	check.Equal(t, int64(all), until/1000+1, "units that the loops got")
}
