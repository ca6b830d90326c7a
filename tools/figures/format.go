package main

import "strings"

// maxLine is the longest line of a page, in bytes (tools/ringtgt TestDocsLinesAreShort).
const maxLine = 100

// format turns a command's output into a part of the page. Tables in Markdown stay tables where they are narrow enough, and
// become lists where they are not. Output without a table is shown as it is.
func format(out string) string {
	out = strings.TrimSpace(out)
	if !strings.Contains("\n"+out, "\n|") {
		var b strings.Builder
		b.WriteString("```\n")
		for line := range strings.Lines(out) {
			b.WriteString(wrap(strings.Join(strings.Fields(line), "  "), "    ", "  "))
		}
		return b.String() + "```\n"
	}
	var b strings.Builder
	lines := strings.Split(out, "\n")
	for i := 0; i < len(lines); {
		if !strings.HasPrefix(lines[i], "|") {
			if text, detail := strings.CutPrefix(lines[i], "  "); detail {
				b.WriteString(wrap("- "+text, "  ", " "))
			} else {
				b.WriteString(wrap(lines[i], "", " "))
			}
			i++
			continue
		}
		table := [][]string{}
		for ; i < len(lines) && strings.HasPrefix(lines[i], "|"); i++ {
			table = append(table, cells(lines[i]))
		}
		b.WriteString(tabulate(table))
	}
	return "\n" + b.String() + "\n"
}

// cells splits a row of a table in Markdown.
func cells(row string) []string {
	c := strings.Split(strings.Trim(strings.TrimSpace(row), "|"), "|")
	for i := range c {
		c[i] = strings.TrimSpace(c[i])
	}
	return c
}

// tabulate formats a table: its first row is the heading, its second the line below that.
func tabulate(table [][]string) string {
	var b strings.Builder
	wide := false
	for i, row := range table {
		line := "| " + strings.Join(row, " | ") + " |\n"
		if i == 1 {
			line = strings.Repeat("|---", len(row)) + "|\n"
		}
		wide = wide || len(line) > maxLine+1
		b.WriteString(line)
	}
	if !wide || len(table) < 2 {
		return b.String()
	}
	b.Reset()
	first := ""
	for _, row := range table[2:] {
		if row[0] != "" && row[0] != first {
			if first != "" {
				b.WriteString("\n")
			}
			first = row[0]
			b.WriteString("**" + first + "**\n\n")
		}
		item := ""
		for i, c := range row[1:] {
			switch {
			case c == "":
			case item == "":
				item = "- " + c
			default:
				item += "; " + table[0][i+1] + " " + c
			}
		}
		b.WriteString(wrap(item, "  ", " "))
	}
	return b.String()
}

// wrap breaks a line at maxLine; what follows the first line is indented.
func wrap(line, indent, space string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(line) {
		switch {
		case i == 0:
		case column+len(space)+len(word) > maxLine:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteString(space)
			column += len(space)
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String() + "\n"
}
