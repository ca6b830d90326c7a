package report

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// view is the input of the template, plain text that the template escapes.
type view struct {
	Title      string
	Date       string
	Lede       []string
	TilesTitle string
	Tiles      []tile
	Verdict    string // "quiet", "noisy" or "": a single run has none
	Notes      []string
	Sections   []section
	Command    string

	CSS    template.CSS
	JS     template.JS
	JSON   template.JS
	Policy string
}

// tile is one of the figures at the top of the page.
type tile struct {
	Label, Value, More string
	Bad                bool
}

// section is a part of the page. The template leaves out an empty one.
type section struct {
	ID, Title, Help string
	Charts          []*chart
	Tables          []table
	Facts           []facts
}

// add adds a section without the charts and facts that have nothing to show, unless nothing is left of it.
func (v *view) add(s section) {
	s.Charts = slices.DeleteFunc(s.Charts, func(c *chart) bool { return c == nil })
	s.Facts = slices.DeleteFunc(s.Facts, func(f facts) bool { return len(f.List) == 0 })
	if len(s.Charts)+len(s.Tables)+len(s.Facts) > 0 {
		v.Sections = append(v.Sections, s)
	}
}

// table has names in its first column. The template shows a dash for an empty cell.
type table struct {
	Title string
	Open  bool
	Head  []string
	Rows  [][]string
	Mark  int    // index of the row to highlight, -1: none
	More  string // what was left out
}

// statsTable makes a table of n rows of Stats. row returns the cells under head: the first one comes first, the others after the
// columns that all Stats have. It leaves out columns that are 0 or unknown in all rows, and p95 so that tables fit the page.
func statsTable(title string, head []string, n int, row func(i int) ([]string, *result.Stats)) table {
	columns := slices.DeleteFunc(result.Columns(), func(c string) bool { return c == "p95" })
	t := table{Title: title, Open: n <= openRows, Head: slices.Concat(head[:1], columns, head[1:]), Mark: -1}
	for i := range min(n, maxRows) {
		own, s := row(i)
		t.Rows = append(t.Rows, slices.Concat(own[:1], s.Cells(columns...), own[1:]))
	}
	if n > maxRows {
		t.More = humanize.Comma(int64(n-maxRows)) + " more are in the JSON only"
	}
	return t.prune()
}

func (t table) prune() table {
	for c := len(t.Head) - 1; c > 0; c-- {
		if len(t.Rows) == 0 || slices.ContainsFunc(t.Rows, func(r []string) bool { return r[c] != "0" && r[c] != "" }) {
			continue
		}
		t.Head = slices.Delete(t.Head, c, c+1)
		for i := range t.Rows {
			t.Rows[i] = slices.Delete(t.Rows[i], c, c+1)
		}
	}
	return t
}

// facts are names with values.
type facts struct {
	Title string
	List  [][2]string
}

// newFacts takes names and values in turns and leaves out empty values.
func newFacts(title string, pairs ...string) facts {
	f := facts{Title: title}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			f.List = append(f.List, [2]string{pairs[i], pairs[i+1]})
		}
	}
	return f
}

// when returns text if a condition holds.
func when(condition bool, format string, args ...any) string {
	if !condition {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

// setup describes how a run was made, but for its target.
func setup(title string, r *result.Run, h *result.Host) []facts {
	w := &r.Workload
	rate := "as fast as possible (closed loop)"
	if w.Rate > 0 {
		rate = result.FormatSI(w.Rate, "") + " IOPS (open loop)"
	}
	return []facts{
		newFacts(title,
			"rw", w.RW, "rwmixread", when(w.RW == "rw" || w.RW == "randrw", "%d%%", w.ReadMix), "bs", w.BlockSize,
			"iodepth", fmt.Sprintf("%d per connection", w.IODepth),
			"sessions", fmt.Sprintf("%d per job, numjobs %d", w.Sessions, max(w.NumJobs, 1)),
			"connections", fmt.Sprintf("%d per session", w.Conns),
			"rate", rate, "digests", w.Digests,
			"size", when(w.Size > 0, "%s", humanize.IBytes(uint64(w.Size))),
			"verify", when(w.Verify, "all data read"), "seed", when(w.Seed != 0, "%d", w.Seed),
			"runtime", fmt.Sprintf("%v measured of %v, after a ramp of %v", r.Elapsed.Round(time.Millisecond), w.Runtime, w.RampTime),
			"ended by", r.Ended),
		newFacts("Client",
			"ringtgt", h.Ringtgt, "Go", h.Go, "kernel", h.Kernel, "processor", h.CPU, "CPUs", when(h.CPUs > 0, "%d", h.CPUs),
			"threads pinned to CPU", result.CPUList(w.Cores), "load before", fmt.Sprintf("%.2f %.2f %.2f", h.Load[0], h.Load[1], h.Load[2])),
	}
}

// target describes a target and what was negotiated with it.
func target(name string, t *result.Target) []facts {
	idle := ""
	if t.IdleCPU != nil {
		idle = result.FormatFigure(*t.IdleCPU, "share") + " of one CPU"
	}
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(t.Negotiated)) {
		keys = append(keys, k, t.Negotiated[k])
	}
	return []facts{
		newFacts("Target"+name,
			"name", t.Name, "URL", t.URL, "LUN", fmt.Sprint(t.LUN), "device", t.Device(), "software", t.Software, "kernel", t.Kernel,
			"process", when(t.PID > 0, "%d", t.PID), "pinned to CPU", result.CPUList(t.Pinned), "idle CPU", idle),
		newFacts("Negotiated"+name, keys...),
	}
}

func date(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}
