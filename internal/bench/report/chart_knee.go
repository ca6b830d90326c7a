package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// kneeChart draws latency over throughput, a point for each run of a sweep, with the knee marked.
func kneeChart(title string, s *result.Sweep) *figure {
	bytes := s.Parameter == "bs"
	load := func(r *result.Run) float64 {
		if bytes {
			return r.Total.Rate
		}
		return r.Total.IOPS
	}
	lo, hi, top := math.Inf(1), 0.0, 0.0
	var desc []string
	for i := range s.Points {
		r := &s.Points[i].Run
		h := r.Total.Latency
		if h == nil || h.Count() == 0 {
			continue
		}
		top = max(top, load(r))
		lo, hi = min(lo, max(h.Quantile(0.5).Seconds(), 1e-9)), max(hi, h.Quantile(0.999).Seconds())
		desc = append(desc, fmt.Sprintf("%s %s: %s, p50 %s, p99 %s", s.Parameter, s.Points[i].Value, loadLabel(load(r), bytes),
			result.FormatLatency(h.Quantile(0.5)), result.FormatLatency(h.Quantile(0.99))))
	}
	if len(desc) == 0 {
		return nil
	}
	xTitle := "throughput (IOPS)"
	if bytes {
		xTitle = "throughput (B/s)"
	}
	f := newFrame(460, title, strings.Join(desc, "; "), linear(xTitle, top*1.02, 8, func(v float64) string { return round(loadLabel(v, bytes)) }),
		logarithmic(latencyTitle, lo, hi, 18, latencyLabel))
	fig := &figure{Caption: title}
	names := labels{f: f}
	var medians []point
	var texts []string
	for n, q := range []result.Quantile{{Name: "p50", Share: 0.5}, {Name: "p99", Share: 0.99}, {Name: "p99.9", Share: 0.999}} {
		st := style{colour: n}
		var line []point
		for i := range s.Points {
			r := &s.Points[i].Run
			if h := r.Total.Latency; h != nil && h.Count() > 0 {
				line = append(line, f.at(load(r), h.Quantile(q.Share).Seconds()))
			}
		}
		f.polyline(st.class(), line)
		names.keepLine(line)
		for i := range s.Points {
			r := &s.Points[i].Run
			h := r.Total.Latency
			if h == nil || h.Count() == 0 {
				continue
			}
			p := f.at(load(r), h.Quantile(q.Share).Seconds())
			f.circle(st.dot(), p.x, p.y, 4.5, fmt.Sprintf("%s %s: %s, %s %s", s.Parameter, s.Points[i].Value, loadLabel(load(r), bytes), q.Name, result.FormatLatency(h.Quantile(q.Share))))
			names.keep(p, 5)
			if n == 0 {
				medians, texts = append(medians, p), append(texts, s.Points[i].Value)
			}
			if i == s.Knee {
				if n == 0 {
					f.line("knee", p.x, f.top, p.x, f.bottom)
					names.keepLine([]point{{p.x, f.top}, {p.x, f.bottom}})
				}
				f.circle("ring", p.x, p.y, 10, "")
			}
		}
		fig.Legend = append(fig.Legend, key{st.class(), q.Name, "line"})
	}
	if s.Knee >= 0 && s.Knee < len(s.Points) {
		x := f.x.at(load(&s.Points[s.Knee].Run))
		names.place("kneelabel", point{x, f.top + 10}, "knee: "+clip(s.Parameter+" "+s.Points[s.Knee].Value, 32))
	}
	fig.Caption += "; beside p50: " + s.Parameter
	for i, p := range medians {
		names.place("value", p, clip(texts[i], 16))
	}
	fig.SVG = f.html()
	return fig
}

func loadLabel(v float64, bytes bool) string {
	if bytes {
		return result.FormatSI(v, "B/s")
	}
	return result.FormatSI(v, "")
}

// round shortens a label of a round value: "1.00 GB/s" to "1 GB/s", "200k" as it is.
func round(s string) string {
	end := 0
	for end < len(s) && (s[end] == '.' || s[end] >= '0' && s[end] <= '9') {
		end++
	}
	number := s[:end]
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	return number + s[end:]
}

// clip keeps a label from running over others.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
