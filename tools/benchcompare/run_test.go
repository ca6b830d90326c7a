package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// asTool makes the test binary behave as the command: exit status and signals are then the real ones.
const asTool = "BENCHCOMPARE_TEST_AS_TOOL"

func TestMain(m *testing.M) {
	if os.Getenv(asTool) != "" {
		main()
	}
	os.Exit(m.Run())
}

// bed is a throw-away git repository with a module in a subfolder, and a temporary folder to look for left-overs in.
type bed struct {
	t         *testing.T
	repo, tmp string
	env       []string
}

// The benchmark reports a cost of its own in place of the time that it took: the verdict on it does not depend on what else the
// machine does.
const benchFile = `package work

import "testing"

func BenchmarkBusy(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
	}
	b.ReportMetric(COST, "ns/op")
}
`

// benchSource is a benchmark that costs so many ns/op.
func benchSource(cost string) string { return strings.Replace(benchFile, "COST", cost, 1) }

func newBed(t *testing.T) *bed {
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("git is missing (package git)")
		}
		t.Skip("git is missing (package git)")
	}
	b := &bed{t: t, repo: t.TempDir(), tmp: t.TempDir()}
	b.env = append(cleanEnv(os.Environ()), asTool+"=1", "TMPDIR="+b.tmp, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GOWORK=off", "GOFLAGS=", "GOPROXY=off", "GOTOOLCHAIN=local")
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		b.env = append(b.env, "GIT_"+who+"_NAME=A", "GIT_"+who+"_EMAIL=a@example.org")
	}
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

// commit commits all, under a tag.
func (b *bed) commit(tag string) {
	b.t.Helper()
	b.git("add", "-A")
	b.git("commit", "-q", "-m", tag)
	b.git("tag", tag)
}

func (b *bed) command(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Dir, cmd.Env = b.repo, b.env
	return cmd
}

// compare runs the tool to its end, and checks that it leaves nothing behind.
func (b *bed) compare(args ...string) (status int, stdout, stderr string) {
	b.t.Helper()
	var out, log bytes.Buffer
	cmd := b.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		b.t.Fatal(err)
	}
	b.t.Logf("benchcompare %s: status %d\n%s%s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), out.String(), log.String())
	b.wantNothingLeft()
	return cmd.ProcessState.ExitCode(), out.String(), log.String()
}

func (b *bed) wantNothingLeft() {
	b.t.Helper()
	if list := b.git("worktree", "list"); strings.Count(list, "\n") != 1 {
		b.t.Errorf("worktrees are left over:\n%s", list)
	}
	entries, err := os.ReadDir(b.tmp)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		b.t.Errorf("left over: %s", e.Name())
	}
}

// args keeps the runs short: 7 processes a side of a few milliseconds each, and one link.
func args(more ...string) []string {
	fast := []string{"-pkg", "./work", "-bench", "Busy", "-rounds", "7", "-max-rounds", "7", "-benchtime", "5ms", "-relink=false"}
	return append(fast, more...)
}

// The whole run in a repository of its own. Twenty times the cost is slower. The same commit is not, and neither is one that
// adds another function.
func TestRun(t *testing.T) {
	b := newBed(t)
	b.write("work/work_test.go", benchSource("1000"))
	b.commit("base")
	b.write("work/more_test.go", "package work\n\nimport \"testing\"\n\nfunc TestMore(t *testing.T) { t.Log(1) }\n")
	b.commit("unrelated")
	b.write("work/work_test.go", benchSource("20000"))
	b.commit("slow")

	raw := filepath.Join(t.TempDir(), "raw.txt")
	status, out, _ := b.compare(args("-ref", "unrelated", "-raw", raw, "-relink")...)
	if status != exitSlower || !strings.Contains(out, "SLOWER") || !strings.Contains(out, "1 slower") {
		t.Errorf("twenty times the cost: status %d", status)
	}
	checkRaw(t, raw)

	if status, out, _ := b.compare(args("-ref", "slow", "-new", "unrelated")...); status != exitEqual || !strings.Contains(out, "1 faster") {
		t.Errorf("a twentieth of the cost: status %d", status)
	}
	if status, out, _ := b.compare(args("-ref", "slow")...); status != exitEqual || !strings.Contains(out, "are the same") {
		t.Errorf("the same commit: status %d", status)
	}
	// Another binary with the same benchmark.
	status, out, _ = b.compare(args("-ref", "base", "-new", "unrelated")...)
	if status != exitEqual || strings.Contains(out, "are the same") {
		t.Errorf("a function added: status %d", status)
	}
}

