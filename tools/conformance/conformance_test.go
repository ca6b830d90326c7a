package main

import (
	"context"
	"os"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
)

func TestMain(m *testing.M) { harness.Main(m) }

// testWriter passes progress on to the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p[:max(len(p)-1, 0)])
	return len(p), nil
}

// TestConformance runs the whole of iscsi-test-cu against ringtgt on every kind of LUN: nothing may fail or hang, and every
// test must really run somewhere. With -short it runs the thin memory LUN alone, without the minutes that Sanitize sleeps.
func TestConformance(t *testing.T) {
	harness.Need(t, toolName, toolPackage)
	tl := must.Get(findTool(context.Background()))(t)
	check.Equal(t, tl.count(), 230, "the tables here are made for 1.19.0; tests of %s:", toolName)
	c := campaign{tool: tl, start: startRingtgt, suites: tl.suites, kinds: ringtgtKinds, jobs: defaultJobs, progress: testWriter{t},
		keep: os.Getenv("CONFORMANCE_KEEP")}
	if testing.Short() {
		c.kinds, c.suites = ringtgtKinds[:1], nil
		for _, s := range tl.suites {
			if s.name != "Sanitize" {
				c.suites = append(c.suites, s)
			}
		}
	}
	r := must.Get(c.run(t.Context()))(t)
	v := judge(tl, c.kinds, r, !testing.Short())
	t.Log(summary("ringtgt", c.kinds, r, v))
	for _, line := range v.bad {
		t.Error(line)
	}
	for _, line := range v.never {
		t.Errorf("never really run: %s", line)
	}
	for _, line := range v.stale {
		t.Error(line)
	}
}
