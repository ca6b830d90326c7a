package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// shades are the lowest shares of a column's requests that get each shade, faintest first. They are about evenly spaced on
// a logarithmic scale, so that a tail of one in 100,000 shows beside the bulk.
func shades() []float64 { return []float64{0, 1e-5, 1e-4, 1e-3, 1e-2, 0.05, 0.15} }

// heat draws latency over time: each column is a slice of the run, and the stronger a cell, the larger the share of the slice's
// requests that took so long. The y axis goes from lo to hi seconds, the x axis to end, that of endOf.
func heat(caption string, r *result.Run, lo, hi, end float64) *chart {
	columns := columnsOf(r.Series)
	all := make([]result.Latency, 0, len(columns))
	for _, c := range columns {
		all = append(all, c.hist.(result.Latency))
	}
	sum := merged(all...)
	if sum.Count() == 0 {
		return nil
	}
	c := newChart(caption, 334, timeline(end), logarithmic(latencyTitle, lo, hi, 16, latencyLabel))
	c.Desc = fmt.Sprintf("%d columns over %s; latencies from %s to %s, p50 %s, p99 %s", len(columns), seconds(end), result.FormatLatency(sum.Min()),
		result.FormatLatency(sum.Max()), result.FormatLatency(sum.Quantile(0.5)), result.FormatLatency(sum.Quantile(0.99)))
	c.heat(columns, func(col *column) string { return seconds(col.from) + " to " + seconds(col.to) })
	return c
}

// heat draws the columns with the lines of p50 and p99, and the legend. when names a column for the pointer.
func (c *chart) heat(columns []column, when func(*column) string) {
	c.cells(columns)
	for _, q := range []result.Quantile{{Name: "p50", Share: 0.5}, {Name: "p99", Share: 0.99}} {
		var line []point
		for _, col := range columns {
			if col.hist.Count() > 0 {
				line = append(line, point{(col.from + col.to) / 2, col.hist.Quantile(q.Share).Seconds()})
			}
		}
		c.line("line over "+q.Name, line)
		c.Legend = append(c.Legend, key{"line over " + q.Name, q.Name, "line"})
	}
	for _, col := range columns {
		if h := col.hist; h.Count() > 0 {
			c.box("hit", point{col.from, c.Y.lo}, point{col.to, c.Y.hi}, fmt.Sprintf("%s: %s requests, p50 %s, p99 %s, p99.9 %s, max %s", when(&col),
				result.FormatSI(float64(h.Count()), ""), result.FormatLatency(h.Quantile(0.5)), result.FormatLatency(h.Quantile(0.99)),
				result.FormatLatency(h.Quantile(0.999)), result.FormatLatency(h.Max())))
		}
	}
	for i, s := range shades() {
		text := "≥ " + strconv.FormatFloat(100*s, 'g', 3, 64) + "%"
		if i == 0 {
			text = "at least one"
		}
		c.Legend = append(c.Legend, key{"cell h" + strconv.Itoa(i), text, "fill"})
	}
}

// extent returns the shortest and the longest latency of runs in seconds, for axes that can be compared.
func extent(runs ...*result.Run) (lo, hi float64) {
	lo = math.Inf(1)
	for _, r := range runs {
		for i := range r.Series {
			if h := r.Series[i].Latency; h.Count() > 0 {
				lo, hi = min(lo, max(h.Min().Seconds(), 1e-9)), max(hi, h.Max().Seconds())
			}
		}
	}
	return lo, hi
}

// column is a slice of a run, in seconds from its start.
type column struct {
	from, to float64
	hist     times
}

// times is a histogram of latencies. Without any, only Count may be called.
type times interface {
	Count() uint64
	Quantile(q float64) time.Duration
	Max() time.Duration
	Steps(f func(low, high int64, n uint64)) // those that are not empty, in ns
}

// endOf returns the end of the last interval of runs, in seconds: all charts over their time end there.
func endOf(runs ...*result.Run) (end float64) {
	for _, r := range runs {
		for i := range r.Series {
			end = max(end, r.Series[i].At.Seconds())
		}
	}
	return end
}

// columnsOf returns a run's intervals, adjacent ones merged so that there are at most maxColumns.
func columnsOf(series []result.Interval) (columns []column) {
	per := max(1, (len(series)+maxColumns-1)/maxColumns)
	for i := 0; i < len(series); i += per {
		part := series[i:min(i+per, len(series))]
		c := column{from: max((part[0].At - part[0].Length).Seconds(), 0), to: part[len(part)-1].At.Seconds()}
		all := make([]result.Latency, 0, per)
		for k := range part {
			all = append(all, part[k].Latency)
		}
		c.hist = merged(all...)
		columns = append(columns, c)
	}
	return columns
}

// cells draws one path for each shade with all its cells; those of a column that touch become one.
func (c *chart) cells(columns []column) {
	decades := math.Log10(c.Y.hi / c.Y.lo)
	rows := max(int(math.Ceil(decades*rowsPerDecade)), 1)
	paths := make([]strings.Builder, len(shades()))
	for _, col := range columns {
		if col.hist.Count() == 0 {
			continue
		}
		counts := make([]float64, rows)
		col.hist.Steps(func(low, high int64, n uint64) {
			middle := (float64(low) + float64(high)) / 2e9
			row := int(math.Log10(max(middle, c.Y.lo)/c.Y.lo) / decades * float64(rows))
			counts[min(max(row, 0), rows-1)] += float64(n)
		})
		x0, x1 := px(c.X.share(col.from)), px(c.X.share(col.to))
		for row := 0; row < rows; {
			s, first := shade(counts[row]/float64(col.hist.Count())), row
			for row < rows && shade(counts[row]/float64(col.hist.Count())) == s {
				row++
			}
			if s >= 0 {
				y0, y1 := px(1-float64(first)/float64(rows)), px(1-float64(row)/float64(rows))
				paths[s].WriteString("M" + x0 + " " + y0 + "H" + x1 + "V" + y1 + "H" + x0 + "z")
			}
		}
	}
	for i := range paths {
		c.path("cell h"+strconv.Itoa(i), paths[i].String(), "")
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
