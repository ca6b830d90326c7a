package report

import (
	"fmt"
	"strings"
)

// lines draws curves over a common x axis, the y axis from 0.
// Points that have hints are marked.
func lines(height float64, title string, x axis, yTitle string, label func(float64) string, curves []curve) *figure {
	top, points := 0.0, 0
	var desc []string
	for _, c := range curves {
		points += len(c.y)
		peak := 0.0
		for _, v := range c.y {
			peak = max(peak, v)
		}
		top = max(top, peak)
		desc = append(desc, fmt.Sprintf("%s: %d points, at most %s", c.name, len(c.y), label(peak)))
	}
	if points == 0 {
		return nil
	}
	f := newFrame(height, title, strings.Join(desc, "; "), x, linear(yTitle, top*1.03, 5, label))
	for _, c := range curves {
		var line []point
		step := max(1, (len(c.y)+maxPoints-1)/maxPoints)
		for i := 0; i < len(c.y); i += step {
			line = append(line, f.at(c.x[i], c.y[i]))
		}
		f.polyline(c.class(), line)
		for i := range c.hint {
			p := f.at(c.x[i], c.y[i])
			f.circle(c.dot(), p.x, p.y, 4, c.hint[i])
		}
	}
	return &figure{Caption: title, Legend: keys(curves), SVG: f.html()}
}
