package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/compare"
	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/stat"
)

// spdkCommand compares ringtgt with SPDK's iscsi_tgt in every row, or measures how much a row of ringtgt varies.
func spdkCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o struct {
		spdk, binary, rows, out string
		rounds, repeat          int
		runtime                 time.Duration
		list                    bool
	}
	flags := flag.NewFlagSet(args[0]+" "+args[1], flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.spdk, "spdk", "", "path of SPDK's iscsi_tgt")
	flags.StringVar(&o.binary, "binary", "", "ringtgt binary to measure; built if not given")
	flags.StringVar(&o.rows, "rows", "", "only the rows whose name this regular expression matches")
	flags.StringVar(&o.out, "out", "", "JSON file of the measurements; rows that it has are printed too, and replaced when measured again")
	flags.IntVar(&o.rounds, "rounds", spdkRounds, "interleaved rounds per row")
	flags.DurationVar(&o.runtime, "runtime", spdkRuntime, "duration of each run")
	flags.IntVar(&o.repeat, "repeat", 0, "measure ringtgt alone this many times in each row, and print how much it varies")
	flags.BoolVar(&o.list, "list", false, "list the rows and exit")
	if err := flags.Parse(args[2:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitDone
		}
		return exitUsage
	}
	fail := func(code int, err error) int {
		fmt.Fprintln(stderr, "bench spdk:", err)
		return code
	}
	selected, err := selectSPDK(o.rows)
	switch {
	case err != nil:
		return fail(exitUsage, err)
	case flags.NArg() > 0:
		return fail(exitUsage, fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	case o.rounds < 1 || o.rounds > maxRounds || o.repeat < 0 || o.repeat > maxRounds:
		return fail(exitUsage, fmt.Errorf("-rounds is 1 to %d, and so is -repeat", maxRounds))
	case o.runtime < time.Millisecond || o.runtime > maxRuntime:
		return fail(exitUsage, fmt.Errorf("-runtime is 1ms to %v", maxRuntime))
	case o.list:
		for _, r := range selected {
			fmt.Fprintln(stdout, r.id)
		}
		return exitDone
	case o.spdk == "" && o.repeat == 0:
		return fail(exitUsage, errors.New("-spdk names SPDK's iscsi_tgt, or -repeat measures ringtgt alone"))
	}
	v := &versusSPDK{bench: bench{binary: o.binary, memory: memoryLUN, runtime: o.runtime, ramp: spdkRamp, progress: stderr}, rounds: o.rounds}
	defer v.stop(true)
	if err := v.prepare(ctx); err != nil {
		return fail(exitIncomplete, err)
	}
	if o.repeat > 0 {
		err = v.repeat(ctx, selected, o.repeat, stdout)
	} else {
		err = v.compare(ctx, selected, o.spdk, o.out, stdout)
	}
	if err != nil {
		return fail(exitIncomplete, err)
	}
	return exitDone
}

// versusSPDK is the comparison under way.
type versusSPDK struct {
	bench
	rounds int
	spdk   *peer.Target
}

// work is a row's workload.
func (v *versusSPDK) work(r spdkRow) run.Options {
	o := r.work
	o.Runtime, o.RampTime, o.Cores = v.runtime, v.ramp, v.client
	return o
}

// prepare is bench.prepare, and makes room for all connections' files.
func (v *versusSPDK) prepare(ctx context.Context) error {
	if err := files(manySessions + spareFiles); err != nil {
		return err
	}
	return v.bench.prepare(ctx)
}

// stop stops all targets.
func (v *versusSPDK) stop(all bool) {
	if v.spdk != nil {
		_ = v.spdk.Stop()
	}
	v.bench.stop(all)
}

// startSPDK starts SPDK, writes its LUN once, and pauses it.
func (v *versusSPDK) startSPDK(ctx context.Context, program string) (err error) {
	v.say("starting %s", program)
	v.spdk, err = peer.Start(ctx, peer.SPDK, peer.Options{LUN: peer.LUN{Memory: v.memory}, CPUs: v.target, Binary: program})
	if err != nil {
		return err
	}
	if err := run.Fill(ctx, v.spdk.URL); err != nil {
		return fmt.Errorf("%w\n%s", err, v.spdk.Log())
	}
	return v.spdk.Pause()
}

// compare measures rows against SPDK, and writes the table after each of them to the file of measurements.
func (v *versusSPDK) compare(ctx context.Context, selected []spdkRow, program, out string, w io.Writer) error {
	all, err := readSPDK(out)
	if err != nil {
		return err
	}
	if err := v.startSPDK(ctx, program); err != nil {
		return err
	}
	ours, err := v.start(ctx, target{peer: peer.Ringtgt, binary: v.binary})
	if err != nil {
		return err
	}
	for _, r := range selected {
		m, err := v.row(ctx, r, ours)
		if ctx.Err() != nil {
			break // the rows before are whole
		}
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", r.id, err, v.spdk.Log())
		}
		all = replaceSPDK(all, *m)
		if err := writeSPDKFile(out, all); err != nil {
			return err
		}
	}
	return errors.Join(writeSPDK(w, all), ctx.Err())
}

