package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ringtgt/ringtgt/internal/tgtd"
)

const tgtIQN = "iqn.2026-11.io.ringtgt.peer:tgt"

// tgtTarget is a tgtd. LUN 0 of a tgt target is its controller, so ours begin at 1.
type tgtTarget struct{ d *tgtd.Daemon }

func startTgt(ctx context.Context, k kind, luns int, dir string) (target, error) {
	d, err := tgtd.Start(ctx, tgtd.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	steps := [][]string{tgtd.NewTarget("1", tgtIQN)}
	for i := range luns {
		path, number := filepath.Join(dir, fmt.Sprintf("lun%d.img", i)), strconv.Itoa(i+1)
		if err = os.WriteFile(path, nil, 0o600); err == nil {
			err = os.Truncate(path, lunBytes)
		}
		if err != nil {
			_ = d.Kill()
			return nil, err
		}
		steps = append(steps, tgtd.NewLUN("1", number, path))
		if k.spec != "" {
			steps = append(steps, tgtd.SetLUN("1", number, k.spec))
		}
	}
	if err := d.Configure(ctx, append(steps, tgtd.AdmitAll("1"))...); err != nil {
		_ = d.Kill()
		return nil, err
	}
	return &tgtTarget{d}, nil
}

func (t *tgtTarget) url(lun int) string {
	return "iscsi://" + t.d.Addr + "/" + tgtIQN + "/" + strconv.Itoa(lun+1)
}

func (t *tgtTarget) alive() error { return t.d.Alive() }

func (t *tgtTarget) stop() error { return t.d.Kill() }
