package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/host"
)

// tgtIQN is the target's name; LUN 0 of a tgt target is its controller, so the disk is LUN 1.
const (
	tgtIQN  = "iqn.2026-11.io.ringtgt.peer:tgt"
	tgtUnit = 1
)

// tgtKeys are the settings of a tuned tgt. The digests are offers: an initiator that offers None alone gets none. tgt takes
// "CRC32C" for CRC32C or None (its usr/iscsi/param.c, digest_str_to_val).
var tgtKeys = [][2]string{
	{"MaxRecvDataSegmentLength", strconv.Itoa(tgtSegment)},
	{"MaxXmitDataSegmentLength", strconv.Itoa(tgtSegment)},
	{"FirstBurstLength", strconv.Itoa(tgtSegment)},
	{"MaxBurstLength", strconv.Itoa(tgtSegment)},
	{"HeaderDigest", "CRC32C"},
	{"DataDigest", "CRC32C"},
}

// startTgt starts tgtd. TGT_IPC_SOCKET puts its control socket into a directory of ours, whatever other tgtd there is on this machine.
func startTgt(ctx context.Context, o Options) (*Target, error) {
	for _, p := range []string{"tgtd", "tgtadm"} {
		if _, err := lookPath(p); err != nil {
			return nil, fmt.Errorf("peer: %s is %w: install the Debian package tgt", p, ErrMissing)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var err error
	for range portTries {
		var t *Target
		if t, err = tryTgt(ctx, o); !errors.Is(err, errPortTaken) {
			return t, err
		}
	}
	return nil, err
}

// errPortTaken: somebody was faster. tgtd goes on without a portal then, and says so in its log alone.
var errPortTaken = errors.New("peer: tgtd does not listen at its port")

func tryTgt(ctx context.Context, o Options) (_ *Target, err error) {
	dir, err := newWorkDir()
	if err != nil {
		return nil, err
	}
	defer dir.remove() // when it is configured nobody needs it any more
	portal, err := freePort()
	if err != nil {
		return nil, err
	}
	a := tgtAdmin{env: append(os.Environ(), "TGT_IPC_SOCKET="+filepath.Join(dir.path, "control"))}
	program, _ := lookPath("tgtd")
	cmd := exec.Command(program, append([]string{"-f", "-C", tgtControl, "--iscsi", "portal=" + portal}, o.Args...)...)
	cmd.Env = a.env
	c, err := launch(cmd, o.CPUs)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.kill()
			err = fmt.Errorf("%w\n%s", err, c.log)
		}
	}()
	if err = a.await(ctx, c); err != nil {
		return nil, err
	}
	t := &Target{Name: Tgt, PID: cmd.Process.Pid, Portal: portal, IQN: tgtIQN, Unit: tgtUnit, child: c}
	t.setURL()
	if pid, lerr := host.Listening(netip.MustParseAddrPort(portal)); lerr != nil || pid != t.PID {
		err = fmt.Errorf("%w: %d listens at %s: %v", errPortTaken, pid, portal, lerr)
		return nil, err
	}
	if err = a.configure(ctx, o.LUN); err != nil {
		return nil, err
	}
	t.Software = "tgtd " + version(ctx, program, "--version")
	return t, nil
}

// tgtControl is the control number, within a directory of its own.
const tgtControl = "1"

// tgtAdmin runs tgtadm.
type tgtAdmin struct{ env []string }

func (a tgtAdmin) run(ctx context.Context, args ...string) ([]byte, error) {
	program, err := lookPath("tgtadm")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"-C", tgtControl, "--lld", "iscsi"}, args...)...)
	cmd.Env = a.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("peer: tgtadm %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return out, nil
}

// await asks until tgtd answers.
func (a tgtAdmin) await(ctx context.Context, c *child) error {
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	for {
		_, err := a.run(ctx, "--op", "show", "--mode", "target")
		if err == nil {
			return nil
		}
		select {
		case <-c.exited:
			return fmt.Errorf("peer: tgtd ended: %v", c.err)
		case <-ctx.Done():
			return fmt.Errorf("peer: tgtd does not answer: %w: %w", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// configure makes the target, its disk and its settings, and looks whether tgt took them.
func (a tgtAdmin) configure(ctx context.Context, lun LUN) error {
	disk := []string{"--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", strconv.Itoa(tgtUnit), "-b"}
	if lun.File != "" {
		path, err := filepath.Abs(lun.File)
		if err != nil {
			return fmt.Errorf("peer: %w", err)
		}
		disk = append(disk, path, "--bsoflags", "direct")
	} else {
		m, err := newMemoryFile(lun.Memory)
		if err != nil {
			return err
		}
		defer m.close() // tgtd has it open by then
		disk = append(disk, m.path())
	}
	steps := [][]string{{"--op", "new", "--mode", "target", "--tid", "1", "-T", tgtIQN}, disk}
	for _, k := range tgtKeys {
		steps = append(steps, []string{"--op", "update", "--mode", "target", "--tid", "1", "--name", k[0], "--value", k[1]})
	}
	steps = append(steps, []string{"--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL"})
	for _, s := range steps {
		if _, err := a.run(ctx, s...); err != nil {
			return err
		}
	}
	out, err := a.run(ctx, "--op", "show", "--mode", "target", "--tid", "1")
	if err != nil {
		return err
	}
	for _, k := range tgtKeys {
		if !strings.Contains("\n"+string(out), "\n"+k[0]+"="+k[1]+"\n") {
			return fmt.Errorf("peer: tgt did not take %s=%s", k[0], k[1])
		}
	}
	return nil
}
