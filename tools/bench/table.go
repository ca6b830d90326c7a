package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// Table is what is printed, and with -out written as JSON.
type Table struct {
	Version int         `json:"version"`
	Command []string    `json:"command"`
	Host    result.Host `json:"host"`
	Target  []int       `json:"target_cpus"`
	Client  []int       `json:"client_cpus"`
	Rounds  int         `json:"rounds"`
	Runtime string      `json:"runtime"`
	Before  string      `json:"before,omitempty"` // the old binary
	Rows    []Row       `json:"rows"`
}

// Row is one load.
type Row struct {
	ID      string   `json:"id"`
	Load    string   `json:"load"`
	Figures []Figure `json:"figures,omitempty"`
	// Missing says why it was not measured.
	Missing string `json:"missing,omitempty"`
	// Details is what else was seen, a line each; Noise why the figures are not to be trusted.
	Details []string `json:"details,omitempty"`
	Noise   []string `json:"noise,omitempty"`
	// Comparisons has all runs.
	Comparisons []*result.Comparison `json:"comparisons,omitempty"`
	// Grid is a table of its own: head, lines, and below it lines of one cell.
	Grid [][]string `json:"grid,omitempty"`

	err error // behind Missing
}

// Figure is something that is required and was measured.
type Figure struct {
	What     string        `json:"what"`
	Required Requirement   `json:"required"`
	Measured result.Spread `json:"measured"`
	Met      bool          `json:"met"` // by the median
	// Limit is the load's IOPS per CPU-second compared with a bare responder's, nil: not measured.
	Limit *result.Spread `json:"limit,omitempty"`
}

// Requirement is a bound.
type Requirement struct {
	AtMost bool    `json:"at_most,omitempty"` // else at least
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"` // "x": a ratio; "%": of one CPU, Value is a share; "KiB": Value is bytes
}

func (r Requirement) met(v float64) bool {
	if r.AtMost {
		return v <= r.Value
	}
	return v >= r.Value
}

func (r Requirement) String() string {
	word := "at least "
	if r.AtMost {
		word = "at most "
	}
	return word + r.format(r.Value)
}

func (r Requirement) format(v float64) string {
	switch r.Unit {
	case "%":
		return fmt.Sprintf("%.2f%%", 100*v)
	case "KiB":
		return fmt.Sprintf("%.1f KiB", v/1024)
	}
	return fmt.Sprintf("%.2f", v)
}

// figure adds what was measured.
func (r *Row) figure(what string, req Requirement, s result.Spread) {
	r.Figures = append(r.Figures, Figure{What: what, Required: req, Measured: s, Met: req.met(s.Median)})
}

func (r *Row) detail(format string, args ...any) {
	r.Details = append(r.Details, fmt.Sprintf(format, args...))
}

// write prints the table for people.
func (t *Table) write(w io.Writer) error {
	var b strings.Builder
	bounds := "lowest to highest"
	if t.Rounds >= result.ManyRounds {
		bounds = "of ratios 95% interval, else lowest to highest"
	}
	fmt.Fprintf(&b, "%s, kernel %s, %d CPUs, load average %.2f; target on CPU %s, client on CPU %s; medians of %d rounds of %s (%s)\n\n",
		t.Host.CPU, t.Host.Kernel, t.Host.CPUs, t.Host.Load[0], result.CPUList(t.Target), result.CPUList(t.Client), t.Rounds, t.Runtime, bounds)
	lines := [][]string{{"load", "figure", "required", "measured", "met", "of the limit"}}
	for i := range t.Rows {
		lines = append(lines, t.Rows[i].lines()...)
	}
	if len(lines) > 1 {
		align(&b, lines)
	}
	for i := range t.Rows {
		r := &t.Rows[i]
		if len(r.Details)+len(r.Noise)+len(r.Grid) > 0 {
			fmt.Fprintf(&b, "\n%s\n", r.Load)
		}
		if len(r.Grid) > 0 {
			b.WriteByte('\n')
			align(&b, r.Grid)
			b.WriteByte('\n')
		}
		for _, d := range r.Details {
			fmt.Fprintf(&b, "  %s\n", result.Clean(d))
		}
		for _, n := range r.Noise {
			fmt.Fprintf(&b, "  NOISY: %s\n", result.Clean(n))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// lines are a row's lines of the table.
func (r *Row) lines() (lines [][]string) {
	load := r.Load
	if r.Missing != "" {
		return [][]string{{load, "not measured: " + r.Missing, "", "", "", ""}}
	}
	for _, f := range r.Figures {
		met := map[bool]string{true: "yes", false: "no"}[f.Met]
		if len(r.Noise) > 0 {
			met += " (noisy)"
		}
		q, limit := f.Required, ""
		if l := f.Limit; l != nil {
			limit = fmt.Sprintf("%.2f (%.2f to %.2f)", l.Median, l.Low, l.High)
		}
		lines = append(lines, []string{load, f.What, q.String(), fmt.Sprintf("%s (%s to %s)", q.format(f.Measured.Median), q.format(f.Measured.Low), q.format(f.Measured.High)), met, limit})
		load = ""
	}
	return lines
}

// align writes a table in Markdown whose columns are aligned in a terminal, too. A line of one cell follows as text.
func align(w io.Writer, lines [][]string) {
	width := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, cell := range l {
			if len(l) > 1 && !strings.HasPrefix(cell, "not measured: ") {
				width[i] = max(width[i], utf8.RuneCountInString(cell))
			}
		}
	}
	for n, l := range lines {
		if len(l) == 1 {
			fmt.Fprintf(w, "\n%s\n", l[0])
			continue
		}
		for i, cell := range l {
			fmt.Fprintf(w, "| %-*s ", width[i], cell)
		}
		fmt.Fprintln(w, "|")
		if n == 0 {
			for i := range l {
				fmt.Fprint(w, "|"+strings.Repeat("-", width[i]+2))
			}
			fmt.Fprintln(w, "|")
		}
	}
}

// incomplete lists the rows that were not measured.
func (t *Table) incomplete() (ids []string) {
	for i := range t.Rows {
		if t.Rows[i].Missing != "" {
			ids = append(ids, t.Rows[i].ID)
		}
	}
	return ids
}
