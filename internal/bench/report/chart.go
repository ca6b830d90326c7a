package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// chart is one drawing. The template sets its curves as SVG paths in a square of side units that is stretched to the plot, and
// its text as HTML beside them at the same percentages: the drawing follows the width of the window and the text keeps its size.
type chart struct {
	Caption, Desc string
	Legend        []key
	Note          string // after the caption
	Kind          string // "bars" or "ratios": rows with a name each; "": curves over axes
	Height        int    // pixels of the plot
	Narrow        int    // the same on a narrow screen
	X, Y          axis
	Marks         []mark
	Labels        []label
}

// side is the side of the square that marks are drawn in, and its coordinates count from the top left.
const side = 1000

// mark is one SVG path. Class is a constant of this package with a number at most.
type mark struct{ Class, D, Hint string }

// label is text at a place in the plot, in percent from the left and from the top.
type label struct {
	Class, Text string
	Left, Top   float64
}

// key is an entry of a legend. Kind is "line", "dot" or "fill".
type key struct{ Class, Label, Kind string }

// point is a pair of values on the axes.
type point struct{ x, y float64 }

// dot is a marked point with a hint for the pointer.
type dot struct {
	point
	hint string
}

// curve is a named line through points, of which some may be marked.
type curve struct {
	name  string
	desc  string // for screen readers
	style string // classes: colour and dashes
	line  []point
	dots  []dot
}

// mark adds a marked point.
func (c *curve) mark(p point, hint string) {
	c.line, c.dots = append(c.line, p), append(c.dots, dot{p, hint})
}

// colour returns the class of a series: the colour tells sides or points apart.
func colour(i int) string { return "c" + strconv.Itoa(i%maxSeries) }

// newChart returns a chart with the grid of its axes.
func newChart(caption string, height int, x, y axis) *chart {
	c := &chart{Caption: caption, Height: height, Narrow: min(height, 280), X: x, Y: y}
	var major, minor strings.Builder
	lines := func(ticks []tick, line func(t tick) string) {
		for _, t := range ticks {
			if t.Label == "" {
				minor.WriteString(line(t))
			} else {
				major.WriteString(line(t))
			}
		}
	}
	lines(x.ticks, func(t tick) string { return "M" + px(x.share(t.value)) + " 0V1000" })
	lines(y.ticks, func(t tick) string { return "M0 " + px(1-y.share(t.value)) + "H1000" })
	c.path("grid minor", minor.String(), "")
	c.path("grid", major.String(), "")
	c.path("axis", "M0 0V1000H1000", "")
	return c
}

// px writes a share of the square's side in its units.
func px(share float64) string {
	if math.IsNaN(share) || math.IsInf(share, 0) {
		share = 0
	}
	return strconv.FormatFloat(math.Round(share*side*10)/10, 'f', -1, 64)
}

func (c *chart) path(class, d, hint string) {
	if d != "" {
		c.Marks = append(c.Marks, mark{class, d, hint})
	}
}

// at returns the place of a point in the square.
func (c *chart) at(p point) string { return px(c.X.share(p.x)) + " " + px(1-c.Y.share(p.y)) }

// dot draws a stroke of no length: its round caps make a dot however the square is stretched.
func (c *chart) dot(class string, p point, hint string) { c.path(class, "M"+c.at(p)+"h.01", hint) }

// box draws the rectangle between two points.
func (c *chart) box(class string, a, b point, hint string) {
	x0, y0, x1, y1 := px(c.X.share(a.x)), px(1-c.Y.share(a.y)), px(c.X.share(b.x)), px(1-c.Y.share(b.y))
	c.path(class, "M"+x0+" "+y0+"H"+x1+"V"+y1+"H"+x0+"z", hint)
}

// line draws a line through points; it skips some if there are more than pixels.
func (c *chart) line(class string, points []point) {
	var d strings.Builder
	step := max(1, (len(points)+maxPoints-1)/maxPoints)
	for i := 0; i < len(points); i += step {
		d.WriteString([]string{"L", "M"}[max(1-i, 0)] + c.at(points[i]))
	}
	if len(points) == 1 {
		d.WriteString("h.1")
	}
	c.path(class, d.String(), "")
}

// curves draws all lines with their marks, and the legend.
func (c *chart) curves(all []curve) *chart {
	var desc []string
	for _, cu := range all {
		c.line("line "+cu.style, cu.line)
		for _, d := range cu.dots {
			c.dot("dot "+cu.style, d.point, d.hint)
		}
		c.Legend = append(c.Legend, key{"line " + cu.style, cu.name, "line"})
		desc = append(desc, cu.desc)
	}
	c.Desc = strings.Join(desc, "; ")
	return c
}

// label writes text beside a point; the class says on which side of it.
func (c *chart) label(class string, p point, text string) {
	c.Labels = append(c.Labels, label{class, text, 100 * c.X.share(p.x), 100 * (1 - c.Y.share(p.y))})
}

// lines draws curves over a common x axis, the y axis from 0; nil if there is no point.
func lines(height int, caption string, x axis, yTitle string, format func(float64) string, all []curve) *chart {
	top, points := 0.0, 0
	for i := range all {
		peak := 0.0
		for _, p := range all[i].line {
			peak = max(peak, p.y)
		}
		top, points = max(top, peak), points+len(all[i].line)
		all[i].desc = all[i].name + ": " + strconv.Itoa(len(all[i].line)) + " points, at most " + format(peak)
	}
	if points == 0 {
		return nil
	}
	return newChart(caption, height, x, linear(yTitle, top*1.03, 5, format)).curves(all)
}

// rows begins a chart of n rows from the top, each a unit high: row i is at i + 0.5 from the top.
func rows(kind, caption string, n int, x axis, names func(i int) string) *chart {
	c := newChart(caption, 34*n, x, axis{lo: 0, hi: float64(n), by: func(v float64) float64 { return v }})
	c.Kind, c.Narrow = kind, 64*n
	for i := range n {
		c.label("name", point{x.lo, c.row(i)}, names(i))
	}
	return c
}

func (c *chart) row(i int) float64 { return c.Y.hi - float64(i) - 0.5 }

// clip keeps a label from running over others.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// short removes the zeros of a round value: "1.00 GB/s" becomes "1 GB/s", "200k" stays.
func short(s string) string {
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(s)
	}
	number := s[:end]
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	return number + s[end:]
}

func iopsLabel(v float64) string { return short(result.FormatSI(v, "")) }

func bytesLabel(v float64) string { return short(result.FormatSI(v, "B/s")) }

func latencyLabel(seconds float64) string { return short(timeLabel(seconds)) }

func timeLabel(seconds float64) string { return result.FormatFigure(seconds, "s") }
