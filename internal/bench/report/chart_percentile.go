package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// figure is a chart with what stands around it.
type figure struct {
	Caption string
	Legend  []key
	Help    string
	SVG     any // template.HTML
}

// latencyLabel is of a tick.
func latencyLabel(seconds float64) string {
	return round(result.FormatLatency(time.Duration(math.Round(seconds * 1e9))))
}

const latencyTitle = "latency (logarithmic)"

// percentiles draws latency over the share of requests that it covers, by nines.
func percentiles(title string, all []distribution) *figure {
	var count uint64
	lo, hi := math.Inf(1), 0.0
	kept := all[:0:0]
	for _, d := range all {
		if d.hist == nil || d.hist.Count() == 0 {
			continue
		}
		kept = append(kept, d)
		count = max(count, d.hist.Count())
		lo, hi = min(lo, max(d.hist.Min().Seconds(), 1e-9)), max(hi, d.hist.Max().Seconds())
	}
	if len(kept) == 0 {
		return nil
	}
	var desc []string
	for _, d := range kept {
		line := d.name + ":"
		for _, q := range result.Quantiles() {
			line += fmt.Sprintf(" %s %s,", q.Name, result.FormatLatency(d.hist.Quantile(q.Share)))
		}
		desc = append(desc, line+" max "+result.FormatLatency(d.hist.Max()))
	}
	f := newFrame(400, title, strings.Join(desc, "; "), nines("share of requests that took no longer", count),
		logarithmic(latencyTitle, lo, hi, 16, latencyLabel))
	fig := &figure{Caption: title}
	for _, d := range kept {
		top := topNines(d.hist.Count())
		const steps = 240
		var line []point
		for i := range steps + 1 {
			q := 1 - math.Pow(10, -top*float64(i)/steps)
			line = append(line, f.at(q, d.hist.Quantile(q).Seconds()))
		}
		f.polyline(d.class(), line)
		for _, q := range result.Quantiles() {
			if byNines(q.Share) <= top+1e-9 {
				v := d.hist.Quantile(q.Share)
				p := f.at(q.Share, v.Seconds())
				f.circle(d.dot(), p.x, p.y, 3.5, fmt.Sprintf("%s %s: %s", d.name, q.Name, result.FormatLatency(v)))
			}
		}
		fig.Legend = append(fig.Legend, key{d.class(), d.name, "line"})
	}
	fig.SVG = f.html()
	return fig
}
