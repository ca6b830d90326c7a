package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/stat"
)

// target is a daemon with a unit in memory.
type target struct {
	d      *harness.Daemon
	binary string
	state  string
}

func startTarget(ctx context.Context, loops int, unit string) (*target, error) {
	binary, err := harness.Build(ctx)
	if err != nil {
		return nil, err
	}
	cores := "0"
	if loops > 1 {
		cores = "0-" + strconv.Itoa(loops-1)
	}
	state, err := os.MkdirTemp("", "mcsstudy-")
	if err != nil {
		return nil, err
	}
	d, err := harness.Start(ctx, harness.Options{
		Binary: binary, Target: harness.DefaultTarget, State: state, Args: []string{"--cores", cores},
		LUNs: []string{strings.ReplaceAll(unit, "LOOPS", strconv.Itoa(loops))},
	})
	if err != nil {
		_ = os.RemoveAll(state)
		return nil, err
	}
	return &target{d, binary, state}, nil
}

func (t *target) stop() {
	_ = t.d.Terminate(10 * time.Second)
	_ = os.RemoveAll(t.state)
}

// loops is what each loop has done so far.
func (t *target) loops() ([]engine.LoopStatus, error) {
	out, err := exec.Command(t.binary, "status", "--json", "--pid", strconv.Itoa(t.d.PID())).Output()
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	var s struct{ Engine engine.Status }
	if err := json.Unmarshal(out, &s); err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	return s.Engine.Loops, nil
}

// sample is one run.
type sample struct {
	iops, perCPU   float64
	p50, p99, p999 time.Duration
	share          []float64 // of the loops' processor time
	perEnter       float64   // commands an io_uring_enter
	perSend        float64   // PDUs a send
}

// measure runs a workload by a variant's sessions.
func (t *target) measure(ctx context.Context, v variant, w initiator.Workload, o options) (sample, error) {
	cfg := initiator.LoopsConfig{CPUs: clients[o.client](v.loops)}
	for i := range v.sessions {
		cfg.Sessions = append(cfg.Sessions, initiator.Config{
			Portals: []string{t.d.Addr()}, TargetName: t.d.Target(), InitiatorName: "iqn.2026-11.io.ringtgt:mcsstudy",
			ISID: [6]byte{0x80, 0, 0, 2, byte(v.conns), byte(i)}, Connections: v.conns,
			Keys: initiator.Keys{InitialR2T: initiator.No, ImmediateData: initiator.Yes},
		})
	}
	ls, err := initiator.NewLoops(ctx, cfg)
	if err != nil {
		return sample{}, err
	}
	defer ls.Close()
	if n := ls.Connections(); n != o.conns {
		return sample{}, fmt.Errorf("%d connections instead of %d", n, o.conns)
	}
	if err := ls.Probe(ctx, &w); err != nil {
		return sample{}, err
	}
	w.Depth = max(1, o.depth/o.conns)
	// The first run warms up and is not counted, so that processor time and requests are of the same seconds.
	w.Duration = o.runtime / 4
	if _, err := ls.Run(ctx, w); err != nil {
		return sample{}, err
	}
	w.Duration = o.runtime
	before, err := t.loops()
	if err != nil {
		return sample{}, err
	}
	r, err := ls.Run(ctx, w)
	if err != nil {
		return sample{}, err
	}
	after, err := t.loops()
	if err != nil {
		return sample{}, err
	}
	if err := r.Err(); err != nil {
		return sample{}, err
	}
	h := r.Latency()
	s := sample{iops: r.IOPS(), p50: h.Quantile(.5), p99: h.Quantile(.99), p999: h.Quantile(.999), share: make([]float64, len(after))}
	total := 0.0
	var commands, enters, pdus, sends uint64
	for i := range after {
		a, b := &after[i], &before[i]
		s.share[i] = float64(a.CPUNanos - b.CPUNanos)
		total += s.share[i]
		commands += a.Stats.Commands - b.Stats.Commands
		enters += a.Stats.Enters - b.Stats.Enters
		pdus += a.Stats.PDUsSent - b.Stats.PDUsSent
		sends += a.Stats.Sends - b.Stats.Sends
	}
	s.perEnter, s.perSend = float64(commands)/float64(enters), float64(pdus)/float64(sends)
	for i := range s.share {
		s.share[i] /= total
	}
	s.perCPU = float64(r.Requests()) / (total / 1e9)
	return s, nil
}

// of returns the spread of a figure over the rounds.
func of(s []sample, f func(sample) float64) stat.Spread {
	v := make([]float64, len(s))
	for i, x := range s {
		v[i] = f(x)
	}
	return stat.Of(v)
}

func median(s []sample, f func(sample) float64) float64 { return of(s, f).Median }

// ratios compares two variants round by round.
func ratios(a, b []sample) string {
	v := make([]float64, len(a))
	for i := range a {
		v[i] = a[i].perCPU / b[i].perCPU
	}
	r := stat.Of(v)
	return fmt.Sprintf("%.2f (%.2f to %.2f)", r.Median, r.Low, r.High)
}
