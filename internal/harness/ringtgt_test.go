package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests run this test binary as a stand-in for ringtgt: with "serve" as its first argument it acts as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		standIn(os.Args[2:])
		return
	}
	Main(m)
}

// standIn listens as ringtgt does (SO_REUSEPORT); environment variables select its behaviour.
func standIn(args []string) {
	fmt.Println("args:", strings.Join(args, " "))
	mode := os.Getenv("STAND_IN")
	if mode == "exit" {
		fmt.Println("cannot open the disk")
		os.Exit(3)
	}
	sigs := make(chan os.Signal, 1)
	signal.Notify(sigs, syscall.SIGTERM)
	addr := ""
	for i, a := range args {
		if a == "--listen" {
			addr = args[i+1]
		}
		if a == "--config" {
			text, _ := os.ReadFile(args[i+1])
			addr = strings.TrimSpace(string(text))
		}
	}
	if mode != "deaf" {
		lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		}}
		if _, err := lc.Listen(context.Background(), "tcp", addr); err != nil {
			fmt.Println(err)
			os.Exit(4)
		}
	}
	for range sigs {
		if mode == "stubborn" {
			fmt.Println("not yet")
			continue
		}
		if mode == "dirty" {
			os.Exit(5)
		}
		os.Exit(0)
	}
}

func start(t *testing.T, mode string, o Options) (*Daemon, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o.Binary, o.Env = self, []string{"STAND_IN=" + mode}
	d, err := Start(context.Background(), o)
	if err == nil {
		t.Cleanup(func() { _ = d.Kill() })
	}
	return d, err
}

func TestStartListensAndTerminates(t *testing.T) {
	d, err := start(t, "", Options{LUNs: []string{"mem:1M", "null:2M"}, State: "/some/dir"})
	if err != nil {
		t.Fatal(err)
	}
	want := "args: --listen " + d.Addr() + " --target " + DefaultTarget + " --lun mem:1M --lun null:2M --state /some/dir"
	if !strings.Contains(d.Log(), want) {
		t.Errorf("log %q does not show %q", d.Log(), want)
	}
	if got, want := d.URL(1), "iscsi://"+d.Addr()+"/"+DefaultTarget+"/1"; got != want {
		t.Errorf("URL(1) = %s, want %s", got, want)
	}
	if got, want := d.AuthURL("u", "s", 0), "iscsi://u%s@"+d.Addr()+"/"+DefaultTarget+"/0"; got != want {
		t.Errorf("AuthURL = %s, want %s", got, want)
	}
	if rss, err := d.RSS(); err != nil || rss < 1<<20 {
		t.Errorf("RSS() = %d, %v; want at least 1 MiB", rss, err)
	}
	if n, err := d.OpenFiles(); err != nil || n < 3 {
		t.Errorf("OpenFiles() = %d, %v; want at least stdin, stdout, stderr", n, err)
	}
	if _, err := d.CPU(); err != nil {
		t.Error(err)
	}
	if err := d.Alive(); err != nil {
		t.Error(err)
	}
	if err := d.Terminate(0); err != nil {
		t.Error(err)
	}
	if d.Alive() == nil {
		t.Error("Alive after Terminate")
	}
}

func TestConfigReplacesFlags(t *testing.T) {
	d, err := start(t, "", Options{Config: "{{ADDR}}\n"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(d.Log(), "--target") {
		t.Errorf("--target beside --config: %s", d.Log())
	}
	dir := d.dir
	if err := d.Terminate(0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the configuration's directory %s is still there", dir)
	}
}

func TestStartReportsAnEarlyEnd(t *testing.T) {
	_, err := start(t, "exit", Options{})
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "cannot open the disk") {
		t.Fatalf("Start = %v; want the exit status and the log", err)
	}
}

func TestStartGivesUpOnADeafDaemon(t *testing.T) {
	_, err := start(t, "deaf", Options{Ready: 300 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "does not listen") {
		t.Fatalf("Start = %v", err)
	}
}

func TestTerminateReportsExitCodesAndStubbornness(t *testing.T) {
	d, err := start(t, "dirty", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Terminate(0); err == nil || !strings.Contains(err.Error(), "exit status 5") {
		t.Errorf("Terminate = %v; want exit status 5", err)
	}
	if d, err = start(t, "stubborn", Options{}); err != nil {
		t.Fatal(err)
	}
	if err := d.Terminate(200 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "ignored SIGTERM") {
		t.Errorf("Terminate = %v", err)
	}
	select {
	case <-d.Exited():
	default:
		t.Error("the process still runs after Terminate gave up")
	}
}
