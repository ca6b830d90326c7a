// Package tgtd runs Debian's tgtd (package tgt) as a child process, beside any other tgtd of the machine, and configures it by
// tgtadm. Benchmarks and tests compare ringtgt with it.
package tgtd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/host"
	"github.com/ringtgt/ringtgt/internal/process"
)

// ErrMissing: the package tgt is not installed.
var ErrMissing = errors.New("tgtd or tgtadm is missing: install the Debian package tgt")

// Options describe a tgtd.
type Options struct {
	Dir  string   // of its control socket; it must exist while Admin is used
	Addr string   // 127.0.0.1:PORT; "" finds a free port
	CPUs []int    // that it may use; none: all
	Args []string // further arguments
}

// Daemon is a running tgtd. It ignores SIGTERM while it has targets: stop it by Kill.
type Daemon struct {
	*process.Child
	Addr string // the portal
	env  []string
}

const (
	// control is the number of the control socket, within a directory of its own.
	control = "1"
	// starts is how often Start tries: another process may take tgtd's port before it does.
	starts = 10
	// readyTimeout bounds each try.
	readyTimeout = 20 * time.Second
)

// errPortTaken: another process was faster. tgtd goes on without a portal then, and only its log says so.
var errPortTaken = errors.New("tgtd does not listen at its port")

// Installed reports whether tgtd and tgtadm are there; the error wraps ErrMissing.
func Installed() error {
	for _, p := range []string{"tgtd", "tgtadm"} {
		if _, err := process.LookPath(p); err != nil {
			return ErrMissing
		}
	}
	return nil
}

// Start starts a tgtd without targets and returns when it answers tgtadm and listens.
func Start(ctx context.Context, o Options) (*Daemon, error) {
	if err := Installed(); err != nil {
		return nil, err
	}
	for i := 1; ; i++ {
		d, err := start(ctx, o)
		if err == nil || o.Addr != "" || i == starts || !errors.Is(err, errPortTaken) {
			return d, err
		}
	}
}

func start(ctx context.Context, o Options) (_ *Daemon, err error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if o.Addr == "" {
		if o.Addr, err = process.FreePort(); err != nil {
			return nil, err
		}
	}
	addr, err := netip.ParseAddrPort(o.Addr)
	if err != nil {
		return nil, err
	}
	program, err := process.LookPath("tgtd")
	if err != nil {
		return nil, err
	}
	d := &Daemon{Addr: o.Addr, env: append(os.Environ(), "TGT_IPC_SOCKET="+filepath.Join(o.Dir, "control"))}
	cmd := exec.Command(program, append([]string{"-f", "-C", control, "--iscsi", "portal=" + o.Addr}, o.Args...)...)
	cmd.Env = d.env
	if d.Child, err = process.Start(cmd, o.CPUs...); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = d.Kill()
			err = fmt.Errorf("%w\n%s", err, d.Log())
		}
	}()
	if err := d.Await(ctx, "answer tgtadm", func() error {
		_, err := d.Admin(ctx, "--op", "show", "--mode", "target")
		return err
	}); err != nil {
		return nil, err
	}
	if pid, lerr := host.Listening(addr); lerr != nil || pid != d.PID() {
		return nil, fmt.Errorf("%w: %d listens at %s: %v", errPortTaken, pid, addr, lerr)
	}
	return d, nil
}

// Admin runs tgtadm for the iSCSI driver and returns its output.
func (d *Daemon) Admin(ctx context.Context, args ...string) ([]byte, error) {
	program, err := process.LookPath("tgtadm")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"-C", control, "--lld", "iscsi"}, args...)...)
	cmd.Env = d.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("tgtadm %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return out, nil
}

// Configure runs tgtadm for each step, up to the first that fails.
func (d *Daemon) Configure(ctx context.Context, steps ...[]string) error {
	for _, s := range steps {
		if _, err := d.Admin(ctx, s...); err != nil {
			return err
		}
	}
	return nil
}

// The steps that every set-up takes. tid is a target's number; LUN 0 of each target is tgt's controller.

// NewTarget makes a target.
func NewTarget(tid, iqn string) []string {
	return []string{"--op", "new", "--mode", "target", "--tid", tid, "-T", iqn}
}

// NewLUN makes a logical unit of a file. args are further arguments.
func NewLUN(tid, lun, path string, args ...string) []string {
	return append([]string{"--op", "new", "--mode", "logicalunit", "--tid", tid, "--lun", lun, "-b", path}, args...)
}

// SetLUN sets parameters of a logical unit, such as readonly=1.
func SetLUN(tid, lun, params string) []string {
	return []string{"--op", "update", "--mode", "logicalunit", "--tid", tid, "--lun", lun, "--params", params}
}

// Set sets a login key of a target.
func Set(tid, key, value string) []string {
	return []string{"--op", "update", "--mode", "target", "--tid", tid, "--name", key, "--value", value}
}

// AdmitAll lets every initiator log in.
func AdmitAll(tid string) []string {
	return []string{"--op", "bind", "--mode", "target", "--tid", tid, "-I", "ALL"}
}
