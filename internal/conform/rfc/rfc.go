// Package rfc knows the section numbers of the RFCs that the cases cite.
package rfc

import (
	_ "embed"
	"strings"
)

// sections has a line for each section: its number below the RFC's name, a tab, its title.
//
//go:embed sections.txt
var sections string

// Title returns the title of a section such as "rfc7143/6.3", "" if there is none.
func Title(section string) string {
	for line := range strings.Lines(sections) {
		if number, title, _ := strings.Cut(line, "\t"); number == section {
			return strings.TrimSpace(title)
		}
	}
	return ""
}
