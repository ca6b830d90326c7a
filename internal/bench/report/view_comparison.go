package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/stat"
)

func closed(s *result.Side) []result.Run { return s.Runs }
func atRate(s *result.Side) []result.Run { return s.AtRate }

func viewComparison(c *result.Comparison) view {
	v := view{Title: "Comparison", Command: shell(c.Command), Verdict: "quiet", Notes: c.Noise, Tiles: comparisonTiles(c)}
	if len(c.Noise) > 0 {
		v.Verdict = "noisy"
	}
	var names []string
	for i := range c.Sides {
		names = append(names, c.Sides[i].Name)
	}
	if len(v.Tiles) > 0 {
		v.TilesTitle = names[0] + " over " + names[1]
	}
	ownSpeed, heatRuns, heatWhat := "Latency by percentile", closed, ""
	var facts []facts
	if len(c.Sides) > 0 && len(c.Sides[0].Runs) > 0 {
		first, at := &c.Sides[0].Runs[0], c.Sides[0].AtRate
		v.Title = strings.Join(names, " beside ") + ": " + first.Workload.Title()
		v.Date = date(first.Started)
		v.Lede = []string{fmt.Sprintf("%d rounds of %v per side, interleaved", len(c.Sides[0].Runs), first.Elapsed.Round(1e6))}
		if c.Rate > 0 && len(at) > 0 {
			v.Lede = append(v.Lede, fmt.Sprintf("latencies from %d more rounds of %v in an open loop of %s IOPS on every side", len(at), at[0].Elapsed.Round(1e6), result.FormatSI(c.Rate, "")))
		}
		if first.Workload.Rate == 0 {
			ownSpeed = "Latency in a closed loop, each side at its own speed"
		}
		facts = setup("Workload", first, &c.Client)
	}
	ratio := section{ID: "ratios", Title: "Ratios", Help: "Each figure of the first side over the other's: the median of the rounds, with the lowest and the highest. Higher is better for IOPS and bytes, lower for latency and idle CPU."}
	head, rows := c.Grid()
	ratio.Tables = []table{{Title: "Medians of the rounds", Open: true, Head: append([]string{"figure"}, head...), Rows: rows, Mark: -1}}
	percentile := section{ID: "percentiles", Title: "Latency percentiles", Help: "All rounds of a side together. Each step to the right is a tenfold rarer request."}
	if c.Rate > 0 {
		heatRuns, heatWhat = atRate, ", at equal load"
		percentile.Charts = append(percentile.Charts, percentiles(fmt.Sprintf("Latency at equal load, %s IOPS on every side", result.FormatSI(c.Rate, "")), distributions(c, atRate)))
	}
	percentile.Charts = append(percentile.Charts, percentiles(ownSpeed, distributions(c, closed)))
	tables := section{ID: "tables", Title: "Figures in detail"}
	var cpu []bar
	for i := range c.Sides {
		s := &c.Sides[i]
		if i > 0 {
			ratio.Charts = append(ratio.Charts, ratios(names[0]+" over "+s.Name, c, i))
		}
		if r := medianRun(s.Runs); r != nil {
			cpu = append(cpu, cpuBars(clip(s.Name, 14)+", ", r)...)
			facts = append(facts, target(" "+s.Name, &s.Runs[0].Target)...)
		}
		tables.Tables = append(tables.Tables, roundsTable("Rounds of "+s.Name, s.Runs))
		if len(s.AtRate) > 0 {
			tables.Tables = append(tables.Tables, roundsTable("Rounds at equal load of "+s.Name, s.AtRate))
		}
	}
	v.add(ratio)
	v.add(percentile)
	end := endOfSides(c, closed, heatRuns)
	v.add(section{ID: "heat", Title: "Latency over time",
		Help:   "The round of each side whose IOPS are the median. The stronger a cell, the more of the column's requests took that long. All sides have the same latency axis.",
		Charts: heats(c, heatRuns, heatWhat, end)})
	v.add(section{ID: "throughput", Title: "Throughput", Charts: []*chart{roundByRound(c), throughputOfSides(c, end)}})
	v.add(section{ID: "cpu", Title: cpuTitle, Help: "CPU time divided by requests, in the round of each side whose IOPS are the median.",
		Charts: []*chart{bars(cpuCaption, cpuAxis, cpu)}})
	v.add(tables)
	v.add(section{ID: "setup", Title: "Setup", Facts: facts})
	return v
}

