package report

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/hist"
	"github.com/ringtgt/ringtgt/internal/stat"
)

func viewComparison(c *result.Comparison) view {
	v := view{Title: "Comparison", Command: shell(c.Command), Verdict: "quiet", Notes: c.Noise}
	if len(c.Noise) > 0 {
		v.Verdict = "noisy"
	}
	names := make([]string, len(c.Sides))
	for i := range c.Sides {
		names[i] = c.Sides[i].Name
	}
	var first *result.Run
	if len(c.Sides) > 0 && len(c.Sides[0].Runs) > 0 {
		first = &c.Sides[0].Runs[0]
		v.Title = list(names, " beside ") + ": " + first.Workload.Title()
		v.Date = date(first.Started)
		v.Lede = append(v.Lede, fmt.Sprintf("%d rounds of %v on each side, in turns", len(c.Sides[0].Runs), first.Elapsed.Round(1e6)))
		if at := c.Sides[0].AtRate; c.Rate > 0 && len(at) > 0 {
			v.Lede = append(v.Lede, fmt.Sprintf("latencies from %d more rounds of %v in an open loop of %s IOPS on every side", len(at), at[0].Elapsed.Round(1e6), result.FormatSI(c.Rate, "")))
		}
	}
	if v.Tiles = comparisonTiles(c); len(v.Tiles) > 0 {
		v.TilesTitle = names[0] + " over " + names[1]
	}

	s := section{ID: "ratios", Title: "Ratios", Help: "Each figure of the first side over the other's: the median of the rounds, with the lowest and the highest. Higher is better for IOPS and bytes, lower for latency and idle CPU."}
	for i := 1; i < len(names); i++ {
		s.add(ratios(names[0]+" over "+names[i], c, i))
	}
	s.Tables = append(s.Tables, figuresTable(c))
	v.add(s)

	closed, open := func(s *result.Side) []result.Run { return s.Runs }, func(s *result.Side) []result.Run { return s.AtRate }
	atRate := fmt.Sprintf("Latency at equal load, %s IOPS on every side", result.FormatSI(c.Rate, ""))
	s = section{ID: "percentiles", Title: "Latency percentiles", Help: "All rounds of a side together. Each step to the right is a tenfold rarer request."}
	if c.Rate > 0 {
		s.add(percentiles(atRate, distributions(c, open)))
	}
	s.add(percentiles(atOwnSpeed(first), distributions(c, closed)))
	v.add(s)

	s = section{ID: "heat", Title: "Latency over time", Help: "The round of each side whose IOPS are the median. The stronger a cell, the more of the column's requests took that long. The axes are the same."}
	if c.Rate > 0 {
		s.heats(c, open, ", at equal load")
	} else {
		s.heats(c, closed, "")
	}
	v.add(s)

	s = section{ID: "throughput", Title: "Throughput"}
	s.add(rounds(c))
	s.add(throughputOfSides(c))
	v.add(s)

	var cpu []bar
	for i := range c.Sides {
		if r := medianRun(c.Sides[i].Runs); r != nil {
			cpu = append(cpu, cpuBars(clip(names[i], 14)+", ", r)...)
		}
	}
	s = section{ID: "cpu", Title: "CPU per request", Help: "Processor time over requests, in the round of each side whose IOPS are the median."}
	s.add(bars("Processor time per request", "processor time per request", cpu))
	v.add(s)

	s = section{ID: "tables", Title: "Figures in detail"}
	for i := range c.Sides {
		side := &c.Sides[i]
		s.Tables = append(s.Tables, roundsTable("Rounds of "+side.Name, side.Runs))
		if len(side.AtRate) > 0 {
			s.Tables = append(s.Tables, roundsTable("Rounds at equal load of "+side.Name, side.AtRate))
		}
	}
	v.add(s)

	s = section{ID: "setup", Title: "Setup"}
	if first != nil {
		s.facts(workloadFacts(first), hostFacts(&c.Client, first.Workload.Cores))
	}
	for i := range c.Sides {
		if len(c.Sides[i].Runs) > 0 {
			t := &c.Sides[i].Runs[0].Target
			s.facts(targetFacts("Target "+names[i], t), negotiatedFacts("Negotiated with "+names[i], t))
		}
	}
	v.add(s)
	return v
}

func list(names []string, by string) string {
	s := ""
	for i, n := range names {
		if i > 0 {
			s += by
		}
		s += n
	}
	return s
}

// comparisonTiles are the ratios to the second side.
func comparisonTiles(c *result.Comparison) (tiles []tile) {
	if len(c.Ratios) == 0 || len(c.Sides) < 2 {
		return nil
	}
	for _, f := range result.Figures() {
		s, verdict, ok := c.Ratio(1, f)
		if !ok || s.Median <= 0 {
			continue
		}
		a, b := medianOf(&c.Sides[0], f), medianOf(&c.Sides[1], f)
		tiles = append(tiles, tile{Label: c.FigureName(f.Name), Value: ratio(s.Median) + "×", More: verdict + ": " + a + " against " + b, Bad: verdict == "worse"})
	}
	return tiles
}

func medianOf(s *result.Side, f result.Figure) string {
	v, ok := s.Figure(f.Name)
	if !ok {
		return "–"
	}
	return result.FormatFigure(v.Median, f.Unit)
}

