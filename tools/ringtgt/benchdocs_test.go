package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/ringtgt/ringtgt/internal/must"
)

// docs/benchmarking.md has an item for every flag of `ringtgt bench` and for no other. Defaults in the help are also in the page.
func TestBenchDocsHaveEveryFlag(t *testing.T) {
	page := must.Get(os.ReadFile(filepath.Join(repository, "docs/benchmarking.md")))(t)
	_, section, _ := strings.Cut(string(page), "\n### Flags\n")
	section, _, _ = strings.Cut(section, "\n### ")
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^- `--([a-z-]+)`(.*(\n  .*)*)$").FindAllStringSubmatch(section, -1) {
		rows[m[1]] = strings.Join(strings.Fields(m[2]), " ")
	}
	var c cli
	parser := must.Get(kong.New(&c))(t)
	simple := regexp.MustCompile(`Default: ([^\s;,]+)\.(\s|$)`)
	for _, node := range parser.Model.Children {
		if node.Name != "bench" {
			continue
		}
		for _, f := range node.Flags {
			row, ok := rows[f.Name]
			delete(rows, f.Name)
			switch {
			case !ok:
				t.Errorf("docs/benchmarking.md has no item for --%s", f.Name)
			case f.PlaceHolder == "" && !f.IsBool():
				t.Errorf("--%s does not say what it takes", f.Name)
			case !strings.HasSuffix(f.Help, "."):
				t.Errorf("--%s: %q", f.Name, f.Help)
			}
			if m := simple.FindStringSubmatch(f.Help); m != nil && !strings.Contains(strings.ReplaceAll(row, "`", ""), "Default: "+m[1]) {
				t.Errorf("--%s: the help says %q, docs/benchmarking.md %q", f.Name, m[0], row)
			}
		}
	}
	for name := range rows {
		t.Errorf("docs/benchmarking.md has an item for --%s, which is no flag", name)
	}
}
