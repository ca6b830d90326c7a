package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/compare"
	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
)

// bench is what the rows share.
type bench struct {
	rounds, tails  int
	runtime, ramp  time.Duration
	idle           time.Duration
	few, many      int // sessions
	memory, file   int64
	target, client []int // CPUs
	binary, dir    string
	echo           []string // command of the responder
	progress       io.Writer
	started        map[string]*peer.Target // with a LUN in memory, filled
}

// peers returns our target and tgt, each with a LUN in memory that is written. They stay up for all rows that want them: a
// target that is idle takes nothing.
func (b *bench) peers(ctx context.Context) (ours, tgt *peer.Target, err error) {
	if ours, err = b.peer(ctx, peer.Ringtgt); err != nil {
		return nil, nil, err
	}
	tgt, err = b.peer(ctx, peer.Tgt)
	return ours, tgt, err
}

func (b *bench) peer(ctx context.Context, name string) (*peer.Target, error) {
	if t := b.started[name]; t != nil {
		if err := t.Alive(); err != nil {
			return nil, err
		}
		return t, nil
	}
	t, err := peer.Start(ctx, name, b.options(peer.LUN{Memory: b.memory}))
	if err != nil {
		return nil, err
	}
	if err := t.Fill(ctx); err != nil {
		return nil, errors.Join(err, t.Stop())
	}
	if b.started == nil {
		b.started = map[string]*peer.Target{}
	}
	b.started[name] = t
	return t, nil
}

func (b *bench) options(lun peer.LUN) peer.Options {
	return peer.Options{LUN: lun, CPUs: b.target, Binary: b.binary}
}

func (b *bench) stop() error {
	var err error
	for _, t := range b.started {
		err = errors.Join(err, t.Stop())
	}
	b.started = nil
	return err
}

// say writes a line of progress.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, format+"\n", args...)
}

// run completes the options of a run.
func (b *bench) run(o run.Options) run.Options {
	o.Cores, o.Runtime, o.RampTime = b.client, b.runtime, b.ramp
	return o
}

// compare measures two targets in closed loops, and their latencies at equal load.
func (b *bench) compare(ctx context.Context, o run.Options, ours, theirs *peer.Target, rounds int) (*result.Comparison, error) {
	c, err := compare.Run(ctx, compare.Options{
		Run: b.run(o), Sides: []compare.Side{{Target: ours}, {Target: theirs}}, Rounds: rounds,
		TargetCPUs: b.target, EqualLoad: equalLoad, EqualRounds: b.tails,
	})
	if err == nil {
		err = ctx.Err()
	}
	return c, err
}

// tail adds p99.9 at equal load, and what stands behind it.
func (b *bench) tail(c *result.Comparison, r *Row) error {
	s, ok := c.Ratios[0][result.FigureP999]
	if !ok || c.Rate == 0 {
		return fmt.Errorf("at equal load: %w", compare.ErrNothing)
	}
	r.figure(fmt.Sprintf("p99.9 at %s IOPS each, times tgt's", result.FormatSI(c.Rate, "")), tailRequired, s)
	for i := range c.Sides {
		side := &c.Sides[i]
		p50, _ := side.Figure(result.FigureP50)
		p99, _ := side.Figure(result.FigureP99)
		p999, _ := side.Figure(result.FigureP999)
		var n uint64
		for k := range side.AtRate {
			n += side.AtRate[k].Total.Requests
		}
		r.detail("at equal load, %s: p50 %s, p99 %s, p99.9 %s (%d requests in %d rounds)", side.Name,
			seconds(p50.Median), seconds(p99.Median), seconds(p999.Median), n, len(side.AtRate))
	}
	return nil
}

// sides says what each side reached in closed loops.
func (b *bench) sides(c *result.Comparison, r *Row, figure string) {
	unit := "IOPS"
	for _, f := range result.Figures() {
		if f.Name == figure {
			unit = f.Unit
		}
	}
	for i := range c.Sides {
		side := &c.Sides[i]
		v, _ := side.Figure(figure)
		iops, _ := side.Figure(result.FigureIOPS)
		r.detail("closed loop, %s: %s %s (%s to %s), %s IOPS", side.Name, result.FormatFigure(v.Median, unit), figure,
			result.FormatFigure(v.Low, unit), result.FormatFigure(v.High, unit), result.FormatSI(iops.Median, ""))
	}
}

func seconds(v float64) string { return result.FormatFigure(v, "s") }

// negotiated fails where a run was not what was asked for: digests that are not there cost nothing.
func negotiated(c *result.Comparison, o run.Options) error {
	if o.Digests != "both" {
		return nil
	}
	for i := range c.Sides {
		for k := range c.Sides[i].Runs {
			n := c.Sides[i].Runs[k].Target.Negotiated
			for _, key := range []string{"HeaderDigest", "DataDigest"} {
				if n[key] != "CRC32C" {
					return fmt.Errorf("%s has %s=%q: these runs had no digests", c.Sides[i].Name, key, n[key])
				}
			}
		}
	}
	return nil
}
