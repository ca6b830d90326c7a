package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"
)

const (
	// drainLimit ends a drain that does not come to its end: the engine's own graces are below half of 30 s. The rest is for
	// media that have much to write yet, through a page cache.
	drainLimit = 90 * time.Second
	// repeats is for how long further signals are the first one again: timeout(1) sends it to its child and then to the process
	// group, which the child is in, and a terminal's ^C may come with its parent's SIGTERM.
	repeats = time.Second
)

// drainWait is what the end of a drain is waited for with.
type drainWait struct {
	done    <-chan error // the drain's end
	signals <-chan os.Signal
	limit   <-chan time.Time
	now     func() time.Time
	log     *slog.Logger
}

// wait waits for the end of a drain that a signal began just now. A second signal ends it at once.
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
				w.log.Info("a signal that comes this soon is the first one again", "signal", sig.String())
				continue
			}
			return fail(exitInterrupted, fmt.Errorf("%v: ended in the middle of a drain", sig))
		case <-w.limit:
			return fail(exitRun, fmt.Errorf("the drain did not end within %v", drainLimit))
		}
	}
}
