package host

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests inspect child processes that run this binary; childEnv selects what a child does. It prints a line when it is ready, and
// ends when its standard input is closed.
const childEnv = "HOST_TEST_CHILD"

// The main thread does not end with a goroutine locked to it, so in a child the main goroutine keeps it.
func init() {
	if os.Getenv(childEnv) != "" {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	switch words := strings.Fields(os.Getenv(childEnv)); {
	case len(words) == 0:
		os.Exit(m.Run())
	case words[0] == "listen":
		childListen(words[1:])
	case words[0] == "work":
		childWork()
	}
}

// childListen listens at each address with SO_REUSEPORT and prints the first one's port.
func childListen(addrs []string) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		cerr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		if cerr != nil {
			return cerr
		}
		return err
	}}
	port := ""
	for _, addr := range addrs {
		network, addr, _ := strings.Cut(addr, "=")
		if port != "" {
			addr = strings.Replace(addr, ":PORT", ":"+port, 1)
		}
		l, err := lc.Listen(context.Background(), network, strings.Replace(addr, ":PORT", ":0", 1))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if port == "" {
			_, port, _ = net.SplitHostPort(l.Addr().String())
		}
	}
	fmt.Println(port)
	bufio.NewReader(os.Stdin).ReadString('\n')
}

// childWork burns CPU time for each line that it reads, in a thread that then ends, and prints the process's CPU clock before
// and after.
func childWork() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		before := ownTime()
		done := make(chan int)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			tid := unix.Gettid()
			var now, end unix.Timespec
			unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now)
			for end.Nano() < now.Nano()+int64(30*time.Millisecond) {
				unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &end)
			}
			done <- tid
		}()
		tid := <-done
		for unix.Tgkill(os.Getpid(), tid, 0) == nil { // until the thread is gone
			time.Sleep(time.Millisecond)
		}
		fmt.Println(before, ownTime())
	}
}

func ownTime() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts)
	return ts.Nano()
}

// child is one of these processes.
type child struct {
	t   *testing.T
	pid int
	in  *os.File
	out *bufio.Reader
}

func start(t *testing.T, what string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	cmd.Stderr = os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = r
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(func() {
		w.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return &child{t: t, pid: cmd.Process.Pid, in: w, out: bufio.NewReader(out)}
}

// line waits for the next line.
func (c *child) line() string {
	c.t.Helper()
	s, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatalf("process %d says no more: %v", c.pid, err)
	}
	return strings.TrimSpace(s)
}
