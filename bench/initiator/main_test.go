package initiator

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The daemon is built once, when the first test wants it. RINGTGT_BINARY names another one, as for the other tests of real clients.
var daemonBinary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("RINGTGT_BINARY"); path != "" {
		return path, nil
	}
	path := filepath.Join(binDir, "ringtgt")
	out, err := exec.Command("go", "build", "-o", path, "github.com/ringtgt/ringtgt/tools/ringtgt").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

var binDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ringtgt-initiator-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// ringtgt is a running daemon.
type ringtgt struct {
	addr string
	pid  int
}

const daemonTarget = "iqn.2026-11.io.ringtgt:disk0"

// startDaemon serves LUNs on a port of its own until the test ends. A configuration replaces luns; {{ADDR}} in it is the portal.
func startDaemon(t testing.TB, toml string, args ...string) *ringtgt {
	t.Helper()
	bin, err := daemonBinary()
	if err != nil {
		t.Fatal(err)
	}
	addr := freePort(t)
	dir := t.TempDir()
	argv := []string{"serve", "--quiet", "--state", filepath.Join(dir, "state")}
	if toml != "" {
		path := filepath.Join(dir, "ringtgt.toml")
		text := bytes.ReplaceAll([]byte(toml), []byte("{{ADDR}}"), []byte(addr))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		argv = append(argv, "--config", path)
	} else {
		argv = append(argv, "--listen", addr)
	}
	cmd := exec.Command(bin, append(argv, args...)...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	startServer(t, cmd, &log, addr)
	return &ringtgt{addr: addr, pid: cmd.Process.Pid}
}

// startServer starts a target and returns when its portal takes connections. It is killed with the test.
func startServer(t testing.TB, cmd *exec.Cmd, log *bytes.Buffer, addr string) {
	t.Helper()
	// The kernel kills the target when the thread that started it ends, so that none outlives a test that panics. Hence a thread
	// that does nothing else: those of loops end with their runs.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, gone := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(gone)
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-gone
		if t.Failed() {
			t.Logf("log of %s:\n%s", cmd.Path, log.String())
		}
	})
	deadline := time.After(patience)
	for {
		if nc, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			_ = nc.Close()
			return
		}
		select {
		case <-gone:
			t.Fatalf("%s ended:\n%s", cmd.Path, log.String())
		case <-deadline:
			t.Fatalf("%s does not listen on %s", cmd.Path, addr)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freePort returns an address of this machine's that nobody listens on.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// need returns the path of a program, or skips the test and names the Debian package that has it.
func need(t testing.TB, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if p := filepath.Join("/usr/sbin", program); exec.Command("test", "-x", p).Run() == nil {
		return p
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: install the Debian package %s", program, pkg)
	}
	t.Skipf("%s is missing: install the Debian package %s", program, pkg)
	return ""
}

// real makes a session with a real target, fails the test at the end if the target broke the standard, and closes it.
func real(t testing.TB, cfg Config) *Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := Dial(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, v := range s.Violations() {
			t.Errorf("the target: %v", v)
		}
	})
	return s
}

// needMCS fails unless the target granted n connections.
func needMCS(t testing.TB, s *Session, n int) {
	t.Helper()
	if s.Granted < n {
		t.Fatalf("the target grants MaxConnections=%d, this test wants %d", s.Params().MaxConnections, n)
	}
}

func daemonConfig(d *ringtgt, isid byte) Config {
	return Config{
		Portals: []string{d.addr}, TargetName: daemonTarget, InitiatorName: "iqn.2026-11.io.ringtgt:initiator",
		ISID: [6]byte{0x80, 0, 0, 0, 0, isid},
	}
}
