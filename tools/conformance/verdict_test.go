package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

func TestJudge(t *testing.T) {
	tl := tool{suites: []suite{{"S", []string{"Good", "Bad", "Never", "Part"}}, {"iSCSITMF", []string{"LUNResetSimpleAsync"}}}}
	kinds := []kind{{name: "a"}, {name: "b"}}
	r := results{
		"a": {"S": {"Good": {outcome: passed}, "Bad": {failed, "wrong"}, "Never": {skipped, "no such command"}, "Part": {skipped, "no"}},
			"iSCSITMF": {"LUNResetSimpleAsync": {skipped, "nothing"}}},
		"b": {"S": {"Good": {notRun, "left out"}, "Bad": {failed, "wrong"}, "Never": {notRun, "left out"}, "Part": {outcome: passed}}},
	}
	v := judge(tl, kinds, r, true)
	check.That(t, !v.ok(), "a failed test is well")
	if want := "S.Bad (a, b) failed: wrong"; len(v.bad) != 1 || v.bad[0] != want {
		t.Errorf("bad = %q, want %q", v.bad, want)
	}
	if want := "S.Never: no such command"; len(v.never) != 1 || v.never[0] != want {
		t.Errorf("never = %q, want %q", v.never, want)
	}
	check.That(t, len(v.excepted) == 1 && len(v.stale) == 0, "excepted %v, stale %v", v.excepted, v.stale)

	r["b"]["iSCSITMF"] = map[string]result{"LUNResetSimpleAsync": {outcome: passed}}
	if v := judge(tl, kinds, r, true); len(v.stale) != 1 {
		t.Errorf("an exception that really ran is not reported: %v", v.stale)
	}
	if v := judge(tl, kinds, r, false); len(v.never)+len(v.stale)+len(v.excepted) != 0 || len(v.bad) != 1 {
		t.Errorf("a partial run judges completeness: %+v", v)
	}
	r["a"]["S"]["Bad"], r["b"]["S"]["Bad"] = result{hung, "x"}, result{outcome: passed}
	check.That(t, !judge(tl, kinds, r, false).ok(), "a hung test is well")
}

// Every exclusion and exception must name something that the tool has: a misspelt one would leave a test out unseen or never match.
func TestTablesNameRealTests(t *testing.T) {
	have := map[string]bool{}
	for _, s := range parseList([]byte(testdata(t, "list.txt"))) {
		have[s.name] = true
		for _, test := range s.tests {
			have[s.name+"."+test] = true
		}
	}
	for _, k := range append(append([]kind{}, ringtgtKinds...), tgtKinds...) {
		for _, e := range k.except {
			check.That(t, have[e.suite], "%s: no suite %s", k.name, e.suite)
			for _, test := range e.tests {
				check.That(t, have[e.suite+"."+test], "%s: no test %s.%s", k.name, e.suite, test)
			}
		}
	}
	for _, e := range exceptions {
		check.That(t, have[e.test], "exception: no test %s", e.test)
	}
	check.That(t, len(exceptions) <= maxExceptions, "%d exceptions, at most %d", len(exceptions), maxExceptions)
}

func TestUpdatePage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	page := "# head\n<!-- conformance x begin: written by go run ./tools/conformance -->\nold\n<!-- conformance x end -->\nfoot\n"
	must.OK(t, os.WriteFile(path, []byte(page), 0o644))
	for range 2 { // a second run replaces what the first wrote
		must.OK(t, updatePage(path, "x", "new"))
	}
	got, _ := os.ReadFile(path)
	want := strings.Replace(page, "old\n", "\nnew\n\n", 1)
	check.That(t, string(got) == want, "page is %q, want %q", got, want)
	check.That(t, updatePage(path, "y", "new") != nil, "a page without markers is accepted")
}

// The text that the tool writes into the page wraps like the rest of the page.
func TestReportWraps(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("word ", 25))
	row := "| " + long + " |\n"
	got := wrapped("Intro.\n\n" + row + "- " + long + "\n" + long + "\n")
	first, last := strings.TrimSpace(strings.Repeat("word ", 19)), strings.TrimSpace(strings.Repeat("word ", 20))
	want := "Intro.\n\n" + row +
		"- " + first + "\n  " + strings.TrimSpace(strings.Repeat("word ", 6)) + "\n" +
		last + "\n" + strings.TrimSpace(strings.Repeat("word ", 5)) + "\n"
	check.That(t, got == want, "got %q\nwant %q", got, want)
}
