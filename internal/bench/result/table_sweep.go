package result

import (
	"fmt"
	"slices"
	"strings"
)

// tableSweep writes one line per point, with the knee marked.
func tableSweep(b *strings.Builder, s *Sweep) {
	if len(s.Points) > 0 {
		r := &s.Points[0].Run
		fmt.Fprintf(b, "%s of %s: %s a point; at the first: %s\n", Plural(len(s.Points), "point"), Clean(s.Parameter), duration(r.Elapsed), r.Workload.Title())
		targetHead(b, &r.Target)
		hostHead(b, &r.Client)
		b.WriteByte('\n')
	}
	var g grid
	names := []string{"IOPS", "bytes/s", "mean", "p50", "p99", "p99.9"}
	g.row(slices.Concat([]string{Clean(s.Parameter)}, names, []string{"target CPU/req", "IOPS/CPU-s", ""})...)
	for i := range s.Points {
		r, mark := &s.Points[i].Run, ""
		switch {
		case i == s.Knee:
			mark = "<- knee"
		case r.Ended != "" && r.Ended != "runtime" && r.Ended != "size":
			mark = "<- " + Clean(r.Ended)
		}
		own := []string{r.CPUTimeText(), r.FigureText(FigureIOPSPerCPU), mark}
		g.row(slices.Concat([]string{Clean(s.Points[i].Value)}, r.Total.Cells(names...), own)...)
	}
	g.write(b)
	if s.Ended != "" {
		fmt.Fprintf(b, "\nINCOMPLETE: the sweep was %s\n", Clean(s.Ended))
	}
	if s.Knee >= 0 && s.Knee < len(s.Points) {
		fmt.Fprintf(b, "\nknee: from %s %s on more load buys latency rather than throughput\n", Clean(s.Parameter), Clean(s.Points[s.Knee].Value))
	} else {
		b.WriteString("\nno knee: throughput over latency has no maximum within the sweep\n")
	}
	notes(b, s.Notes())
}

// Notes returns the notes of all points, each once, with the points that have it unless all have.
func (s *Sweep) Notes() (all []string) {
	points := map[string][]string{}
	var order []string
	for i := range s.Points {
		for _, n := range s.Points[i].Run.Notes {
			if points[n] == nil {
				order = append(order, n)
			}
			points[n] = append(points[n], s.Points[i].Value)
		}
	}
	for _, n := range order {
		if len(points[n]) < len(s.Points) {
			n = fmt.Sprintf("%s %s: %s", s.Parameter, strings.Join(points[n], ", "), n)
		}
		all = append(all, n)
	}
	return all
}
