package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/hist"
)

// shades are the lowest shares of a column's requests that get each shade, faintest first. They are spaced by their logarithm: a
// tail of one in 100,000 is seen beside the bulk.
func shades() []float64 { return []float64{0, 1e-5, 1e-4, 1e-3, 1e-2, 0.05, 0.15} }

// heat draws latency over time: each column is a slice of the run, each cell as strong as the share of its requests that took so long.
// The y axis goes from lo to hi seconds.
func heat(title string, r *result.Run, lo, hi float64) *figure {
	columns, end := columnsOf(r.Series)
	all := make([]*hist.Histogram, 0, len(columns))
	for _, c := range columns {
		all = append(all, c.hist)
	}
	sum := merged(all...)
	if sum == nil {
		return nil
	}
	desc := fmt.Sprintf("%d columns over %s; latencies from %s to %s, p50 %s, p99 %s", len(columns), seconds(end), result.FormatLatency(sum.Min()),
		result.FormatLatency(sum.Max()), result.FormatLatency(sum.Quantile(0.5)), result.FormatLatency(sum.Quantile(0.99)))
	f := newFrame(400, title, desc, timeline(end), logarithmic(latencyTitle, lo, hi, 16, latencyLabel))
	f.cells(columns)
	line := func(class string, q float64) {
		var p []point
		for _, c := range columns {
			if c.hist != nil {
				p = append(p, f.at((c.from+c.to)/2, c.hist.Quantile(q).Seconds()))
			}
		}
		f.polyline(class, p)
	}
	line("line over p50", 0.5)
	line("line over p99", 0.99)
	for _, c := range columns {
		if h := c.hist; h != nil {
			x0, x1 := f.x.at(c.from), f.x.at(c.to)
			f.rect("hit", x0, f.top, x1-x0, f.bottom-f.top, fmt.Sprintf("%s to %s: %s requests, p50 %s, p99 %s, p99.9 %s, max %s", seconds(c.from), seconds(c.to),
				result.FormatSI(float64(h.Count()), ""), result.FormatLatency(h.Quantile(0.5)), result.FormatLatency(h.Quantile(0.99)),
				result.FormatLatency(h.Quantile(0.999)), result.FormatLatency(h.Max())))
		}
	}
	fig := &figure{Caption: title, SVG: f.html(), Legend: []key{{"line over p50", "p50", "line"}, {"line over p99", "p99", "line"}}}
	for i, s := range shades() {
		label := "≥ " + strconv.FormatFloat(100*s, 'g', 3, 64) + "%"
		if i == 0 {
			label = "at least one"
		}
		fig.Legend = append(fig.Legend, key{"h" + strconv.Itoa(i), label, "fill"})
	}
	return fig
}

// extent returns the shortest and the longest latency of runs in seconds, for axes that can be compared.
func extent(runs ...*result.Run) (lo, hi float64) {
	lo = math.Inf(1)
	for _, r := range runs {
		for i := range r.Series {
			if h := r.Series[i].Latency; h != nil && h.Count() > 0 {
				lo, hi = min(lo, max(h.Min().Seconds(), 1e-9)), max(hi, h.Max().Seconds())
			}
		}
	}
	return lo, hi
}

// column is a slice of a run, in seconds from its start.
type column struct {
	from, to float64
	hist     *hist.Histogram // nil: nothing completed
}

// columnsOf returns a run's intervals, adjacent ones put together so that there are at most maxColumns, and its end.
func columnsOf(series []result.Interval) (columns []column, end float64) {
	per := max(1, (len(series)+maxColumns-1)/maxColumns)
	for i := 0; i < len(series); i += per {
		part := series[i:min(i+per, len(series))]
		c := column{from: max((part[0].At - part[0].Length).Seconds(), 0), to: part[len(part)-1].At.Seconds()}
		all := make([]*hist.Histogram, 0, per)
		for k := range part {
			all = append(all, part[k].Latency)
		}
		c.hist = merged(all...)
		columns = append(columns, c)
		end = max(end, c.to)
	}
	return columns, end
}

// cells draws one path for each shade: all its cells, those of a column that touch as one.
func (f *frame) cells(columns []column) {
	decades := math.Log10(f.y.hi / f.y.lo)
	rows := max(int(math.Ceil(decades*rowsPerDecade)), 1)
	height := (f.bottom - f.top) / float64(rows)
	paths := make([]strings.Builder, len(shades()))
	for _, c := range columns {
		if c.hist == nil {
			continue
		}
		counts := make([]float64, rows)
		c.hist.Steps(func(low, high int64, n uint64) {
			middle := (float64(low) + float64(high)) / 2e9
			row := int(math.Log10(max(middle, f.y.lo)/f.y.lo) / decades * float64(rows))
			counts[min(max(row, 0), rows-1)] += float64(n)
		})
		x0, x1 := f.x.at(c.from), f.x.at(c.to)
		for row := 0; row < rows; {
			s, first := shade(counts[row]/float64(c.hist.Count())), row
			for row < rows && shade(counts[row]/float64(c.hist.Count())) == s {
				row++
			}
			if s >= 0 {
				y0, y1 := f.bottom-float64(first)*height, f.bottom-float64(row)*height
				paths[s].WriteString("M" + px(x0) + " " + px(y0) + "H" + px(x1) + "V" + px(y1) + "H" + px(x0) + "z")
			}
		}
	}
	for i := range paths {
		if paths[i].Len() > 0 {
			f.b.WriteString(`<path class="cell h` + strconv.Itoa(i) + `" d="` + paths[i].String() + `"/>`)
		}
	}
}

// shade returns the index in shades of a share, -1 for none.
func shade(share float64) int {
	if share <= 0 {
		return -1
	}
	s := 0
	for i, least := range shades() {
		if share >= least {
			s = i
		}
	}
	return s
}

func seconds(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) + " s" }
