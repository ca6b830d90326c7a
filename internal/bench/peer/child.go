package peer

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is a process that ends with this one.
type child struct {
	cmd    *exec.Cmd
	log    *tail
	exited chan struct{} // closed once it is gone and waited for
	err    error         // valid after exited
}

// launch starts a process whose threads are all bound to cpus, if there are any. It does so from a thread that is kept until
// the process ends, because two things are the thread's: the CPUs that a child inherits, and the death that sends it
// SIGKILL (prctl(2), PR_SET_PDEATHSIG), so that no target outlives a benchmark that panics or is killed. A process group of
// its own keeps a terminal's Ctrl-C from it: stopping it is the benchmark's.
func launch(cmd *exec.Cmd, cpus []int) (*child, error) {
	c := &child{cmd: cmd, log: &tail{max: logTail}, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = c.log, c.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.WaitDelay = time.Second
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread, and its CPUs, end with the goroutine
		if len(cpus) > 0 {
			var set unix.CPUSet
			for _, cpu := range cpus {
				set.Set(cpu)
			}
			if err := unix.SchedSetaffinity(0, &set); err != nil {
				started <- fmt.Errorf("peer: bind to CPUs %v: %w", cpus, err)
				return
			}
		}
		if err := cmd.Start(); err != nil {
			started <- fmt.Errorf("peer: %w", err)
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

func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may be gone
	<-c.exited
}

// terminate asks the process to end and kills it when it does not within limit: a session that was cut off in the middle of a
// benchmark may keep it, and nothing that it holds is worth waiting for. That it had ended, or ends badly, is an error.
func (c *child) terminate(limit time.Duration) error {
	select {
	case <-c.exited:
		return fmt.Errorf("peer: it ended by itself: %v\n%s", c.err, c.log)
	default:
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.kill()
		return err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.exited:
		if c.err != nil {
			return fmt.Errorf("peer: after SIGTERM: %w\n%s", c.err, c.log)
		}
		return nil
	case <-timer.C:
		c.kill()
		return nil
	}
}

// tail remembers the end of what is written.
type tail struct {
	mu  sync.Mutex
	max int
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.max; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
