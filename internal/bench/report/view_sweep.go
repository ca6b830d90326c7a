package report

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

func viewSweep(s *result.Sweep) view {
	v := view{Title: "Sweep of " + s.Parameter, Command: shell(s.Command)}
	if len(s.Points) > 0 {
		r := &s.Points[0].Run
		v.Date = date(r.Started)
		v.Title = fmt.Sprintf("Sweep of %s, %s to %s: %s", s.Parameter, s.Points[0].Value, s.Points[len(s.Points)-1].Value, r.Workload.RW)
		v.Lede = append(v.Lede, "at the first point: "+r.Workload.Title(), r.Target.Name+" at "+r.Target.URL)
		if d := r.Target.Device(); d != "" {
			v.Lede = append(v.Lede, d)
		}
	}
	v.Notes = s.Notes()
	v.Tiles = sweepTiles(s)

	c := section{ID: "knee", Title: "Latency over throughput",
		Help: "A point for each run. To the left of the knee more load buys throughput, to the right of it latency: it is where throughput over mean latency is greatest."}
	c.add(kneeChart("Latency over throughput", s))
	t := table{Title: "Points", Open: true, Head: statsHead(s.Parameter, "target CPU per request", "IOPS per CPU second"), Mark: s.Knee}
	for i := range s.Points {
		r := &s.Points[i].Run
		per := "–"
		if f, ok := r.Figure(result.FigureIOPSPerCPU); ok {
			per = result.FormatSI(f, "")
		}
		t.Rows = append(t.Rows, statsRow(&r.Total, s.Points[i].Value, latencyOrDash(r.CPUTime(), r.CPUTime() > 0), per))
	}
	c.Tables = append(c.Tables, t.prune())
	v.add(c)

	c = section{ID: "percentiles", Title: "Latency percentiles", Help: "Each step to the right is a tenfold rarer request."}
	c.add(percentiles("Latency by percentile", sweepDistributions(s)))
	v.add(c)

	c = section{ID: "cpu", Title: "CPU per request", Help: "CPU time divided by requests. Batching shows here: the more requests are in flight, the less each one costs."}
	c.add(sweepCPU(s))
	v.add(c)

	c = section{ID: "setup", Title: "Setup"}
	if len(s.Points) > 0 {
		r := &s.Points[0].Run
		w := workloadFacts(r)
		w.Title = "Workload at the first point"
		c.facts(w, targetFacts("Target", &r.Target), hostFacts(&r.Client, r.Workload.Cores), negotiatedFacts("Negotiated at login", &r.Target))
	}
	v.add(c)
	return v
}

func sweepTiles(s *result.Sweep) (tiles []tile) {
	var best *result.Point
	for i := range s.Points {
		if best == nil || s.Points[i].Run.Total.Rate > best.Run.Total.Rate {
			best = &s.Points[i]
		}
	}
	if best == nil {
		return nil
	}
	tiles = append(tiles,
		tile{Label: "most throughput", Value: result.FormatSI(best.Run.Total.Rate, "B/s"), More: "at " + s.Parameter + " " + best.Value},
		tile{Label: "IOPS there", Value: result.FormatSI(best.Run.Total.IOPS, "")})
	if s.Knee < 0 {
		return append(tiles, tile{Label: "knee", Value: "none", More: "within the sweep"})
	}
	k := &s.Points[s.Knee]
	tiles = append(tiles, tile{Label: "knee", Value: s.Parameter + " " + k.Value})
	tiles = append(tiles, tile{Label: "throughput at the knee", Value: result.FormatSI(k.Run.Total.Rate, "B/s"), More: result.FormatSI(k.Run.Total.IOPS, "") + " IOPS"})
	if h := k.Run.Total.Latency; h != nil && h.Count() > 0 {
		tiles = append(tiles, tile{Label: "p50 at the knee", Value: result.FormatLatency(h.Quantile(0.5))},
			tile{Label: "p99.9 at the knee", Value: result.FormatLatency(h.Quantile(0.999))})
	}
	return tiles
}

// sweepDistributions are those of at most maxSeries points, the first, the last and the knee among them.
func sweepDistributions(s *result.Sweep) (all []distribution) {
	n := len(s.Points)
	chosen := map[int]bool{}
	if s.Knee >= 0 {
		chosen[s.Knee] = true
	}
	for i := 0; i < maxSeries && len(chosen) < min(maxSeries, n); i++ {
		chosen[i*(n-1)/(maxSeries-1)] = true
	}
	for i := range s.Points {
		if !chosen[i] {
			continue
		}
		name := s.Parameter + " " + s.Points[i].Value
		st := style{colour: len(all)}
		if i == s.Knee {
			name += " (knee)"
		}
		all = append(all, distribution{name, s.Points[i].Run.Total.Latency, st})
	}
	return all
}

func sweepCPU(s *result.Sweep) *figure {
	target, client := curve{name: "target", style: style{colour: 0}}, curve{name: "client", style: style{colour: 1, dash: "dash"}}
	var labels []string
	add := func(c *curve, i int, v float64) {
		c.x, c.y = append(c.x, float64(i)), append(c.y, v)
		c.hint = append(c.hint, fmt.Sprintf("%s, %s %s: %s", c.name, s.Parameter, s.Points[i].Value, timeLabel(v)))
	}
	for i := range s.Points {
		r := &s.Points[i].Run
		labels = append(labels, clip(s.Points[i].Value, 8))
		if t := r.CPUTime(); t > 0 {
			add(&target, i, t.Seconds())
		}
		if user, system := r.ClientCPU(); user+system > 0 {
			add(&client, i, (user + system).Seconds())
		}
	}
	var curves []curve
	for _, c := range []curve{target, client} {
		if len(c.y) > 0 {
			curves = append(curves, c)
		}
	}
	return lines(300, "Processor time per request", ordinal(s.Parameter, labels), "processor time per request", latencyLabel, curves)
}
