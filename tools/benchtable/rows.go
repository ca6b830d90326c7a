package main

import (
	"context"
	"fmt"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
)

// row is a line of the table before it is measured.
type row struct {
	id, load string
	measure  func(context.Context, *bench, *Row) error
}

// rows is the table. The first six are measured beside tuned tgt.
func rows() []row {
	return []row{
		beside("randread", "4 KiB random read, depth 32", 5.5, result.FigureIOPSPerCPU, run.Options{RW: "randread", BlockSize: "4k", IODepth: 32}),
		beside("randwrite", "4 KiB random write, depth 32", 3.2, result.FigureIOPSPerCPU, run.Options{RW: "randwrite", BlockSize: "4k", IODepth: 32}),
		beside("read", "256 KiB sequential read, depth 8", 4.2, result.FigureBytes, run.Options{RW: "read", BlockSize: "256k", IODepth: 8}),
		beside("write", "256 KiB sequential write, depth 8", 3.0, result.FigureBytes, run.Options{RW: "write", BlockSize: "256k", IODepth: 8}),
		{"depth1", "4 KiB random read, depth 1", depthOne},
		beside("digests", "4 KiB random read with header and data digests, depth 32", 5, result.FigureIOPSPerCPU,
			run.Options{RW: "randread", BlockSize: "4k", IODepth: 32, Digests: "both"}),
		{"file", "O_DIRECT file, 4 KiB random read, depth 32", fileRow},
		{"sessions", "1,000 sessions beside 10, 4 KiB random read", sessionsRow},
	}
}

// beside is a row whose figure is a ratio to tuned tgt.
func beside(id, load string, required float64, figure string, o run.Options) row {
	return row{id, load, func(ctx context.Context, b *bench, r *Row) error {
		ours, tgt, err := b.peers(ctx)
		if err != nil {
			return err
		}
		c, err := b.compare(ctx, o, ours, tgt, b.rounds)
		if err != nil {
			return err
		}
		r.Comparison, r.Noise = c, c.Noise
		s, ok := c.Ratios[0][figure]
		if !ok {
			return fmt.Errorf("the processor time of the targets is not known")
		}
		r.figure(figure+", times tgt's", Requirement{Value: required, Unit: "x"}, s)
		if err := b.tail(c, r); err != nil {
			return err
		}
		b.sides(c, r, figure)
		return negotiated(c, o)
	}}
}

// tailRequired: no worse than tgt's.
var tailRequired = Requirement{AtMost: true, Value: 1, Unit: "x"}
