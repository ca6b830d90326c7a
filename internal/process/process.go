// Package process runs iSCSI targets and other programs as children that end with this process, on ports of 127.0.0.1 that no
// other program gets. Benchmarks and tests start their targets by it.
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

// Start starts cmd on these CPUs; with none it may run on all. The end of what it writes to stdout and stderr is kept, unless
// cmd has writers of its own.
//
// A thread starts the child and is kept until the child has ended, because two things belong to the thread: the CPUs that the
// child inherits, and the parent-death signal (prctl(2), PR_SET_PDEATHSIG), which kills the child when this process panics or is
// killed. The child has a process group of its own, so that a terminal's Ctrl-C does not reach it.
func Start(cmd *exec.Cmd, cpus ...int) (*Child, error) {
	c := &Child{cmd: cmd, log: &tail{max: logTail}, exited: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = c.log
	}
	if cmd.Stderr == nil {
		cmd.Stderr = c.log
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.WaitDelay = time.Second // a grandchild that holds the log's pipe does not hide the end
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

// PID of the child.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Exited is closed when the child has ended for whatever reason.
func (c *Child) Exited() <-chan struct{} { return c.exited }

// Err is how the child ended, as exec.Cmd.Wait reports it. It is valid once Exited is closed.
func (c *Child) Err() error { return c.err }

// Log returns the end of what the child wrote.
func (c *Child) Log() string { return c.log.String() }

// Alive returns an error that carries the log once the child has ended.
func (c *Child) Alive() error {
	select {
	case <-c.exited:
		return fmt.Errorf("%s has ended (%v); the end of its log:\n%s", filepath.Base(c.cmd.Path), c.err, c.log)
	default:
		return nil
	}
}

// Signal sends a signal. That the child has ended is no error.
func (c *Child) Signal(sig os.Signal) error {
	if err := c.cmd.Process.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Kill sends SIGKILL and waits for the end.
func (c *Child) Kill() error {
	err := c.Signal(syscall.SIGKILL)
	<-c.exited
	return err
}

// ErrStubborn: the child did not end within the limit after SIGTERM, and was killed.
var ErrStubborn = errors.New("ignored SIGTERM")

// Terminate sends SIGTERM and waits until the child has ended. A child that needs longer than limit is killed; the error wraps
// ErrStubborn then. An exit code other than 0 is an error too.
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
// scanner would close it. Each try fails at once while nobody listens.
func (c *Child) AwaitPortal(ctx context.Context, addr string) error {
	return c.Await(ctx, "listen at "+addr, func() error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Await calls try until it returns nil. It fails when ctx or the child ends first; what names that which the child did not do.
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
			return fmt.Errorf("%s ended before it could %s: %v", filepath.Base(c.cmd.Path), what, c.err)
		case <-ctx.Done():
			return fmt.Errorf("%s does not %s: %w: %w", filepath.Base(c.cmd.Path), what, ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// LookPath finds a program also in the directories of daemons, which are not in everybody's PATH.
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
