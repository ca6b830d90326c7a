package report

import (
	"fmt"
	"slices"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

func viewSweep(s *result.Sweep) view {
	v := view{Title: "Sweep of " + s.Parameter, Command: shell(s.Command), Notes: s.Notes(), Tiles: sweepTiles(s)}
	if s.Ended != "" {
		v.Notes = append([]string{"Incomplete: the sweep was " + s.Ended + "."}, v.Notes...)
	}
	var facts []facts
	if len(s.Points) > 0 {
		r := &s.Points[0].Run
		v.Date = date(r.Started)
		v.Title = fmt.Sprintf("Sweep of %s, %s to %s: %s", s.Parameter, s.Points[0].Value, s.Points[len(s.Points)-1].Value, r.Workload.RW)
		v.Lede = append([]string{"at the first point: " + r.Workload.Title()}, ledeOf(&r.Target)...)
		facts = append(setup("Workload at the first point", r, &r.Client), target("", &r.Target)...)
	}
	points := statsTable("Points", []string{s.Parameter, "target CPU per request", "IOPS per CPU-second"}, len(s.Points), func(i int) ([]string, *result.Stats) {
		r := &s.Points[i].Run
		return []string{s.Points[i].Value, r.CPUTimeText(), r.FigureText(result.FigureIOPSPerCPU)}, &r.Total
	})
	points.Open, points.Mark = true, s.Knee
	v.add(section{ID: "knee", Title: "Latency over throughput",
		Help:   "One point per run. Left of the knee more load buys throughput, right of it latency: the knee is where throughput over mean latency is highest.",
		Charts: []*chart{kneeChart("Latency over throughput", s)}, Tables: []table{points}})
	v.add(section{ID: "percentiles", Title: "Latency percentiles", Help: "Each step to the right is a tenfold rarer request.",
		Charts: []*chart{percentiles("Latency by percentile", sweepDistributions(s))}})
	v.add(section{ID: "cpu", Title: cpuTitle, Help: "CPU time divided by requests. Batching shows here: the more requests are in flight, the less each one costs.",
		Charts: []*chart{sweepCPU(s)}})
	v.add(section{ID: "setup", Title: "Setup", Facts: facts})
	return v
}

func sweepTiles(s *result.Sweep) []tile {
	if len(s.Points) == 0 {
		return nil
	}
	best := &s.Points[0]
	for i := range s.Points {
		if s.Points[i].Run.Total.Rate > best.Run.Total.Rate {
			best = &s.Points[i]
		}
	}
	cells := best.Run.Total.Cells("bytes/s", "IOPS")
	tiles := []tile{{Label: "highest throughput", Value: cells[0], More: "at " + s.Parameter + " " + best.Value}, {Label: "IOPS there", Value: cells[1]}}
	if s.Knee < 0 {
		return append(tiles, tile{Label: "knee", Value: "none", More: "within the sweep"})
	}
	k := &s.Points[s.Knee]
	cells = k.Run.Total.Cells("bytes/s", "IOPS", "p50", "p99.9")
	tiles = append(tiles, tile{Label: "knee", Value: s.Parameter + " " + k.Value}, tile{Label: "throughput at the knee", Value: cells[0], More: cells[1] + " IOPS"})
	if cells[2] != "" {
		tiles = append(tiles, tile{Label: "p50 at the knee", Value: cells[2]}, tile{Label: "p99.9 at the knee", Value: cells[3]})
	}
	return tiles
}

// sweepDistributions are those of at most maxSeries points, the first, the last and the knee among them.
func sweepDistributions(s *result.Sweep) (all []distribution) {
	n := len(s.Points)
	var chosen []int
	if s.Knee >= 0 {
		chosen = append(chosen, s.Knee)
	}
	for i := 0; i < maxSeries && len(chosen) < min(maxSeries, n); i++ {
		if k := i * (n - 1) / (maxSeries - 1); !slices.Contains(chosen, k) {
			chosen = append(chosen, k)
		}
	}
	slices.Sort(chosen)
	for _, i := range chosen {
		name := s.Parameter + " " + s.Points[i].Value + when(i == s.Knee, " (knee)")
		all = append(all, distribution{name, s.Points[i].Run.Total.Latency, colour(len(all))})
	}
	return all
}

func sweepCPU(s *result.Sweep) *chart {
	curves := []curve{{name: "target", style: colour(0)}, {name: "client", style: colour(1) + " dash"}}
	var labels []string
	for i := range s.Points {
		labels = append(labels, clip(s.Points[i].Value, 8))
		user, system := s.Points[i].Run.ClientCPU()
		for k, v := range []float64{s.Points[i].Run.CPUTime().Seconds(), (user + system).Seconds()} {
			if v > 0 {
				curves[k].mark(point{float64(i), v}, fmt.Sprintf("%s, %s %s: %s", curves[k].name, s.Parameter, s.Points[i].Value, timeLabel(v)))
			}
		}
	}
	curves = slices.DeleteFunc(curves, func(c curve) bool { return len(c.line) == 0 })
	return lines(234, cpuCaption, ordinal(s.Parameter, labels), cpuAxis, latencyLabel, curves)
}
