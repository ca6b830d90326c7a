package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"golang.org/x/sys/unix"
)

const (
	// minInterval keeps a watcher from taking processor time from the loops.
	minInterval = 100 * time.Millisecond
	// watchInterval is the default of --watch.
	watchInterval = 2 * time.Second
)

// readStatus reads the status of the daemon at path, with the activity of its units since its start or, if span is not 0, during
// that span from now.
func readStatus(ctx context.Context, path string, span time.Duration) (*control.Status, error) {
	l, err := readLatency(ctx, path, span, 0)
	if err != nil {
		return nil, err
	}
	st, err := control.Get(ctx, path)
	if err != nil {
		return nil, err
	}
	st.SetActivity(l)
	return st, nil
}

// watch prints the status again and again, each time with the activity since the time before. A daemon that is restarted meanwhile is
// followed; the first error ends it only if there never was an answer.
func (c *statusCmd) watch(ctx context.Context, s streams, path string) error {
	interval := time.Duration(c.Interval)
	if interval == 0 {
		interval = watchInterval
	}
	screen := newScreen(s.out)
	var before *control.Latency
	for first := true; ; first = false {
		if !first {
			select {
			case <-time.After(interval):
			case <-ctx.Done():
				return nil
			}
		}
		st, now, err := readSince(ctx, path, before)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		case err != nil:
			before = nil
			if !c.JSON {
				screen.show(func(w io.Writer) { fmt.Fprintf(w, "no answer: %v\n", c.explain(path, err)) })
			}
			continue
		}
		before = now
		if c.JSON {
			err = c.print(s.out, st, nil)
		} else {
			err = screen.show(func(w io.Writer) { printStatus(w, st, c.Verbose) })
		}
		if err != nil {
			return err
		}
	}
}

// readSince reads the status with the activity since before, or since the daemon's start if before is nil or another daemon's. It also
// returns the reading that the next call takes as before.
func readSince(ctx context.Context, path string, before *control.Latency) (*control.Status, *control.Latency, error) {
	now, err := control.GetLatency(ctx, path, 0)
	if err != nil {
		return nil, nil, err
	}
	st, err := control.Get(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	l := now.Clone()
	if before != nil && before.SameDaemon(l) {
		l.Sub(&before.Latency)
		l.Since = before.At
	}
	st.SetActivity(l)
	return st, now, nil
}

// screen shows texts one after another: on a terminal each in place of the one before, elsewhere with an empty line between them.
type screen struct {
	w        io.Writer
	terminal bool
	shown    bool
}

func newScreen(w io.Writer) *screen {
	s := &screen{w: w}
	if f, ok := w.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		s.terminal = err == nil
	}
	return s
}

// show writes what print prints, in one write so that it does not flicker.
func (s *screen) show(print func(io.Writer)) error {
	var text bytes.Buffer
	print(&text)
	out := text.Bytes()
	switch {
	case s.terminal: // home, each line cleared to its end, then the rest of the screen
		out = append([]byte("\x1b[H"), bytes.ReplaceAll(out, []byte("\n"), []byte("\x1b[K\n"))...)
		out = append(out, "\x1b[J"...)
		if !s.shown {
			out = append([]byte("\x1b[2J"), out...)
		}
	case s.shown:
		out = append([]byte("\n"), out...)
	}
	s.shown = true
	_, err := s.w.Write(out)
	return err
}