// comparisonTiles are the ratios to the second side.
func comparisonTiles(c *result.Comparison) (tiles []tile) {
	for _, f := range result.Figures() {
		s, verdict, ok := c.Ratio(1, f)
		if !ok || s.Median <= 0 {
			continue
		}
		a, _ := c.Sides[0].FigureText(f)
		b, _ := c.Sides[1].FigureText(f)
		tiles = append(tiles, tile{Label: c.FigureName(f.Name), Value: result.Times(s.Median), More: verdict + ": " + a + " against " + b, Bad: verdict == "worse"})
	}
	return tiles
}

// distributions are the latencies of all rounds of every side, reads and writes apart where there were both.
func distributions(c *result.Comparison, runs func(*result.Side) []result.Run) (all []distribution) {
	for i := range c.Sides {
		var total, reads, writes []result.Latency
		for _, r := range runs(&c.Sides[i]) {
			total = append(total, r.Total.Latency)
			if r.Reads != nil && r.Writes != nil {
				reads, writes = append(reads, r.Reads.Latency), append(writes, r.Writes.Latency)
			}
		}
		name := c.Sides[i].Name
		if len(reads) > 0 && len(reads) == len(total) {
			all = append(all, distribution{name + ", reads", merged(reads...), colour(i)}, distribution{name + ", writes", merged(writes...), colour(i) + " dash"})
		} else {
			all = append(all, distribution{name, merged(total...), colour(i)})
		}
	}
	return all
}

// heats draws the median round of each side, with a common latency axis, up to a common end.
func heats(c *result.Comparison, runs func(*result.Side) []result.Run, what string, end float64) (charts []*chart) {
	medians := make([]*result.Run, len(c.Sides))
	for i := range c.Sides {
		medians[i] = medianRun(runs(&c.Sides[i]))
	}
	lo, hi := extent(slices.DeleteFunc(slices.Clone(medians), func(r *result.Run) bool { return r == nil })...)
	for i, r := range medians {
		if r != nil {
			charts = append(charts, heat(c.Sides[i].Name+what, r, lo, hi, end))
		}
	}
	return charts
}

// endOfSides returns where the time axes of the median rounds end.
func endOfSides(c *result.Comparison, kinds ...func(*result.Side) []result.Run) float64 {
	var all []*result.Run
	for i := range c.Sides {
		for _, runs := range kinds {
			if r := medianRun(runs(&c.Sides[i])); r != nil {
				all = append(all, r)
			}
		}
	}
	return endOf(all...)
}

func roundsTable(title string, runs []result.Run) table {
	return statsTable(fmt.Sprintf("%s (%d)", title, len(runs)), []string{"round", "target CPU per request", "idle CPU"}, len(runs), func(k int) ([]string, *result.Stats) {
		r := &runs[k]
		return []string{fmt.Sprint(k + 1), r.CPUTimeText(), r.FigureText(result.FigureIdle)}, &r.Total
	})
}

// medianRun returns the round whose IOPS are nearest to the median, nil if there was none.
func medianRun(runs []result.Run) *result.Run {
	var iops []float64
	for i := range runs {
		iops = append(iops, runs[i].Total.IOPS)
	}
	median := stat.Median(iops)
	var best *result.Run
	for i := range runs {
		if r := &runs[i]; best == nil || math.Abs(r.Total.IOPS-median) < math.Abs(best.Total.IOPS-median) {
			best = r
		}
	}
	return best
}

// roundByRound draws the IOPS of every round: a drift or an outlier shows here.
func roundByRound(c *result.Comparison) *chart {
	var curves []curve
	var labels []string
	for i := range c.Sides {
		s := &c.Sides[i]
		cu := curve{name: s.Name, style: colour(i)}
		for k := range s.Runs {
			v := s.Runs[k].Total.IOPS
			cu.mark(point{float64(k), v}, fmt.Sprintf("%s, round %d: %s IOPS", s.Name, k+1, result.FormatSI(v, "")))
			if k == len(labels) {
				labels = append(labels, fmt.Sprint(k+1))
			}
		}
		curves = append(curves, cu)
	}
	return lines(194, "Requests per second, round by round", ordinal("round", labels), "IOPS", iopsLabel, curves)
}

// throughputOfSides draws the median rounds in one chart.
func throughputOfSides(c *result.Comparison, end float64) *chart {
	var curves []curve
	for i := range c.Sides {
		if r := medianRun(c.Sides[i].Runs); r != nil {
			curves = append(curves, curve{name: c.Sides[i].Name, style: colour(i), line: series(r, true, requests)})
		}
	}
	return lines(234, "Requests per second over time, median rounds", timeline(end), "IOPS", iopsLabel, curves)
}
