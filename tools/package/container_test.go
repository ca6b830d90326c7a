package packaging

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/need"
)

// The image has the binary and empty directories, and the binary runs in it.
func TestContainer(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it builds an image")
	}
	needRoot(t)
	need.Program(t, "buildah", "buildah")
	out, store := t.TempDir(), t.TempDir()
	t.Setenv("STORAGE_DRIVER", "vfs")
	t.Setenv("CONTAINERS_STORAGE_CONF", filepath.Join(store, "storage.conf"))
	must.OK(t, os.WriteFile(filepath.Join(store, "storage.conf"),
		[]byte("[storage]\ndriver = \"vfs\"\ngraphroot = \""+store+"/graph\"\nrunroot = \""+store+"/run\"\n"), 0o600))
	t.Setenv("BUILDAH_ISOLATION", "chroot")
	run(t, "make", "--no-print-directory", "container", "OUT="+out)
	var image struct {
		OCIv1 struct {
			Config struct {
				Entrypoint, Cmd []string
				WorkingDir      string
				Volumes         map[string]any
			}
		}
	}
	must.OK(t, json.Unmarshal([]byte(run(t, "buildah", "inspect", "--type", "image", "ringtgt")), &image))
	c := image.OCIv1.Config
	check.That(t, slices.Equal(c.Entrypoint, []string{"/usr/bin/ringtgt"}) && slices.Equal(c.Cmd, []string{"serve"}) && c.WorkingDir == "/data" && len(c.Volumes) == 1, "%+v", c)

	name := strings.TrimSpace(run(t, "buildah", "from", "--security-opt", "seccomp="+profile(t), "ringtgt"))
	defer run(t, "buildah", "rm", name)
	dir := strings.TrimSpace(run(t, "buildah", "mount", name))
	var files []string
	must.OK(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(path, dir))
		}
		return err
	}))
	check.That(t, slices.Equal(files, []string{"/usr/bin/ringtgt"}), "the image has %q", files)
	contains(t, "version", run(t, "buildah", "run", name, "--", "/usr/bin/ringtgt", "version"), "ringtgt ")
	// It serves and is measured by itself: there is no shell to start two programs.
	contains(t, "bench", run(t, "buildah", "run", name, "--", "/usr/bin/ringtgt", "bench", "--compare", "ringtgt", "--rounds", "1", "--runtime", "100ms", "--idle", "10ms"), "randread")
}

// profile is the seccomp profile that docs/deploy.md derives from the runtime's: with io_uring, and the same otherwise.
func profile(t *testing.T) (path string) {
	t.Helper()
	need.Program(t, "jq", "jq")
	const theirs = "/usr/share/containers/seccomp.json" // of golang-github-containers-common, which buildah depends on
	page := string(must.Get(os.ReadFile(root(t) + "/docs/deploy.md"))(t))
	_, rest, ok := strings.Cut(page, "\njq '")
	filter, _, ok2 := strings.Cut(rest, "'")
	must.Be(t, ok && ok2, "docs/deploy.md has no jq command")
	path = filepath.Join(t.TempDir(), "seccomp.json")
	must.OK(t, os.WriteFile(path, []byte(run(t, "jq", filter, theirs)), 0o644))
	return path
}
