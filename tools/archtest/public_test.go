package archtest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// public are the packages that other modules may rely on. docs/architecture.md says so under "What others may import".
var public = []string{
	"bench/initiator", "engine", "lun", "lun/backend", "lun/backend/conformance", "lun/luntest", "pdu", "session",
}

// exposed are importable packages outside internal/ that are not promised, each with its reason.
var exposed = map[string]string{
	"bench/initiator/proto": "bench/initiator has the types that its callers need as aliases",
	"engine/giouring":       "stands where the project's card wants it; internal/uring is its only importer",
}

// Every package is public, exposed for a reason, below internal/, or a tool.
func TestPublicSurface(t *testing.T) {
	page := must.Get(os.ReadFile(filepath.Join(root(t), "docs", "architecture.md")))(t)
	_, section, ok := strings.Cut(string(page), "## What others may import\n")
	must.Be(t, ok, "docs/architecture.md does not say what others may import")
	section, _, _ = strings.Cut(section, "\n## ")
	known := slices.Sorted(maps.Keys(exposed))
	known = append(known, public...)
	for _, p := range packages(t) {
		rel := strings.TrimPrefix(p.ImportPath, module+"/")
		if i := slices.Index(known, rel); i >= 0 {
			known = slices.Delete(known, i, i+1)
			check.That(t, strings.Contains(section, "`"+rel+"`"), "docs/architecture.md says nothing about importing %s", rel)
			continue
		}
		if !slices.Contains(strings.Split(rel, "/"), "internal") && !within(rel, "tools") {
			t.Errorf("other modules can import %s: declare it public or move it below internal/", rel)
		}
	}
	check.That(t, len(known) <= 0, "listed, but there is no package %v", known)
}

// Every package has a comment that says what it is, in a file that is no test.
func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		check.That(t, p.Doc != "" || len(p.GoFiles) <= 0, "%s has no package comment", p.ImportPath)
		check.That(t, len(p.GoFiles) != 0, "%s has only tests: give it a doc.go", p.ImportPath)
	}
}

// The packages that a program begins with have an example that go test runs. The other public ones serve these.
func TestExamples(t *testing.T) {
	for _, rel := range []string{"bench/initiator", "engine", "pdu", "session"} {
		text, err := os.ReadFile(filepath.Join(root(t), rel, "example_test.go"))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(string(text), "func Example() {") || !strings.Contains(string(text), "// Output:") {
			t.Errorf("%s has no example of the package that go test runs", rel)
		}
	}
}
