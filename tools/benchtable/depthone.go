package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/bench/compare"
	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/peer/echo"
	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/host"
	"github.com/ringtgt/ringtgt/internal/stat"
)

// depthOne measures one request at a time: our p50 beside that of a bare TCP responder of the same sizes, with the same client,
// and what our target takes of its CPU while nothing is asked.
func depthOne(ctx context.Context, b *bench, r *Row) error {
	ours, err := b.peer(ctx, peer.Ringtgt)
	if err != nil {
		return err
	}
	e, err := peer.StartEcho(ctx, b.echo, b.target)
	if err != nil {
		return err
	}
	defer e.Stop()
	var ratios, own, bare, plain []float64
	for i := range b.rounds {
		var p50 [2]time.Duration
		for k := range p50 {
			n := (k + i) % 2 // A B, B A
			if p50[n], err = b.oneAtATime(ctx, []*peer.Target{ours, e}[n]); err != nil {
				return err
			}
		}
		h, err := echo.Ping(ctx, e.Portal, b.client[0], 4096, b.runtime/2)
		if err != nil {
			return err
		}
		if h.Count() == 0 {
			return fmt.Errorf("%s: %w in a run of %v", e.Name, compare.ErrNothing, b.runtime/2)
		}
		ratios = append(ratios, p50[0].Seconds()/p50[1].Seconds())
		own, bare, plain = append(own, p50[0].Seconds()), append(bare, p50[1].Seconds()), append(plain, h.Quantile(0.5).Seconds())
	}
	r.figure("p50, times a bare TCP echo's", Requirement{AtMost: true, Value: 1.25, Unit: "x"}, stat.Of(ratios))
	r.detail("p50: ringtgt %s, echo %s with the same client; %s with a client of plain system calls",
		seconds(stat.Median(own)), seconds(stat.Median(bare)), seconds(stat.Median(plain)))
	if err := b.idleRow(ctx, ours, r); err != nil {
		return err
	}
	tgt, err := b.peer(ctx, peer.Tgt)
	if err != nil {
		return err
	}
	c, err := b.compare(ctx, run.Options{RW: "randread", BlockSize: "4k", IODepth: 1}, ours, tgt, b.tails)
	if err != nil {
		return err
	}
	r.Comparison, r.Noise = c, c.Noise
	return b.tail(c, r)
}

// oneAtATime returns the p50 of random reads, one after another.
func (b *bench) oneAtATime(ctx context.Context, t *peer.Target) (time.Duration, error) {
	ls, err := initiator.NewLoops(ctx, initiator.LoopsConfig{Sessions: []initiator.Config{t.Session(1)}, CPUs: b.client[:1]})
	if err != nil {
		return 0, err
	}
	defer ls.Close()
	w := initiator.Workload{
		LUN: initiator.LUN(t.Unit), ReadPercent: 100, BlockSize: 4096, Depth: 1, Warmup: b.ramp, Duration: b.runtime,
		Capacity: uint64(b.memory) / 512, BlockLen: 512, // the responder has no capacity to ask for
	}
	rep, err := ls.Run(ctx, w)
	if err == nil {
		err = rep.Err()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", t.Name, err)
	}
	h := rep.Latency()
	if h.Count() == 0 {
		return 0, fmt.Errorf("%s: %w in a run of %v", t.Name, compare.ErrNothing, b.runtime)
	}
	return h.Quantile(0.5), nil
}

// idleRow measures a target's processor time with a session up and no request.
func (b *bench) idleRow(ctx context.Context, t *peer.Target, r *Row) error {
	ls, err := initiator.NewLoops(ctx, initiator.LoopsConfig{Sessions: []initiator.Config{t.Session(2)}, CPUs: b.client[:1]})
	if err != nil {
		return err
	}
	defer ls.Close()
	share, err := b.idleShare(ctx, t.PID)
	if err != nil {
		return err
	}
	r.figure("target's idle CPU", Requirement{AtMost: true, Value: idleZero, Unit: "%"}, stat.Of([]float64{share}))
	return nil
}

// idleShare returns the share of one CPU that an idle process takes.
func (b *bench) idleShare(ctx context.Context, pid int) (float64, error) {
	// What the last requests left to do is no part of it.
	if err := pause(ctx, b.idle/10); err != nil {
		return 0, err
	}
	before, err := host.CPUTime(pid)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := pause(ctx, b.idle); err != nil {
		return 0, err
	}
	after, err := host.CPUTime(pid)
	return (after - before).Seconds() / time.Since(began).Seconds(), err
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
