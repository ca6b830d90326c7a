package engine

import (
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
)

// A loop polls twice as long as the longest wait that its limit covers. Longer waits shorten the time, and soon end it.
func TestPollerAdapts(t *testing.T) {
	const us = int64(time.Microsecond)
	for _, tc := range []struct {
		name   string
		max    int64
		waits  []int64
		window int64
	}{
		{"begins asleep", 50 * us, nil, 0},
		{"a wait of nothing begins it", 50 * us, []int64{0}, pollMin},
		{"one short wait doubled", 50 * us, []int64{10 * us}, 20 * us},
		{"shorter ones do not shrink it", 50 * us, []int64{10 * us, 3 * us, 0}, 20 * us},
		{"it has a limit", 50 * us, []int64{30 * us}, 50 * us},
		{"a long wait quarters it", 50 * us, []int64{50 * us, 51 * us}, 50 * us / 4},
		{"the next short one restores it", 50 * us, []int64{50 * us, 51 * us, 20 * us}, 40 * us},
		{"three long ones end it", 50 * us, []int64{50 * us, 51 * us, 51 * us, 51 * us}, 0},
		{"an idle loop with timers sleeps", 250 * us, []int64{250 * us, 1e9, 1e9, 1e9, 1e9}, 0},
		{"a loop that may not never does", -1, []int64{us, us}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := poller{max: tc.max}
			for _, ns := range tc.waits {
				p.waited(ns)
			}
			check.That(t, p.window == tc.window, "it polls for %v next, want %v", time.Duration(p.window), time.Duration(tc.window))
		})
	}
}

// What the loop may poll for by default follows what waking a thread takes, between bounds: nothing that a slow minute at start
// measures makes it poll for long.
func TestPollFor(t *testing.T) {
	for _, tc := range []struct{ cost, want time.Duration }{
		{0, leastAutoPoll},
		{3 * time.Microsecond, leastAutoPoll},
		{10 * time.Microsecond, 160 * time.Microsecond},
		{time.Second, mostAutoPoll},
	} {
		got := pollFor(tc.cost)
		check.That(t, got == tc.want, "a wake-up takes %v: it polls for %v, want %v", tc.cost, got, tc.want)
	}
	check.That(t, mostAutoPoll <= maxPoll, "the default may be longer than the most that can be configured")
	check.That(t, wakeCost() > 0, "waking a thread takes no time")
}
