package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/tools/kerneltest/power"
)

// target is a running daemon.
type target struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // after exited
}

// serveArgs is the daemon's command line without its LUNs.
func serveArgs(state string) []string {
	return []string{"serve", "--listen", power.Portal, "--target", power.Target, "--cores", "0", "--steering", "off",
		"--buffers", "32MiB", "--state", state}
}

// startTarget starts the daemon on the mapped disks.
func startTarget(ctx context.Context, tick func() error) (*target, error) {
	args := serveArgs("/mnt/state/" + power.StateDir)
	for _, d := range power.Disks {
		if d.LUN >= 0 {
			args = append(args, "--lun", d.Spec())
		}
	}
	return start(ctx, args, tick)
}

// start starts the daemon and waits until its portal answers, calling tick meanwhile.
func start(ctx context.Context, args []string, tick func() error) (*target, error) {
	t := &target{cmd: exec.Command("/kt/ringtgt", args...), exited: make(chan struct{})}
	t.cmd.Stdout, t.cmd.Stderr = os.Stderr, os.Stderr
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		t.err = t.cmd.Wait()
		close(t.exited)
	}()
	ctx, cancel := context.WithTimeout(ctx, daemonLimit)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if conn, err := net.Dial("tcp", power.Portal); err == nil {
			return t, conn.Close()
		}
		if err := tick(); err != nil {
			return nil, err
		}
		select {
		case <-again.C:
		case <-t.exited:
			return nil, fmt.Errorf("the daemon ended before it served: %v", t.err)
		case <-ctx.Done():
			t.kill()
			return nil, fmt.Errorf("the daemon does not serve: %w", ctx.Err())
		}
	}
}

// kill kills the daemon with SIGKILL, if there is one. io_uring releases the listening sockets a moment after the process is
// gone. A connection made in between would be cut off, so kill waits until connections are refused.
func (t *target) kill() {
	if t == nil {
		return
	}
	_ = t.cmd.Process.Kill()
	<-t.exited
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for range int(daemonLimit / (20 * time.Millisecond)) {
		conn, err := net.Dial("tcp", power.Portal)
		if err != nil {
			return
		}
		_ = conn.Close()
		<-again.C
	}
}

// stop ends the daemon with SIGTERM.
func (t *target) stop() error {
	if err := t.cmd.Process.Signal(unix.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-t.exited:
		return t.err
	case <-time.After(daemonLimit):
		t.kill()
		return errors.New("the daemon does not end after SIGTERM")
	}
}

// dial logs in as one of the initiators, a or b.
func dial(ctx context.Context, who string) (*initiator.Session, error) {
	return dialUnits(ctx, who, power.LUNs)
}

// dialUnits is dial for another number of units.
func dialUnits(ctx context.Context, who string, units int) (*initiator.Session, error) {
	s, err := initiator.Dial(ctx, initiator.Config{
		Portals: []string{power.Portal}, TargetName: power.Target, InitiatorName: power.Initiator + who,
		ISID: [6]byte{0x80, 0, 0, 0, 0, who[0]},
	})
	if err != nil {
		return nil, err
	}
	for lun := range units {
		if err := s.Ready(ctx, 0, initiator.LUN(lun)); err != nil && !sanitizeFailed(err) {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}
