package result

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/ringtgt/ringtgt/internal/hist"
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

// runHead says what was measured, where, and from where.
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

// statsHeader and statsCells are the columns of a Stats, latencies apart.
func statsHeader() []string { return []string{"requests", "IOPS", "bytes/s"} }

func statsCells(s *Stats) []string {
	return []string{humanize.Comma(int64(s.Requests)), FormatSI(s.IOPS, ""), FormatSI(s.Rate, "B/s")}
}

// trouble is empty where there was none, so that its column goes.
func trouble(s *Stats) []string {
	f := func(n uint64) string {
		if n == 0 {
			return ""
		}
		return humanize.Comma(int64(n))
	}
	return []string{f(s.Errors), f(s.Busy)}
}

func totals(b *strings.Builder, r *Run) {
	g := grid{names: 1}
	header := append([]string{""}, statsHeader()...)
	header = append(header, "mean")
	for _, q := range Quantiles() {
		header = append(header, q.Name)
	}
	g.row(append(header, "max", "errors", "busy")...)
	line := func(name string, s *Stats) {
		cells := append([]string{name}, statsCells(s)...)
		if h := s.Latency; h != nil && h.Count() > 0 {
			cells = append(cells, FormatLatency(h.Mean()))
			for _, q := range Quantiles() {
				cells = append(cells, FormatLatency(h.Quantile(q.Share)))
			}
			cells = append(cells, FormatLatency(h.Max()))
		} else {
			cells = append(cells, make([]string, len(Quantiles())+2)...)
		}
		g.row(append(cells, trouble(s)...)...)
	}
	line("total", &r.Total)
	if r.Reads != nil && r.Writes != nil {
		line("reads", r.Reads)
		line("writes", r.Writes)
	}
	must(g.write(b, ""))
}

// cpuLines says what processor time a request took.
func cpuLines(b *strings.Builder, r *Run) {
	if t := r.CPUTime(); t > 0 {
		fmt.Fprintf(b, "target CPU  %s per request", FormatLatency(t))
		if v, ok := r.Figure(FigureIOPSPerCPU); ok {
			bytes, _ := r.Figure(FigureBytes)
			fmt.Fprintf(b, ": %s IOPS and %s per CPU-second", FormatSI(v, ""), FormatSI(bytes, "B"))
		}
		b.WriteByte('\n')
	}
	if r.Target.IdleCPU != nil {
		fmt.Fprintf(b, "idle CPU    %s of one CPU with all sessions up and no request\n", FormatFigure(*r.Target.IdleCPU, "share"))
	}
	if user, system := r.ClientCPU(); user+system > 0 {
		fmt.Fprintf(b, "client CPU  %s per request (user %s, system %s)\n", FormatLatency(user+system), FormatLatency(user), FormatLatency(system))
	}
}

// parts lists sessions, connections and CPUs; a kind that has one is the total once more and left out.
func parts(b *strings.Builder, r *Run) {
	quantiles := func(h *hist.Histogram) []string {
		if h == nil || h.Count() == 0 {
			return []string{"", "", ""}
		}
		return []string{FormatLatency(h.Quantile(0.5)), FormatLatency(h.Quantile(0.99)), FormatLatency(h.Quantile(0.999))}
	}
	list := func(n, least int, what string, header []string, cells func(i int) ([]string, *Stats)) {
		if n < least {
			return
		}
		b.WriteByte('\n')
		g := grid{names: 1}
		h := append(header[:1:1], statsHeader()...)
		h = append(append(h, "p50", "p99", "p99.9"), header[1:]...)
		g.row(append(h, "errors", "busy")...)
		for i := range min(n, maxRows) {
			own, s := cells(i)
			c := append(own[:1:1], statsCells(s)...)
			c = append(append(c, quantiles(s.Latency)...), own[1:]...)
			g.row(append(c, trouble(s)...)...)
		}
		must(g.write(b, ""))
		if n > maxRows {
			all := make([]*Stats, n)
			for i := range all {
				_, all[i] = cells(i)
			}
			fmt.Fprintf(b, "... and %s more%s; all are in the JSON and the report\n", plural(n-maxRows, what), ranges(all))
		}
	}
	list(len(r.Sessions), 2, "session", []string{"session"}, func(i int) ([]string, *Stats) {
		s := &r.Sessions[i]
		return []string{fmt.Sprint(s.Index)}, &s.Stats
	})
	list(len(r.Conns), 2, "connection", []string{"connection", "CPU", "window closed"}, func(i int) ([]string, *Stats) {
		c := &r.Conns[i]
		cpu := ""
		if c.CPU >= 0 && c.CPU < len(r.CPUs) {
			cpu = cpuName(r.CPUs, c.CPU)
		}
		return []string{fmt.Sprintf("%d.%d", c.Session, c.CID), cpu, humanize.Comma(int64(c.WindowClosed))}, &c.Stats
	})
	list(len(r.CPUs), 1, "thread", []string{"client thread", "user", "system", "PDUs/send", "req/enter"}, func(i int) ([]string, *Stats) {
		c := &r.CPUs[i]
		perEnter := ""
		if c.Enters > 0 {
			perEnter = FormatSI(float64(c.Requests)/float64(c.Enters), "")
		}
		return []string{cpuName(r.CPUs, i), share(c.User, r.Elapsed), share(c.System, r.Elapsed), FormatSI(c.PDUsPerSend, ""), perEnter}, &c.Stats
	})
}

// ranges says between which figures the parts lie, those that are not listed too.
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

// cpuName is what a thread of the client is shown as: the CPU it is pinned to, else its number among the threads.
func cpuName(cpus []CPU, i int) string {
	if cpus[i].CPU < 0 {
		return fmt.Sprintf("#%d", i)
	}
	return fmt.Sprintf("CPU %d", cpus[i].CPU)
}

// share writes a part of a time in percent, nothing where it is not known.
func share(part, of time.Duration) string {
	if part <= 0 || of <= 0 {
		return ""
	}
	return fmt.Sprintf("%.0f%%", 100*part.Seconds()/of.Seconds())
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
