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
		cells := []string{c.FigureName(f.Name)}
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
			ratio := "-"
			s, verdict, ok := c.Ratio(i, f)
			if ok {
				ratio = FormatRatio(s)
			}
			cells = append(cells, ratio, verdict)
		}
		if any {
			g.row(cells...)
		}
	}
	return g
}
