package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// Table is what is printed, and with --out written as JSON.
type Table struct {
	Version int         `json:"version"`
	Command []string    `json:"command"`
	Host    result.Host `json:"host"`
	Target  []int       `json:"target_cpus"`
	Client  []int       `json:"client_cpus"`
	Rounds  int         `json:"rounds"`
	Runtime string      `json:"runtime"`
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
	// Comparison has the runs that the figures are made of, where they are of two targets.
	Comparison *result.Comparison `json:"comparison,omitempty"`

	err error // behind Missing
}

// Figure is something that is required and was measured.
type Figure struct {
	What     string        `json:"what"`
	Required Requirement   `json:"required"`
	Measured result.Spread `json:"measured"`
	Met      bool          `json:"met"` // by the median
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
	if r.Unit == "%" && r.Value == idleZero {
		return "0%"
	}
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

func (f *Figure) judge() { f.Met = f.Required.met(f.Measured.Median) }

// figure makes one of the values of some rounds; without values there is none.
func (r *Row) figure(what string, req Requirement, s result.Spread) {
	f := Figure{What: what, Required: req, Measured: s}
	f.judge()
	r.Figures = append(r.Figures, f)
}

func (r *Row) detail(format string, args ...any) {
	r.Details = append(r.Details, fmt.Sprintf(format, args...))
}

// write prints the table for people.
func (t *Table) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, kernel %s, %d CPUs, load average %.2f; target on CPU %s, client on CPU %s; medians of %d rounds of %s (lowest to highest)\n\n",
		t.Host.CPU, t.Host.Kernel, t.Host.CPUs, t.Host.Load[0], cpus(t.Target), cpus(t.Client), t.Rounds, t.Runtime)
	lines := [][]string{{"load", "figure", "required", "measured", "met"}}
	for i := range t.Rows {
		r := &t.Rows[i]
		load := r.Load
		if r.Missing != "" {
			lines = append(lines, []string{load, "not measured: " + r.Missing, "", "", ""})
			continue
		}
		for _, f := range r.Figures {
			met := "no"
			if f.Met {
				met = "yes"
			}
			if len(r.Noise) > 0 {
				met += " (noisy)"
			}
			q := f.Required
			lines = append(lines, []string{load, f.What, q.String(), fmt.Sprintf("%s (%s to %s)", q.format(f.Measured.Median), q.format(f.Measured.Low), q.format(f.Measured.High)), met})
			load = ""
		}
	}
	width := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, cell := range l {
			if !strings.HasPrefix(cell, "not measured: ") {
				width[i] = max(width[i], len([]rune(cell)))
			}
		}
	}
	for n, l := range lines {
		for i, cell := range l {
			fmt.Fprintf(&b, "| %s%s ", cell, strings.Repeat(" ", max(0, width[i]-len([]rune(cell)))))
		}
		b.WriteString("|\n")
		if n == 0 {
			for i := range l {
				b.WriteString("|" + strings.Repeat("-", width[i]+2))
			}
			b.WriteString("|\n")
		}
	}
	for i := range t.Rows {
		r := &t.Rows[i]
		if len(r.Details) == 0 && len(r.Noise) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s\n", r.Load)
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

// incomplete lists the rows that were not measured.
func (t *Table) incomplete() (ids []string) {
	for i := range t.Rows {
		if t.Rows[i].Missing != "" {
			ids = append(ids, t.Rows[i].ID)
		}
	}
	return ids
}

func cpus(list []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(slices.Sorted(slices.Values(list))), " ", ","), "[]")
}
