package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

const module = "github.com/ringtgt/ringtgt"

// rule says what a package, or a folder of packages, may import.
type rule struct {
	folder string   // relative to the module
	ours   []string // folders of ours it may import; nil: none
	banned []string // standard and foreign packages it must not import
}

// noIO keeps the protocol and the device server free of I/O, clocks apart: they are tested from a seed.
var noIO = []string{"net", "os", "syscall", "golang.org/x/sys/unix", "net/http", "os/exec"}

// The first rule whose folder is the package's own or a parent of it decides.
var rules = []rule{
	{folder: "pdu", ours: []string{"internal/crc32c"}, banned: noIO},
	{folder: "session", ours: []string{"session", "pdu", "internal/iscsiname"}, banned: noIO},
	{folder: "lun/backend", ours: []string{"lun", "internal/medium"}},
	{folder: "lun/luntest", ours: []string{"lun"}},
	{folder: "lun", ours: []string{"internal/iscsiname"}, banned: noIO},
	{folder: "internal/uring", ours: []string{"internal/uring", "engine/giouring"}},
	{folder: "internal/steer"},
	{folder: "internal/crc32c", banned: noIO},
	{folder: "internal/iscsiname", banned: noIO},
	{folder: "internal/hist"},
	{folder: "internal/stat", banned: noIO},
	{folder: "internal/medium"},
	{folder: "internal/faulttest", ours: []string{"lun"}},
	{folder: "internal/loopdev"},
	{folder: "internal/phasetest"},
	{folder: "internal/host", ours: []string{"internal/bench/result", "internal/hist"}},
	{folder: "internal/process"},
	{folder: "internal/rawclient", ours: []string{"pdu"}},
	{folder: "internal/conform/rules"},
	{folder: "internal/conform", ours: []string{"internal/conform", "internal/rawclient", "bench", "pdu"}},
	{folder: "internal/tgtd", ours: []string{"internal/process", "internal/host"}},
	{folder: "internal/check"},
	{folder: "internal/must"},
	{folder: "internal/need", ours: []string{"internal/process"}},
	{folder: "internal/harness", ours: []string{"internal/process", "internal/need"}},
	{folder: "internal/bench/peer/cold", ours: []string{"internal/bench/peer/script", "internal/uring", "pdu"}},
	{folder: "internal/bench", ours: []string{"bench", "internal/bench", "pdu", "internal/hist", "internal/host", "internal/process", "internal/stat", "internal/tgtd", "internal/harness"}},
	{folder: "engine/giouring"},
	{folder: "engine", ours: []string{"engine", "session", "lun", "pdu", "internal/iscsiname", "internal/uring", "internal/steer", "internal/hist", "internal/crc32c"}},
	{folder: "bench", ours: []string{"bench", "pdu", "internal/uring", "internal/hist"}},
	{folder: "tools", ours: []string{"bench", "engine", "session", "lun", "pdu", "internal", "tools"}},
}

type pkg struct {
	ImportPath, Name, Doc, Dir         string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports                            []string
}

// Imports go along the arrows only, giouring has one importer, and every package has a rule.
func TestImportsFollowTheArrows(t *testing.T) {
	for _, p := range packages(t) {
		rel := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		i := slices.IndexFunc(rules, func(r rule) bool { return within(rel, r.folder) })
		if i < 0 {
			t.Errorf("package %s has no rule here: where does it belong on the map?", rel)
			continue
		}
		r := rules[i]
		for _, imp := range p.Imports {
			check.That(t, imp != module+"/internal/uring/simkernel", "%s imports simkernel: only tests may", rel)
			if imp == "github.com/ringtgt/ringtgt/engine/giouring" && !within(rel, "internal/uring") {
				t.Errorf("%s imports giouring: only internal/uring and the simulated kernel may", rel)
			}
			check.That(t, !slices.Contains(r.banned, imp), "%s imports %s: %s has no I/O", rel, imp, r.folder)
			theirs, ok := strings.CutPrefix(imp, module+"/")
			if !ok {
				continue
			}
			if !slices.ContainsFunc(r.ours, func(f string) bool { return within(theirs, f) }) {
				t.Errorf("%s imports %s: against the arrows", rel, theirs)
			}
		}
	}
}

// The top level holds the folders of the map and nothing else.
func TestTopLevel(t *testing.T) {
	allowed := []string{
		"pdu", "session", "lun", "engine", "bench", "internal", "tools", "docs",
		"CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md",
		"go.mod", "go.sum", "Makefile", "README.md", "LICENSE", ".ci", ".github", ".gitignore",
	}
	for _, f := range tracked(t) {
		top, _, _ := strings.Cut(f, "/")
		if !slices.Contains(allowed, top) {
			t.Errorf("%s at the top level is not on the map", top)
			allowed = append(allowed, top)
		}
	}
}

func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func root(t *testing.T) string {
	t.Helper()
	dir := must.Get(os.Getwd())(t)
	return filepath.Dir(filepath.Dir(dir))
}

// packages lists the module's packages with the imports of their non-test files.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Dir,GoFiles,TestGoFiles,XTestGoFiles,Imports", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	must.OK(t, err, "go list")
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// One package decides what a test does without what it needs: internal/need. Only then does nothing that tools/deps.sh installs go
// untested under CI=true.
func TestSkipsForMissingPrograms(t *testing.T) {
	for _, name := range tracked(t) {
		if !strings.HasSuffix(name, ".go") || within(name, "internal/need") || within(name, "tools/archtest") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(t), name))
		if err == nil && strings.Contains(string(text), `os.Getenv("CI")`) {
			t.Errorf("%s asks for CI: internal/need does", name)
		}
	}
}
