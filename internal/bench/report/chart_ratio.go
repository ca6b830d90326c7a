package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// ratios draws, for every figure, the first side's over that of side i: the median as a dot on a line from the lowest round to the highest.
func ratios(title string, c *result.Comparison, i int) *figure {
	first, other := c.Sides[0].Name, c.Sides[i].Name
	type row struct {
		name    string
		spread  result.Spread
		verdict string
	}
	var rows []row
	lo, hi := 1.0, 1.0
	var desc []string
	for _, f := range result.Figures() {
		s, verdict, ok := c.Ratio(i, f)
		if !ok || !(s.Median > 0) || math.IsInf(s.Median, 0) {
			continue // a ratio of 0, as of two idle shares, has no place on an axis of ratios; the table has it
		}
		rows = append(rows, row{c.FigureName(f.Name), s, verdict})
		hi = max(hi, s.Median, s.High)
		lo = min(lo, s.Median)
		if s.Low > 0 {
			lo = min(lo, s.Low)
		}
		desc = append(desc, fmt.Sprintf("%s %s %s", c.FigureName(f.Name), result.FormatRatio(s), verdict))
	}
	if len(rows) == 0 {
		return nil
	}
	lo = max(lo, hi/1e6)
	const height1, left, right, head = 34.0, 250.0, width - 310.0, 8.0
	height := head + height1*float64(len(rows)) + 46
	s := newSVG(height, title, strings.Join(desc, "; "))
	x := logarithmic("", lo/1.05, hi*1.05, 8, func(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) + "×" })
	x.from, x.to = left, right
	bottom := height - 46
	for _, t := range x.ticks {
		s.line("grid", x.at(t.value), head, x.at(t.value), bottom)
		if t.label != "" {
			s.text("tick", "middle", x.at(t.value), bottom+18, t.label)
		}
	}
	s.line("one", x.at(1), head, x.at(1), bottom)
	for i, r := range rows {
		y := head + height1*(float64(i)+0.5)
		s.text("name", "end", left-12, y+5, r.name)
		s.line("range "+r.verdict, x.at(r.spread.Low), y, x.at(r.spread.High), y)
		s.circle("median "+r.verdict, x.at(r.spread.Median), y, 6, r.name+": "+result.FormatRatio(r.spread))
		s.text("value", "start", right+14, y+5, result.FormatRatio(r.spread)+" "+r.verdict)
	}
	s.text("label", "middle", (left+right)/2, height-8, "ratio: "+clip(first, 24)+" over "+clip(other, 24)+" (logarithmic)")
	return &figure{Caption: title, SVG: s.html(), Legend: []key{
		{"median better", first + " better in all rounds", "dot"}, {"median worse", "worse in all rounds", "dot"}, {"median undecided", "rounds disagree", "dot"},
	}}
}
