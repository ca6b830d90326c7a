package kerneltest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

func TestTreeResolve(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"lib/x", "usr/lib"} {
		must.OK(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	must.OK(t, os.WriteFile(filepath.Join(root, "lib/x/libc.so"), nil, 0o644))
	for name, target := range map[string]string{
		"lib64":            "/lib/x", // absolute: of the tree, not of this machine
		"usr/lib/libc":     "../../lib/x/libc.so",
		"usr/lib/libc.so":  "libc",                            // a link to a link
		"usr/lib/up":       "../../../../../../lib/x/libc.so", // ".." stops at the root
		"loop":             "loop",
		"usr/lib/dangling": "/etc/hostname-that-is-not-there",
	} {
		must.OK(t, os.Symlink(target, filepath.Join(root, name)))
	}
	want := filepath.Join(root, "lib/x/libc.so")
	for _, name := range []string{"lib/x/libc.so", "/lib64/libc.so", "usr/lib/libc.so", "usr/lib/up"} {
		if got, err := tree(root).resolve(name); err != nil || got != want {
			t.Errorf("resolve(%s) = %s, %v; want %s", name, got, err, want)
		}
	}
	for _, name := range []string{"loop", "usr/lib/dangling", "lib/libc.so"} {
		if got, err := tree(root).resolve(name); err == nil {
			t.Errorf("resolve(%s) = %s; want an error", name, got)
		}
	}
}

// The machine's own root is a tree too, where it is a Debian one.
func TestTreeLibraries(t *testing.T) {
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		t.Skip("not a Debian machine: libraries lie elsewhere")
	}
	program := must.Get(tree("/").find("env", programDirs))(t)
	libraries, err := tree("/").libraries([]string{program})
	must.OK(t, err)
	for _, soname := range []string{"libc.so.6", "ld-linux-x86-64.so.2"} { // the second is needed by the first alone
		check.That(t, libraries[soname] != "", "%s not among %v", soname, libraries)
	}
	_, err = tree(t.TempDir()).libraries([]string{program})
	check.That(t, err != nil && strings.Contains(err.Error(), "libc.so.6"), "an empty tree has libc: %v", err)
}
