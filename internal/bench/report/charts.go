package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

const latencyTitle = "latency (logarithmic)"

// distribution is a histogram with a name.
type distribution struct {
	name  string
	hist  result.Latency
	style string
}

// percentiles draws latency by percentile, on an axis of nines.
func percentiles(caption string, all []distribution) *chart {
	all = slices.DeleteFunc(slices.Clone(all), func(d distribution) bool { return d.hist.Count() == 0 })
	if len(all) == 0 {
		return nil
	}
	var count uint64
	lo, hi := math.Inf(1), 0.0
	var curves []curve
	for _, d := range all {
		count = max(count, d.hist.Count())
		lo, hi = min(lo, max(d.hist.Min().Seconds(), 1e-9)), max(hi, d.hist.Max().Seconds())
		cu := curve{name: d.name, desc: d.name + ":", style: d.style}
		top := topNines(d.hist.Count())
		const steps = 240
		for i := range steps + 1 {
			q := 1 - math.Pow(10, -top*float64(i)/steps)
			cu.line = append(cu.line, point{q, d.hist.Quantile(q).Seconds()})
		}
		for _, q := range result.Quantiles() {
			v := d.hist.Quantile(q.Share)
			text := q.Name + ": " + result.FormatLatency(v)
			cu.desc += " " + text + ","
			if byNines(q.Share) <= top+1e-9 {
				cu.dots = append(cu.dots, dot{point{q.Share, v.Seconds()}, d.name + " " + text})
			}
		}
		cu.desc += " max " + result.FormatLatency(d.hist.Max())
		curves = append(curves, cu)
	}
	return newChart(caption, 334, nines("share of requests that took no longer", count), logarithmic(latencyTitle, lo, hi, 16, latencyLabel)).curves(curves)
}

// bar is a row of segments that add up. Segments of one name have one class.
type bar struct {
	name     string
	segments []segment
}

type segment struct {
	name, class string
	value       float64
}

// bars draws times as horizontal bars.
func bars(caption, xTitle string, all []bar) *chart {
	top := 0.0
	sums := make([]float64, len(all))
	var desc []string
	for i, b := range all {
		for _, s := range b.segments {
			sums[i] += s.value
		}
		top = max(top, sums[i])
		desc = append(desc, b.name+" "+timeLabel(sums[i]))
	}
	if top == 0 {
		return nil
	}
	c := rows("bars", caption, len(all), linear(xTitle, top, 6, latencyLabel), func(i int) string { return all[i].name })
	c.Desc = strings.Join(desc, "; ")
	for i, b := range all {
		from, y := 0.0, c.row(i)
		for _, s := range b.segments {
			c.box("fill "+s.class, point{from, y - 0.3}, point{from + s.value, y + 0.3}, b.name+", "+s.name+": "+timeLabel(s.value))
			from += s.value
			if k := (key{"fill " + s.class, s.name, "fill"}); !slices.Contains(c.Legend, k) {
				c.Legend = append(c.Legend, k)
			}
		}
		c.label("value", point{from, y}, timeLabel(from))
	}
	return c
}

// cpuBars are the processor time of one request, on both ends.
func cpuBars(prefix string, r *result.Run) (all []bar) {
	if t := r.CPUTime(); t > 0 {
		all = append(all, bar{prefix + "target", []segment{{"target, user and system", colour(0), t.Seconds()}}})
	}
	if user, system := r.ClientCPU(); user+system > 0 {
		all = append(all, bar{prefix + "client", []segment{{"client, user", colour(1), user.Seconds()}, {"client, system", colour(2), system.Seconds()}}})
	}
	return all
}

// ratios draws every figure of the first side over that of side i: the median as a dot on a line from the lowest round to the
// highest. A ratio of 0, as of two idle shares, has no place on a logarithmic axis; the table has it.
func ratios(caption string, c *result.Comparison, i int) *chart {
	type row struct {
		name, verdict string
		result.Spread
	}
	var all []row
	lo, hi := 1.0, 1.0
	var desc []string
	for _, f := range result.Figures() {
		s, verdict, ok := c.Ratio(i, f)
		if !ok || !(s.Median > 0) || math.IsInf(s.Median, 0) {
			continue
		}
		name := c.FigureName(f.Name)
		all = append(all, row{name, verdict, s})
		lo, hi = min(lo, s.Median), max(hi, s.Median, s.High)
		if s.Low > 0 {
			lo = min(lo, s.Low)
		}
		desc = append(desc, name+" "+result.InWords(s, verdict)+": "+result.FormatRatio(s))
	}
	if len(all) == 0 {
		return nil
	}
	first, other := c.Sides[0].Name, c.Sides[i].Name
	lo = max(lo, hi/1e6)
	x := logarithmic("ratio: "+clip(first, 24)+" over "+clip(other, 24)+" (logarithmic)", lo/1.05, hi*1.05, 8, func(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) + "×" })
	ch := rows("ratios", caption, len(all), x, func(i int) string { return all[i].name })
	ch.Desc = strings.Join(desc, "; ")
	ch.path("one", "M"+px(x.share(1))+" 0V1000", "")
	for i, r := range all {
		y := ch.row(i)
		ch.line("range "+r.verdict, []point{{r.Low, y}, {r.High, y}})
		ch.dot("median "+r.verdict, point{r.Median, y}, r.name+": "+result.FormatRatio(r.Spread))
		ch.label("value", point{x.hi, y}, result.InWords(r.Spread, r.verdict))
	}
	ch.Legend = []key{{"median better", first + " better in all rounds", "dot"}, {"median worse", "worse in all rounds", "dot"}, {"median undecided", "rounds disagree", "dot"}}
	return ch
}

// spreadOfConns draws the IOPS of all connections, sorted: a flat line is a fair target. Nil for fewer than 4.
func spreadOfConns(r *result.Run) *chart {
	if len(r.Conns) < 4 {
		return nil
	}
	iops := make([]float64, len(r.Conns))
	for i := range r.Conns {
		if v := r.Conns[i].IOPS; !math.IsNaN(v) {
			iops[i] = v
		}
	}
	slices.Sort(iops)
	cu := curve{name: "connections, slowest first", style: colour(0)}
	for i, v := range iops {
		cu.line = append(cu.line, point{float64(i + 1), v})
	}
	n := float64(len(iops))
	x := linear(cu.name, n, 8, func(v float64) string { return fmt.Sprint(int(v)) })
	x.hi = n // a round value beyond the last connection is no connection
	x.ticks = slices.DeleteFunc(x.ticks, func(t tick) bool { return t.value > n })
	return lines(176, "Requests per second of each connection", x, "IOPS", iopsLabel, []curve{cu})
}
