package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/ringtgt/ringtgt/internal/bench/result"
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

// statsHead and statsRow are the columns of a Stats, own ones after them.
func statsHead(name string, own ...string) []string {
	h := []string{name, "requests", "IOPS", "throughput", "mean"}
	for _, q := range tableQuantiles() {
		h = append(h, q.Name)
	}
	return append(append(h, "max", "errors", "busy"), own...)
}

func statsRow(s *result.Stats, name string, own ...string) []string {
	r := []string{name}
	r = append(r, humanize.Comma(int64(s.Requests)), result.FormatSI(s.IOPS, ""), result.FormatSI(s.Rate, "B/s"))
	h := s.Latency
	known := h != nil && h.Count() > 0
	if !known {
		for range len(tableQuantiles()) + 2 {
			r = append(r, "–")
		}
	} else {
		r = append(r, result.FormatLatency(h.Mean()))
		for _, q := range tableQuantiles() {
			r = append(r, result.FormatLatency(h.Quantile(q.Share)))
		}
		r = append(r, result.FormatLatency(h.Max()))
	}
	r = append(r, humanize.Comma(int64(s.Errors)), humanize.Comma(int64(s.Busy)))
	return append(r, own...)
}

// tableQuantiles leaves out p95, for tables to fit a page; the JSON has it.
func tableQuantiles() []result.Quantile {
	return slices.DeleteFunc(result.Quantiles(), func(q result.Quantile) bool { return q.Name == "p95" })
}

// prune takes out columns that say nothing: 0 in all rows, or not known in any.
func (t table) prune() table {
	for c := len(t.Head) - 1; c > 0; c-- {
		says := len(t.Rows) == 0
		for _, r := range t.Rows {
			says = says || r[c] != "0" && r[c] != "–"
		}
		if says {
			continue
		}
		t.Head = slices.Delete(t.Head, c, c+1)
		for i := range t.Rows {
			t.Rows[i] = slices.Delete(t.Rows[i], c, c+1)
		}
	}
	return t
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
	return t.prune()
}

// runTables are a run's totals, operations, sessions, connections and CPUs.
func runTables(r *result.Run) []table {
	totals := table{Title: "Total and operations", Open: true, Head: statsHead(""), Rows: [][]string{statsRow(&r.Total, "total")}, Mark: -1}
	if r.Reads != nil && r.Writes != nil {
		totals.Rows = append(totals.Rows, statsRow(r.Reads, "reads"))
		totals.Rows = append(totals.Rows, statsRow(r.Writes, "writes"))
	}
	all := []table{totals.prune()}
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
