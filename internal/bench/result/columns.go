package result

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

// Columns returns the columns of a table of Stats, in order.
func Columns() []string {
	c := []string{"requests", "IOPS", "bytes/s", "mean"}
	for _, q := range Quantiles() {
		c = append(c, q.Name)
	}
	return append(c, "max", "errors", "busy")
}

// Cells returns the text of some columns; "" for what was not measured.
func (s *Stats) Cells(columns ...string) []string {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = s.cell(c)
	}
	return cells
}

func (s *Stats) cell(column string) string {
	switch column {
	case "requests":
		return humanize.Comma(int64(s.Requests))
	case "IOPS":
		return FormatSI(s.IOPS, "")
	case "bytes/s":
		return FormatSI(s.Rate, "B/s")
	case "errors":
		return humanize.Comma(int64(s.Errors))
	case "busy":
		return humanize.Comma(int64(s.Busy))
	}
	h := s.Latency
	if h == nil || h.Count() == 0 {
		return ""
	}
	switch column {
	case "mean":
		return FormatLatency(h.Mean())
	case "max":
		return FormatLatency(h.Max())
	}
	for _, q := range Quantiles() {
		if q.Name == column {
			return FormatLatency(h.Quantile(q.Share))
		}
	}
	return ""
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
			s := &r.Sessions[i]
			return []string{fmt.Sprint(s.Index)}, &s.Stats
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

// FigureText formats a figure of the run; "" if it was not measured.
func (r *Run) FigureText(name string) string {
	v, ok := r.Figure(name)
	for _, f := range Figures() {
		if ok && f.Name == name {
			return FormatFigure(v, f.Unit)
		}
	}
	return ""
}

// CPUTimeText formats the processor time that a request took of the target; "" if it is unknown.
func (r *Run) CPUTimeText() string {
	if t := r.CPUTime(); t > 0 {
		return FormatLatency(t)
	}
	return ""
}

// Grid returns a table with a row for each figure that a side measured: each side's median and, for all but the first side, the
// ratio of the first side's figure to its own with a verdict.
func (c *Comparison) Grid() (head []string, rows [][]string) {
	bounds := "ratio (low–high)"
	if len(c.Sides) > 0 && len(c.Sides[0].Runs) >= ManyRounds {
		bounds = "ratio (95% interval)"
	}
	for i := range c.Sides {
		head = append(head, Clean(c.Sides[i].Name))
		if i > 0 {
			head = append(head, bounds, "")
		}
	}
	for _, f := range Figures() {
		row := []string{c.FigureName(f.Name)}
		measured := false
		for i := range c.Sides {
			text, ok := c.Sides[i].FigureText(f)
			measured = measured || ok
			row = append(row, text)
			if i == 0 {
				continue
			}
			ratio := "-"
			s, verdict, ok := c.Ratio(i, f)
			if ok {
				ratio = FormatRatio(s)
			}
			row = append(row, ratio, verdict)
		}
		if measured {
			rows = append(rows, row)
		}
	}
	return head, rows
}

// FigureText formats the median of a figure; "-" and false if no round measured it.
func (s *Side) FigureText(f Figure) (string, bool) {
	v, ok := s.Figure(f.Name)
	if !ok {
		return "-", false
	}
	return FormatFigure(v.Median, f.Unit), true
}
