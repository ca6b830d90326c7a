package report

import (
	"fmt"
	"math"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// kneeChart draws latency over throughput, a point for each run of a sweep, with the knee marked.
func kneeChart(caption string, s *result.Sweep) *chart {
	load, format, xTitle := func(t *result.Stats) float64 { return t.IOPS }, func(v float64) string { return result.FormatSI(v, "") }, "throughput (IOPS)"
	if s.Parameter == "bs" {
		load, format, xTitle = func(t *result.Stats) float64 { return t.Rate }, func(v float64) string { return result.FormatSI(v, "B/s") }, "throughput (B/s)"
	}
	lo, hi, top := math.Inf(1), 0.0, 0.0
	curves := []curve{{name: "p50"}, {name: "p99"}, {name: "p99.9"}}
	var texts []string // of the points of each curve
	var knee []point
	for i := range s.Points {
		t := &s.Points[i].Run.Total
		h := t.Latency
		if h.Count() == 0 {
			continue
		}
		x := load(t)
		top, lo, hi = max(top, x), min(lo, max(h.Quantile(0.5).Seconds(), 1e-9)), max(hi, h.Quantile(0.999).Seconds())
		texts = append(texts, clip(s.Points[i].Value, 16))
		for k, share := range []float64{0.5, 0.99, 0.999} {
			c, v := &curves[k], h.Quantile(share)
			p := point{x, v.Seconds()}
			hint := fmt.Sprintf("%s %s: %s, %s %s", s.Parameter, s.Points[i].Value, format(x), c.name, result.FormatLatency(v))
			c.style, c.line, c.dots = colour(k), append(c.line, p), append(c.dots, dot{p, hint})
			c.desc += hint + "; "
			if i == s.Knee {
				knee = append(knee, p)
			}
		}
	}
	if len(texts) == 0 {
		return nil
	}
	c := newChart(caption, 394, linear(xTitle, top*1.02, 8, func(v float64) string { return short(format(v)) }),
		logarithmic(latencyTitle, lo, hi, 18, latencyLabel))
	c.Note = "beside p50: " + s.Parameter
	for i, p := range knee {
		if i == 0 {
			c.line("knee", []point{{p.x, c.Y.lo}, {p.x, c.Y.hi}})
		}
		c.dot("ring", p, "") // a disc, of which the next one leaves the edge
		c.dot("hole", p, "")
	}
	c.curves(curves)
	for _, size := range []places{{class: "wide", w: 560, h: 394}, {class: "narrow", w: 260, h: 280}} {
		for _, cu := range curves {
			size.keepLine(c, cu.line)
		}
		if len(knee) > 0 {
			size.keepLine(c, []point{{knee[0].x, c.Y.lo}, {knee[0].x, c.Y.hi}})
			size.place(c, point{knee[0].x, c.Y.hi}, "knee: "+clip(s.Parameter+" "+s.Points[s.Knee].Value, 24))
		}
		for i, p := range curves[0].line {
			size.place(c, p, texts[i])
		}
	}
	return c
}

// places finds room for labels beside points in a plot of w by h pixels. Labels of that size get its class.
type places struct {
	class string
	w, h  float64
	taken []box
}

// box is in pixels from the top left.
type box struct{ x0, y0, x1, y1 float64 }

func (b box) meets(o box) bool { return b.x0 < o.x1 && o.x0 < b.x1 && b.y0 < o.y1 && o.y0 < b.y1 }

func (l *places) at(c *chart, p point) (x, y float64) {
	return l.w * c.X.share(p.x), l.h * (1 - c.Y.share(p.y))
}

// keepLine reserves the surroundings of a line and of its points.
func (l *places) keepLine(c *chart, points []point) {
	keep := func(x, y, r float64) { l.taken = append(l.taken, box{x - r, y - r, x + r, y + r}) }
	var x0, y0 float64
	for i, p := range points {
		x, y := l.at(c, p)
		for k, n := 0.0, math.Ceil(math.Hypot(x-x0, y-y0)/6); i > 0 && k < n; k++ {
			keep(x0+k/n*(x-x0), y0+k/n*(y-y0), 1.5)
		}
		keep(x, y, 5)
		x0, y0 = x, y
	}
}

// place writes a label below, right, left or above, where it is free first; nowhere if nothing is.
func (l *places) place(c *chart, p point, text string) {
	x, y := l.at(c, p)
	w, h := 7.6*float64(len([]rune(text)))+4, 18.0
	for _, side := range []struct {
		class  string
		x0, y0 float64
	}{{"below", x - w/2, y + 8}, {"right", x + 10, y - h/2}, {"left", x - 10 - w, y - h/2}, {"above", x - w/2, y - 8 - h}} {
		b := box{side.x0, side.y0, side.x0 + w, side.y0 + h}
		free := b.x0 >= 0 && b.x1 <= l.w && b.y0 >= -h && b.y1 <= l.h
		for _, t := range l.taken {
			free = free && !t.meets(b)
		}
		if free {
			l.taken = append(l.taken, b)
			c.label(side.class+" "+l.class, p, text)
			return
		}
	}
}
