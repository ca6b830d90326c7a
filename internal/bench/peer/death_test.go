package peer

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A benchmark that panics, or is killed, takes its targets with it, and leaves no file.
func TestNothingOutlivesABenchmark(t *testing.T) {
	for _, name := range Names() {
		for _, end := range []string{"panic", "SIGKILL"} {
			t.Run(name+" "+end, func(t *testing.T) {
				o := need(t, name)
				tmp := t.TempDir()
				exe, err := os.Executable()
				if err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(exe)
				cmd.Env = append(os.Environ(), childEnv+"="+name, "PEER_TEST_BINARY="+o.Binary, "TMPDIR="+tmp)
				in, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				line, _ := bufio.NewReader(out).ReadString('\n')
				var pid int
				var portal string
				if _, err := fmt.Sscan(line, &pid, &portal); err != nil {
					_ = cmd.Process.Kill()
					t.Fatalf("the child says %q", line)
				}
				watch, err := unix.PidfdOpen(pid, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer unix.Close(watch)
				if end == "panic" {
					in.Close()
				} else {
					_ = cmd.Process.Kill()
				}
				_ = cmd.Wait() // it fails: that is the point
				ended(t, watch)
				gone(t, pid, portal)
				if left, _ := os.ReadDir(tmp); len(left) > 0 {
					t.Errorf("%v is left", left)
				}
			})
		}
	}
}

// ended waits for the end of a process.
func ended(t *testing.T, pidfd int) {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if n != 1 {
			t.Fatalf("the target lives on: %d, %v", n, err)
		}
		return
	}
}

// zombie: dead, and not yet waited for by its new parent.
func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	return err != nil || strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}
