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

// live shows on standard error what goes on: on a terminal in one line that is rewritten, else line by line if that is asked for.
type live struct {
	mu      sync.Mutex
	w       io.Writer
	rewrite bool
	fd      int // of the terminal
	lines   bool
	prefix  string // which run of several it is
	shown   bool   // there is a line to be cleared
	ended   bool
}

// newLive decides where the mode is auto.
func newLive(w io.Writer, mode string) *live {
	l := &live{w: w, lines: mode == "lines"}
	if f, ok := w.(*os.File); ok && mode == "auto" {
		l.fd = int(f.Fd())
		_, err := unix.IoctlGetTermios(l.fd, unix.TCGETS)
		l.rewrite = err == nil
	}
	return l
}

// series says which run of several begins.
func (l *live) series(text string) {
	l.mu.Lock()
	l.prefix = text + ": "
	l.mu.Unlock()
	l.show("")
}

// stage says what begins.
func (l *live) stage(text string) { l.show(text) }

// interval says what the last one measured.
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

// cut makes text fit into a line: one that is broken cannot be rewritten.
func (l *live) cut(text string) string {
	size, err := unix.IoctlGetWinsize(l.fd, unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || utf8.RuneCountInString(text) < int(size.Col) {
		return text
	}
	return string([]rune(text)[:size.Col-1])
}

// end takes the line away; nothing is shown after it.
func (l *live) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown {
		fmt.Fprint(l.w, "\r\x1b[K")
	}
	l.ended = true
}