// row measures one row.
func (v *versusSPDK) row(ctx context.Context, r spdkRow, ours *peer.Target) (*spdkMeasured, error) {
	busy := map[time.Time]float64{} // by the run's start
	c, err := compare.Run(ctx, compare.Options{
		Run: v.work(r), Rounds: v.rounds, TargetCPUs: v.target,
		Round: func(s string) { v.say("%s: %s", r.id, s) },
		Sides: []compare.Side{{Target: ours, Do: func(ctx context.Context, o run.Options) (*result.Run, error) {
			got, share, err := v.runOurs(ctx, served{Target: ours, binary: v.binary}, o)
			if got != nil {
				busy[got.Started] = share
			}
			return got, err
		}}, {Target: v.spdk, Do: func(ctx context.Context, o run.Options) (*result.Run, error) {
			got, share, err := v.runSPDK(ctx, o)
			if got != nil {
				busy[got.Started] = share
			}
			return got, err
		}}},
	})
	if err != nil {
		return nil, err
	}
	if err := negotiated(c, r.work); err != nil {
		return nil, err
	}
	m := &spdkMeasured{ID: r.id, Whole: r.whole, Version: ours.Software, Noise: c.Noise}
	for i := range c.Sides[0].Runs {
		a, b := &c.Sides[0].Runs[i], &c.Sides[1].Runs[i]
		var round spdkRound
		if round.Ours, err = figuresOfRun(a, 1); err != nil {
			return nil, err
		}
		round.Ours.NoPolls = round.Ours.PerCPU / busy[a.Started]
		if round.SPDK, err = figuresOfRun(b, busy[b.Started]); err != nil {
			return nil, err
		}
		round.SPDK.NoPolls = round.SPDK.PerBusy
		m.Rounds = append(m.Rounds, round)
	}
	return m, nil
}

// runOurs carries out a run of ringtgt, and returns the share of its loops' processor time that was no polling.
func (v *versusSPDK) runOurs(ctx context.Context, at served, o run.Options) (*result.Run, float64, error) {
	before, err := loops(ctx, at)
	if err != nil {
		return nil, 0, err
	}
	r, err := run.Do(ctx, o)
	if err != nil {
		return r, 0, err
	}
	after, err := loops(ctx, at)
	if err != nil {
		return nil, 0, err
	}
	var cpu, poll float64
	for i := range after {
		cpu += float64(after[i].CPUNanos - before[i].CPUNanos)
		poll += float64(after[i].Stats.PollNanos - before[i].Stats.PollNanos)
	}
	return r, 1 - poll/cpu, nil
}

// runSPDK lets SPDK go on for one run, and returns the share of its reactor's time that was busy in it.
func (v *versusSPDK) runSPDK(ctx context.Context, o run.Options) (_ *result.Run, share float64, err error) {
	if err := v.spdk.Resume(); err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, v.spdk.Pause()) }()
	var first, last ticks
	var failed error
	look := func(t *ticks) {
		var err error
		if t.busy, t.idle, err = v.spdk.Ticks(ctx); err != nil {
			failed = err
		}
	}
	o.Stage = func(s string) {
		if strings.HasPrefix(s, "ramp") { // all sessions are logged in
			look(&first)
		}
	}
	o.Progress = func(result.Interval, time.Duration) { look(&last) } // the last one is at the end, before the sessions log out
	r, err := run.Do(ctx, o)
	if err != nil {
		return r, 0, err
	}
	busy, idle := last.busy-first.busy, last.idle-first.idle
	if failed != nil || last.busy <= first.busy {
		return r, 0, errors.Join(failed, fmt.Errorf("SPDK's reactor: from %v to %v", first, last))
	}
	return r, float64(busy) / float64(busy+idle), nil
}

// ticks are a reactor's.
type ticks struct{ busy, idle uint64 }

// repeat measures ringtgt alone, again and again.
func (v *versusSPDK) repeat(ctx context.Context, selected []spdkRow, times int, w io.Writer) error {
	ours, err := v.start(ctx, target{peer: peer.Ringtgt, binary: v.binary})
	if err != nil {
		return err
	}
	for _, r := range selected {
		o := v.work(r)
		o.URL, o.TargetPID = ours.URL, ours.PID
		values := map[string][]float64{}
		for i := range times {
			got, err := run.Do(ctx, o)
			if err != nil {
				return fmt.Errorf("%s: %w", r.id, err)
			}
			f, err := figuresOfRun(got, 1)
			if err != nil {
				return fmt.Errorf("%s: %w", r.id, err)
			}
			v.say("%s, run %d of %d: %s IOPS", r.id, i+1, times, result.FormatSI(f.IOPS, ""))
			for _, x := range spdkFigures(false) {
				values[x.name] = append(values[x.name], x.of(&f))
			}
		}
		if err := writeRepeated(w, r.id, values); err != nil {
			return err
		}
	}
	return nil
}

