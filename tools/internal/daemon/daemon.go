// Package daemon runs the ringtgt daemon as a child process for tests and for the conformance runner: it builds the binary,
// starts it on a separate port, waits until the portal accepts connections, keeps the end of its log, and stops it by pid.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// DefaultTarget is the target name used when Options.Target is empty.
const DefaultTarget = "iqn.2026-11.io.ringtgt:test"

// Options says how to start one daemon. The zero value serves nothing: give LUNs or Config.
type Options struct {
	Binary string   // path of the program; "" builds ./tools/ringtgt once per process
	Addr   string   // "127.0.0.1:PORT" to listen on; "" reserves a free port
	Target string   // IQN given by --target; "" is DefaultTarget, unused with Config
	LUNs   []string // one --lun SPEC each: LUN 0, 1, ...
	State  string   // --state DIR, kept by the caller; "" gives none
	Config string   // TOML text; "{{ADDR}}" in it becomes the address. Replaces Target and LUNs
	Args   []string // further arguments of serve
	Env    []string // further environment, NAME=value
	// Ready bounds the wait for the first accepted connection; 0 is 20 s (the daemon may zero or fill a file first).
	Ready time.Duration
}

// Daemon is one running ringtgt process.
type Daemon struct {
	opts    Options
	addr    string
	cmd     *exec.Cmd
	log     *tail
	hold    *reservation
	exited  chan struct{} // closed once the process is gone and waited for
	waitErr error         // valid after exited
	dir     string        // of the configuration file, "" if none
}

// Start starts a daemon and returns when its portal accepts a TCP connection. The error carries the end of the log.
func Start(ctx context.Context, o Options) (*Daemon, error) {
	if o.Binary == "" {
		path, err := Build(ctx)
		if err != nil {
			return nil, err
		}
		o.Binary = path
	}
	if o.Target == "" {
		o.Target = DefaultTarget
	}
	if o.Ready == 0 {
		o.Ready = 20 * time.Second
	}
	d := &Daemon{opts: o, log: newTail(logTailBytes), exited: make(chan struct{})}
	if o.Addr == "" {
		hold, err := reservePort()
		if err != nil {
			return nil, fmt.Errorf("reserve a port: %w", err)
		}
		d.hold, d.addr = hold, hold.addr
	} else {
		d.addr = o.Addr
	}
	args, err := d.arguments()
	if err != nil {
		d.release()
		return nil, err
	}
	if err := d.launch(args); err != nil {
		d.release()
		return nil, err
	}
	if err := d.awaitReady(ctx); err != nil {
		_ = d.Kill()
		return nil, fmt.Errorf("%w\n%s", err, d.Log())
	}
	return d, nil
}

func (d *Daemon) arguments() ([]string, error) {
	args := []string{"serve"}
	if d.opts.Config != "" {
		dir, err := os.MkdirTemp("", "ringtgt-config-")
		if err != nil {
			return nil, err
		}
		d.dir = dir
		path := dir + "/ringtgt.toml"
		text := strings.ReplaceAll(d.opts.Config, "{{ADDR}}", d.addr)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--config", path)
	} else {
		args = append(args, "--listen", d.addr, "--target", d.opts.Target)
		for _, spec := range d.opts.LUNs {
			args = append(args, "--lun", spec)
		}
	}
	if d.opts.State != "" {
		args = append(args, "--state", d.opts.State)
	}
	return append(args, d.opts.Args...), nil
}

// launch starts the process from a goroutine that keeps its thread until the process ends: the parent-death signal is tied
// to the thread that forked (prctl(2), PR_SET_PDEATHSIG), and a daemon must not outlive a test run that was killed.
func (d *Daemon) launch(args []string) error {
	cmd := exec.Command(d.opts.Binary, args...)
	cmd.Stdout, cmd.Stderr = d.log, d.log
	cmd.Env = append(os.Environ(), d.opts.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.WaitDelay = time.Second // a grandchild that holds the log's pipe does not keep the end unseen
	d.cmd = cmd
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		d.waitErr = cmd.Wait()
		close(d.exited)
	}()
	return <-started
}

// awaitReady connects until the portal accepts. Each try fails at once while nobody listens, so the interval only bounds
// how often loopback is asked.
func (d *Daemon) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.opts.Ready)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", d.addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-d.exited:
			return fmt.Errorf("ringtgt ended before it listened on %s: %v", d.addr, d.waitErr)
		case <-ctx.Done():
			return fmt.Errorf("ringtgt does not listen on %s after %v: %w", d.addr, d.opts.Ready, err)
		case <-tick.C:
		}
	}
}

// Addr is the portal, HOST:PORT.
func (d *Daemon) Addr() string { return d.addr }

// Target is the IQN that URL names.
func (d *Daemon) Target() string { return d.opts.Target }

// PID of the process.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Portal is the URL that discovery tools take: iscsi://HOST:PORT.
func (d *Daemon) Portal() string { return "iscsi://" + d.addr }

// URL names one LUN of Target for libiscsi and qemu: iscsi://HOST:PORT/IQN/LUN.
func (d *Daemon) URL(lun int) string {
	return "iscsi://" + d.addr + "/" + d.opts.Target + "/" + strconv.Itoa(lun)
}

// AuthURL is URL with a CHAP name and secret: iscsi://user%secret@HOST:PORT/IQN/LUN.
func (d *Daemon) AuthURL(user, secret string, lun int) string {
	return "iscsi://" + user + "%" + secret + "@" + d.addr + "/" + d.opts.Target + "/" + strconv.Itoa(lun)
}

// Exited is closed when the process has ended for whatever reason.
func (d *Daemon) Exited() <-chan struct{} { return d.exited }

// Alive returns an error that carries the log once the process is gone.
func (d *Daemon) Alive() error {
	select {
	case <-d.exited:
		return fmt.Errorf("ringtgt is gone (%v); the end of its log:\n%s", d.waitErr, d.Log())
	default:
		return nil
	}
}

// Log returns the end of what the process wrote to stdout and stderr.
func (d *Daemon) Log() string { return d.log.String() }

// Terminate sends SIGTERM and waits for the drain. It fails when the exit code is not 0 or the process needs longer than
// limit (0: 15 s); it is then killed.
func (d *Daemon) Terminate(limit time.Duration) error {
	if limit == 0 {
		limit = 15 * time.Second
	}
	if err := d.signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-d.exited:
		d.release()
		if d.waitErr != nil {
			return fmt.Errorf("after SIGTERM: %w\n%s", d.waitErr, d.Log())
		}
		return nil
	case <-timer.C:
		_ = d.Kill()
		return fmt.Errorf("ringtgt ignored SIGTERM for %v\n%s", limit, d.Log())
	}
}

// Kill sends SIGKILL and waits until the process is gone. Killing a process that has ended is no error.
func (d *Daemon) Kill() error {
	err := d.signal(syscall.SIGKILL)
	<-d.exited
	d.release()
	return err
}

func (d *Daemon) signal(sig os.Signal) error {
	err := d.cmd.Process.Signal(sig)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

func (d *Daemon) release() {
	if d.hold != nil {
		d.hold.close()
		d.hold = nil
	}
	if d.dir != "" {
		_ = os.RemoveAll(d.dir)
		d.dir = ""
	}
}
