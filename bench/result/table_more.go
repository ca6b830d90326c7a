package result

import (
	"fmt"
	"io"
	"strings"
)

// TableComparison writes a comparison for people: rows are figures, columns each side's median, and beside each side but the
// first the ratio of the first one's figure over its own as median (lowest–highest) of the rounds.
func TableComparison(w io.Writer, c *Comparison) error {
	var b strings.Builder
	if len(c.Sides) > 0 && len(c.Sides[0].Runs) > 0 {
		r := &c.Sides[0].Runs[0]
		fmt.Fprintf(&b, "%s: %s of %s, sides in turns\n", r.Workload.Title(), plural(len(c.Sides[0].Runs), "round"), duration(r.Elapsed))
		if c.Rate > 0 {
			fmt.Fprintf(&b, "latencies: every side at %s IOPS, open loop\n", FormatSI(c.Rate, ""))
		}
	}
	for i := range c.Sides {
		if s := &c.Sides[i]; len(s.Runs) > 0 {
			t := &s.Runs[0].Target
			what := or(Clean(t.Software), t.Device())
			if len(t.Pinned) > 0 {
				what += ", on CPU " + cpuList(t.Pinned)
			}
			fmt.Fprintf(&b, "%s: %s, %s\n", Clean(s.Name), what, Clean(t.URL))
		}
	}
	hostHead(&b, &c.Client)
	b.WriteByte('\n')
	must(comparisonGrid(c).write(&b, ""))
	b.WriteByte('\n')
	if len(c.Noise) == 0 {
		b.WriteString("quiet: nothing was seen that speaks against these figures\n")
	} else {
		b.WriteString("NOISY: these figures are not to be trusted\n")
		for _, n := range c.Noise {
			fmt.Fprintf(&b, "  %s\n", Clean(n))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func comparisonGrid(c *Comparison) *grid {
	g := &grid{names: 1}
	head := []string{"median of rounds"}
	for i := range c.Sides {
		head = append(head, Clean(c.Sides[i].Name))
		if i > 0 {
			head = append(head, "ratio (low–high)", "")
		}
	}
	g.row(head...)
	for _, f := range Figures() {
		cells := []string{f.Name}
		any := false
		for i := range c.Sides {
			v, ok := c.Sides[i].Figure(f.Name)
			any = any || ok
			if ok {
				cells = append(cells, FormatFigure(v.Median, f.Unit))
			} else {
				cells = append(cells, "-")
			}
			if i == 0 {
				continue
			}
			ratio, verdict := "-", ""
			if i-1 < len(c.Ratios) {
				if s, ok := c.Ratios[i-1][f.Name]; ok {
					ratio, verdict = FormatRatio(s), Better(s, f.Higher)
				}
			}
			cells = append(cells, ratio, verdict)
		}
		if any {
			g.row(cells...)
		}
	}
	return g
}

// TableSweep writes a sweep for people, a line a point, the knee marked.
func TableSweep(w io.Writer, s *Sweep) error {
	var b strings.Builder
	if len(s.Points) > 0 {
		r := &s.Points[0].Run
		fmt.Fprintf(&b, "%s of %s: %s a point; at the first: %s\n", plural(len(s.Points), "point"), Clean(s.Parameter), duration(r.Elapsed), r.Workload.Title())
		targetHead(&b, &r.Target)
		hostHead(&b, &r.Client)
		b.WriteByte('\n')
	}
	g := &grid{names: 1}
	g.row(Clean(s.Parameter), "IOPS", "bytes/s", "mean", "p50", "p99", "p99.9", "target CPU/req", "IOPS/CPU-s", "")
	for i := range s.Points {
		r := &s.Points[i].Run
		cells := []string{Clean(s.Points[i].Value), FormatSI(r.Total.IOPS, ""), FormatSI(r.Total.Rate, "B/s")}
		if h := r.Total.Latency; h != nil && h.Count() > 0 {
			cells = append(cells, FormatLatency(h.Mean()), FormatLatency(h.Quantile(0.5)), FormatLatency(h.Quantile(0.99)), FormatLatency(h.Quantile(0.999)))
		} else {
			cells = append(cells, "", "", "", "")
		}
		cpu, perCPU, mark := "", "", ""
		if t := r.CPUTime(); t > 0 {
			cpu = FormatLatency(t)
		}
		if v, ok := r.Figure(FigureIOPSPerCPU); ok {
			perCPU = FormatSI(v, "")
		}
		if i == s.Knee {
			mark = "<- knee"
		}
		g.row(append(cells, cpu, perCPU, mark)...)
	}
	must(g.write(&b, ""))
	if s.Knee >= 0 && s.Knee < len(s.Points) {
		fmt.Fprintf(&b, "\nknee: from %s %s on more load buys latency rather than throughput\n", Clean(s.Parameter), Clean(s.Points[s.Knee].Value))
	} else {
		b.WriteString("\nno knee: throughput over latency has no maximum within the sweep\n")
	}
	seen := map[string]bool{}
	var all []string
	for i := range s.Points {
		for _, n := range s.Points[i].Run.Notes {
			if text := fmt.Sprintf("%s %s: %s", s.Parameter, s.Points[i].Value, n); !seen[text] {
				seen[text] = true
				all = append(all, text)
			}
		}
	}
	notes(&b, "note", all)
	_, err := io.WriteString(w, b.String())
	return err
}
