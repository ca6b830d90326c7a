package peer

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"

	"github.com/ringtgt/ringtgt/internal/process"
)

// Echo is the name of the bare TCP responder, see package echo.
const Echo = "echo"

// echoIQN is any name: the responder takes all.
const echoIQN = "iqn.2026-11.io.ringtgt.peer:echo"

// StartEcho starts a bare TCP responder as a process bound to cpus. argv is a program that calls echo.Main and its arguments: this
// one, told so by a word of its own.
func StartEcho(ctx context.Context, argv []string, cpus []int) (*Target, error) {
	return startResponder(ctx, Echo, echoIQN, argv, cpus)
}

// startResponder starts a program that serves the listening socket that it gets as its first extra file.
func startResponder(ctx context.Context, name, iqn string, argv []string, cpus []int) (*Target, error) {
	if len(argv) == 0 {
		return nil, fmt.Errorf("peer: no program for the responder")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	defer f.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.ExtraFiles = []*os.File{f}
	// Its thread blocks in system calls that the runtime does not know of, and would be sent a signal every 10 ms to make room.
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	c, err := process.Start(cmd, cpus...)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	t := &Target{Name: name, PID: c.PID(), Software: name, Portal: l.Addr().String(), IQN: iqn, child: c}
	t.setURL()
	return t, nil
}
