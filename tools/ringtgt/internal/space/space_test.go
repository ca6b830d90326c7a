package space

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

const gib = 1 << 30

// A file system is judged by what its files can still take, and by the threshold.
func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		fs   FileSystem
		want Problem
		text string
	}{
		{FileSystem{Mount: "/a", Total: 100 * gib, Available: 50 * gib, Growth: 50 * gib}, None, ""},
		{FileSystem{Mount: "/a", Total: 100 * gib, Available: 50 * gib, Growth: 51 * gib}, Overcommit,
			"/a is over-committed: 50 GiB free of 100 GiB, and the files of LUNs there can grow by 51 GiB"},
		{FileSystem{Mount: "/a", Total: 100 * gib, Available: 10 * gib, Growth: 1}, None, ""},
		{FileSystem{Mount: "/a", Total: 100 * gib, Available: 10*gib - 1000, Growth: 1}, NearlyFull,
			"/a is nearly full: 10 GiB free of 100 GiB, and the files of LUNs there can grow by 1 B"},
		{FileSystem{Mount: "/a", Total: 100 * gib, Available: 0, Growth: 0}, None, ""},
	} {
		check.Equal(t, tt.fs.Judge(10), tt.want, "%+v is", tt.fs)
		check.Equal(t, tt.fs.Warning(10), tt.text, "%+v:", tt.fs)
	}
}

// Files of one file system share its space.
func TestSum(t *testing.T) {
	got := Sum(map[string]Usage{
		"/b/1": {Size: 10, Allocated: 4, Total: 100, Available: 50, Device: 2},
		"/b/2": {Size: 10, Allocated: 12, Total: 100, Available: 50, Device: 2}, // metadata and preallocation
		"/a/1": {Size: 7, Total: 70, Available: 7, Device: 1},
	}, filepath.Dir)
	must.Be(t, len(got) == 2, "%+v", got)
	check.Equal(t, got[0], FileSystem{"/a", 70, 7, 7}, "first")
	check.Equal(t, got[1], FileSystem{"/b", 100, 50, 6}, "second")
}

// A sparse file, and one that will be created below a directory that does not exist yet.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sparse")
	must.OK(t, os.WriteFile(path, nil, 0o600))
	must.OK(t, os.Truncate(path, 1<<30))
	u := must.Get(Look(path))(t)
	check.That(t, u.Size == 1<<30 && u.Growth() > 1<<29 && u.Total > 0 && u.Available <= u.Total && u.Device != 0, "%+v", u)
	v := must.Get(LookAbove(filepath.Join(dir, "no", "such", "file"), 5))(t)
	check.That(t, v.Size == 5 && v.Growth() == 5 && v.Device == u.Device && v.Total == u.Total, "%+v", v)
	_, err := Look(filepath.Join(dir, "none"))
	check.That(t, err != nil, "a file that is not there has a usage")
}
