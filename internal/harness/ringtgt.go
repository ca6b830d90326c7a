// Package harness builds the ringtgt daemon and runs it as a child process on a port of its own, for tests and test tools.
// Tgt does the same for Debian's tgtd.
package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/process"
)

// DefaultTarget is the target name if Options.Target is empty.
const DefaultTarget = "iqn.2026-11.io.ringtgt:test"

// Options describe a daemon. The zero value serves nothing: give LUNs, Config or File.
type Options struct {
	Binary string   // path of the program; "" builds ./tools/ringtgt once per process
	Addr   string   // "127.0.0.1:PORT" to listen on; "" reserves a free port
	Target string   // IQN for --target; "": DefaultTarget; unused with Config
	LUNs   []string // one --lun SPEC each: LUN 0, 1, ...
	State  string   // --state DIR, owned by the caller; "": no --state
	Config string   // TOML text; "{{ADDR}}" in it becomes the address. Replaces Target and LUNs
	File   string   // path of a configuration file of the caller, whose portals Addr replaces. Replaces Target and LUNs
	Args   []string // more arguments of serve
	Env    []string // more environment variables, NAME=value
	CPUs   []int    // CPUs it may run on; none: all
	// Ready bounds the wait for the first accepted connection; 0: 20 s (the daemon may have to zero or fill a file first).
	Ready time.Duration
}

// Daemon is a running ringtgt.
type Daemon struct {
	*process.Child
	opts Options
	addr string
	port *process.Port // nil: the caller chose it
	dir  string        // of the configuration file, "" if none
}

// Start starts a daemon and returns once its portal accepts TCP connections. An error includes the end of the log.
func Start(ctx context.Context, o Options) (_ *Daemon, err error) {
	if o.Binary == "" {
		if o.Binary, err = Build(ctx); err != nil {
			return nil, err
		}
	}
	if o.Target == "" {
		o.Target = DefaultTarget
	}
	if o.Ready == 0 {
		o.Ready = 20 * time.Second
	}
	d := &Daemon{opts: o, addr: o.Addr}
	if err := d.start(ctx); err != nil {
		if d.Child != nil {
			_ = d.Kill()
			err = fmt.Errorf("%w\n%s", err, d.Log())
		}
		d.release()
		return nil, err
	}
	return d, nil
}

func (d *Daemon) start(ctx context.Context) (err error) {
	if d.addr == "" {
		if d.port, err = process.ReservePort(); err != nil {
			return err
		}
		d.addr = d.port.Addr
	}
	args, err := d.arguments()
	if err != nil {
		return err
	}
	cmd := exec.Command(d.opts.Binary, args...)
	cmd.Env = append(os.Environ(), d.opts.Env...)
	if d.Child, err = process.Start(cmd, d.opts.CPUs...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d.opts.Ready)
	defer cancel()
	return d.AwaitPortal(ctx, d.addr)
}

func (d *Daemon) arguments() ([]string, error) {
	args := []string{"serve"}
	if d.opts.Config != "" {
		dir, err := os.MkdirTemp("", "ringtgt-config-")
		if err != nil {
			return nil, err
		}
		d.dir = dir
		path := filepath.Join(dir, "ringtgt.toml")
		text := strings.ReplaceAll(d.opts.Config, "{{ADDR}}", d.addr)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--config", path)
	} else if d.opts.File != "" {
		args = append(args, "--config", d.opts.File, "--listen", d.addr)
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

// Addr is the portal, HOST:PORT.
func (d *Daemon) Addr() string { return d.addr }

// Target is the IQN in URL.
func (d *Daemon) Target() string { return d.opts.Target }

// Portal is the URL for discovery tools: iscsi://HOST:PORT.
func (d *Daemon) Portal() string { return "iscsi://" + d.addr }

// URL names one LUN of Target for libiscsi and qemu: iscsi://HOST:PORT/IQN/LUN.
func (d *Daemon) URL(lun int) string {
	return "iscsi://" + d.addr + "/" + d.opts.Target + "/" + strconv.Itoa(lun)
}

// AuthURL is URL with a CHAP name and secret: iscsi://user%secret@HOST:PORT/IQN/LUN.
func (d *Daemon) AuthURL(user, secret string, lun int) string {
	return "iscsi://" + user + "%" + secret + "@" + d.addr + "/" + d.opts.Target + "/" + strconv.Itoa(lun)
}

// Terminate sends SIGTERM and waits for the drain, at most limit (0: 15 s). A nonzero exit code is an error.
func (d *Daemon) Terminate(limit time.Duration) error {
	if limit == 0 {
		limit = 15 * time.Second
	}
	err := d.Child.Terminate(limit)
	d.release()
	return err
}

// Kill sends SIGKILL and waits until the process has ended. It is not an error if it already had.
func (d *Daemon) Kill() error {
	err := d.Child.Kill()
	d.release()
	return err
}

func (d *Daemon) release() {
	d.port.Release()
	if d.dir != "" {
		_ = os.RemoveAll(d.dir)
		d.dir = ""
	}
}
