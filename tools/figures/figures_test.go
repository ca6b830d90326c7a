package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// A part is replaced by the output of its command; the rest of the page stays.
func TestRewrite(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	write := func() {
		text := "before\n<!-- figures: a -->\nold a\n<!-- figures end -->\nbetween\n<!-- figures: b -->\nold b\n<!-- figures end -->\n"
		must.OK(t, os.WriteFile(page, []byte(text), 0o600))
	}
	command := func(c string) (string, error) {
		if c == "b" {
			return "", errors.New("no such tool")
		}
		return "new " + c, nil
	}
	write()
	must.OK(t, rewrite(page, "a", command))
	got, _ := os.ReadFile(page)
	want := "before\n<!-- figures: a -->\n```\nnew  a\n```\n<!-- figures end -->\nbetween\n<!-- figures: b -->\nold b\n<!-- figures end -->\n"
	check.That(t, string(got) == want, "got:\n%s\nwant:\n%s", got, want)
	write()
	check.That(t, rewrite(page, "", command) != nil, "a command failed, and rewrite did not")
	if got, _ := os.ReadFile(page); !strings.Contains(string(got), "old a") {
		t.Error("the page was changed in spite of the failure")
	}
	check.That(t, rewrite(page, "c", command) != nil, "no part matches, and rewrite did not fail")
}

// A narrow table stays; a wide one becomes a list, with a heading for each value of its first column. No line is too long.
func TestFormat(t *testing.T) {
	narrow := "| a | b |\n|---|---|\n| 1 | 2 |\n"
	check.Equal(t, format(narrow), "\n"+narrow+"\n", "a narrow table:")
	long := strings.Repeat("word ", 15) + "end"
	got := format("a title\n\n| load | figure | required | measured |\n|--|--|--|--|\n| read | " + long + " | 1.0 | 2.0 |\n|  | p99 | | 3.0 |\n")
	for _, want := range []string{"a title\n", "**read**\n\n- word", "required 1.0;", "\n- p99; measured 3.0\n"} {
		check.That(t, strings.Contains(got, want), "%q is not in:\n%s", want, got)
	}
	for line := range strings.Lines(got + format(strings.Repeat("Benchmark ", 40))) {
		check.That(t, len(line) <= maxLine+1, "too long: %q", line)
	}
}

// Every part of the page has an end, and its command is one line.
func TestPageHasParts(t *testing.T) {
	page := must.Get(os.ReadFile("../../docs/performance.md"))(t)
	begun, ended := strings.Count(string(page), "<!-- figures: "), strings.Count(string(page), "<!-- figures end -->")
	if whole := len(part.FindAll(page, -1)); begun < 3 || begun != ended || whole != begun {
		t.Errorf("%d parts begin, %d end, %d are whole", begun, ended, whole)
	}
}
