package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

const repository = "../.."

// proseColumns is where the prose of README.md and docs wraps.
const proseColumns = 100

var (
	fileInDocs = regexp.MustCompile("`([a-z/]+/[a-z0-9_]+\\.go)`")
	link       = regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`)
	listItem   = regexp.MustCompile(`^\s*([-*+]|\d+[.)])\s`)
)

// A file that docs/architecture.md names exists, and so does every page and heading that README and docs link to.
func TestDocsNameWhatIsThere(t *testing.T) {
	files := fileInDocs.FindAllStringSubmatch(readDoc(t, filepath.Join(repository, "docs/architecture.md")), -1)
	if len(files) < 30 {
		t.Errorf("docs/architecture.md names %d files", len(files))
	}
	for _, m := range files {
		if _, err := os.Stat(filepath.Join(repository, m[1])); err != nil {
			t.Errorf("docs/architecture.md names %s: %v", m[1], err)
		}
	}
	for _, name := range docPages(t) {
		for _, m := range link.FindAllStringSubmatch(readDoc(t, name), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			page := name
			if m[1] != "" {
				page = filepath.Join(filepath.Dir(name), m[1])
			}
			if _, err := os.Stat(page); err != nil {
				t.Errorf("%s links to %s, which does not exist", filepath.Base(name), m[1])
			} else if m[2] != "" && !hasAnchor(readDoc(t, page), m[2][1:]) {
				t.Errorf("%s links to %s%s: the page has no such heading", filepath.Base(name), m[1], m[2])
			}
		}
	}
}

// Prose wraps, so that a change to a sentence is a change to a line or two. Tables, headings, code and what only the address
// of a link makes long are exempt.
func TestDocsProseWraps(t *testing.T) {
	for _, name := range docPages(t) {
		for _, line := range longProse(readDoc(t, name)) {
			t.Errorf("%s:%d: prose over %d columns", strings.TrimPrefix(name, repository+"/"), line, proseColumns)
		}
	}
}

func TestLongProse(t *testing.T) {
	long := strings.Repeat("word ", 21)
	for text, want := range map[string]int{
		long:                                   1,
		"- " + long:                            1,
		"- item\n\n    " + long:                1,
		"1. item\n   " + long:                  1,
		strings.Repeat("é", 100):               0,
		strings.Repeat("é", 101):               1,
		"# " + long:                            0,
		"| " + long + "|":                      0,
		"```\n" + long + "\n```":               0,
		"```\n```\n" + long:                    1,
		"Text.\n\n    " + long:                 0,
		"Text\n    " + long:                    1,
		"[a](" + strings.Repeat("x", 99) + ")": 0,
	} {
		if got := len(longProse(text)); got != want {
			t.Errorf("%q: %d long lines, want %d", text, got, want)
		}
	}
}

// longProse returns the numbers of the lines of prose in a page that are longer than proseColumns.
func longProse(page string) []int {
	var long []int
	fenced, indented, inList, blank := false, false, false, true
	for i, line := range strings.Split(page, "\n") {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(text, "```"):
			fenced = !fenced
		case fenced:
			continue
		case text == "":
			blank = true
			continue
		case strings.HasPrefix(text, "|"), strings.HasPrefix(line, "#"):
		default:
			inList = listItem.MatchString(line) || inList && (!blank || line[0] == ' ')
			indented = !inList && strings.HasPrefix(line, "    ") && (blank || indented)
			if !indented && utf8.RuneCountInString(link.ReplaceAllString(line, "]")) > proseColumns {
				long = append(long, i+1)
			}
			blank = false
			continue
		}
		inList, indented, blank = false, false, false
	}
	return long
}

// hasAnchor reports whether a heading of the page has the anchor that GitHub would give it.
func hasAnchor(page, anchor string) bool {
	for line := range strings.Lines(page) {
		heading := strings.TrimLeft(line, "#")
		if heading == line {
			continue
		}
		slug := strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			case r == ' ':
				return '-'
			}
			return -1
		}, strings.TrimSpace(heading))
		if slug == anchor {
			return true
		}
	}
	return false
}

func docPages(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(repository, "docs/*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages in docs: %v", err)
	}
	return append(pages, filepath.Join(repository, "README.md"))
}

func readDoc(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}
