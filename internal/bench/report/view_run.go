package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/dustin/go-humanize"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/hist"
)

const percentilesHelp = "The longest latency among the fastest share of the requests. Each step to the right is a tenfold rarer request: at 99.9% one in 1,000 took longer."

const cpuTitle, cpuCaption, cpuAxis = "CPU per request", "Processor time per request", "processor time per request"

func viewRun(r *result.Run) view {
	v := view{Title: r.Workload.Title(), Date: date(r.Started), Command: shell(r.Command), Notes: r.Notes, Lede: ledeOf(&r.Target)}
	if r.Ended != "" && r.Ended != "runtime" && r.Ended != "size" {
		v.Notes = append([]string{fmt.Sprintf("The run ended early: %s after %v.", r.Ended, r.Elapsed.Round(1e6))}, v.Notes...)
	}
	v.Tiles = runTiles(r)
	lo, hi := extent(r)
	v.add(section{ID: "percentiles", Title: "Latency percentiles", Help: percentilesHelp,
		Charts: []*chart{percentiles("Latency by percentile", operations(r))}})
	v.add(section{ID: "heat", Title: "Latency over time",
		Help:   "Each column is a slice of the run. The stronger a cell, the more of the slice's requests took that long. Single slow requests are the faint cells at the top.",
		Charts: []*chart{heat("Latency over time", r, lo, hi, endOf(r))}})
	v.add(section{ID: "throughput", Title: "Throughput over time", Charts: throughput(r)})
	v.add(section{ID: "cpu", Title: cpuTitle, Help: "CPU time divided by requests. The target's is that of its whole process, if it runs on this machine.",
		Charts: []*chart{bars(cpuCaption, cpuAxis, cpuBars("", r))}})
	v.add(section{ID: "tables", Title: "Figures in detail", Charts: []*chart{spreadOfConns(r)}, Tables: runTables(r)})
	v.add(section{ID: "setup", Title: "Setup", Facts: append(setup("Workload", r, &r.Client), target("", &r.Target)...)})
	return v
}

// ledeOf identifies a target.
func ledeOf(t *result.Target) []string {
	lede := []string{t.Name + " at " + t.URL}
	if d := t.Device(); d != "" {
		lede = append(lede, d)
	}
	return lede
}

func runTiles(r *result.Run) (tiles []tile) {
	cells := r.Total.Cells("IOPS", "requests", "bytes/s", "p50", "p99", "p99.9", "max")
	dash := func(s string) string { return cmp.Or(s, "–") }
	for _, t := range []tile{
		{Label: "IOPS", Value: cells[0], More: cells[1] + " requests"},
		{Label: "throughput", Value: cells[2]},
		{Label: "p50", Value: dash(cells[3])}, {Label: "p99", Value: dash(cells[4])}, {Label: "p99.9", Value: dash(cells[5])},
		{Label: "max", Value: cells[6]},
		{Label: "target CPU per request", Value: r.CPUTimeText(), More: r.FigureText(result.FigureIOPSPerCPU) + " IOPS per CPU-second"},
		{Label: "target CPU, idle", Value: r.FigureText(result.FigureIdle)},
		{Label: "errors", Value: when(r.Total.Errors > 0, "%s", humanize.Comma(int64(r.Total.Errors))), Bad: true},
	} {
		if t.Value != "" {
			tiles = append(tiles, t)
		}
	}
	return tiles
}

// operations returns a run's latencies: of its reads and writes if it had both, else of all.
func operations(r *result.Run) []distribution {
	switch {
	case r.Reads != nil && r.Writes != nil:
		return []distribution{{"reads", r.Reads.Latency, colour(0)}, {"writes", r.Writes.Latency, colour(1) + " dash"}}
	case r.Reads != nil:
		return []distribution{{"reads", r.Total.Latency, colour(0)}}
	case r.Writes != nil:
		return []distribution{{"writes", r.Total.Latency, colour(0)}}
	}
	return []distribution{{"all requests", r.Total.Latency, colour(0)}}
}

