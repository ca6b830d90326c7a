package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// screen collects the concurrent output of a runner and its commands.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

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

// Skipped tests are listed with their reasons. A package that passed is one line.
func TestShowsSkips(t *testing.T) {
	var out screen
	r := runner{out: &out}
	s := show{out: &out, tally: &r.tally}
	s.read(strings.NewReader(stream))
	must.Be(t, r.report() && s.err() == nil, "failed:\n%s", &out)
	for _, want := range []string{"ok  \tm/a\t0.1s\n", "no such device: it needs root\n    m/a TestOther\n", "\n1 passed, 0 failed, 1 skipped\n"} {
		check.That(t, strings.Contains(out.String(), want), "no %q in\n%s", want, &out)
	}
	check.That(t, !strings.Contains(out.String(), "=== RUN"), "output of a test that passed:\n%s", &out)
}

// A skipped test without a reason counts as failed.
func TestSkipWithoutReasonFails(t *testing.T) {
	var out screen
	r := runner{out: &out}
	s := show{out: &out, tally: &r.tally}
	s.read(strings.NewReader(strings.ReplaceAll(stream, "    a_test.go:9: no such device: it needs root\\n", "\\n")))
	must.Be(t, !r.report(), "passed:\n%s", &out)
}

// The output of a failed test is shown, and so is that of a test that never ended.
func TestShowsFailures(t *testing.T) {
	const failing = `{"Action":"output","Package":"m/b","Test":"TestBad","Output":"    b_test.go:3: want 1\n"}
{"Action":"fail","Package":"m/b","Test":"TestBad"}
{"Action":"output","Package":"m/b","Test":"TestHangs","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"m/b"}
`
	var out screen
	r := runner{out: &out}
	s := show{out: &out, tally: &r.tally}
	s.read(strings.NewReader(failing))
	must.Be(t, s.err() != nil && !r.report(), "passed")
	for _, want := range []string{"b_test.go:3: want 1", "panic: test timed out", "== failed\n    m/b TestBad\n"} {
		check.That(t, strings.Contains(out.String(), want), "no %q in\n%s", want, &out)
	}
}

// A failed phase does not end the run, and is named at the end.
func TestGoesOnAfterAFailedPhase(t *testing.T) {
	var out screen
	r := runner{out: &out, goCommand: "go", parallel: 1}
	r.run(phase{name: "first", title: "fails", command: []string{"false"}},
		phase{name: "second", title: "passes", command: []string{"echo", "second ran"}})
	must.Be(t, !r.report(), "passed")
	got := out.String()
	check.That(t, strings.Contains(got, "second ran") && strings.Contains(got, "FAILED: exit status 1"), "%s", got)
}

// A package that does not compile, or exits before its tests end, has no failed test: the phase names the package.
func TestPackagesThatFail(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":           "module m\n",
		"broken/a_test.go": "package broken\n\nvar x int = \"text\"\n",
		"ends/a_test.go":   "package ends\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(*testing.M) { os.Exit(3) }\n",
	} {
		path := filepath.Join(dir, name)
		must.OK(t, errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)))
	}
	var out screen
	r := runner{out: &out, goCommand: "go", parallel: 1}
	r.run(phase{name: "both", title: "two packages that fail", dir: dir, packages: []string{"./..."}})
	must.Be(t, !r.report(), "passed")
	for _, want := range []string{"FAILED: failed: m/broken m/ends\n", "a_test.go:3:13: cannot use"} {
		check.That(t, strings.Contains(out.String(), want), "no %q in\n%s", want, &out)
	}
}

// Phases that run at the same time are shown one after the other, in their order.
func TestSideBySide(t *testing.T) {
	var out bytes.Buffer
	r := runner{out: &out, lanes: 2}
	fifo := filepath.Join(t.TempDir(), "fifo")
	must.OK(t, syscall.Mkfifo(fifo, 0o600))
	// Each end of a FIFO waits for the other to be opened: neither phase ends unless both run.
	r.run(phase{name: "a", title: "first", command: []string{"sh", "-c", "echo one; cat " + fifo}},
		phase{name: "b", title: "second", command: []string{"sh", "-c", "echo two; echo met > " + fifo}},
		phase{name: "c", title: "third", alone: true, command: []string{"echo", "three"}})
	if got, want := out.String(), "== first\none\nmet\n== second\ntwo\n== third\nthree\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	check.That(t, r.report(), "%s", &out)
	check.That(t, len(r.results) == 3 && r.results[2].name == "c", "%+v", r.results)
}

// The tests that the race phase leaves out exist. Otherwise a renamed test would come back into it unnoticed.
func TestWhatIsLeftOutExists(t *testing.T) {
	var text []byte
	for _, dir := range []string{"lun", "lun/backend", "session", "tools/ringtgt"} {
		files := must.Get(filepath.Glob(filepath.Join("..", "..", dir, "*_test.go")))(t)
		for _, f := range files {
			b := must.Get(os.ReadFile(f))(t)
			text = append(text, b...)
		}
	}
	for _, name := range oneGoroutine {
		check.That(t, bytes.Contains(text, []byte("\nfunc "+name)), "there is no %s", name)
	}
}
