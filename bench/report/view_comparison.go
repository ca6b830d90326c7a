package report

import (
	"fmt"

	"github.com/ringtgt/ringtgt/bench/result"
	"github.com/ringtgt/ringtgt/engine/hist"
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
	}
	v.Tiles = comparisonTiles(c)

	s := section{ID: "ratios", Title: "Ratios", Help: "Each figure of the first side over the other's: the median of the rounds, with the lowest and the highest. Higher is better for IOPS and bytes, lower for latency and idle CPU."}
	for i, r := range c.Ratios {
		if i+1 < len(names) {
			s.add(ratios(names[0]+" over "+names[i+1], names[0], names[i+1], r))
		}
	}
	s.Tables = append(s.Tables, figuresTable(c))
	v.add(s)

	var all []distribution
	for i := range c.Sides {
		all = append(all, sideDistributions(&c.Sides[i], i)...)
	}
	s = section{ID: "percentiles", Title: "Latency percentiles", Help: "All rounds of a side together. Each step to the right is a tenfold rarer request."}
	s.add(percentiles("Latency by percentile", all))
	v.add(s)

	s = section{ID: "heat", Title: "Latency over time", Help: "The round of each side whose IOPS are the median. The darker a cell, the more of the column's requests took that long. Mind that the axes differ."}
	for i := range c.Sides {
		if r := medianRun(&c.Sides[i]); r != nil {
			s.add(heat(names[i], r))
		}
	}
	v.add(s)

	s = section{ID: "throughput", Title: "Throughput"}
	s.add(rounds(c))
	s.add(throughputOfSides(c))
	v.add(s)

	var cpu []bar
	for i := range c.Sides {
		if r := medianRun(&c.Sides[i]); r != nil {
			cpu = append(cpu, cpuBars(clip(names[i], 14)+", ", r)...)
		}
	}
	s = section{ID: "cpu", Title: "CPU per request", Help: "Processor time over requests, in the round of each side whose IOPS are the median."}
	s.add(bars("Processor time per request", "processor time per request", cpu))
	v.add(s)

	s = section{ID: "tables", Title: "Figures"}
	for i := range c.Sides {
		side := &c.Sides[i]
		s.Tables = append(s.Tables, listed("Rounds of "+side.Name, statsHead("round", "target CPU a request", "idle CPU"), len(side.Runs), func(k int) []string {
			r := &side.Runs[k]
			idle := "–"
			if r.Target.IdleCPU != nil {
				idle = result.FormatFigure(*r.Target.IdleCPU, "share")
			}
			return statsRow(&r.Total, fmt.Sprint(k+1), latencyOrDash(r.CPUTime(), r.CPUTime() > 0), idle)
		}))
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
	if len(c.Ratios) == 0 {
		return nil
	}
	for _, f := range result.Figures() {
		s, ok := c.Ratios[0][f.Name]
		if !ok || s.Median <= 0 {
			continue
		}
		verdict := result.Better(s, f.Higher)
		median := s
		median.Low, median.High = s.Median, s.Median
		tiles = append(tiles, tile{Label: f.Name, Value: ratio(s.Median) + "×", More: verdict + ", " + ratio(s.Low) + "–" + ratio(s.High), Bad: verdict == "worse"})
	}
	return tiles
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
		row := []string{f.Name}
		measured := false
		for i := range c.Sides {
			cell := "–"
			if s, ok := c.Sides[i].Figure(f.Name); ok {
				cell, measured = result.FormatFigure(s.Median, f.Unit), true
			}
			row = append(row, cell)
			if i > 0 {
				cell, verdict := "–", ""
				if i-1 < len(c.Ratios) {
					if s, ok := c.Ratios[i-1][f.Name]; ok {
						cell, verdict = result.FormatRatio(s), result.Better(s, f.Higher)
					}
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

// sideDistributions are the latencies of all rounds of a side, reads and writes apart if it had both.
func sideDistributions(s *result.Side, i int) (all []distribution) {
	st := style{colour: i}
	if len(s.Runs) == 0 {
		return nil
	}
	if s.Runs[0].Reads == nil || s.Runs[0].Writes == nil {
		h := make([]*hist.Histogram, 0, len(s.Runs))
		for k := range s.Runs {
			h = append(h, s.Runs[k].Total.Latency)
		}
		return []distribution{{s.Name, merged(h...), st}}
	}
	var reads, writes []*hist.Histogram
	for k := range s.Runs {
		if r := s.Runs[k].Reads; r != nil {
			reads = append(reads, r.Latency)
		}
		if w := s.Runs[k].Writes; w != nil {
			writes = append(writes, w.Latency)
		}
	}
	return []distribution{{s.Name + ", reads", merged(reads...), st}, {s.Name + ", writes", merged(writes...), style{colour: i, dash: "dash"}}}
}

// medianRun returns the round whose IOPS are nearest to the median, nil if there was none.
func medianRun(s *result.Side) *result.Run {
	spread, ok := s.Figure(result.FigureIOPS)
	if !ok {
		return nil
	}
	var best *result.Run
	for i := range s.Runs {
		r := &s.Runs[i]
		if best == nil || abs(r.Total.IOPS-spread.Median) < abs(best.Total.IOPS-spread.Median) {
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
	return lines(260, "Requests per second, round by round", ordinal("round", labels), "requests per second (IOPS)", iopsLabel, curves)
}

// throughputOfSides draws the median rounds over each other.
func throughputOfSides(c *result.Comparison) *figure {
	var end float64
	var curves []curve
	for i := range c.Sides {
		r := medianRun(&c.Sides[i])
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
	return lines(300, "Requests per second over time, median rounds", timeline(timeTitle(end), end), "requests per second (IOPS)", iopsLabel, curves)
}

func iopsLabel(v float64) string { return round(result.FormatSI(v, "")) }
