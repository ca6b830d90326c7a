package report

import (
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// bar is a row of segments that add up.
type bar struct {
	name     string
	segments []segment
}

type segment struct {
	name  string
	class string // of its fill
	value float64
}

func (b bar) sum() (sum float64) {
	for _, s := range b.segments {
		sum += s.value
	}
	return sum
}

// bars draws times as horizontal bars.
func bars(title, xTitle string, all []bar) *figure {
	top := 0.0
	var desc []string
	fig := &figure{Caption: title}
	seen := map[string]bool{}
	for _, b := range all {
		top = max(top, b.sum())
		desc = append(desc, b.name+" "+timeLabel(b.sum()))
		for _, s := range b.segments {
			if !seen[s.name] {
				seen[s.name] = true
				fig.Legend = append(fig.Legend, key{s.class, s.name, "fill"})
			}
		}
	}
	if top == 0 {
		return nil
	}
	const row, left, right, head = 34.0, 190.0, width - 110.0, 8.0
	height := head + row*float64(len(all)) + 46
	s := newSVG(height, title, strings.Join(desc, "; "))
	x := linear(xTitle, top, 6, latencyLabel)
	x.from, x.to = left, right
	bottom := height - 46
	for _, t := range x.ticks {
		s.line("grid", x.at(t.value), head, x.at(t.value), bottom)
		s.text("tick", "middle", x.at(t.value), bottom+18, t.label)
	}
	for i, b := range all {
		y := head + row*float64(i)
		s.text("name", "end", left-10, y+row/2+5, b.name)
		from := 0.0
		for _, g := range b.segments {
			s.rect(g.class, x.at(from), y+6, x.at(from+g.value)-x.at(from), row-12, b.name+", "+g.name+": "+timeLabel(g.value))
			from += g.value
		}
		s.text("value", "start", x.at(from)+8, y+row/2+5, timeLabel(from))
	}
	s.line("axis", left, head, left, bottom)
	s.text("label", "middle", (left+right)/2, height-8, xTitle)
	fig.SVG = s.html()
	return fig
}

func timeLabel(seconds float64) string {
	return result.FormatLatency(time.Duration(seconds * float64(time.Second)))
}

// cpuBars are the bars of the processor time that a run's request took.
func cpuBars(prefix string, r *result.Run) (all []bar) {
	if t := r.CPUTime(); t > 0 {
		all = append(all, bar{prefix + "target", []segment{{"target, user and system", "f0", t.Seconds()}}})
	}
	if user, system := r.ClientCPU(); user+system > 0 {
		all = append(all, bar{prefix + "client", []segment{{"client, user", "f1", user.Seconds()}, {"client, system", "f2", system.Seconds()}}})
	}
	return all
}
