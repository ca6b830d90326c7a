package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"golang.org/x/sys/unix"
)

// live shows progress on standard error: on a terminal by rewriting one line, otherwise line by line if requested.
type live struct {
	mu      sync.Mutex
	w       io.Writer
	rewrite bool
	fd      int // of the terminal
	lines   bool
	prefix  string // which run of a series this is
	shown   bool   // a line must be cleared
	ended   bool
}

// newLive resolves the mode auto.
func newLive(w io.Writer, mode string) *live {
	l := &live{w: w, lines: mode == "lines"}
	if f, ok := w.(*os.File); ok && mode == "auto" {
		l.fd = int(f.Fd())
		_, err := unix.IoctlGetTermios(l.fd, unix.TCGETS)
		l.rewrite = err == nil
	}
	return l
}

// series announces the next run of a series.
func (l *live) series(text string) {
	l.mu.Lock()
	l.prefix = text + ": "
	l.mu.Unlock()
	l.show("")
}

// stage announces the next stage of a run.
func (l *live) stage(text string) { l.show(text) }

// interval shows the measurements of the last interval.
func (l *live) interval(i result.Interval, left time.Duration) { l.show(result.Live(i, left)) }

func (l *live) show(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text = l.prefix + text
	switch {
	case l.ended:
	case l.rewrite:
		fmt.Fprintf(l.w, "\r\x1b[K%s", l.cut(text))
		l.shown = true
	case l.lines:
		fmt.Fprintln(l.w, text)
	}
}

// cut truncates text to one line: a wrapped line cannot be rewritten.
func (l *live) cut(text string) string {
	size, err := unix.IoctlGetWinsize(l.fd, unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || utf8.RuneCountInString(text) < int(size.Col) {
		return text
	}
	return string([]rune(text)[:size.Col-1])
}

// end clears the line; nothing is shown afterwards.
func (l *live) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown {
		fmt.Fprint(l.w, "\r\x1b[K")
	}
	l.ended = true
}
