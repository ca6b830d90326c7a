package main

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
)

// Two signals in quick succession count as one: `timeout 10 ringtgt serve` sends two, and the drain still has its time. A later
// second signal ends the drain at once.
func TestSecondSignal(t *testing.T) {
	failed := errors.New("a medium failed")
	for _, tt := range []struct {
		name  string
		after []time.Duration // times of further signals
		ends  error           // the drain's result after them; nil: success
		code  int
	}{
		{"none", nil, nil, exitOK},
		{"one that fails", nil, failed, exitRun},
		{"at once", []time.Duration{0}, nil, exitOK},
		{"three in a second", []time.Duration{0, time.Millisecond, repeats - 1}, nil, exitOK},
		{"three in a second, and it fails", []time.Duration{0, time.Millisecond, repeats - 1}, failed, exitRun},
		{"a second later", []time.Duration{repeats}, nil, exitInterrupted},
		{"again, and a second later", []time.Duration{0, repeats}, nil, exitInterrupted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			signals, done := make(chan os.Signal), make(chan error, 1)
			times := append([]time.Duration{0}, tt.after...)
			n := 0
			w := drainWait{signals: signals, done: done, log: slog.New(slog.DiscardHandler), now: func() time.Time {
				now := time.Unix(1000, 0).Add(times[n])
				n++
				return now
			}}
			end := make(chan error, 1)
			go func() { end <- w.wait() }()
			for range tt.after {
				select {
				case signals <- syscall.SIGTERM:
				case err := <-end:
					t.Fatalf("the drain ended too early: %v", err)
				}
			}
			if tt.code != exitInterrupted {
				done <- tt.ends
			}
			err, code := <-end, exitOK
			var e *exitError
			if errors.As(err, &e) {
				code = e.code
			}
			if code != tt.code || err != nil && code == exitOK {
				t.Errorf("%v, code %d, want %d", err, code, tt.code)
			}
			check.That(t, code != exitInterrupted || strings.Contains(err.Error(), "terminated"), "%v does not name the signal", err)
		})
	}
	limit := make(chan time.Time, 1)
	limit <- time.Time{}
	if err := (drainWait{limit: limit, now: time.Now}).wait(); err == nil || !strings.Contains(err.Error(), "did not end") {
		t.Errorf("a drain that does not end: %v", err)
	}
}