// checkRaw wants old and new in turn, 7 times each, with the key that benchstat groups by.
func checkRaw(t *testing.T, file string) {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^old-commit: unrelated [0-9a-f]{10}\nnew-commit: working tree [0-9a-f]{10}\nside: `).Match(content) {
		t.Errorf("the commits are not named first:\n%s", content)
	}
	var order []string
	for _, m := range regexp.MustCompile(`(?m)^side: (\w+)\n(?:[a-z]+: .*\n)+BenchmarkBusy\S*\s+\d+\s+\S+ ns/op\s+0 B/op\s+0 allocs/op\n$`).
		FindAllSubmatch(content, -1) {
		order = append(order, string(m[1]))
	}
	if got := strings.Join(order, " "); got != "old new new old old new new old old new new old old new" {
		t.Errorf("order of the processes: %s\n%s", got, content)
	}
}

// What only the working tree has counts, and what it lacks; the working tree itself is left alone.
func TestRunOnAWorkingTreeWithChanges(t *testing.T) {
	b := newBed(t)
	b.write("work/work_test.go", benchSource("1000"))
	b.commit("base")
	b.write("work/work_test.go", strings.Replace(benchSource("1000"), "BenchmarkBusy", "BenchmarkBusyAgain", 1))
	b.write("notes.txt", "mine")
	before := b.git("status", "--porcelain")
	status, out, _ := b.compare(args("-ref", "HEAD")...)
	if status != exitEqual || !regexp.MustCompile(`(?m)^only in old: Busy\b`).MatchString(out) ||
		!regexp.MustCompile(`(?m)^only in new: BusyAgain\b`).MatchString(out) ||
		!strings.Contains(out, "with changes") || !strings.Contains(out, "NOTHING WAS COMPARED") {
		t.Errorf("status %d", status)
	}
	if after := b.git("status", "--porcelain"); after != before {
		t.Errorf("working tree before:\n%safter:\n%s", before, after)
	}
}

// A benchmark that reads another file is not the same program, however equal the binaries.
func TestTestdataBelongsToTheProgram(t *testing.T) {
	b := newBed(t)
	b.write("work/work_test.go", benchSource("10"))
	b.write("work/testdata/size", "1")
	b.commit("base")
	b.write("work/testdata/size", "2")
	if _, out, _ := b.compare(args("-ref", "base")...); strings.Contains(out, "are the same") {
		t.Error("a tracked file changed")
	}
	b.git("checkout", "-q", "base", "--", "work")
	b.write("work/testdata/other", "")
	if _, out, _ := b.compare(args("-ref", "base")...); strings.Contains(out, "are the same") {
		t.Error("a file was added")
	}
}

func TestRunThatCannotCompare(t *testing.T) {
	b := newBed(t)
	b.write("work/work_test.go", benchSource("1000"))
	b.write("broken/broken_test.go", "package broken\n\nfunc f() int {}\n")
	b.write("plain/plain.go", "package plain\n")
	b.write("failing/failing_test.go", "package failing\n\nimport \"testing\"\n\nfunc BenchmarkBusy(b *testing.B) { b.Fatal(\"no disk\") }\n")
	b.commit("base")
	for _, c := range []struct {
		args, says string
	}{
		{"", "REF="},
		{"-ref nosuch", `"nosuch" names no commit`},
		{"-ref base -new nosuch", `"nosuch" names no commit`},
		{"-ref base -pkg ./nosuch", "no such package"},
		{"-ref base -pkg ../..", "not a folder below"},
		{"-ref base -pkg /tmp", "not a folder below"},
		{"-ref base -pkg ./broken", "missing return"},
		{"-ref base -pkg ./plain", "no tests"},
		{"-ref base -pkg ./failing -bench Busy", "no disk"},
		{"-ref base -pkg ./work -bench Nosuch", "no benchmark matches"},
		{"-ref base -pkg ./work -bench [", "invalid regexp"},
	} {
		if status, _, log := b.compare(strings.Fields(c.args)...); status != exitFailed || !strings.Contains(log, c.says) {
			t.Errorf("%s: status %d, want %d and %q", c.args, status, exitFailed, c.says)
		}
	}
}

// Ctrl-C in the middle of a benchmark that would run for long: it is killed, and nothing is left behind.
func TestInterrupt(t *testing.T) {
	b := newBed(t)
	b.write("work/work_test.go", benchSource("1000"))
	b.commit("base")
	cmd := b.command("-ref", "base", "-pkg", "./work", "-bench", "Busy", "-benchtime", "10m")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "round 1 ") {
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(log)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitInterrupted {
		t.Errorf("%v\n%s", err, rest)
	}
	b.wantNothingLeft()
}

// -cpus reaches the benchmark's process, and only that one.
func TestPinning(t *testing.T) {
	b := newBed(t)
	b.write("work/work_test.go", `package work

import (
	"os"
	"regexp"
	"testing"
)

func BenchmarkBusy(b *testing.B) {
	status, _ := os.ReadFile("/proc/self/status")
	if list := regexp.MustCompile("Cpus_allowed_list:\t(.*)").FindSubmatch(status); string(list[1]) != "0" {
		b.Fatalf("runs on %s", list[1])
	}
	for b.Loop() {
	}
}
`)
	b.commit("base")
	if status, _, _ := b.compare(args("-ref", "base", "-cpus", "0")...); status != exitEqual {
		t.Errorf("pinned to 0: status %d", status)
	}
	if status, _, log := b.compare(args("-ref", "base", "-cpus", "1023")...); status != exitFailed || !strings.Contains(log, "-cpus") {
		t.Errorf("pinned to a CPU that is not there: status %d", status)
	}
}
