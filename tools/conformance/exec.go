package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Times that bound one process of the tool.
const (
	// suiteTime is far above what any suite needs: the slowest (Reserve6) sleeps 12 s in all.
	suiteTime = 60 * time.Second
	// sanitizeTime: Sanitize.Reset sleeps 60 s at a time until the medium is ready again, and the three passes of
	// Sanitize.Overwrite go at the pace that the LUN is given.
	sanitizeTime = 200 * time.Second
)

func timeOf(s suite) time.Duration {
	if s.name == "Sanitize" {
		return sanitizeTime
	}
	return suiteTime
}

// runSuite runs one suite (or, if test is not empty, one test of it) in a process of its own and returns the output, whether
// it exceeded its time limit, and how the process ended ("" if it exited by itself).
//
// -V makes the tool say why it skips. stdbuf makes it write each line at once: into a pipe it would otherwise keep the last
// 4 KiB, and a test that hangs could not be named.
func (t tool) runSuite(ctx context.Context, s suite, test string, urls []string, limit time.Duration) (output string, timedOut bool, exit string) {
	pattern := family + "." + s.name
	if test != "" {
		pattern += "." + test
	}
	args := append([]string{"-oL", t.path, "--dataloss", "--allow-sanitize", "-V", "--test=" + pattern}, urls...)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "stdbuf", args...) // CommandContext kills this pid alone when the time is up
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr = &buf, &buf
	err := cmd.Run()
	timedOut = errors.Is(ctx.Err(), context.DeadlineExceeded)
	var status *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &status) && status.Exited(): // 1: a test failed; the output says which
		if status.ExitCode() > 1 {
			exit = fmt.Sprintf("exit status %d", status.ExitCode())
		}
	default:
		exit = strings.TrimSpace(err.Error())
	}
	return buf.String(), timedOut, exit
}
