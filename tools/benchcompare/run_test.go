package benchcompare

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// bed is a throw-away git repository, and a temporary folder that the tool must leave empty.
type bed struct {
	t         *testing.T
	repo, tmp string
	env       []string
}

// source is a benchmark that reports a fixed cost in place of the time that it took, so the verdict does not depend on the machine's
// other work.
func source(cost string) string {
	return `package work

import "testing"

func BenchmarkBusy(b *testing.B) {
	for b.Loop() {
	}
	b.ReportMetric(` + cost + `, "ns/op")
}
`
}

func newBed(t *testing.T) *bed {
	b := &bed{t: t, repo: t.TempDir(), tmp: t.TempDir()}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") && !strings.HasPrefix(v, "TMPDIR=") {
			b.env = append(b.env, v)
		}
	}
	b.env = append(b.env, "TMPDIR="+b.tmp, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "BENCH=Busy", "PKG=./work",
		"ROUNDS=6", "BENCHTIME=1x", "RELINK=0", "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.org")
	b.git("init", "-q")
	b.write("go.mod", "module example.org/throwaway\n\ngo 1.26.0\n")
	return b
}

func (b *bed) write(name, content string) {
	b.t.Helper()
	path := filepath.Join(b.repo, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) git(args ...string) string {
	b.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = b.repo, b.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (b *bed) commit(tag, cost string) {
	b.t.Helper()
	b.write("work/bench_test.go", source(cost))
	b.git("add", "-A")
	b.git("commit", "-q", "-m", tag)
	b.git("tag", tag)
}

func (b *bed) command(env ...string) *exec.Cmd {
	script, err := filepath.Abs("run.sh")
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(script)
	cmd.Dir, cmd.Env = b.repo, append(b.env, env...)
	return cmd
}

// compare runs the tool to its end.
func (b *bed) compare(env ...string) (status int, output string) {
	b.t.Helper()
	cmd := b.command(env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		b.t.Fatal(err)
	}
	b.t.Logf("%v: status %d\n%s", env, cmd.ProcessState.ExitCode(), out)
	b.wantNothingLeft()
	return cmd.ProcessState.ExitCode(), string(out)
}

func (b *bed) wantNothingLeft() {
	b.t.Helper()
	if list := b.git("worktree", "list"); strings.Count(list, "\n") != 1 {
		b.t.Errorf("worktrees are left over:\n%s", list)
	}
	entries, err := os.ReadDir(b.tmp)
	if err != nil || len(entries) > 0 {
		b.t.Errorf("left over: %v %v", entries, err)
	}
}

// Twenty times the cost is slower. The same cost, a lower one, and a rise below the threshold are not. Uncommitted changes count.
func TestVerdicts(t *testing.T) {
	b := newBed(t)
	b.commit("cheap", "100")
	b.commit("little", "105")
	b.commit("dear", "2000")
	for _, c := range []struct {
		name   string
		env    []string
		status int
		want   string
	}{
		{"slower", []string{"REF=cheap", "NEW=dear"}, 1, "SLOWER: Busy"},
		{"faster", []string{"REF=dear", "NEW=cheap"}, 0, "-95.00%"},
		{"same", []string{"REF=cheap", "NEW=cheap"}, 0, "~"},
		{"below the threshold", []string{"REF=cheap", "NEW=little"}, 0, "+5.00%"},
		{"above a threshold of 3%", []string{"REF=cheap", "NEW=little", "THRESHOLD=3"}, 1, "SLOWER: Busy"},
		{"no such commit", []string{"REF=nothing"}, 2, "is not a commit"},
		{"no commit", nil, 2, "which commit"},
		{"an option in place of a commit", []string{"REF=--all"}, 2, "is not a commit"},
		{"too few rounds", []string{"REF=cheap", "ROUNDS=5"}, 2, "six or more"},
		{"no benchmark", []string{"REF=cheap", "BENCH=Nothing"}, 2, "nothing was compared"},
		{"no package", []string{"REF=cheap", "PKG=./nothing"}, 2, "does not build"},
	} {
		if status, out := b.compare(c.env...); status != c.status || !strings.Contains(out, c.want) {
			t.Errorf("%s: status %d, want %d with %q", c.name, status, c.status, c.want)
		}
	}
	b.write("work/bench_test.go", source("9000"))
	if status, out := b.compare("REF=dear"); status != 1 || !strings.Contains(out, "SLOWER") {
		t.Errorf("a change that is not committed: status %d", status)
	}
	b.write("work/bench_test.go", strings.Replace(source("1"), "for b.Loop() {", `b.Fatal("broken"); for b.Loop() {`, 1))
	if status, out := b.compare("REF=dear"); status != 2 || !strings.Contains(out, "broken") {
		t.Errorf("a benchmark that fails: status %d", status)
	}
}

// Ctrl-C leaves no worktree and no file behind.
func TestInterrupt(t *testing.T) {
	b := newBed(t)
	b.commit("slow", "100")
	fifo := filepath.Join(b.repo, "started")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	b.write("work/bench_test.go", `package work

import (
	"os"
	"testing"
	"time"
)

func BenchmarkBusy(*testing.B) {
	_ = os.WriteFile(os.Getenv("STARTED"), []byte("x"), 0)
	time.Sleep(time.Hour)
}
`)
	cmd := b.command("REF=slow", "STARTED="+fifo)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(fifo); err != nil { // blocks until the benchmark runs
		t.Error(err)
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("status %d, want 130\n%s", code, out.String())
	}
	b.wantNothingLeft()
}
