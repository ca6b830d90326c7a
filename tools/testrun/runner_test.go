package main

import (
	"bytes"
	"strings"
	"testing"
)

const stream = `{"Action":"run","Package":"m/a","Test":"TestGood"}
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"pass","Package":"m/a","Test":"TestGood","Elapsed":0}
{"Action":"output","Package":"m/a","Test":"TestOther","Output":"=== RUN   TestOther\n"}
{"Action":"output","Package":"m/a","Test":"TestOther","Output":"    a_test.go:9: no such device: it needs root\n"}
{"Action":"output","Package":"m/a","Test":"TestOther","Output":"--- SKIP: TestOther (0.00s)\n"}
{"Action":"skip","Package":"m/a","Test":"TestOther","Elapsed":0}
{"Action":"output","Package":"m/a","Output":"PASS\n"}
{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t0.1s\n"}
{"Action":"pass","Package":"m/a","Elapsed":0.1}
`

// What was skipped is listed with its reason, and what passed is one line a package.
func TestShowsSkips(t *testing.T) {
	var out bytes.Buffer
	r := runner{out: &out}
	s := show{out: &out, tally: &r.tally}
	s.read(strings.NewReader(stream))
	if !r.report() || s.err() != nil {
		t.Fatalf("failed:\n%s", &out)
	}
	for _, want := range []string{"ok  \tm/a\t0.1s\n", "no such device: it needs root\n    m/a TestOther\n", "\n1 passed, 0 failed, 1 skipped\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "=== RUN") {
		t.Errorf("output of a test that passed:\n%s", &out)
	}
}

// A test that is skipped and does not say why has failed.
func TestSkipWithoutReasonFails(t *testing.T) {
	var out bytes.Buffer
	r := runner{out: &out}
	s := show{out: &out, tally: &r.tally}
	s.read(strings.NewReader(strings.ReplaceAll(stream, "    a_test.go:9: no such device: it needs root\\n", "\\n")))
	if r.report() {
		t.Fatalf("passed:\n%s", &out)
	}
}

// What a failed test said is shown, and so is what one said that never ended.
func TestShowsFailures(t *testing.T) {
	const failing = `{"Action":"output","Package":"m/b","Test":"TestBad","Output":"    b_test.go:3: want 1\n"}
{"Action":"fail","Package":"m/b","Test":"TestBad"}
{"Action":"output","Package":"m/b","Test":"TestHangs","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"m/b"}
`
	var out bytes.Buffer
	r := runner{out: &out}
	s := show{out: &out, tally: &r.tally}
	s.read(strings.NewReader(failing))
	if s.err() == nil || r.report() {
		t.Fatal("passed")
	}
	for _, want := range []string{"b_test.go:3: want 1", "panic: test timed out", "== failed\n    m/b TestBad\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

// A phase that fails does not end the run, and is named at the end.
func TestGoesOnAfterAFailedPhase(t *testing.T) {
	var out bytes.Buffer
	r := runner{out: &out, goCommand: "go", parallel: 1}
	r.run(phase{name: "first", title: "fails", command: []string{"false"}})
	r.run(phase{name: "second", title: "passes", command: []string{"echo", "second ran"}})
	if r.report() {
		t.Fatal("passed")
	}
	got := out.String()
	if !strings.Contains(got, "second ran") || !strings.Contains(got, "FAILED: exit status 1") {
		t.Errorf("%s", got)
	}
}

// A package that does not compile fails its phase.
func TestBuildFailure(t *testing.T) {
	var out bytes.Buffer
	r := runner{out: &out, goCommand: "go", parallel: 1}
	r.run(phase{name: "none", title: "no such package", packages: []string{"./nosuch"}})
	if r.report() {
		t.Fatalf("passed:\n%s", &out)
	}
}
