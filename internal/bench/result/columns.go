package result

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

// columns are those of a table of Stats, in order.
var columns = [...]struct {
	name string
	text func(*Stats) string
}{
	{"requests", func(s *Stats) string { return humanize.Comma(int64(s.Requests)) }},
	{"IOPS", func(s *Stats) string { return FormatSI(s.IOPS, "") }},
	{"bytes/s", func(s *Stats) string { return FormatSI(s.Rate, "B/s") }},
	{"mean", latencyCell(Latency.Mean)},
	{"p50", latencyCell(quantile(0.5))},
	{"p90", latencyCell(quantile(0.9))},
	{"p95", latencyCell(quantile(0.95))},
	{"p99", latencyCell(quantile(0.99))},
	{"p99.9", latencyCell(quantile(0.999))},
	{"p99.99", latencyCell(quantile(0.9999))},
	{"max", latencyCell(Latency.Max)},
	{"errors", func(s *Stats) string { return humanize.Comma(int64(s.Errors)) }},
	{"busy", func(s *Stats) string { return humanize.Comma(int64(s.Busy)) }},
}

func quantile(q float64) func(Latency) time.Duration {
	return func(l Latency) time.Duration { return l.Quantile(q) }
}

func latencyCell(of func(Latency) time.Duration) func(*Stats) string {
	return func(s *Stats) string {
		if s.Latency.Count() == 0 {
			return ""
		}
		return FormatLatency(of(s.Latency))
	}
}

// Columns returns the names of the columns of a table of Stats, in order.
func Columns() (names []string) {
	for _, c := range columns {
		names = append(names, c.name)
	}
	return names
}

// Cells returns the text of some columns; "" for what was not measured.
func (s *Stats) Cells(names ...string) []string {
	cells := make([]string, len(names))
	for i, name := range names {
		for _, c := range columns {
			if c.name == name {
				cells[i] = c.text(s)
			}
		}
	}
	return cells
}

// Part is one way to divide the requests of a run.
type Part struct {
	What string   // "session"
	Head []string // the column of names, then the columns that only this part has
	N    int
	Row  func(i int) ([]string, *Stats) // the cells under Head
}

// Parts returns a run's sessions, connections and client threads.
func (r *Run) Parts() []Part {
	return []Part{
		{"session", []string{"session"}, len(r.Sessions), func(i int) ([]string, *Stats) {
			return []string{fmt.Sprint(r.Sessions[i].Index)}, &r.Sessions[i].Stats
		}},
		{"connection", []string{"connection", "CPU", "window closed"}, len(r.Conns), func(i int) ([]string, *Stats) {
			c := &r.Conns[i]
			cpu := ""
			if c.CPU >= 0 && c.CPU < len(r.CPUs) {
				cpu = cpuName(r.CPUs, c.CPU)
			}
			return []string{fmt.Sprintf("%d.%d", c.Session, c.CID), cpu, humanize.Comma(int64(c.WindowClosed))}, &c.Stats
		}},
		{"thread", []string{"client thread", "user", "system", "PDUs/send", "req/enter"}, len(r.CPUs), func(i int) ([]string, *Stats) {
			c := &r.CPUs[i]
			perEnter := ""
			if c.Enters > 0 {
				perEnter = FormatSI(float64(c.Requests)/float64(c.Enters), "")
			}
			return []string{cpuName(r.CPUs, i), share(c.User, r.Elapsed), share(c.System, r.Elapsed), FormatSI(c.PDUsPerSend, ""), perEnter}, &c.Stats
		}},
	}
}

// cpuName identifies a client thread by the CPU it is pinned to, else by its number among the threads.
func cpuName(cpus []CPU, i int) string {
	if cpus[i].CPU < 0 {
		return fmt.Sprintf("#%d", i)
	}
	return fmt.Sprintf("CPU %d", cpus[i].CPU)
}

// share formats a part of a time in percent; "" if it is unknown.
func share(part, of time.Duration) string {
	if part <= 0 || of <= 0 {
		return ""
	}
	return fmt.Sprintf("%.0f%%", 100*part.Seconds()/of.Seconds())
}
