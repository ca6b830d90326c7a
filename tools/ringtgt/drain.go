package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"
)

const (
	// drainLimit bounds a drain. The engine's own grace periods add up to less than 15 s; the rest is for media that still have
	// much to write back from the page cache.
	drainLimit = 90 * time.Second
	// repeats is how long further signals count as repeats of the first: timeout(1) signals its child and then the process
	// group, which the child belongs to, and a terminal's ^C may come together with a parent's SIGTERM.
	repeats = time.Second
)

// drainWait waits for the end of a drain.
type drainWait struct {
	done    <-chan error // the drain's end
	signals <-chan os.Signal
	limit   <-chan time.Time
	now     func() time.Time
	log     *slog.Logger
}

// wait waits for the end of a drain that a signal has just started. A second signal ends it at once.
func (w drainWait) wait() error {
	began := w.now()
	for {
		select {
		case err := <-w.done:
			if err != nil {
				return fail(exitRun, err)
			}
			return nil
		case sig := <-w.signals:
			if w.now().Sub(began) < repeats {
				w.log.Info("a signal this soon after the first counts as a repeat of it", "signal", sig.String())
				continue
			}
			return fail(exitInterrupted, fmt.Errorf("%v: ended in the middle of a drain", sig))
		case <-w.limit:
			return fail(exitRun, fmt.Errorf("the drain did not end within %v", drainLimit))
		}
	}
}
