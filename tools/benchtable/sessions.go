package main

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/bench/compare"
	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/stat"
)

// sessionsRow measures what many sessions cost: IOPS per second of the target's CPU beside few, and memory for each that is idle.
func sessionsRow(ctx context.Context, b *bench, r *Row) error {
	if err := files(b.many + spareFiles); err != nil {
		return err
	}
	if err := b.idleMemory(ctx, r); err != nil {
		return err
	}
	ours, err := b.peer(ctx, peer.Ringtgt)
	if err != nil {
		return err
	}
	// The depth of the other rows is the requirement's. A small one says what it costs to go from one connection to another.
	few := run.Options{RW: "randread", BlockSize: "4k", IODepth: sessionDepth, Sessions: b.few}
	many := few
	many.Sessions = b.many
	shallow, manyShallow := few, many
	shallow.IODepth, manyShallow.IODepth = smallDepth, smallDepth
	variants := []run.Options{few, many, shallow, manyShallow}
	var perCPU, iops [4][]float64
	var ratio, smallRatio []float64
	for i := range b.rounds {
		for k := range variants {
			n := k
			if i%2 == 1 {
				n = len(variants) - 1 - k
			}
			o := b.run(variants[n])
			o.URL, o.TargetPID = ours.URL, ours.PID
			got, err := run.Do(ctx, o)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("%d sessions: %w", o.Sessions, err)
			}
			v, ok := got.Figure(result.FigureIOPSPerCPU)
			if !ok || v == 0 {
				return fmt.Errorf("%d sessions: %w in a run of %v: %s", o.Sessions, compare.ErrNothing, o.Runtime, got.Ended)
			}
			perCPU[n], iops[n] = append(perCPU[n], v), append(iops[n], got.Total.IOPS)
		}
		ratio = append(ratio, perCPU[1][i]/perCPU[0][i])
		smallRatio = append(smallRatio, perCPU[3][i]/perCPU[2][i])
	}
	r.figure(fmt.Sprintf("IOPS per target CPU-second, %d sessions to %d", b.many, b.few), Requirement{Value: 0.85, Unit: "x"}, stat.Of(ratio))
	for n, o := range variants {
		r.detail("%d sessions of depth %d: %s IOPS per target CPU-second, %s IOPS", o.Sessions, o.IODepth,
			result.FormatSI(stat.Median(perCPU[n]), ""), result.FormatSI(stat.Median(iops[n]), ""))
	}
	r.detail("at depth %d the ratio is %s", smallDepth, result.FormatRatio(stat.Of(smallRatio)))
	return nil
}

// idleMemory measures what a connection takes that is logged in and asks for nothing, in a target that had none before.
func (b *bench) idleMemory(ctx context.Context, r *Row) error {
	t, err := peer.Start(ctx, peer.Ringtgt, b.options(peer.LUN{Memory: 16 << 20}))
	if err != nil {
		return err
	}
	defer t.Stop()
	cfg := initiator.LoopsConfig{CPUs: b.client[:1]}
	// The first sessions make what the target makes once.
	for i := range b.few {
		cfg.Sessions = append(cfg.Sessions, t.Session(i))
	}
	warm, err := initiator.NewLoops(ctx, cfg)
	if err != nil {
		return err
	}
	defer warm.Close()
	before, err := memoryOf(t.PID)
	if err != nil {
		return err
	}
	cfg.Sessions = nil
	for i := range b.many {
		cfg.Sessions = append(cfg.Sessions, t.Session(b.few+i))
	}
	all, err := initiator.NewLoops(ctx, cfg)
	if err != nil {
		return fmt.Errorf("%d sessions: %w", b.many, err)
	}
	defer all.Close()
	after, err := memoryOf(t.PID)
	if err != nil {
		return err
	}
	n := float64(all.Connections())
	each := float64(after.resident-before.resident) / n
	r.figure("memory of an idle connection", Requirement{AtMost: true, Value: 64 << 10, Unit: "KiB"}, stat.Of([]float64{each}))
	r.detail("resident memory of the target with %d idle connections: %.1f MiB, with %d %.1f MiB", b.few, float64(before.resident)/(1<<20),
		b.few+b.many, float64(after.resident)/(1<<20))
	r.detail("besides, in the kernel, for both ends of a connection: %.1f KiB of TCP buffers, %.1f sockets (/proc/net/sockstat)",
		float64(after.tcpBytes-before.tcpBytes)/n/1024, float64(after.sockets-before.sockets)/n)
	return nil
}

// files sees to it that this process, and the target after it, may have n files open.
func files(n int) error {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return err
	}
	if lim.Cur >= uint64(n) {
		return nil
	}
	want := unix.Rlimit{Cur: uint64(n), Max: max(lim.Max, uint64(n))}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &want); err != nil {
		return fmt.Errorf("%d connections want %d open files, and the limit is %d (ulimit -n; %w)", n-spareFiles, n, lim.Max, err)
	}
	return nil
}
