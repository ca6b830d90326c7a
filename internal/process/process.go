// Package process runs iSCSI targets and other programs as children that end with this process, on ports of 127.0.0.1 that no
// other program gets. Benchmarks and tests use it to start their targets.
package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Child is a running program.
type Child struct {
	cmd    *exec.Cmd
	log    *tail
	exited chan struct{} // closed once it has ended and has been waited for
	err    error         // valid after exited
}

// Start starts cmd on these CPUs; with none it may run on all. It keeps the end of stdout and stderr, unless cmd has writers of
// its own.
//
// The thread that starts the child lives until the child has ended, because two things depend on it: the CPUs that the child
// inherits, and the parent-death signal (prctl(2), PR_SET_PDEATHSIG), which kills the child when this process panics or is
// killed. The child has its own process group, so that a terminal's Ctrl-C does not reach it.
func Start(cmd *exec.Cmd, cpus ...int) (*Child, error) {
	c := &Child{cmd: cmd, log: &tail{max: logTail}, exited: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = c.log
	}
	if cmd.Stderr == nil {
		cmd.Stderr = c.log
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.WaitDelay = time.Second // a grandchild that keeps the log's pipe open must not delay Wait
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread, and its CPUs, end with the goroutine
		if err := bind(cpus); err != nil {
			started <- err
			return
		}
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		c.err = cmd.Wait()
		close(c.exited)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// bind binds the calling thread to some CPUs.
func bind(cpus []int) error {
	if len(cpus) == 0 {
		return nil
	}
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("bind to CPUs %v: %w", cpus, err)
	}
	return nil
}

// PID returns the child's process ID.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Exited returns a channel that is closed when the child has ended, for whatever reason.
func (c *Child) Exited() <-chan struct{} { return c.exited }

// Err returns the error of exec.Cmd.Wait. It is valid once Exited is closed.
func (c *Child) Err() error { return c.err }

// Log returns the end of the child's output.
func (c *Child) Log() string { return c.log.String() }

// Alive returns nil while the child runs, then an error with its log.
func (c *Child) Alive() error {
	select {
	case <-c.exited:
		return fmt.Errorf("%s has ended (%v); the end of its log:\n%s", filepath.Base(c.cmd.Path), c.err, c.log)
	default:
		return nil
	}
}

// Signal sends a signal. It is not an error if the child has ended.
func (c *Child) Signal(sig os.Signal) error {
	if err := c.cmd.Process.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Kill sends SIGKILL and waits until the child has ended.
func (c *Child) Kill() error {
	err := c.Signal(syscall.SIGKILL)
	<-c.exited
	return err
}

// ErrStubborn reports that the child did not end within the limit after SIGTERM and was killed.
var ErrStubborn = errors.New("ignored SIGTERM")

// Terminate sends SIGTERM and waits until the child has ended. A child that takes longer than limit is killed, and the error
// wraps ErrStubborn. A nonzero exit code is an error too.
func (c *Child) Terminate(limit time.Duration) error {
	if err := c.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.exited:
		if c.err != nil {
			return fmt.Errorf("after SIGTERM: %w\n%s", c.err, c.log)
		}
		return nil
	case <-timer.C:
		_ = c.Kill()
		return fmt.Errorf("%s %w for %v\n%s", filepath.Base(c.cmd.Path), ErrStubborn, limit, c.log)
	}
}

// AwaitPortal returns once something accepts a connection at addr, HOST:PORT. The connection is closed at once, as a port
// scanner would do it. An attempt fails at once while the port has no listener.
func (c *Child) AwaitPortal(ctx context.Context, addr string) error {
	return c.Await(ctx, "listen at "+addr, func() error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Await calls try until it returns nil. It fails if ctx or the child ends first; what describes the awaited event for the error.
func (c *Child) Await(ctx context.Context, what string, try func() error) error {
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-c.exited:
			return fmt.Errorf("%s ended before it could %s: %v", filepath.Base(c.cmd.Path), what, c.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("%s does not %s: %w: %w", filepath.Base(c.cmd.Path), what, ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// LookPath is exec.LookPath that also searches the sbin directories, which an ordinary user's PATH lacks.
func LookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if p, e := exec.LookPath(filepath.Join(dir, name)); e == nil {
			return p, nil
		}
	}
	return "", err
}
