package peer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/harness"
)

const ringtgtIQN = "iqn.2026-11.io.ringtgt.peer:ringtgt"

// startRingtgt starts our own target by `serve`.
func startRingtgt(ctx context.Context, o Options) (_ *Target, err error) {
	binary, err := self(o.Binary)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	spec, dir := "mem:"+strconv.FormatInt(o.LUN.Memory, 10), "" // without a file it needs no state directory
	if o.LUN.File != "" {
		if dir, err = os.MkdirTemp("", dirPattern); err != nil {
			return nil, fmt.Errorf("peer: %w", err)
		}
		defer func() {
			if err != nil {
				_ = os.RemoveAll(dir)
			}
		}()
		var path string
		if path, err = filepath.Abs(o.LUN.File); err != nil {
			return nil, fmt.Errorf("peer: %w", err)
		}
		spec = "file:" + path + ",direct=on"
	}
	args := []string{"--quiet"}
	if len(o.CPUs) > 0 {
		args = append(args, "--cores", result.CPUList(o.CPUs))
	}
	d, err := harness.Start(ctx, harness.Options{
		Binary: binary, Target: ringtgtIQN, LUNs: []string{spec}, State: dir, CPUs: o.CPUs,
		Args: append(args, o.Args...), Ready: readyTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	t := &Target{Name: Ringtgt, PID: d.PID(), Portal: d.Addr(), IQN: ringtgtIQN, child: d.Child, ours: d, dir: dir}
	t.setURL()
	t.Software = version(ctx, binary, "version")
	return t, nil
}
