package kerneltest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a child that dies with the test: qemu and the target must not outlive a go test that was killed.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed once the child has been waited for
	err    error         // valid after exited
}

// startProcess starts cmd. The kernel sends the parent-death signal when the thread that forked ends, so that thread is
// kept until the child has ended.
func startProcess(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s: %w", cmd, err)
	}
	return p, nil
}

// kill ends the child at once and waits for it.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// stop asks the child to end and gives its error; a child that does not end in time is killed.
func (p *process) stop(limit time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
		return p.err
	case <-time.After(limit):
		p.kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM", p.cmd.Path, limit)
	}
}

// running tells whether the child is alive.
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}
