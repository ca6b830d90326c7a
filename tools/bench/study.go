package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/stat"
)

// studyGroup is the name of the study's rows together.
const studyGroup = "mcs"

// study compares one session of several connections with several sessions of one each, on one target loop and on two.
// docs/performance.md has the results.
func study() []row {
	all := []row{
		variants("mcs-read", "4 KiB read", run.Options{RW: "randread", BlockSize: "4k"}, false),
		variants("mcs-write", "4 KiB write", run.Options{RW: "randwrite", BlockSize: "4k"}, false),
		variants("mcs-mixed", "4 KiB 70/30", run.Options{RW: "randrw", ReadMix: 70, BlockSize: "4k"}, false),
		variants("mcs-read64k", "64 KiB read", run.Options{RW: "randread", BlockSize: "64k"}, false),
		variants("mcs-file", "4 KiB read from files with O_DIRECT", run.Options{RW: "randread", BlockSize: "4k"}, true),
	}
	for i := range all[:4] {
		all[i].group = studyGroup
	}
	all[4].group = studyGroup + "-file" // by its own name: it needs a disk
	return all
}

// variants is a row of the study.
func variants(id, load string, o run.Options, file bool) row {
	o.IODepth = studyDepth / studyConns
	s := &samples{}
	p := part{work: o, file: file, figure: result.FigureIOPSPerCPU}
	for i, v := range [][3]int{{1, 1, studyConns}, {1, studyConns, 1}, {2, 1, studyConns}, {2, studyConns, 1}} {
		loops, name := v[0], fmt.Sprintf("1 session of %d connections", v[2])
		if v[1] > 1 {
			name = fmt.Sprintf("%d sessions of 1 connection", v[1])
		}
		p.sides = append(p.sides, side{
			name: fmt.Sprintf("%d loop(s), %s", loops, name), peer: peer.Ringtgt, loops: loops,
			change: func(b *bench, o *run.Options) {
				o.Sessions, o.Connections, o.Cores = v[1], v[2], studyClients[b.studyClient](b.cpus, loops)
			},
			do: func(_ *bench, ctx context.Context, at served, o run.Options) (*result.Run, error) {
				return s.do(ctx, at, o, i)
			},
		})
	}
	return row{id: id, load: load, parts: []part{p}, grid: s.grid}
}

// studyClients says where the client's threads run. With two CPUs they take their time from the target's, and whether they are on the
// target's CPU or on the other one changes what loopback costs more than anything else does: so it can be chosen.
var studyClients = map[string]func(cpus []int, loops int) []int{
	"both":  func(cpus []int, _ int) []int { return cpus },                                          // alike for all variants
	"other": func(cpus []int, loops int) []int { return []int{cpus[len(cpus)-1], cpus[0]}[:loops] }, // on the CPU without a loop, if there is one
	"own":   func(cpus []int, loops int) []int { return cpus[:loops] },                              // on the CPUs with a loop
}

// samples is what the loops did in each run, by variant and round.
type samples [4][]sample

// sample is one run.
type sample struct {
	share    []float64 // of the loops' CPU time
	perEnter float64   // commands an io_uring_enter
	perSend  float64   // PDUs a send
}

// do measures a variant. The target's CPU time is that of its loops for each command, login and ramp included.
func (s *samples) do(ctx context.Context, at served, o run.Options, variant int) (*result.Run, error) {
	before, err := loops(ctx, at)
	if err != nil {
		return nil, err
	}
	r, err := run.Do(ctx, o)
	if err != nil {
		return nil, err
	}
	after, err := loops(ctx, at)
	if err != nil {
		return nil, err
	}
	x := sample{share: make([]float64, len(after))}
	total := 0.0
	var commands, enters, pdus, sends uint64
	for i := range after {
		a, b := &after[i], &before[i]
		x.share[i] = float64(a.CPUNanos - b.CPUNanos)
		total += x.share[i]
		commands += a.Stats.Commands - b.Stats.Commands
		enters += a.Stats.Enters - b.Stats.Enters
		pdus += a.Stats.PDUsSent - b.Stats.PDUsSent
		sends += a.Stats.Sends - b.Stats.Sends
	}
	for i := range x.share {
		x.share[i] /= total
	}
	x.perEnter, x.perSend = float64(commands)/float64(enters), float64(pdus)/float64(sends)
	s[variant] = append(s[variant], x)
	cpu := time.Duration(total * float64(r.Total.Requests) / float64(commands))
	r.Target.CPU = &cpu
	return r, nil
}

// loops is what each loop has done so far.
func loops(ctx context.Context, at served) ([]engine.LoopStatus, error) {
	out, err := exec.CommandContext(ctx, at.binary, "status", "--json", "--pid", strconv.Itoa(at.PID)).Output()
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	var s struct{ Engine engine.Status }
	if err := json.Unmarshal(out, &s); err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	return s.Engine.Loops, nil
}

// grid is the study's table, and below it the ratios of the variants.
func (s *samples) grid(c *result.Comparison) [][]string {
	lines := [][]string{{"target", "initiator", "IOPS", "IOPS per target CPU-second", "p50", "p99", "p99.9", "CPU of the loops", "commands per enter", "PDUs per send"}}
	for i := range c.Sides {
		side := &c.Sides[i]
		target, initiator, _ := strings.Cut(side.Name, ", ")
		line := []string{target, initiator}
		for _, f := range result.Figures() {
			switch v, ok := side.Figure(f.Name); {
			case !ok || f.Name == result.FigureBytes:
			case f.Name == result.FigureIOPSPerCPU:
				line = append(line, fmt.Sprintf("%.0fk (%.0f to %.0f)", v.Median/1e3, v.Low/1e3, v.High/1e3))
			case f.Name == result.FigureIOPS:
				line = append(line, fmt.Sprintf("%.0fk", v.Median/1e3))
			default:
				line = append(line, fmt.Sprintf("%.0f µs", v.Median*1e6))
			}
		}
		median := func(f func(sample) float64) float64 {
			var v []float64
			for _, x := range s[i] {
				v = append(v, f(x))
			}
			return stat.Median(v)
		}
		var shares []string
		for k := range s[i][0].share {
			shares = append(shares, fmt.Sprintf("%.0f%%", 100*median(func(x sample) float64 { return x.share[k] })))
		}
		lines = append(lines, append(line, strings.Join(shares, " "), fmt.Sprintf("%.1f", median(func(x sample) float64 { return x.perEnter })),
			fmt.Sprintf("%.1f", median(func(x sample) float64 { return x.perSend }))))
	}
	ratio := func(i, j int) string {
		r, _ := c.RoundRatio(i, j, result.FigureIOPSPerCPU)
		return fmt.Sprintf("%.2f (%.2f to %.2f)", r.Median, r.Low, r.High)
	}
	return append(lines, []string{fmt.Sprintf(
		"IOPS per CPU-second, round by round: MC/S to many sessions %s on one loop, %s on two; two loops to one %s for MC/S, %s for many sessions",
		ratio(0, 1), ratio(2, 3), ratio(2, 0), ratio(3, 1))})
}