func ratio(v float64) string {
	switch {
	case v >= 9.995:
		return fmt.Sprintf("%.1f", v)
	case v >= 0.995:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// figuresTable has a row a figure.
func figuresTable(c *result.Comparison) table {
	t := table{Title: "Medians of the rounds", Open: true, Head: []string{"figure"}, Mark: -1}
	for i := range c.Sides {
		t.Head = append(t.Head, c.Sides[i].Name)
		if i > 0 {
			t.Head = append(t.Head, "ratio (low–high)", "")
		}
	}
	for _, f := range result.Figures() {
		row := []string{c.FigureName(f.Name)}
		measured := false
		for i := range c.Sides {
			cell := "–"
			if s, ok := c.Sides[i].Figure(f.Name); ok {
				cell, measured = result.FormatFigure(s.Median, f.Unit), true
			}
			row = append(row, cell)
			if i > 0 {
				cell := "–"
				s, verdict, ok := c.Ratio(i, f)
				if ok {
					cell = result.FormatRatio(s)
				}
				row = append(row, cell, verdict)
			}
		}
		if measured {
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// atOwnSpeed titles the latencies of the rounds that all figures but latencies may come from.
func atOwnSpeed(r *result.Run) string {
	if r == nil || r.Workload.Rate > 0 {
		return "Latency by percentile"
	}
	return "Latency in a closed loop, each side at its own speed"
}

// distributions are the latencies of all rounds of every side, reads and writes apart where there were both.
func distributions(c *result.Comparison, runs func(*result.Side) []result.Run) (all []distribution) {
	for i := range c.Sides {
		var total, reads, writes []*hist.Histogram
		for _, r := range runs(&c.Sides[i]) {
			total = append(total, r.Total.Latency)
			if r.Reads != nil && r.Writes != nil {
				reads, writes = append(reads, r.Reads.Latency), append(writes, r.Writes.Latency)
			}
		}
		name := c.Sides[i].Name
		if len(reads) > 0 && len(reads) == len(total) {
			all = append(all, distribution{name + ", reads", merged(reads...), style{colour: i}}, distribution{name + ", writes", merged(writes...), style{colour: i, dash: "dash"}})
		} else {
			all = append(all, distribution{name, merged(total...), style{colour: i}})
		}
	}
	return all
}

// heats draws the median round of each side, over axes of the same extent.
func (s *section) heats(c *result.Comparison, runs func(*result.Side) []result.Run, what string) {
	medians := make([]*result.Run, len(c.Sides))
	var shown []*result.Run
	for i := range c.Sides {
		if medians[i] = medianRun(runs(&c.Sides[i])); medians[i] != nil {
			shown = append(shown, medians[i])
		}
	}
	lo, hi := extent(shown...)
	for i, r := range medians {
		if r != nil {
			s.add(heat(c.Sides[i].Name+what, r, lo, hi))
		}
	}
}

func roundsTable(title string, runs []result.Run) table {
	return listed(title, statsHead("round", "target CPU per request", "idle CPU"), len(runs), func(k int) []string {
		r := &runs[k]
		idle := "–"
		if r.Target.IdleCPU != nil {
			idle = result.FormatFigure(*r.Target.IdleCPU, "share")
		}
		return statsRow(&r.Total, fmt.Sprint(k+1), latencyOrDash(r.CPUTime(), r.CPUTime() > 0), idle)
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
		r := &runs[i]
		if best == nil || abs(r.Total.IOPS-median) < abs(best.Total.IOPS-median) {
			best = r
		}
	}
	return best
}

func abs(v float64) float64 { return max(v, -v) }

// rounds draws the IOPS of every round: a drift or an outlier shows here.
func rounds(c *result.Comparison) *figure {
	n := 0
	var curves []curve
	for i := range c.Sides {
		cu := curve{name: c.Sides[i].Name, style: style{colour: i}}
		for k := range c.Sides[i].Runs {
			v := c.Sides[i].Runs[k].Total.IOPS
			cu.x, cu.y = append(cu.x, float64(k)), append(cu.y, v)
			cu.hint = append(cu.hint, fmt.Sprintf("%s, round %d: %s IOPS", c.Sides[i].Name, k+1, result.FormatSI(v, "")))
		}
		n = max(n, len(cu.x))
		curves = append(curves, cu)
	}
	var labels []string
	for k := range n {
		labels = append(labels, fmt.Sprint(k+1))
	}
	return lines(260, "Requests per second, round by round", ordinal("round", labels), "IOPS", iopsLabel, curves)
}

// throughputOfSides draws the median rounds over each other.
func throughputOfSides(c *result.Comparison) *figure {
	var end float64
	var curves []curve
	for i := range c.Sides {
		r := medianRun(c.Sides[i].Runs)
		if r == nil {
			continue
		}
		cu := curve{name: c.Sides[i].Name, style: style{colour: i}}
		for _, iv := range r.Series {
			if l := iv.Length.Seconds(); l > 0 {
				cu.x, cu.y = append(cu.x, iv.At.Seconds()), append(cu.y, float64(iv.Reads+iv.Writes)/l)
				end = max(end, iv.At.Seconds())
			}
		}
		curves = append(curves, cu)
	}
	if end == 0 {
		return nil
	}
	return lines(300, "Requests per second over time, median rounds", timeline(end), "IOPS", iopsLabel, curves)
}

func iopsLabel(v float64) string { return round(result.FormatSI(v, "")) }
