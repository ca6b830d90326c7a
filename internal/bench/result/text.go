package result

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// grid aligns cells in columns: the first to the left, all others, which are figures, to the right. text/tabwriter aligns all
// columns to the same side.
type grid struct{ rows [][]string }

func (g *grid) row(cells ...string) { g.rows = append(g.rows, cells) }

// write leaves out columns that are empty in all rows but the first, and spaces at the end of a line.
func (g *grid) write(b *strings.Builder) {
	width := make([]int, len(g.rows[0]))
	filled := map[int]bool{0: true}
	for i, r := range g.rows {
		for c, cell := range r {
			width[c] = max(width[c], utf8.RuneCountInString(cell))
			filled[c] = filled[c] || i > 0 && cell != ""
		}
	}
	for _, r := range g.rows {
		line := fmt.Sprintf("%-*s", width[0], r[0])
		for c, cell := range r {
			if c > 0 && filled[c] {
				line += fmt.Sprintf("  %*s", width[c], cell)
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}
