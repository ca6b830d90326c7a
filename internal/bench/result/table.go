package result

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/internal/stat"
)

// Table writes a result for people.
func Table(w io.Writer, d Document) error {
	var b strings.Builder
	switch {
	case d.Run != nil:
		tableRun(&b, d.Run)
	case d.Comparison != nil:
		tableComparison(&b, d.Comparison)
	case d.Sweep != nil:
		tableSweep(&b, d.Sweep)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func tableRun(b *strings.Builder, r *Run) {
	fmt.Fprintf(b, "%s: %s", r.Workload.Title(), duration(r.Elapsed))
	if r.Ended != "" && r.Ended != "runtime" {
		fmt.Fprintf(b, " (ended: %s)", Clean(r.Ended))
	}
	b.WriteByte('\n')
	targetHead(b, &r.Target)
	hostHead(b, &r.Client)
	b.WriteByte('\n')
	totals(b, r)
	b.WriteByte('\n')
	cpuLines(b, r)
	parts(b, r)
	notes(b, r.Notes)
}

func targetHead(b *strings.Builder, t *Target) {
	fmt.Fprintf(b, "target  %s LUN %d at %s\n", Clean(t.Name), t.LUN, Clean(t.URL))
	for _, line := range []string{t.Device(), commas(Clean(t.Software), Clean(kernel(t.Kernel)), onCPUs(t))} {
		if line != "" {
			fmt.Fprintf(b, "        %s\n", line)
		}
	}
}

func hostHead(b *strings.Builder, h *Host) {
	ringtgt := ""
	if h.Ringtgt != "" {
		ringtgt = "ringtgt " + h.Ringtgt
	}
	fmt.Fprintf(b, "client  %s\n", Clean(commas(ringtgt, kernel(h.Kernel), h.CPU, Plural(h.CPUs, "CPU"),
		fmt.Sprintf("load %.2f %.2f %.2f before", h.Load[0], h.Load[1], h.Load[2]))))
}

// commas joins the parts that are not empty.
func commas(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// onCPUs says which CPUs a target was bound to; "" if it was not.
func onCPUs(t *Target) string {
	if len(t.Pinned) == 0 {
		return ""
	}
	return "on CPU " + CPUList(t.Pinned)
}

// trouble returns the cells of errors and busy, empty where there were none so that their columns disappear.
func trouble(s *Stats) []string {
	cells := s.Cells("errors", "busy")
	for i := range cells {
		if cells[i] == "0" {
			cells[i] = ""
		}
	}
	return cells
}

func totals(b *strings.Builder, r *Run) {
	names := Columns()
	figures := names[:len(names)-2]
	var g grid
	g.row(append([]string{""}, names...)...)
	line := func(name string, s *Stats) {
		g.row(slices.Concat([]string{name}, s.Cells(figures...), trouble(s))...)
	}
	line("total", &r.Total)
	if r.Reads != nil && r.Writes != nil {
		line("reads", r.Reads)
		line("writes", r.Writes)
	}
	g.write(b)
}

// cpuLines shows the processor time of a request.
func cpuLines(b *strings.Builder, r *Run) {
	if t := r.CPUTimeText(); t != "" {
		fmt.Fprintf(b, "target CPU  %s per request", t)
		if v := r.FigureText(FigureIOPSPerCPU); v != "" {
			bytes, _ := r.Figure(FigureBytes)
			fmt.Fprintf(b, ": %s IOPS and %s per CPU-second", v, FormatSI(bytes, "B"))
		}
		b.WriteByte('\n')
	}
	if v := r.FigureText(FigureIdle); v != "" {
		fmt.Fprintf(b, "idle CPU    %s of one CPU with all sessions up and no request\n", v)
	}
	if user, system := r.ClientCPU(); user+system > 0 {
		fmt.Fprintf(b, "client CPU  %s per request (user %s, system %s)\n", FormatLatency(user+system), FormatLatency(user), FormatLatency(system))
	}
}

// parts lists sessions, connections and threads. A single session or connection would only repeat the total.
func parts(b *strings.Builder, r *Run) {
	columns := []string{"requests", "IOPS", "bytes/s", "p50", "p99", "p99.9"}
	for _, p := range r.Parts() {
		if p.N == 0 || p.N == 1 && p.What != "thread" {
			continue
		}
		b.WriteByte('\n')
		var g grid
		g.row(slices.Concat(p.Head[:1], columns, p.Head[1:], []string{"errors", "busy"})...)
		for i := range min(p.N, maxRows) {
			own, s := p.Row(i)
			g.row(slices.Concat(own[:1], s.Cells(columns...), own[1:], trouble(s))...)
		}
		g.write(b)
		if p.N > maxRows {
			all := make([]*Stats, p.N)
			for i := range all {
				_, all[i] = p.Row(i)
			}
			fmt.Fprintf(b, "... and %s more%s; all are in the JSON and the report\n", Plural(p.N-maxRows, p.What), ranges(all))
		}
	}
}

// ranges gives the range of the figures over all parts, including those not listed.
func ranges(all []*Stats) string {
	var iops, p99 []float64
	for _, s := range all {
		iops = append(iops, s.IOPS)
		if s.Latency.Count() > 0 {
			p99 = append(p99, s.Latency.Quantile(0.99).Seconds())
		}
	}
	s := stat.Of(iops)
	text := fmt.Sprintf(": of all, IOPS %s to %s", FormatSI(s.Low, ""), FormatSI(s.High, ""))
	if len(p99) > 0 {
		s = stat.Of(p99)
		text += fmt.Sprintf(", p99 %s to %s", FormatFigure(s.Low, "s"), FormatFigure(s.High, "s"))
	}
	return text
}

func notes(b *strings.Builder, notes []string) {
	if len(notes) == 0 {
		return
	}
	b.WriteByte('\n')
	for _, n := range notes {
		fmt.Fprintf(b, "note: %s\n", Clean(n))
	}
}
