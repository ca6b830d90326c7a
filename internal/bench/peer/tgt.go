package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/internal/process"
	"github.com/ringtgt/ringtgt/internal/tgtd"
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

// startTgt starts a tuned tgtd.
func startTgt(ctx context.Context, o Options) (*Target, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", dirPattern)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	defer os.RemoveAll(dir) // its control socket is not used once it is configured
	d, err := tgtd.Start(ctx, tgtd.Options{Dir: dir, CPUs: o.CPUs, Args: o.Args})
	if errors.Is(err, tgtd.ErrMissing) {
		return nil, fmt.Errorf("peer: tgtd is %w: install the Debian package tgt", ErrMissing)
	}
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	if err := configureTgt(ctx, d, o.LUN); err != nil {
		_ = d.Kill()
		return nil, fmt.Errorf("peer: %w\n%s", err, d.Log())
	}
	t := &Target{Name: Tgt, PID: d.PID(), Portal: d.Addr, IQN: tgtIQN, Unit: tgtUnit, child: d.Child}
	t.setURL()
	program, _ := process.LookPath("tgtd")
	t.Software = "tgtd " + version(ctx, program, "--version")
	return t, nil
}

// configureTgt makes the target, its disk and its settings, and checks that tgt took them.
func configureTgt(ctx context.Context, d *tgtd.Daemon, lun LUN) error {
	var disk []string
	if lun.File != "" {
		path, err := filepath.Abs(lun.File)
		if err != nil {
			return err
		}
		disk = tgtd.NewLUN("1", strconv.Itoa(tgtUnit), path, "--bsoflags", "direct")
	} else {
		m, err := newMemoryFile(lun.Memory)
		if err != nil {
			return err
		}
		defer m.close() // tgtd has it open by then
		disk = tgtd.NewLUN("1", strconv.Itoa(tgtUnit), m.path())
	}
	steps := [][]string{tgtd.NewTarget("1", tgtIQN), disk}
	for _, k := range tgtKeys {
		steps = append(steps, tgtd.Set("1", k[0], k[1]))
	}
	if err := d.Configure(ctx, append(steps, tgtd.AdmitAll("1"))...); err != nil {
		return err
	}
	out, err := d.Admin(ctx, "--op", "show", "--mode", "target", "--tid", "1")
	if err != nil {
		return err
	}
	for _, k := range tgtKeys {
		if !strings.Contains("\n"+string(out), "\n"+k[0]+"="+k[1]+"\n") {
			return fmt.Errorf("tgt did not take %s=%s", k[0], k[1])
		}
	}
	return nil
}
