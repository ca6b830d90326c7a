package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const repository = "../.."

var (
	fileInDocs = regexp.MustCompile("`([a-z/]+/[a-z0-9_]+\\.go)`")
	link       = regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)
)

// A file that docs/architecture.md names is there, and so is every page that README and docs link to.
func TestDocsNameWhatIsThere(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(repository, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := fileInDocs.FindAllStringSubmatch(string(page), -1)
	if len(files) < 30 {
		t.Errorf("docs/architecture.md names %d files", len(files))
	}
	for _, m := range files {
		if _, err := os.Stat(filepath.Join(repository, m[1])); err != nil {
			t.Errorf("docs/architecture.md names %s: %v", m[1], err)
		}
	}
	pages, err := filepath.Glob(filepath.Join(repository, "docs/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(pages, filepath.Join(repository, "README.md")) {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", filepath.Base(name), m[1])
			}
		}
	}
}
