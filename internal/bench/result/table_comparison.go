package result

import (
	"fmt"
	"io"
	"strings"
)

// TableComparison writes a comparison for people: see Comparison.Grid.
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
	head, rows := c.Grid()
	g := grid{names: 1, rows: append([][]string{append([]string{"median of rounds"}, head...)}, rows...)}
	must(g.write(&b, ""))
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
