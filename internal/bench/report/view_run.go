package report

import (
	"fmt"
	"math"

	"github.com/dustin/go-humanize"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

func viewRun(r *result.Run) view {
	v := view{Title: r.Workload.Title(), Date: date(r.Started), Command: shell(r.Command), Notes: r.Notes}
	v.Lede = []string{r.Target.Name + " at " + r.Target.URL}
	if d := r.Target.Device(); d != "" {
		v.Lede = append(v.Lede, d)
	}
	if r.Ended != "" && r.Ended != "runtime" && r.Ended != "size" {
		v.Notes = append([]string{fmt.Sprintf("The run did not go to its end: %s after %v.", r.Ended, r.Elapsed.Round(1e6))}, v.Notes...)
	}
	v.Tiles = runTiles(r)

	s := section{ID: "percentiles", Title: "Latency percentiles",
		Help: "How long the fastest share of requests took at most. Each step to the right is a tenfold rarer request: at 99.9% one of 1,000 took longer."}
	s.add(percentiles("Latency by percentile", operations("", r, 0)))
	v.add(s)

	s = section{ID: "heat", Title: "Latency over time",
		Help: "Each column is a slice of the run; the stronger a cell, the more of the column's requests took that long. Single slow requests are the faint cells at the top."}
	lo, hi := extent(r)
	s.add(heat("Latency over time", r, lo, hi))
	v.add(s)

	s = section{ID: "throughput", Title: "Throughput over time"}
	for _, f := range throughput(r) {
		s.add(f)
	}
	v.add(s)

	s = section{ID: "cpu", Title: "CPU per request", Help: "Processor time over requests. The target's is that of its whole process, where it runs on this machine."}
	s.add(bars("Processor time per request", "processor time per request", cpuBars("", r)))
	v.add(s)

	s = section{ID: "tables", Title: "Figures in detail", Tables: runTables(r)}
	if f := spreadOfConns(r); f != nil {
		s.add(f)
	}
	v.add(s)

	s = section{ID: "setup", Title: "Setup"}
	s.facts(workloadFacts(r), targetFacts("Target", &r.Target), hostFacts(&r.Client, r.Workload.Cores), negotiatedFacts("Negotiated at login", &r.Target))
	v.add(s)
	return v
}

func runTiles(r *result.Run) []tile {
	h := r.Total.Latency
	known := h != nil && h.Count() > 0
	q := func(share float64) string {
		if !known {
			return "–"
		}
		return result.FormatLatency(h.Quantile(share))
	}
	tiles := []tile{
		{Label: "IOPS", Value: result.FormatSI(r.Total.IOPS, ""), More: humanize.Comma(int64(r.Total.Requests)) + " requests"},
		{Label: "throughput", Value: result.FormatSI(r.Total.Rate, "B/s")},
		{Label: "p50", Value: q(0.5)}, {Label: "p99", Value: q(0.99)}, {Label: "p99.9", Value: q(0.999)},
	}
	if known {
		tiles = append(tiles, tile{Label: "max", Value: result.FormatLatency(h.Max())})
	}
	if t := r.CPUTime(); t > 0 {
		perCPU, _ := r.Figure(result.FigureIOPSPerCPU)
		tiles = append(tiles, tile{Label: "target CPU per request", Value: result.FormatLatency(t), More: result.FormatSI(perCPU, "") + " IOPS per CPU-second"})
	}
	if r.Target.IdleCPU != nil {
		tiles = append(tiles, tile{Label: "target CPU, idle", Value: result.FormatFigure(*r.Target.IdleCPU, "share")})
	}
	if r.Total.Errors > 0 {
		tiles = append(tiles, tile{Label: "errors", Value: humanize.Comma(int64(r.Total.Errors)), Bad: true})
	}
	return tiles
}

// operations are a run's latencies: of its reads and writes if it had both, else of all.
func operations(prefix string, r *result.Run, colour int) []distribution {
	if r.Reads != nil && r.Writes != nil {
		return []distribution{
			{prefix + "reads", r.Reads.Latency, style{colour: colour}},
			{prefix + "writes", r.Writes.Latency, style{colour: colour + 1, dash: "dash"}},
		}
	}
	name := "all requests"
	switch {
	case r.Reads != nil:
		name = "reads"
	case r.Writes != nil:
		name = "writes"
	}
	return []distribution{{prefix + name, r.Total.Latency, style{colour: colour}}}
}

// throughput draws requests, and bytes unless they are requests times a constant; and an open loop's backlog, if it had one.
func throughput(r *result.Run) []*figure {
	var end float64
	var reads, writes, all, bytes, behind curve
	reads = curve{name: "reads", style: style{colour: 0}}
	writes = curve{name: "writes", style: style{colour: 1, dash: "dash"}}
	all = curve{name: "all requests", style: style{colour: 2, dash: "dotted"}}
	bytes = curve{name: "all requests", style: style{colour: 2}}
	behind = curve{name: "requests due and not sent", style: style{colour: 3}}
	var late, hasReads, hasWrites, split bool
	size := 0.0
	for _, i := range r.Series {
		length := i.Length.Seconds()
		if length <= 0 {
			continue
		}
		at := i.At.Seconds()
		end = max(end, at)
		add := func(c *curve, v float64) { c.x, c.y = append(c.x, at), append(c.y, v) }
		add(&reads, float64(i.Reads)/length)
		add(&writes, float64(i.Writes)/length)
		add(&all, float64(i.Reads+i.Writes)/length)
		add(&bytes, float64(i.Bytes)/length)
		add(&behind, float64(i.Behind))
		late = late || i.Behind > 0
		hasReads, hasWrites = hasReads || i.Reads > 0, hasWrites || i.Writes > 0
		if n := i.Reads + i.Writes; n > 0 {
			mean := float64(i.Bytes) / float64(n)
			split = split || size > 0 && math.Abs(mean-size) > size/1000
			size = mean
		}
	}
	if end == 0 {
		return nil
	}
	curves := []curve{all}
	switch {
	case hasReads && hasWrites:
		curves = []curve{all, reads, writes}
	case hasReads:
		curves = []curve{reads}
	case hasWrites:
		curves = []curve{writes}
	}
	count := func(v float64) string { return round(result.FormatSI(v, "")) }
	rate := func(v float64) string { return round(result.FormatSI(v, "B/s")) }
	title := "Requests per second"
	if !split && size > 0 {
		title += " (of " + round(humanize.IBytes(uint64(math.Round(size)))) + " each)"
	}
	figures := []*figure{lines(300, title, timeline(end), "IOPS", count, curves)}
	if split {
		figures = append(figures, lines(260, "Bytes per second", timeline(end), "throughput (B/s)", rate, []curve{bytes}))
	}
	if late {
		figures = append(figures, lines(220, "Behind schedule", timeline(end), "requests due and not sent", count, []curve{behind}))
	}
	return figures
}
