package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/compare"
	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/peer/cold"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
)

// bench is what the rows share.
type bench struct {
	rounds, tails        int
	runtime, ramp, idle  time.Duration
	few, many            int // sessions
	memory, file         int64
	cpus, target, client []int
	studyClient          string
	binary, before, dir  string
	echo, cold           []string // commands of the responders
	progress             io.Writer
	started              map[target]*peer.Target
	files                []string // laid out on the disk
}

// target is what runs: sides that want the same share one.
type target struct {
	peer, binary, args, file string
	loops                    int
}

// start returns a target that runs. One with a LUN in memory, written once, stays up for all rows: an idle target takes no CPU.
func (b *bench) start(ctx context.Context, t target) (*peer.Target, error) {
	if p := b.started[t]; p != nil {
		return p, p.Alive()
	}
	o := peer.Options{LUN: peer.LUN{Memory: b.memory}, CPUs: b.target, Binary: t.binary, Args: strings.Fields(t.args)}
	if t.loops > len(b.cpus) {
		return nil, fmt.Errorf("it takes %d CPUs", t.loops)
	}
	if t.loops > 0 {
		o.CPUs = b.cpus[:t.loops]
	}
	if t.file != "" {
		o.LUN = peer.LUN{File: t.file}
	}
	var p *peer.Target
	var err error
	switch t.peer {
	case peer.Echo:
		p, err = peer.StartEcho(ctx, b.echo, o.CPUs)
	case peer.Cold:
		p, err = peer.StartCold(ctx, b.cold, cold.Options{Memory: b.memory, Pages: cold.Huge, Recv: cold.Multishot}, o.CPUs)
	default:
		p, err = peer.Start(ctx, t.peer, o)
	}
	if err != nil {
		return nil, err
	}
	if b.started == nil {
		b.started = map[target]*peer.Target{}
	}
	b.started[t] = p
	if t.file == "" && t.peer != peer.Echo && t.peer != peer.Cold { // the responders' memory is written
		err = run.Fill(ctx, p.URL)
	}
	return p, err
}

// stop stops the targets of files, which are locked by them, or all, and then removes the files.
func (b *bench) stop(all bool) {
	for t, p := range b.started {
		if all || t.file != "" {
			_ = p.Stop()
			delete(b.started, t)
		}
	}
	if all {
		for _, path := range b.files {
			_ = os.Remove(path)
		}
		b.files = nil
	}
}

// sides starts what a part compares. Each target of ours has a file of its own, which it locks; what is compared with it reads the
// first one's.
func (b *bench) sides(ctx context.Context, p part) (sides []compare.Side, err error) {
	own := map[target]string{}
	for i, s := range p.sides {
		t := target{peer: s.peer, args: s.args, loops: s.loops}
		if s.peer == peer.Ringtgt {
			t.binary = b.binary
			if s.old {
				t.binary = b.before
			}
		}
		file := 0
		if s.peer == peer.Ringtgt && own[t] == "" {
			file = len(own)
		}
		if p.file && own[t] == "" {
			if own[t], err = b.laidOut(ctx, file); err != nil {
				return nil, err
			}
		}
		t.file = own[t]
		c := compare.Side{Name: s.name}
		at := served{binary: t.binary, file: t.file}
		if s.peer != "" {
			if at.Target, err = b.start(ctx, t); err != nil {
				return nil, err
			}
			c.Target = at.Target
		}
		if s.do != nil {
			c.Do = func(ctx context.Context, o run.Options) (*result.Run, error) { return s.do(b, ctx, at, o) }
		}
		c.Change = func(o *run.Options) {
			if i > 0 || !p.idle {
				o.Idle = 0
			}
			if s.change != nil {
				s.change(b, o)
			}
		}
		sides = append(sides, c)
	}
	return sides, nil
}

// measure carries out a row.
func (b *bench) measure(ctx context.Context, r row) (out Row, err error) {
	out = Row{ID: r.id, Load: r.load}
	if r.memory {
		if err := b.idleMemory(ctx, &out); err != nil {
			return out, err
		}
	}
	for _, p := range r.parts {
		c, err := b.compare(ctx, p)
		if err != nil {
			return out, err
		}
		out.Comparisons = append(out.Comparisons, c)
		for _, n := range c.Noise {
			if !slices.Contains(out.Noise, n) {
				out.Noise = append(out.Noise, n)
			}
		}
		if r.grid != nil {
			out.Grid = r.grid(c)
		} else if err := out.add(p, c); err != nil {
			return out, err
		}
	}
	return out, nil
}

