package rules

import (
	_ "embed"
	"strings"
)

// sections has a line for each section and appendix of the RFCs that we cite: its RFC and number, a tab, its title.
//
//go:embed sections.tsv
var sections string

// Title returns the title of a section such as rfc7143/6.3 or rfc7143/C, "" if the RFC has no such section.
func Title(section string) string {
	for line := range strings.Lines(sections) {
		if number, title, _ := strings.Cut(line, "\t"); number == section {
			return strings.TrimSpace(title)
		}
	}
	return ""
}