// writeRepeated prints how far repeated runs lie apart.
func writeRepeated(w io.Writer, id string, values map[string][]float64) error {
	s := stat.Of(values["IOPS"])
	verdict := "met"
	if (s.High-s.Low)/s.Median >= maxRange {
		verdict = "not met"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: (max-min)/median of IOPS under %.0f%%: %s\n", id, 100*maxRange, verdict)
	for _, x := range spdkFigures(true) {
		if x.name == "per busy CPU-s" || x.name == "both without polls" {
			continue
		}
		s := stat.Of(values[x.name])
		fmt.Fprintf(&b, "  %-10s %s, (max-min)/median %.1f%%\n", x.name, formatSpread(x.name, s), 100*(s.High-s.Low)/s.Median)
	}
	var list []string
	for _, n := range values["IOPS"] {
		list = append(list, result.FormatSI(n, ""))
	}
	fmt.Fprintf(&b, "  IOPS run by run: %s\n", strings.Join(list, " "))
	_, err := io.WriteString(w, b.String())
	return err
}

// formatSpread formats a figure's median, lowest and highest value.
func formatSpread(name string, s result.Spread) string {
	one := func(v float64) string { return result.FormatSI(v, "") }
	if strings.HasPrefix(name, "p") && !strings.HasPrefix(name, "per") {
		one = func(v float64) string { return result.FormatFigure(v, "s") }
	}
	return fmt.Sprintf("%s (%s to %s)", one(s.Median), one(s.Low), one(s.High))
}

// writeSPDK prints the table, the figures behind it, and the conditions.
func writeSPDK(w io.Writer, rows []spdkMeasured) error {
	var b strings.Builder
	head := []string{"row", "rounds"}
	for _, f := range spdkFigures(false) {
		head = append(head, f.name)
	}
	lines := [][]string{append(head, "not met")}
	var detail strings.Builder
	all, met := 0, 0
	for i := range rows {
		m := &rows[i]
		line, missed := []string{m.ID, fmt.Sprint(len(m.Rounds))}, []string{}
		var ours, spdk []string
		for _, f := range spdkFigures(m.Whole) {
			a, c, ratio := m.spread(f)
			line = append(line, fmt.Sprintf("%.2f (%.2f to %.2f)", ratio.Median, ratio.Low, ratio.High))
			ours, spdk = append(ours, f.name+" "+formatSpread(f.name, a)), append(spdk, f.name+" "+formatSpread(f.name, c))
			if f.required == (Requirement{}) {
				continue
			}
			if all++; f.required.met(ratio.Median) {
				met++
			} else {
				missed = append(missed, f.name)
			}
		}
		lines = append(lines, append(line, strings.Join(missed, ", ")))
		fmt.Fprintf(&detail, "\n%s (%s)\n  ringtgt: %s\n  SPDK:    %s\n", m.ID, m.Version, strings.Join(ours, ", "), strings.Join(spdk, ", "))
		for _, n := range m.Noise {
			fmt.Fprintf(&detail, "  NOISY: %s\n", result.Clean(n))
		}
	}
	b.WriteString("ringtgt's figure over SPDK's, round by round: median (lowest to highest)\n\n")
	align(&b, lines)
	mean, n := spdkMean(rows)
	fmt.Fprintf(&b, "\n%d of %d conditions met; geometric mean of IOPS per busy CPU-second over %d rows: %.2f (at least %.1f)\n", met, all, n, mean, spdkMeanRequired)
	_, err := io.WriteString(w, b.String()+detail.String())
	return err
}

// readSPDK reads the measurements so far; none if there is no such file.
func readSPDK(path string) (rows []spdkMeasured, err error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}

// writeSPDKFile writes the measurements.
func writeSPDKFile(path string, rows []spdkMeasured) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(rows, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// replaceSPDK puts a row in its place: where it was, else in the order of the table.
func replaceSPDK(rows []spdkMeasured, m spdkMeasured) []spdkMeasured {
	rows = slices.DeleteFunc(rows, func(x spdkMeasured) bool { return x.ID == m.ID })
	rows = append(rows, m)
	place := map[string]int{}
	for i, r := range spdkRows() {
		place[r.id] = i
	}
	slices.SortStableFunc(rows, func(a, b spdkMeasured) int { return place[a.ID] - place[b.ID] })
	return rows
}
