package peer

import (
	"context"
	"fmt"

	"github.com/ringtgt/ringtgt/bench/initiator"
)

// Fill writes the whole LUN once, so that reads find data: blocks that were never written come from one page of zeroes, or
// from a hole in a file, and are faster than any disk. Every target is filled in the same way.
func (t *Target) Fill(ctx context.Context) error {
	ls, err := initiator.NewLoops(ctx, initiator.LoopsConfig{Sessions: []initiator.Config{t.Session(0)}})
	if err != nil {
		return fmt.Errorf("peer: fill %s: %w", t.Name, err)
	}
	defer ls.Close()
	w := initiator.Workload{LUN: initiator.LUN(t.Unit), BlockSize: fillBlock, Depth: fillDepth, Seed: 1}
	if err := ls.Probe(ctx, &w); err != nil {
		return fmt.Errorf("peer: fill %s: %w", t.Name, err)
	}
	if size := int64(w.Capacity) * int64(w.BlockLen); size < fillBlock {
		w.BlockSize = int(w.BlockLen)
	}
	r, err := ls.Run(ctx, w.Fill(1))
	if err == nil {
		err = r.Err()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("peer: fill %s: %w", t.Name, err)
	}
	return nil
}

// Session returns the configuration of session i to the target, for package initiator.
func (t *Target) Session(i int) initiator.Config {
	return initiator.Config{
		Portals: []string{t.Portal}, TargetName: t.IQN, InitiatorName: "iqn.2026-11.io.ringtgt:bench",
		ISID: [6]byte{0x80, 0, 0, 7, byte(i >> 8), byte(i)}, // random format (RFC 7143, 11.12.5)
	}
}
