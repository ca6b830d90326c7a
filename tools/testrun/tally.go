package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// tally counts the tests of all phases, which may run at the same time.
type tally struct {
	mu             sync.Mutex
	passed, failed int
	skips          []skip
	failures       []string
}

// skip is a skipped test and its reason.
type skip struct{ test, reason string }

// count records the end of a test with the given output.
func (t *tally) count(e event, lines []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := strings.TrimPrefix(e.Package, "github.com/ringtgt/ringtgt/") + " " + e.Test
	switch e.Action {
	case "pass":
		t.passed++
	case "fail":
		t.failed++
		t.failures = append(t.failures, name)
	case "skip":
		t.skips = append(t.skips, skip{name, reason(lines)})
	}
}

// reason returns the message of a skipped test: the line between "=== RUN" and "--- SKIP", without file and line.
func reason(lines []string) string {
	for _, l := range slices.Backward(lines) {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "---") || strings.HasPrefix(l, "===") {
			continue
		}
		if _, text, ok := strings.Cut(l, ".go:"); ok {
			if _, text, ok = strings.Cut(text, ": "); ok {
				return text
			}
		}
		return l
	}
	return ""
}

// report prints the skipped tests, the failed tests and phases, and counts. False: something failed. A skipped test without a
// reason counts as failed.
func (r *runner) report() (ok bool) {
	t := &r.tally
	slices.SortStableFunc(t.skips, func(a, b skip) int { return strings.Compare(a.reason, b.reason) })
	if len(t.skips) > 0 {
		fmt.Fprintf(r.out, "\n== skipped\n")
	}
	for i := 0; i < len(t.skips); {
		n := i
		for n < len(t.skips) && t.skips[n].reason == t.skips[i].reason {
			n++
		}
		why := t.skips[i].reason
		if why == "" {
			why = "NO REASON GIVEN, which counts as failed"
			t.failed += n - i
		}
		fmt.Fprintf(r.out, "%s\n", why)
		for ; i < n; i++ {
			fmt.Fprintf(r.out, "    %s\n", t.skips[i].test)
		}
	}
	if len(t.failures) > 0 {
		fmt.Fprintf(r.out, "\n== failed\n    %s\n", strings.Join(t.failures, "\n    "))
	}
	fmt.Fprintf(r.out, "\n== phases\n")
	ok = t.failed == 0
	for _, p := range r.results {
		state := "ok"
		if p.err != nil {
			ok, state = false, "FAILED: "+p.err.Error()
		}
		fmt.Fprintf(r.out, "%-12s %7s  %s\n", p.name, p.took.Round(100*time.Millisecond), state)
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", t.passed, t.failed, len(t.skips))
	return ok
}
