package control

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"golang.org/x/sys/unix"
)

var answers = Answers{Status: answer}

func answer(context.Context) (*Status, error) {
	return &Status{Version: Version, Daemon: Daemon{PID: 7}, Notes: []string{"a note"}}, nil
}

func serve(t *testing.T, path string) *Server {
	t.Helper()
	s := must.Get(Listen(path, answers, Groups{}))(t)
	t.Cleanup(s.Close)
	return s
}

func TestStatusTravels(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	s := serve(t, path)
	got, err := Get(t.Context(), path)
	must.Be(t, err == nil && got.Daemon.PID == 7 && len(got.Notes) == 1, "%+v, %v", got, err)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600: whoever may open it may ask", info.Mode(), err)
	}
	s.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	if _, err := Get(t.Context(), path); !Absent(err) {
		t.Errorf("Get without a daemon: %v", err)
	}
}

// Socket addresses hold 107 bytes (unix(7)); state directories may have longer names.
func TestLongPaths(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long-", 30), strings.Repeat("name-", 30))
	must.OK(t, os.MkdirAll(dir, 0o700))
	path := filepath.Join(dir, "control.sock")
	s := serve(t, path)
	if got, err := Get(t.Context(), path); err != nil || got.Daemon.PID != 7 {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := Listen(path, answers, Groups{}); !errors.Is(err, ErrLive) {
		t.Errorf("a second server: %v", err)
	}
	s.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	if _, err := Get(t.Context(), path); !Absent(err) {
		t.Errorf("Get without a daemon: %v", err)
	}
	if _, err := Get(t.Context(), filepath.Join(dir, "none", "control.sock")); !Absent(err) {
		t.Errorf("Get below a directory that is not there: %v", err)
	}
}

// A socket whose daemon died is replaced; one whose daemon lives, or anything else, is not.
func TestWhatIsThereAlready(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale.sock")
	ln := must.Get(net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"}))(t)
	ln.SetUnlinkOnClose(false)
	ln.Close()
	if _, err := Get(t.Context(), stale); !Absent(err) {
		t.Errorf("Get from a dead daemon's socket: %v", err)
	}
	serve(t, stale)

	live := filepath.Join(dir, "live.sock")
	serve(t, live)
	if _, err := Listen(live, answers, Groups{}); !errors.Is(err, ErrLive) {
		t.Errorf("beside a live daemon: %v", err)
	}
	if _, err := Get(t.Context(), live); err != nil {
		t.Errorf("the live one answers no more: %v", err)
	}

	file := filepath.Join(dir, "file")
	must.OK(t, os.WriteFile(file, []byte("precious"), 0o600))
	if _, err := Listen(file, answers, Groups{}); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("over a file: %v", err)
	}
	if b, _ := os.ReadFile(file); string(b) != "precious" {
		t.Errorf("the file is now %q", b)
	}
	if _, err := Listen(filepath.Join(dir, "none", "x.sock"), answers, Groups{}); err == nil {
		t.Error("in a directory that is not there")
	}
}

func TestDaemonSaysNo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	s, err := Listen(path, Answers{Status: func(context.Context) (*Status, error) { return nil, errors.New("a loop does not answer") }}, Groups{})
	must.OK(t, err)
	defer s.Close()
	if _, err := Get(t.Context(), path); err == nil || Absent(err) || !strings.Contains(err.Error(), "a loop does not answer") {
		t.Errorf("%v", err)
	}
}

// The status function's time is bounded, whatever the client's.
func TestAnswerTimeIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	s, err := Listen(path, Answers{Status: func(ctx context.Context) (*Status, error) {
		if _, ok := ctx.Deadline(); !ok {
			return nil, errors.New("no deadline")
		}
		return answer(ctx)
	}}, Groups{})
	must.OK(t, err)
	defer s.Close()
	if _, err := Get(t.Context(), path); err != nil {
		t.Error(err)
	}
}

// runtimeDir makes a runtime directory for this test alone.
func runtimeDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ringtgt")
	t.Setenv(RuntimeDirEnv, dir)
	return dir
}

