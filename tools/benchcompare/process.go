package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// execute runs a command in dir and gives its standard output. The error holds the last lines of what it printed. When ctx ends, the
// command is killed with all its children; it has a process group of its own, so that Ctrl-C reaches this program alone and it
// decides what ends when. cpus, unless nil, pins it.
func execute(ctx context.Context, cpus *unix.CPUSet, dir string, env []string, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = killLimit
	err := start(cmd, cpus)
	if err == nil {
		err = cmd.Wait()
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, tail(stdout.String()+stderr.String()))
	}
	return stdout.String(), nil
}

// start starts cmd on the given CPUs: a new process inherits the mask of the thread that forks it.
func start(cmd *exec.Cmd, cpus *unix.CPUSet) error {
	if cpus == nil {
		return cmd.Start()
	}
	runtime.LockOSThread()
	var before unix.CPUSet
	err := unix.SchedGetaffinity(0, &before)
	if err == nil {
		err = unix.SchedSetaffinity(0, cpus)
	}
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("-cpus: sched_setaffinity: %w", err)
	}
	err = cmd.Start()
	// A thread whose mask cannot be put back stays locked, and dies with its goroutine.
	if unix.SchedSetaffinity(0, &before) == nil {
		runtime.UnlockOSThread()
	}
	return err
}

func tail(output string) string {
	lines := strings.Split(strings.TrimRight(output, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-errorTail):], "\n")
}
