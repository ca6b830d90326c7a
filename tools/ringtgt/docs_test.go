package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

const repository = "../.."

const (
	maxLine  = 100 // bytes in a line of README.md, the other pages at the top, and docs
	maxPages = 17  // pages in docs
)

var (
	fileInDocs = regexp.MustCompile("`([a-z/]+/[a-z0-9_]+\\.go)`")
	link       = regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`)
)

// Every file named in docs/architecture.md exists, and so does every page and heading that README and docs link to.
func TestDocsNameWhatIsThere(t *testing.T) {
	files := fileInDocs.FindAllStringSubmatch(readDoc(t, filepath.Join(repository, "docs/architecture.md")), -1)
	check.That(t, len(files) >= 30, "docs/architecture.md names %d files", len(files))
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

// No line is longer than maxLine, so that pages read well in an editor and a change to a sentence is a change to a line or two.
// A wide table becomes a list.
func TestDocsLinesAreShort(t *testing.T) {
	for _, name := range docPages(t) {
		for _, n := range longLines(readDoc(t, name)) {
			t.Errorf("%s:%d: over %d bytes", strings.TrimPrefix(name, repository+"/"), n, maxLine)
		}
	}
}

func TestLongLines(t *testing.T) {
	for text, want := range map[string][]int{
		strings.Repeat("x", maxLine):                            nil,
		strings.Repeat("x", maxLine+1):                          {1},
		strings.Repeat("é", maxLine/2+1):                        {1},
		"```\n" + strings.Repeat("x", maxLine+1) + "\n```\n":    {2},
		"short\n\n| " + strings.Repeat("x", maxLine) + "|\n":    {3},
		strings.Repeat("x", maxLine) + "\r\nshort\nshort again": nil,
	} {
		if got := longLines(text); !slices.Equal(got, want) {
			t.Errorf("%q: long lines %v, want %v", text, got, want)
		}
	}
}

// A reader can survey maxPages. A subject that needs a page of its own takes the place of one that does not.
func TestDocsHaveFewPages(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(repository, "docs/*.md"))
	check.That(t, err == nil && len(pages) <= maxPages, "docs has %d pages, want %d at most (%v)", len(pages), maxPages, err)
}

// longLines returns the numbers of the lines of a page that are longer than maxLine.
func longLines(page string) []int {
	var long []int
	for i, line := range strings.Split(page, "\n") {
		if len(strings.TrimSuffix(line, "\r")) > maxLine {
			long = append(long, i+1)
		}
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
	must.Be(t, err == nil && len(pages) != 0, "no pages in docs: %v", err)
	top, err := filepath.Glob(filepath.Join(repository, "*.md"))
	must.Be(t, err == nil && len(top) != 0, "no pages at the top: %v", err)
	return append(pages, top...)
}

func readDoc(t *testing.T, name string) string {
	t.Helper()
	page := must.Get(os.ReadFile(name))(t)
	return string(page)
}

// `ringtgt check` accepts docs/ringtgt.toml, with its directories moved below the test's, without a warning.
func TestExampleConfiguration(t *testing.T) {
	dir := t.TempDir()
	text := readDoc(t, filepath.Join(repository, "docs/ringtgt.toml"))
	for old, folder := range map[string]string{"/srv/iscsi": "media", "/var/lib/ringtgt": "state", "/etc/ringtgt": "secrets"} {
		check.That(t, strings.Contains(text, old), "the example has nothing in %s", old)
		must.OK(t, os.Mkdir(filepath.Join(dir, folder), 0o700))
		text = strings.ReplaceAll(text, old, filepath.Join(dir, folder))
	}
	write := func(name, content string) {
		must.OK(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	for i, m := range regexp.MustCompile(`secrets/([a-z0-9-]+\.secret)`).FindAllStringSubmatch(text, -1) {
		write("secrets/"+m[1], fmt.Sprintf("secret number %d of the example\n", i))
	}
	write("media/debian.iso", strings.Repeat("x", 1<<20))
	write("ringtgt.toml", text)
	out, err := exec.Command("ringtgt", "check", "--config", filepath.Join(dir, "ringtgt.toml")).CombinedOutput()
	check.That(t, err == nil && !strings.Contains(string(out), "warning"), "check: %v\n%s", err, out)
	if n := strings.Count(string(out), "\n  target "); n < 3 {
		t.Errorf("the example has %d targets", n)
	}
}