// series returns a quantity of each interval of a run over time: at its middle, where the heat map has it too. perSecond divides it
// by the interval's length.
func series(r *result.Run, perSecond bool, value func(*result.Interval) uint64) (line []point) {
	for k := range r.Series {
		i := &r.Series[k]
		length, at := i.Length.Seconds(), max(i.At-i.Length/2, 0).Seconds()
		if length <= 0 {
			continue
		}
		v := float64(value(i))
		if perSecond {
			v /= length
		}
		line = append(line, point{at, v})
	}
	return line
}

func requests(i *result.Interval) uint64 { return i.Reads + i.Writes }

// throughput draws requests; bytes too unless all requests are of one size; and an open loop's backlog, if it had one.
func throughput(r *result.Run) []*chart {
	all, end := series(r, true, requests), endOf(r)
	if end == 0 {
		return nil
	}
	reads := series(r, true, func(i *result.Interval) uint64 { return i.Reads })
	writes := series(r, true, func(i *result.Interval) uint64 { return i.Writes })
	bytes := series(r, true, func(i *result.Interval) uint64 { return i.Bytes })
	behind := series(r, false, func(i *result.Interval) uint64 { return i.Behind })
	curves := []curve{{name: "all requests", style: colour(2) + " dotted", line: all}}
	switch hasReads, hasWrites := moves(reads), moves(writes); {
	case hasReads && hasWrites:
		curves = append(curves, curve{name: "reads", style: colour(0), line: reads}, curve{name: "writes", style: colour(1) + " dash", line: writes})
	case hasReads:
		curves = []curve{{name: "reads", style: colour(0), line: reads}}
	case hasWrites:
		curves = []curve{{name: "writes", style: colour(1) + " dash", line: writes}}
	}
	caption, split, size := "Requests per second", false, 0.0
	for i, p := range all {
		if p.y > 0 {
			mean := bytes[i].y / p.y
			split = split || size > 0 && math.Abs(mean-size) > size/1000
			size = mean
		}
	}
	if !split && size > 0 {
		caption += " (of " + short(humanize.IBytes(uint64(math.Round(size)))) + " each)"
	}
	charts := []*chart{lines(234, caption, timeline(end), "IOPS", iopsLabel, curves)}
	if split {
		charts = append(charts, lines(194, "Bytes per second", timeline(end), "throughput (B/s)", bytesLabel, []curve{{name: "all requests", style: colour(2), line: bytes}}))
	}
	if moves(behind) {
		charts = append(charts, lines(154, "Behind schedule", timeline(end), "requests due and not sent", iopsLabel, []curve{{name: "requests due and not sent", style: colour(3), line: behind}}))
	}
	return charts
}

// moves reports whether a line is above 0 anywhere.
func moves(line []point) bool {
	return slices.ContainsFunc(line, func(p point) bool { return p.y > 0 })
}

// runTables has a run's totals, client threads, sessions and connections.
func runTables(r *result.Run) []table {
	names, rows := []string{"total"}, []*result.Stats{&r.Total}
	if r.Reads != nil && r.Writes != nil {
		names, rows = append(names, "reads", "writes"), append(rows, r.Reads, r.Writes)
	}
	all := []table{statsTable("Total and operations", []string{""}, len(rows), func(i int) ([]string, *result.Stats) { return names[i : i+1], rows[i] })}
	parts := r.Parts()
	for _, k := range []int{2, 0, 1} {
		if p := parts[k]; p.N > 0 {
			title := fmt.Sprintf("%s (%s)", []string{"Sessions", "Connections", "Client threads"}[k], humanize.Comma(int64(p.N)))
			all = append(all, statsTable(title, p.Head, p.N, p.Row))
		}
	}
	return all
}

// merged returns the sum of histograms.
func merged(all ...result.Latency) result.Latency {
	sum := result.Latency{Histogram: new(hist.Histogram)}
	for _, h := range all {
		if h.Count() > 0 {
			sum.Merge(h.Histogram)
		}
	}
	return sum
}
