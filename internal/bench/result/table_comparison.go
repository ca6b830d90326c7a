package result

import (
	"cmp"
	"fmt"
	"strings"
)

func tableComparison(b *strings.Builder, c *Comparison) {
	if len(c.Sides) > 0 && len(c.Sides[0].Runs) > 0 {
		r := &c.Sides[0].Runs[0]
		fmt.Fprintf(b, "%s: %s of %s, sides in turns\n", r.Workload.Title(), Plural(len(c.Sides[0].Runs), "round"), duration(r.Elapsed))
		if c.Rate > 0 {
			fmt.Fprintf(b, "latencies: every side at %s IOPS, open loop\n", FormatSI(c.Rate, ""))
		}
	}
	for i := range c.Sides {
		if s := &c.Sides[i]; len(s.Runs) > 0 {
			t := &s.Runs[0].Target
			fmt.Fprintf(b, "%s: %s\n", Clean(s.Name), commas(cmp.Or(Clean(t.Software), t.Device()), onCPUs(t), Clean(t.URL)))
		}
	}
	hostHead(b, &c.Client)
	b.WriteByte('\n')
	head, rows := c.Grid()
	g := grid{rows: append([][]string{append([]string{"median of rounds"}, head...)}, rows...)}
	g.write(b)
	b.WriteByte('\n')
	if len(c.Noise) == 0 {
		b.WriteString("quiet: nothing was seen that speaks against these figures\n")
	} else {
		b.WriteString("NOISY: these figures are not to be trusted\n")
		for _, n := range c.Noise {
			fmt.Fprintf(b, "  %s\n", Clean(n))
		}
	}
}
