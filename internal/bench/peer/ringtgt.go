package peer

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const ringtgtIQN = "iqn.2026-11.io.ringtgt.peer:ringtgt"

// startRingtgt starts our own target by `serve`.
func startRingtgt(ctx context.Context, o Options) (_ *Target, err error) {
	binary, err := self(o.Binary)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	t := &Target{Name: Ringtgt, IQN: ringtgtIQN, gentle: true}
	defer func() {
		if err == nil {
			return
		}
		if t.child != nil {
			t.child.kill()
			err = fmt.Errorf("%w\n%s", err, t.child.log)
		}
		if t.release != nil {
			t.release()
		}
		t.dir.remove()
	}()
	if t.dir, err = newWorkDir(); err != nil {
		return nil, err
	}
	if t.Portal, t.release, err = reservePort(); err != nil {
		return nil, err
	}
	t.setURL()
	spec := "mem:" + strconv.FormatInt(o.LUN.Memory, 10)
	if o.LUN.File != "" {
		path, err := filepath.Abs(o.LUN.File)
		if err != nil {
			return nil, fmt.Errorf("peer: %w", err)
		}
		spec = "file:" + path + ",direct=on"
	}
	args := []string{"serve", "--quiet", "--listen", t.Portal, "--target", t.IQN, "--lun", spec, "--state", filepath.Join(t.dir.path, "state")}
	if len(o.CPUs) > 0 {
		args = append(args, "--cores", list(o.CPUs))
	}
	cmd := exec.Command(binary, append(args, o.Args...)...)
	if t.child, err = launch(cmd, o.CPUs); err != nil {
		return nil, err
	}
	t.PID = cmd.Process.Pid
	if err = t.awaitPortal(ctx); err != nil {
		return nil, err
	}
	t.Software = version(ctx, binary, "version")
	return t, nil
}

func list(cpus []int) string {
	var s []string
	for _, cpu := range cpus {
		s = append(s, strconv.Itoa(cpu))
	}
	return strings.Join(s, ",")
}

// awaitPortal connects until the target accepts; a port where nobody listens refuses at once.
func (t *Target) awaitPortal(ctx context.Context) error {
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", t.Portal)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-t.child.exited:
			return fmt.Errorf("peer: %s ended before it listened: %v", t.Name, t.child.err)
		case <-ctx.Done():
			return fmt.Errorf("peer: %s does not listen at %s: %w", t.Name, t.Portal, ctx.Err())
		case <-tick.C:
		}
	}
}
