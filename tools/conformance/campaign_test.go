package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// fakeTool writes a shell script that stands in for iscsi-test-cu: it prints its arguments as the tool prints a suite.
func fakeTool(t *testing.T, body string) tool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fake")
	must.OK(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755))
	return tool{path: path, suites: []suite{{"One", []string{"A", "B"}}, {"MultipathIO", []string{"M"}}, {"Sanitize", []string{"S"}}}}
}

// fakeTarget records what a lane does with it.
type fakeTarget struct {
	stopped *atomic.Int32
	dead    error
}

func (fakeTarget) url(lun int) string { return fmt.Sprintf("iscsi://fake/%d", lun) }
func (f fakeTarget) alive() error     { return f.dead }
func (f fakeTarget) stop() error      { f.stopped.Add(1); return nil }

func fakeCampaign(tl tool, dead error) (*campaign, *atomic.Int32) {
	stopped := new(atomic.Int32)
	return &campaign{tool: tl, suites: tl.suites, jobs: 1, progress: io.Discard, kinds: []kind{{name: "k"}},
		start: func(context.Context, kind, int, string) (target, error) { return fakeTarget{stopped, dead}, nil }}, stopped
}

// echoSuite prints every argument in the body of test A, and of M and S.
const echoSuite = `
printf '\nSuite: x\n'
for t in A B M S; do printf '\n  Test: %s ...\n    args %s\npassed' "$t" "$*"; done
printf '\n\nRun Summary:\n'
`

func TestCampaignRunsASuiteAProcess(t *testing.T) {
	dir := t.TempDir()
	c, stopped := fakeCampaign(fakeTool(t, echoSuite), nil)
	c.keep = dir
	r := must.Get(c.run(t.Context()))(t)
	check.Equal(t, stopped.Load(), 2, "targets stopped, one a lane:")
	check.Equal(t, r.at("k", "One", "A").outcome, passed, "One.A:")
	for name, want := range map[string]string{
		"k.One.txt":         "--dataloss --allow-sanitize -V --test=ALL.One iscsi://fake/0\n",
		"k.MultipathIO.txt": "--test=ALL.MultipathIO iscsi://fake/1 iscsi://fake/1\n",
		"k.Sanitize.txt":    "--test=ALL.Sanitize iscsi://fake/0\n",
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		check.That(t, err == nil && strings.Contains(string(text), want), "%s is %q (%v), want %q in it", name, text, err, want)
	}
}

func TestCampaignLeavesExcludedTestsOut(t *testing.T) {
	dir := t.TempDir()
	c, _ := fakeCampaign(fakeTool(t, echoSuite), nil)
	c.keep = dir
	c.kinds[0].except = []exclusion{{"One", []string{"A"}, "because"}, {"MultipathIO", nil, "all of it"}}
	r := must.Get(c.run(t.Context()))(t)
	check.Equal(t, r.at("k", "One", "A"), (result{notRun, "because"}), "One.A:")
	if got := r.at("k", "One", "B"); got.outcome != passed {
		t.Errorf("One.B %v", got)
	}
	check.Equal(t, r.at("k", "MultipathIO", "M"), (result{notRun, "all of it"}), "MultipathIO.M:")
	text, _ := os.ReadFile(filepath.Join(dir, "k.One.B.txt"))
	check.That(t, strings.Contains(string(text), "--test=ALL.One.B "), "the rest of a suite is not run test by test: %q", text)
}

func TestCampaignEndsWhenTheTargetDies(t *testing.T) {
	c, _ := fakeCampaign(fakeTool(t, echoSuite), fmt.Errorf("signal: killed"))
	if _, err := c.run(t.Context()); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("run = %v, want the end of the target", err)
	}
}

func TestSuiteTimeIsBounded(t *testing.T) {
	tl := fakeTool(t, `printf '\nSuite: x\n\n  Test: A ...\n    Send Y\n'; exec sleep 60`)
	out, timedOut, exit := tl.runSuite(t.Context(), suite{"One", []string{"A"}}, "", nil, 300_000_000)
	check.That(t, timedOut && exit != "", "timed out %v, exit %q", timedOut, exit)
	if got := parseRun(suite{"One", []string{"A"}}, out, timedOut, exit)["A"]; got.outcome != hung || !strings.HasSuffix(got.why, "Send Y") {
		t.Errorf("A %v, want hung after Send Y", got)
	}
}
