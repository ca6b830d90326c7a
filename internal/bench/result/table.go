package result

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/internal/stat"
)

// Table writes a run for people.
func Table(w io.Writer, r *Run) error {
	var b strings.Builder
	runHead(&b, r)
	b.WriteByte('\n')
	totals(&b, r)
	b.WriteByte('\n')
	cpuLines(&b, r)
	parts(&b, r)
	notes(&b, "note", r.Notes)
	_, err := io.WriteString(w, b.String())
	return err
}

// runHead describes the workload, the target and the client.
func runHead(b *strings.Builder, r *Run) {
	fmt.Fprintf(b, "%s: %s", r.Workload.Title(), duration(r.Elapsed))
	if r.Ended != "" && r.Ended != "runtime" {
		fmt.Fprintf(b, " (ended: %s)", Clean(r.Ended))
	}
	b.WriteByte('\n')
	targetHead(b, &r.Target)
	hostHead(b, &r.Client)
}

func targetHead(b *strings.Builder, t *Target) {
	fmt.Fprintf(b, "target  %s LUN %d at %s\n", Clean(t.Name), t.LUN, Clean(t.URL))
	if d := t.Device(); d != "" {
		fmt.Fprintf(b, "        %s\n", d)
	}
	var parts []string
	for _, s := range []string{t.Software, kernel(t.Kernel)} {
		if s != "" {
			parts = append(parts, Clean(s))
		}
	}
	if len(t.Pinned) > 0 {
		parts = append(parts, "on CPU "+cpuList(t.Pinned))
	}
	if len(parts) > 0 {
		fmt.Fprintf(b, "        %s\n", strings.Join(parts, ", "))
	}
}

func hostHead(b *strings.Builder, h *Host) {
	var parts []string
	if h.Ringtgt != "" {
		parts = append(parts, "ringtgt "+h.Ringtgt)
	}
	for _, s := range []string{kernel(h.Kernel), h.CPU} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	parts = append(parts, plural(h.CPUs, "CPU"), fmt.Sprintf("load %.2f %.2f %.2f before", h.Load[0], h.Load[1], h.Load[2]))
	fmt.Fprintf(b, "client  %s\n", Clean(strings.Join(parts, ", ")))
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
	columns := Columns()
	figures := columns[:len(columns)-2]
	g := grid{names: 1}
	g.row(append([]string{""}, columns...)...)
	line := func(name string, s *Stats) {
		g.row(slices.Concat([]string{name}, s.Cells(figures...), trouble(s))...)
	}
	line("total", &r.Total)
	if r.Reads != nil && r.Writes != nil {
		line("reads", r.Reads)
		line("writes", r.Writes)
	}
	must(g.write(b, ""))
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
		g := grid{names: 1}
		g.row(slices.Concat(p.Head[:1], columns, p.Head[1:], []string{"errors", "busy"})...)
		for i := range min(p.N, maxRows) {
			own, s := p.Row(i)
			g.row(slices.Concat(own[:1], s.Cells(columns...), own[1:], trouble(s))...)
		}
		must(g.write(b, ""))
		if p.N > maxRows {
			all := make([]*Stats, p.N)
			for i := range all {
				_, all[i] = p.Row(i)
			}
			fmt.Fprintf(b, "... and %s more%s; all are in the JSON and the report\n", plural(p.N-maxRows, p.What), ranges(all))
		}
	}
}

// ranges gives the range of the figures over all parts, including those not listed.
func ranges(all []*Stats) string {
	var iops, p99 []float64
	for _, s := range all {
		iops = append(iops, s.IOPS)
		if s.Latency != nil && s.Latency.Count() > 0 {
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

func cpuList(cpus []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(cpus), " ", ","), "[]")
}

func notes(b *strings.Builder, word string, notes []string) {
	if len(notes) == 0 {
		return
	}
	b.WriteByte('\n')
	for _, n := range notes {
		fmt.Fprintf(b, "%s: %s\n", word, Clean(n))
	}
}

// must is for writes to a strings.Builder, which do not fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
