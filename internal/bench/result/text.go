package result

import (
	"io"
	"strings"
	"unicode/utf8"
)

// grid lines up cells. text/tabwriter aligns all columns to the same side; names go to the left here and figures to the right.
type grid struct {
	names int // columns from the left that are aligned to the left
	rows  [][]string
}

func (g *grid) row(cells ...string) { g.rows = append(g.rows, cells) }

// write writes the rows, each with indent in front and no spaces at its end. Columns that are empty in all rows but the first
// are left out.
func (g *grid) write(w io.Writer, indent string) error {
	var widths []int
	for i, r := range g.rows {
		for c, cell := range r {
			if c == len(widths) {
				widths = append(widths, 0)
			}
			if i > 0 || c < g.names {
				widths[c] = max(widths[c], utf8.RuneCountInString(cell))
			}
		}
	}
	if len(g.rows) > 0 {
		for c, cell := range g.rows[0] {
			if widths[c] > 0 {
				widths[c] = max(widths[c], utf8.RuneCountInString(cell))
			}
		}
	}
	for _, r := range g.rows {
		var b strings.Builder
		b.WriteString(indent)
		for c, cell := range r {
			if widths[c] == 0 {
				continue
			}
			if c > 0 {
				b.WriteString("  ")
			}
			if c < g.names {
				b.WriteString(right(cell, widths[c]))
			} else {
				b.WriteString(left(cell, widths[c]))
			}
		}
		if _, err := io.WriteString(w, strings.TrimRight(b.String(), " ")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// left fills up with spaces on the left, right on the right.
func left(s string, width int) string {
	return strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0)) + s
}

func right(s string, width int) string {
	return s + strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0))
}
