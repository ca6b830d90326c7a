package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// summary is the end of a run for the terminal.
func summary(name string, kinds []kind, r results, v verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s against %s\n", toolName, name)
	for _, k := range kinds {
		fmt.Fprintf(&b, "  %-10s %s\n", k.name, total(r[k.name]))
	}
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "%s (%d):\n", title, len(lines))
			for _, l := range lines {
				fmt.Fprintf(&b, "  %s\n", l)
			}
		}
	}
	list("failed or hung", v.bad)
	list("never really run", v.never)
	list("exceptions to correct", v.stale)
	for _, e := range v.excepted {
		fmt.Fprintf(&b, "excepted: %s\n", e.test)
	}
	if v.ok() {
		b.WriteString("ok\n")
	}
	return b.String()
}

func total(bySuite map[string]map[string]result) counts {
	var n counts
	for _, tests := range bySuite {
		for _, res := range tests {
			n[res.outcome]++
		}
	}
	return n
}

// report is the generated part of the page, in Markdown.
func report(name string, t tool, kinds []kind, r results, v verdict) string {
	var b strings.Builder
	version := "1.19"
	if t.version != "" {
		version = "of " + toolPackage + " " + t.version
	}
	fmt.Fprintf(&b, "`%s` %s against %s, %d tests. Cells are passed / failed / skipped; `·` means not run on this kind; hung tests count as failed.\n\n",
		toolName, version, name, t.count())
	b.WriteString("| suite |")
	for _, k := range kinds {
		fmt.Fprintf(&b, " %s |", k.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(kinds)) + "\n")
	for _, s := range t.suites {
		fmt.Fprintf(&b, "| %s |", s.name)
		for _, k := range kinds {
			fmt.Fprintf(&b, " %s |", cell(tally(s, r[k.name][s.name])))
		}
		b.WriteString("\n")
	}
	b.WriteString("| **all** |")
	for _, k := range kinds {
		fmt.Fprintf(&b, " %s |", cell(total(r[k.name])))
	}
	b.WriteString("\n\nThe kinds:\n\n")
	for _, k := range kinds {
		fmt.Fprintf(&b, "- **%s**: %s\n", k.name, k.about)
	}
	section := func(title string, lines []string) {
		fmt.Fprintf(&b, "\n%s\n\n", title)
		if len(lines) == 0 {
			b.WriteString("- none\n")
		}
		for _, l := range lines {
			fmt.Fprintf(&b, "- %s\n", l)
		}
	}
	section("Failed or hung:", mapped(v.bad, code))
	section("Not really run on any kind (the tool left the test, or passed it without doing anything):", mapped(v.never, code))
	if len(v.excepted) > 0 {
		lines := make([]string, len(v.excepted))
		for i, e := range v.excepted {
			lines[i] = "`" + e.test + "`: " + e.why
		}
		fmt.Fprintf(&b, "\nExceptions, by the condition in the tool that decides it:\n\n")
		for _, l := range lines {
			fmt.Fprintf(&b, "- %s\n", l)
		}
	}
	section("Not run on a kind, because the tool is wrong there:", exclusions(t, kinds))
	return wrapped(b.String())
}

// maxLine is where the page's prose wraps.
const maxLine = 100

// wrapped breaks paragraphs and list items of Markdown, each on one line, at maxLine. Tables stay as they are.
func wrapped(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "|") || len(line) <= maxLine {
			b.WriteString(line)
			continue
		}
		indent := ""
		if strings.HasPrefix(line, "- ") {
			indent = "  "
		}
		column := 0
		for i, word := range strings.Fields(line) {
			n := len(word)
			switch {
			case i == 0:
			case column+1+n > maxLine && word != "-" && word != "+" && word != "*": // these would begin a list
				b.WriteString("\n" + indent)
				column = len(indent)
			default:
				b.WriteString(" ")
				column++
			}
			b.WriteString(word)
			column += n
		}
		b.WriteString("\n")
	}
	return b.String()
}

func mapped(lines []string, f func(string) string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = f(l)
	}
	return out
}

func cell(n counts) string {
	if n[passed]+n[failed]+n[skipped]+n[hung] == 0 {
		return "·"
	}
	return fmt.Sprintf("%d / %d / %d", n[passed], n[failed]+n[hung], n[skipped])
}

// exclusions lists them, one line a kind and reason.
func exclusions(t tool, kinds []kind) []string {
	var lines []string
	for _, k := range kinds {
		var order []string
		tests := map[string][]string{}
		for _, e := range k.except {
			if tests[e.why] == nil {
				order = append(order, e.why)
			}
			for _, s := range t.suites {
				if s.name != e.suite {
					continue
				}
				if len(e.tests) == 0 {
					tests[e.why] = append(tests[e.why], s.name)
				}
				for _, test := range e.tests {
					tests[e.why] = append(tests[e.why], s.name+"."+test)
				}
			}
		}
		for _, why := range order {
			lines = append(lines, fmt.Sprintf("%s: %s. %s", k.name, strings.Join(tests[why], ", "), strings.ToUpper(why[:1])+why[1:]))
		}
	}
	return lines
}

// code makes the tool's message a code span, which Markdown leaves unchanged, and the name of the test before it another one.
func code(line string) string {
	line = strings.ReplaceAll(line, "`", "'")
	name, rest, ok := strings.Cut(line, ": ")
	if !ok {
		return line
	}
	return name + ": `" + rest + "`"
}

// updatePage replaces the text between the markers of name in the page at path.
func updatePage(path, name, text string) error {
	begin := []byte("<!-- conformance " + name + " begin: written by go run ./tools/conformance -->\n")
	end := []byte("<!-- conformance " + name + " end -->\n")
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(page, begin)
	_, foot, ok2 := bytes.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no markers for %s:\n%s%s", path, name, begin, end)
	}
	var b bytes.Buffer
	b.Write(head)
	b.Write(begin)
	b.WriteString("\n" + strings.TrimSpace(text) + "\n\n")
	b.Write(end)
	b.Write(foot)
	return os.WriteFile(path, b.Bytes(), 0o644)
}