// compare measures the sides of a part in closed loops, and if it is about the tail, their latencies at equal load.
func (b *bench) compare(ctx context.Context, p part) (*result.Comparison, error) {
	sides, err := b.sides(ctx, p)
	defer b.stop(false)
	if err != nil {
		return nil, err
	}
	o := compare.Options{Run: p.work, Sides: sides, Rounds: b.rounds, TargetCPUs: b.target, EqualRounds: b.tails}
	if o.Run.Cores, o.Run.Runtime, o.Run.RampTime, o.Run.Idle = b.client, b.runtime, b.ramp, b.idle; p.sides[0].loops > 0 {
		o.TargetCPUs = nil // the loops are on other CPUs as well
	}
	if p.figure == "" {
		o.Rounds = b.tails
	}
	if p.tail {
		o.EqualLoad = equalLoad
	}
	c, err := compare.Run(ctx, o)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = negotiated(c, p.work)
	}
	return c, err
}

// add makes a part's figures and details.
func (r *Row) add(p part, c *result.Comparison) error {
	if p.figure != "" {
		s, ok := c.RoundRatio(0, 1, p.figure)
		if !ok {
			return errors.New("the processor time of the targets is not known")
		}
		if p.required != (Requirement{}) {
			r.figure(p.what, p.required, s)
		} else if p.what != "" {
			r.detail("%s: %s", p.what, result.FormatRatio(s))
		}
		r.limits(p, c)
		r.sides(c, p.figure)
	}
	if v, ok := c.Sides[0].Figure(result.FigureIdle); ok && p.idle {
		r.figure("target's idle CPU", Requirement{AtMost: true, Value: idleZero, Unit: "%"}, v)
	}
	if p.tail {
		return r.tail(c)
	}
	return nil
}

// limits adds the ratios to the limits: the first side's is that of the figure before, and a figure of its own where it is required.
func (r *Row) limits(p part, c *result.Comparison) {
	for k, l := range p.sides {
		if l.peer != peer.Cold || k == 1 { // the second side is what the figure itself compares with
			continue
		}
		s, ok := c.RoundRatio(l.of, k, result.FigureIOPSPerCPU)
		if !ok {
			continue
		}
		if l.of == 0 && p.required != (Requirement{}) {
			r.Figures[len(r.Figures)-1].Limit = &s
		}
		if l.of > 0 || p.required == (Requirement{}) {
			r.detail("%s of %s: %s", limitFigure, c.Sides[l.of].Name, result.FormatRatio(s))
		}
		if l.of == 0 && p.limit != (Requirement{}) {
			r.figure(limitFigure, p.limit, s)
		}
	}
}

// sides adds what each side reached in closed loops.
func (r *Row) sides(c *result.Comparison, figure string) {
	for i := range c.Sides {
		s := &c.Sides[i]
		var list []string
		for _, f := range result.Figures() {
			v, ok := s.Figure(f.Name)
			switch {
			case !ok:
			case f.Name == figure:
				list = append([]string{fmt.Sprintf("%s %s (%s to %s)", result.FormatFigure(v.Median, f.Unit), f.Name,
					result.FormatFigure(v.Low, f.Unit), result.FormatFigure(v.High, f.Unit))}, list...)
			case f.Name == result.FigureIOPS || f.Name == result.FigureIOPSPerCPU && figure == result.FigureIOPS:
				list = append(list, result.FormatFigure(v.Median, f.Unit)+" "+f.Name)
			}
		}
		by := map[string]int{}
		for k := range s.Runs {
			by[s.Runs[k].Target.Software]++
		}
		for name, n := range by {
			if len(by) > 1 || strings.HasPrefix(name, "fio") {
				list = append(list, fmt.Sprintf("%d times by %s", n, name))
			}
		}
		r.detail("closed loop, %s: %s", s.Name, strings.Join(list, ", "))
	}
}

// tail adds p99.9 at equal load, and the latencies behind it.
func (r *Row) tail(c *result.Comparison) error {
	s, ok := c.RoundRatio(0, 1, result.FigureP999)
	if !ok || c.Rate == 0 {
		return fmt.Errorf("at equal load: %w", compare.ErrNothing)
	}
	r.figure(fmt.Sprintf("p99.9 at %s IOPS each, times tgt's", result.FormatSI(c.Rate, "")), tailRequired, s)
	for i := range c.Sides {
		side := &c.Sides[i]
		var list []string
		for _, name := range []string{result.FigureP50, result.FigureP99, result.FigureP999} {
			v, _ := side.Figure(name)
			list = append(list, name+" "+result.FormatFigure(v.Median, "s"))
		}
		var n uint64
		for k := range side.AtRate {
			n += side.AtRate[k].Total.Requests
		}
		r.detail("at equal load, %s: %s (%d requests in %d rounds)", side.Name, strings.Join(list, ", "), n, len(side.AtRate))
	}
	return nil
}

// negotiated fails where a run had no digests although the workload has: they cost nothing then.
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
