package engine

import (
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
)

// A loop looks longer the more often that pays, up to its bound, and not at all once it had nothing to do.
func TestPollerAdapts(t *testing.T) {
	const us = int64(time.Microsecond)
	for _, tc := range []struct {
		name   string
		max    int64
		waits  []int64
		window int64
	}{
		{"begins asleep", 50 * us, nil, 0},
		{"one short wait begins it", 50 * us, []int64{10 * us}, pollMin},
		{"short waits double it", 50 * us, []int64{10 * us, 10 * us, 10 * us}, 4 * pollMin},
		{"it need not be longer than the waits", 50 * us, []int64{3 * us, 3 * us, 3 * us, 3 * us, 3 * us}, 2 * pollMin},
		{"it has a bound", 50 * us, []int64{50 * us, 50 * us, 50 * us, 50 * us, 50 * us, 50 * us, 50 * us}, 50 * us},
		{"a long wait ends it at once", 50 * us, []int64{10 * us, 10 * us, 10 * us, 51 * us}, 0},
		{"and it begins anew", 50 * us, []int64{10 * us, 10 * us, 10 * us, 51 * us, 5 * us}, pollMin},
		{"a loop that may not never does", -1, []int64{us, us}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := poller{max: tc.max}
			for _, ns := range tc.waits {
				p.waited(ns)
			}
			check.That(t, p.window == tc.window, "it looks for %v next, want %v", time.Duration(p.window), time.Duration(tc.window))
		})
	}
}
