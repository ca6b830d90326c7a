package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/hist"
)

// CSS is the style sheet of pages with figures.
func CSS() string { return pageCSS }

// Figure is a chart of a page that is made elsewhere, such as that of a running target.
type Figure struct{ c *chart }

// NewPage parses a template that sets a Figure with {{template "figure" .Chart}}, and has the function clean for text from elsewhere.
func NewPage(text string) (*template.Template, error) { return newTemplate(text) }

// Chart is the figure for the template; nil if there is nothing to draw.
func (f Figure) Chart() any {
	if f.c == nil {
		return nil
	}
	return f.c
}

// Slice is a time of a target's life that is over, with what it did then.
type Slice struct {
	From, To time.Duration // until now: From is the longer
	Times    hist.Compact
	Max      int64 // ns
	Rates    []float64
}

// compact makes a Slice's histogram one that charts draw.
type compact struct{ s *Slice }

func (c compact) Count() uint64 { return c.s.Times.Count() }

func (c compact) Quantile(q float64) time.Duration {
	return time.Duration(c.s.Times.Quantile(q, c.s.Max))
}

func (c compact) Max() time.Duration { return time.Duration(c.s.Max) }

func (c compact) Steps(f func(low, high int64, n uint64)) {
	low := int64(hist.CompactLow / 2) // the first step has no lower end on a logarithmic axis
	for i, n := range c.s.Times {
		high := hist.CompactEnd(i)
		if high < 0 {
			high = max(c.s.Max, low)
		}
		if n > 0 {
			f(low, high, n)
		}
		low = high
	}
}

// LiveHeat draws latency over the time until now, as the report does over a run. span is the length of the axis.
func LiveHeat(caption string, all []Slice, span time.Duration) Figure {
	lo, hi, n := math.Inf(1), 0.0, uint64(0)
	columns := make([]column, len(all))
	for i := range all {
		s := &all[i]
		columns[i] = column{from: -s.From.Seconds(), to: -s.To.Seconds(), hist: compact{s}}
		n += s.Times.Count()
		compact{s}.Steps(func(low, high int64, _ uint64) {
			lo, hi = min(lo, float64(low)/1e9), max(hi, float64(min(high, max(s.Max, low+1)))/1e9)
		})
	}
	if n == 0 {
		return Figure{}
	}
	c := newChart(caption, 300, until(span), logarithmic(latencyTitle, lo, hi, 16, latencyLabel))
	c.Desc = fmt.Sprintf("%d columns over %v; %s commands", len(columns), span, result.FormatSI(float64(n), ""))
	c.heat(columns, func(col *column) string { return ago(-col.from) + " to " + ago(-col.to) + " ago" })
	return Figure{c}
}

// LiveRates draws the rates of slices over the time until now, as lines of these names. bytes chooses the unit.
func LiveRates(caption string, all []Slice, names []string, span time.Duration, bytes bool) Figure {
	title, label := "per second", iopsLabel
	if bytes {
		title, label = "bytes per second", bytesLabel
	}
	curves := make([]curve, len(names))
	for i := range names {
		curves[i] = curve{name: names[i], style: colour(i)}
		for k := range all {
			s := &all[k]
			curves[i].line = append(curves[i].line, point{-(s.From + s.To).Seconds() / 2, s.Rates[i]})
		}
	}
	c := lines(170, caption, until(span), title, label, curves)
	return Figure{c}
}

// until returns an axis of the time until now, with labels that a chart of half the page's width has room for.
func until(span time.Duration) axis {
	step := time.Hour
	for _, s := range []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute} {
		if span <= 6*s {
			step = s
			break
		}
	}
	a := axis{lo: -span.Seconds(), by: identity}
	for d := span.Truncate(step); d > 0; d -= step {
		a.ticks = append(a.ticks, tick{-d.Seconds(), "−" + ago(d.Seconds())})
	}
	a.ticks = append(a.ticks, tick{0, "now"})
	return a
}

// ago formats seconds: "30 s", "5 min".
func ago(seconds float64) string {
	if seconds >= 60 && math.Mod(seconds, 60) == 0 {
		return strconv.Itoa(int(seconds/60)) + " min"
	}
	if seconds >= 120 {
		return fmt.Sprintf("%d min %d s", int(seconds)/60, int(seconds)%60)
	}
	return strconv.FormatFloat(math.Round(seconds), 'f', -1, 64) + " s"
}

// Spark writes a small line of values as an SVG path in a square of 100 units, the newest at the right end; "" for fewer than two.
func Spark(values []float64) string {
	top := slices.Max(append([]float64{0}, values...))
	if len(values) < 2 || top == 0 {
		return ""
	}
	d := make([]byte, 0, 12*len(values))
	for i, v := range values {
		d = append(d, "ML"[min(i, 1)])
		d = strconv.AppendFloat(d, math.Round(float64(i)*1000/float64(len(values)-1))/10, 'f', -1, 64)
		d = append(d, ' ')
		d = strconv.AppendFloat(d, math.Round(1000-v/top*960)/10, 'f', -1, 64)
	}
	return string(d)
}
