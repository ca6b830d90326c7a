package moduletest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/need"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"github.com/ringtgt/ringtgt/internal/must"
)

const (
	modulePath = "github.com/ringtgt/ringtgt"
	version    = "v0.1.0"
)

// The module installs by version and imports from another module. The go command gets it from a module proxy in the file
// system that this test makes of the working tree, as a release would be made.
func TestInstallAndImport(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: compiles the module again")
	}
	o := outsider(t)

	// What README.md tells people to type.
	o.run(t.TempDir(), "go", "install", modulePath+"/tools/ringtgt@"+version)
	for _, arg := range []string{"version", "--version"} {
		if out := o.run(o.bin, filepath.Join(o.bin, "ringtgt"), arg); !strings.HasPrefix(out, "ringtgt "+version+" go") {
			t.Errorf("ringtgt %s, installed by version %s: %q", arg, version, out)
		}
	}

	dir := filepath.Join(t.TempDir(), "outside")
	must.OK(t, os.CopyFS(dir, os.DirFS("testdata/outside")))
	mod := fmt.Sprintf("module example.com/outside\n\ngo %s\n\nrequire %s %s\n", goVersion(t), modulePath, version)
	must.OK(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o666))
	if out := o.run(dir, "go", "run", "."); !strings.HasPrefix(out, "hello from outside") {
		t.Errorf("the program of another module printed %q", out)
	}
	o.run(dir, "go", "test", ".")
}

// world is an environment with Go and a module proxy, and nothing of this checkout.
type world struct {
	t   *testing.T
	env []string
	bin string // GOBIN
}

// outsider makes a module proxy and an empty module cache. The build cache is the usual one: with -trimpath what was compiled by
// an earlier run is found there whatever the module cache's path. Modules of others come from this machine's module cache.
func outsider(t *testing.T) *world {
	t.Helper()
	cache := strings.TrimSpace(string(output(t, "go", "env", "GOMODCACHE")))
	upstream := strings.TrimSpace(string(output(t, "go", "env", "GOPROXY")))
	o := &world{t: t, bin: t.TempDir()}
	o.env = append(os.Environ(),
		"GOPROXY=file://"+proxy(t)+",file://"+filepath.Join(cache, "cache", "download")+","+upstream,
		"GOMODCACHE="+t.TempDir(), "GOBIN="+o.bin, "GOSUMDB=off", "GOTOOLCHAIN=local", "GOWORK=off",
		"GOFLAGS=-mod=mod -trimpath -modcacherw",
	)
	return o
}

func (o *world) run(dir, name string, args ...string) string {
	o.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, o.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		o.t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

// proxy makes a module proxy in a folder (go help goproxy): the module at one version, of the files that git would commit.
func proxy(t *testing.T) (dir string) {
	t.Helper()
	root := root(t)
	dir = t.TempDir()
	at := filepath.Join(dir, modulePath, "@v")
	must.OK(t, os.MkdirAll(at, 0o777))
	mod := must.Get(os.ReadFile(filepath.Join(root, "go.mod")))(t)
	var archive bytes.Buffer
	must.OK(t, modzip.Create(&archive, module.Version{Path: modulePath, Version: version}, tracked(t, root)))
	for name, content := range map[string][]byte{
		"list":            []byte(version + "\n"),
		version + ".info": fmt.Appendf(nil, `{"Version":%q,"Time":%q}`, version, time.Unix(0, 0).UTC().Format(time.RFC3339)),
		version + ".mod":  mod,
		version + ".zip":  archive.Bytes(),
	} {
		must.OK(t, os.WriteFile(filepath.Join(at, name), content, 0o666))
	}
	return dir
}

// tracked lists the files of the working tree that git has or would add.
func tracked(t *testing.T, root string) (files []modzip.File) {
	t.Helper()
	out, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		need.Missing(t, "not a git checkout: cannot tell which files a release has: ", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if _, err := os.Lstat(filepath.Join(root, name)); errors.Is(err, fs.ErrNotExist) {
			continue // deleted, and not yet committed
		}
		files = append(files, file{root, name})
	}
	return files
}

// file is a file of the module.
type file struct{ root, name string }

func (f file) Path() string                 { return f.name }
func (f file) Lstat() (os.FileInfo, error)  { return os.Lstat(filepath.Join(f.root, f.name)) }
func (f file) Open() (io.ReadCloser, error) { return os.Open(filepath.Join(f.root, f.name)) }

// A module that others install or import has no replace: go install refuses it, and importers ignore it. Nor does it exclude
// versions, which importers ignore too.
func TestNoReplace(t *testing.T) {
	mod := goMod(t)
	for _, r := range mod.Replace {
		t.Errorf("go.mod:%d replaces %s", r.Syntax.Start.Line, r.Old.Path)
	}
	for _, x := range mod.Exclude {
		t.Errorf("go.mod:%d excludes %s", x.Syntax.Start.Line, x.Mod)
	}
}

func goVersion(t *testing.T) string { return goMod(t).Go.Version }

func goMod(t *testing.T) *modfile.File {
	t.Helper()
	path := filepath.Join(root(t), "go.mod")
	b := must.Get(os.ReadFile(path))(t)
	return must.Get(modfile.Parse(path, b, nil))(t)
}

func root(t *testing.T) string {
	t.Helper()
	return filepath.Dir(strings.TrimSpace(string(output(t, "go", "env", "GOMOD"))))
}

func output(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out
}
