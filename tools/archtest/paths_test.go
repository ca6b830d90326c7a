package archtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
)

// foreign finds an absolute path below a directory that belongs to a person or to a build machine. In such a file a "/" after a
// word, a dot or a closing brace goes on with a relative path or an address.
var foreign = regexp.MustCompile(`(^|[^\w.)}/-])/(root|home|Users|work|workspace|builds)/`)

// fixed finds a text in Go that begins with a fixed name in the temporary directory, which other runs share and any user can create.
var fixed = regexp.MustCompile("[\"`:]/tmp/[\\w.]")

// No file names a path of the machine that it was written on: it means nothing elsewhere, or worse, something else.
func TestNoPathsOfOneMachine(t *testing.T) {
	for _, name := range tracked(t) {
		text, err := os.ReadFile(filepath.Join(root(t), name))
		if os.IsNotExist(err) {
			continue // removed, but not yet from git's index
		}
		must.OK(t, err)
		if bytes.IndexByte(text, 0) >= 0 {
			continue // no text
		}
		n := 0
		for line := range strings.Lines(string(text)) {
			n++
			if foreign.MatchString(line) || strings.HasSuffix(name, ".go") && fixed.MatchString(line) {
				t.Errorf("%s:%d: a path of one machine: %s", name, n, strings.TrimSpace(line))
			}
		}
	}
}

func TestForeignPaths(t *testing.T) {
	for line, want := range map[string]bool{
		`name := "/` + `root/" + base`:        true,
		`see /` + `home/me/notes`:             true,
		`/` + `work/main/go.mod`:              true,
		`"file:/` + `tmp/x:1M"`:               true,
		`go test ./` + `work/x`:               false,
		`https://example.org/home/page`:       false,
		`filepath.Join(dir, "/` + `work")`:    false,
		`mounted on /home`:                    false,
		`filepath.Join(os.TempDir(), "work")`: false,
	} {
		if got := foreign.MatchString(line) || fixed.MatchString(line); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

// tracked are the files of the checkout, as git lists them.
func tracked(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "-C", root(t), "ls-files", "-z").Output()
	if err != nil {
		t.Skip("not a git checkout: cannot list its files")
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
}
