package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const tgtIQN = "iqn.2026-11.io.ringtgt.peer:tgt"

// tgtTarget is tgtd with a portal and a control socket of its own. LUN 0 of a tgt target is its controller, so ours begin at 1.
type tgtTarget struct {
	cmd     *exec.Cmd
	addr    string
	control string
	out     bytes.Buffer
	exited  chan struct{}
	waitErr error
}

func startTgt(ctx context.Context, k kind, luns int, dir string) (target, error) {
	for _, p := range []string{"tgtd", "tgtadm"} {
		if _, err := exec.LookPath(p); err != nil {
			return nil, fmt.Errorf("%s is missing: install the Debian package tgt", p)
		}
	}
	addr, err := pickPort()
	if err != nil {
		return nil, err
	}
	t := &tgtTarget{addr: addr, control: strconv.Itoa(1000 + rand.IntN(30000)), exited: make(chan struct{})}
	t.cmd = exec.Command("tgtd", "-f", "-C", t.control, "--iscsi", "portal="+t.addr)
	t.cmd.Stdout, t.cmd.Stderr = &t.out, &t.out
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() { // the parent-death signal belongs to this thread
		runtime.LockOSThread()
		err := t.cmd.Start()
		started <- err
		if err == nil {
			t.waitErr = t.cmd.Wait()
			close(t.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	if err := t.configure(ctx, k, luns, dir); err != nil {
		_ = t.stop()
		return nil, err
	}
	return t, nil
}

// pickPort finds a free port below the range that the kernel gives to others: tgtd binds without SO_REUSEPORT, so the port cannot
// be held for it, and tgtd runs on without a portal when it finds the port taken.
func pickPort() (string, error) {
	var last error
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(20000+rand.IntN(10000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String(), nil
		}
		last = err
	}
	return "", last
}

func (t *tgtTarget) configure(ctx context.Context, k kind, luns int, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for t.admin(ctx, "--op", "show", "--mode", "sys") != nil { // tgtadm fails at once until tgtd listens
		select {
		case <-ctx.Done():
			return errors.New("tgtd does not answer tgtadm")
		case <-t.exited:
			return fmt.Errorf("tgtd ended: %v", t.waitErr)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := t.admin(ctx, "--lld", "iscsi", "--op", "new", "--mode", "target", "--tid", "1", "-T", tgtIQN); err != nil {
		return err
	}
	for i := range luns {
		path := filepath.Join(dir, fmt.Sprintf("lun%d.img", i))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		if err := os.Truncate(path, lunBytes); err != nil {
			return err
		}
		lun := []string{"--lld", "iscsi", "--mode", "logicalunit", "--tid", "1", "--lun", strconv.Itoa(i + 1)}
		if err := t.admin(ctx, append(lun, "--op", "new", "-b", path)...); err != nil {
			return err
		}
		if k.spec != "" {
			if err := t.admin(ctx, append(lun, "--op", "update", "--params", k.spec)...); err != nil {
				return err
			}
		}
	}
	return t.admin(ctx, "--lld", "iscsi", "--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL")
}

func (t *tgtTarget) admin(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "tgtadm", append([]string{"-C", t.control}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("tgtadm %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

func (t *tgtTarget) url(lun int) string {
	return "iscsi://" + t.addr + "/" + tgtIQN + "/" + strconv.Itoa(lun+1)
}

func (t *tgtTarget) alive() error {
	select {
	case <-t.exited:
		return fmt.Errorf("tgtd is gone: %v", t.waitErr)
	default:
		return nil
	}
}

func (t *tgtTarget) log() string { return "" } // the buffer is tgtd's until it ends

func (t *tgtTarget) stop() error {
	_ = t.cmd.Process.Kill()
	<-t.exited
	return nil
}