func TestFind(t *testing.T) {
	dir := runtimeDir(t)
	nowhere := filepath.Join(t.TempDir(), "state")
	for want, w := range map[string]Where{
		"/c.sock":                              {Control: "/c.sock", State: "/s", PID: 3},
		"/s/control.sock":                      {State: "/s", PID: 3},
		filepath.Join(dir, "3.sock"):           {PID: 3},
		filepath.Join(nowhere, "control.sock"): {},
	} {
		if got, err := Find(w, nowhere, "control.sock"); err != nil || got != want {
			t.Errorf("Find(%+v) = %s, %v; want %s", w, got, err, want)
		}
	}

	// one daemon, listed by its process ID though its socket is elsewhere
	path := filepath.Join(t.TempDir(), "control.sock")
	s := serve(t, path)
	must.OK(t, s.Register())
	mine := filepath.Join(dir, strconv.Itoa(os.Getpid())+".sock")
	got, err := Find(Where{}, nowhere, "control.sock")
	check.That(t, err == nil && got == mine, "Find = %s, %v; want %s", got, err, mine)
	if st, err := Get(t.Context(), got); err != nil || st.Daemon.PID != 7 {
		t.Errorf("%+v, %v", st, err)
	}

	// another process that lives
	other := os.Getppid()
	must.OK(t, os.Symlink("/nowhere", filepath.Join(dir, strconv.Itoa(other)+".sock")))
	var several *AmbiguousError
	if _, err := Find(Where{}, nowhere, "control.sock"); !errors.As(err, &several) || len(several.PIDs) != 2 {
		t.Errorf("two daemons: %v", err)
	}
	// the state directory here decides
	here := t.TempDir()
	serve(t, filepath.Join(here, "control.sock"))
	if got, err := Find(Where{}, here, "control.sock"); err != nil || got != filepath.Join(here, "control.sock") {
		t.Errorf("Find = %s, %v", got, err)
	}
	s.Close()
	if _, err := os.Lstat(mine); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the entry is still there: %v", err)
	}
}

// Entries of dead processes are ignored, and removed at the next daemon's start.
func TestDeadEntries(t *testing.T) {
	dir := runtimeDir(t)
	must.Get(RuntimeSocket())(t)
	const dead = 1<<22 + 1 // beyond the largest process number
	entry := filepath.Join(dir, strconv.Itoa(dead)+".sock")
	for _, name := range []string{entry, filepath.Join(dir, "notes.txt"), filepath.Join(dir, "x.sock")} {
		must.OK(t, os.WriteFile(name, nil, 0o600))
	}
	if run := Running(); len(run) != 0 {
		t.Errorf("Running() = %v", run)
	}
	path, err := RuntimeSocket()
	check.That(t, err == nil && path == filepath.Join(dir, strconv.Itoa(os.Getpid())+".sock"), "%s, %v", path, err)
	if _, err := os.Lstat(entry); !errors.Is(err, os.ErrNotExist) {
		t.Error("the dead entry is still there")
	}
	if _, err := os.Lstat(filepath.Join(dir, "notes.txt")); err != nil {
		t.Error("a file that is no entry is gone")
	}
}

// Any user can create names in /tmp: a runtime directory that others may write to, or that is a link, is refused.
func TestRuntimeDirMustBeOurs(t *testing.T) {
	dir := runtimeDir(t)
	old := unix.Umask(0)
	err := os.Mkdir(dir, 0o777)
	unix.Umask(old)
	must.OK(t, err)
	if _, err := RuntimeSocket(); err == nil {
		t.Error("one that everybody may write to is used")
	}
	must.OK(t, os.Remove(dir))
	must.OK(t, os.Symlink(t.TempDir(), dir))
	if _, err := RuntimeSocket(); err == nil {
		t.Error("a link is used")
	}
}

// Requests for latencies have a bounded number of connections.
func TestLatency(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	s, err := Listen(path, Answers{Latency: func(ctx context.Context, n int) (*Latency, error) {
		if _, ok := ctx.Deadline(); !ok {
			return nil, errors.New("no deadline")
		}
		l := &Latency{Version: Version, PID: n}
		l.Units = []engine.UnitLatency{{Target: "iqn", LUN: 3, Operation: "read", Commands: 7}}
		l.Units[0].Stages[engine.StageSend].Steps.Add(1000, 7)
		return l, nil
	}}, Groups{})
	must.OK(t, err)
	defer s.Close()
	l := must.Get(GetLatency(t.Context(), path, 17))(t)
	if l.PID != 17 || len(l.Units) != 1 || l.Units[0].LUN != 3 || l.Units[0].Stages[engine.StageSend].Quantile(0.5) != 0 || l.Units[0].Stages[engine.StageSend].Steps.Count() != 7 {
		t.Errorf("%+v", l)
	}
	for _, n := range []int{-1, MaxConnections + 1} {
		if _, err := GetLatency(t.Context(), path, n); err == nil {
			t.Errorf("%d connections are given", n)
		}
	}
}
