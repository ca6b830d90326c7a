package main

import (
	"bytes"
	"io"
	"sync"
)

// turns separates the output of phases that run at the same time: the first unfinished phase writes through, and the output of
// the others is held back until all phases before them have ended.
type turns struct {
	mu    sync.Mutex
	out   io.Writer
	parts []*part // not completely written yet
}

// part is the output of one phase. Its methods may be called from any goroutine.
type part struct {
	of    *turns
	held  bytes.Buffer
	ended bool
}

// part appends a part.
func (t *turns) part() *part {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := &part{of: t}
	t.parts = append(t.parts, p)
	return p
}

func (p *part) Write(b []byte) (int, error) {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	if p.of.parts[0] == p {
		return p.of.out.Write(b)
	}
	return p.held.Write(b)
}

// end marks p as complete.
func (p *part) end() {
	t := p.of
	t.mu.Lock()
	defer t.mu.Unlock()
	p.ended = true
	for len(t.parts) > 0 && t.parts[0].ended {
		t.parts = t.parts[1:]
		if len(t.parts) > 0 {
			t.parts[0].held.WriteTo(t.out) //nolint:errcheck // there is no place to report it
		}
	}
}
