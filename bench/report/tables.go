package report

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/ringtgt/ringtgt/bench/result"
)

// table has names in its first column and figures in the others.
type table struct {
	Title string
	Open  bool
	Head  []string
	Rows  [][]string
	Mark  int    // index of a row to stand out, -1: none
	More  string // what was left out
}

// statsHead and statsRow are the columns of a Stats, own ones between name and them.
func statsHead(name string, own ...string) []string {
	h := append([]string{name}, own...)
	h = append(h, "requests", "IOPS", "throughput", "mean")
	for _, q := range result.Quantiles() {
		h = append(h, q.Name)
	}
	return append(h, "max", "errors", "busy")
}

func statsRow(s *result.Stats, name string, own ...string) []string {
	r := append([]string{name}, own...)
	r = append(r, humanize.Comma(int64(s.Requests)), result.FormatSI(s.IOPS, ""), result.FormatSI(s.Rate, "B/s"))
	h := s.Latency
	known := h != nil && h.Count() > 0
	if !known {
		for range len(result.Quantiles()) + 2 {
			r = append(r, "–")
		}
	} else {
		r = append(r, result.FormatLatency(h.Mean()))
		for _, q := range result.Quantiles() {
			r = append(r, result.FormatLatency(h.Quantile(q.Share)))
		}
		r = append(r, result.FormatLatency(h.Max()))
	}
	return append(r, humanize.Comma(int64(s.Errors)), humanize.Comma(int64(s.Busy)))
}

// listed makes a table of n rows, of which maxRows are shown.
func listed(title string, head []string, n int, row func(i int) []string) table {
	t := table{Title: fmt.Sprintf("%s (%s)", title, humanize.Comma(int64(n))), Open: n <= openRows, Head: head, Mark: -1}
	for i := range min(n, maxRows) {
		t.Rows = append(t.Rows, row(i))
	}
	if n > maxRows {
		t.More = fmt.Sprintf("%s more are in the JSON only", humanize.Comma(int64(n-maxRows)))
	}
	return t
}

// runTables are a run's totals, operations, sessions, connections and CPUs.
func runTables(r *result.Run) []table {
	totals := table{Title: "Total and operations", Open: true, Head: statsHead(""), Rows: [][]string{statsRow(&r.Total, "total")}, Mark: -1}
	if r.Reads != nil {
		totals.Rows = append(totals.Rows, statsRow(r.Reads, "reads"))
	}
	if r.Writes != nil {
		totals.Rows = append(totals.Rows, statsRow(r.Writes, "writes"))
	}
	all := []table{totals}
	if len(r.CPUs) > 0 {
		all = append(all, listed("Client threads", statsHead("CPU", "user", "system", "PDUs a send", "requests an enter"), len(r.CPUs), func(i int) []string {
			c := &r.CPUs[i]
			perEnter := "–"
			if c.Enters > 0 {
				perEnter = result.FormatSI(float64(c.Requests)/float64(c.Enters), "")
			}
			return statsRow(&c.Stats, cpuName(r.CPUs, i), percent(c.User, r.Elapsed), percent(c.System, r.Elapsed), result.FormatSI(c.PDUsPerSend, ""), perEnter)
		}))
	}
	if len(r.Sessions) > 0 {
		all = append(all, listed("Sessions", statsHead("session"), len(r.Sessions), func(i int) []string {
			return statsRow(&r.Sessions[i].Stats, fmt.Sprint(r.Sessions[i].Index))
		}))
	}
	if len(r.Conns) > 0 {
		all = append(all, listed("Connections", statsHead("session.CID", "CPU", "window closed"), len(r.Conns), func(i int) []string {
			c := &r.Conns[i]
			cpu := "–"
			if c.CPU >= 0 && c.CPU < len(r.CPUs) {
				cpu = cpuName(r.CPUs, c.CPU)
			}
			return statsRow(&c.Stats, fmt.Sprintf("%d.%d", c.Session, c.CID), cpu, humanize.Comma(int64(c.WindowClosed)))
		}))
	}
	return all
}

// cpuName is the CPU that a thread of the client is pinned to, else its number among the threads.
func cpuName(cpus []result.CPU, i int) string {
	if cpus[i].CPU < 0 {
		return fmt.Sprintf("#%d", i)
	}
	return fmt.Sprint(cpus[i].CPU)
}

func percent(part, of time.Duration) string {
	if part <= 0 || of <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f%%", 100*part.Seconds()/of.Seconds())
}
