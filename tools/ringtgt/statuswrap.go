package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// columns is the width of status: that of a terminal that nobody has widened.
const columns = 80

// wrap prints text in lines of at most 80 columns, each after indent spaces. A word that is longer than a line is clipped, unless full.
func wrap(w io.Writer, indent int, text string, full bool) {
	room := columns - indent
	line := ""
	end := func() {
		if line != "" {
			fmt.Fprintf(w, "%*s%s\n", indent, "", line)
		}
		line = ""
	}
	for word := range strings.FieldsSeq(text) {
		if !full {
			word = clip(word, room)
		}
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > room {
			end()
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	end()
}

// clip cuts the middle out of a text that is longer than n columns: names differ at both ends.
func clip(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	head := (n - 1) / 2
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}
