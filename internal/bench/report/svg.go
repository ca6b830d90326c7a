package report

import (
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// width is that of every chart in the units of its viewBox; about the pixels that it has on a desktop.
const width = 1000

// svg is written from front to back. Text goes in through text, title and desc only, which escape it; classes are constants of
// this package, and coordinates numbers.
type svg struct {
	b      strings.Builder
	height float64
}

// newSVG begins a chart that readers of screens announce by title and desc.
func newSVG(height float64, title, desc string) *svg {
	s := &svg{height: height}
	s.b.WriteString(`<svg class="chart" role="img" viewBox="0 0 ` + px(width) + " " + px(height) + `"><title>`)
	s.b.WriteString(escape(title))
	s.b.WriteString("</title><desc>")
	s.b.WriteString(escape(desc))
	s.b.WriteString("</desc>")
	return s
}

// escape makes any text fit for an element: no markup, nothing that is not printable.
func escape(text string) string { return html.EscapeString(result.Clean(text)) }

// html ends the chart.
func (s *svg) html() template.HTML {
	s.b.WriteString("</svg>")
	return template.HTML(s.b.String()) //nolint:gosec // every string in it went through escape
}

// px writes a coordinate to a tenth of a pixel.
func px(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

func (s *svg) line(class string, x1, y1, x2, y2 float64) {
	s.b.WriteString(`<path class="` + class + `" d="M` + px(x1) + " " + px(y1) + "L" + px(x2) + " " + px(y2) + `"/>`)
}

func (s *svg) rect(class string, x, y, w, h float64, hint string) {
	s.b.WriteString(`<rect class="` + class + `" x="` + px(x) + `" y="` + px(y) + `" width="` + px(max(w, 0)) + `" height="` + px(max(h, 0)) + `"`)
	s.hint("rect", hint)
}

func (s *svg) circle(class string, x, y, r float64, hint string) {
	s.b.WriteString(`<circle class="` + class + `" cx="` + px(x) + `" cy="` + px(y) + `" r="` + px(r) + `"`)
	s.hint("circle", hint)
}

// hint ends an element with what is shown when the pointer rests on it.
func (s *svg) hint(element, hint string) {
	if hint == "" {
		s.b.WriteString("/>")
		return
	}
	s.b.WriteString("><title>" + escape(hint) + "</title></" + element + ">")
}

// text writes text; anchor is start, middle or end.
func (s *svg) text(class, anchor string, x, y float64, text string) {
	s.b.WriteString(`<text class="` + class + `" text-anchor="` + anchor + `" x="` + px(x) + `" y="` + px(y) + `">` + escape(text) + "</text>")
}

// vertical writes text that reads upwards.
func (s *svg) vertical(class string, x, y float64, text string) {
	s.b.WriteString(`<text class="` + class + `" text-anchor="middle" transform="translate(` + px(x) + " " + px(y) + `)rotate(-90)">` + escape(text) + "</text>")
}

// point is in pixels.
type point struct{ x, y float64 }

// polyline draws through points; one alone becomes a dot.
func (s *svg) polyline(class string, points []point) {
	if len(points) == 0 {
		return
	}
	s.b.WriteString(`<path class="` + class + `" d="`)
	for i, p := range points {
		if i == 0 {
			s.b.WriteByte('M')
		} else {
			s.b.WriteByte('L')
		}
		s.b.WriteString(px(p.x) + " " + px(p.y))
	}
	if len(points) == 1 {
		s.b.WriteString("h.1")
	}
	s.b.WriteString(`"/>`)
}
