package volume

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/need"
	"golang.org/x/sys/unix"
)

func open(t *testing.T, dir string) *Pool {
	t.Helper()
	p := must.Get(Open(dir))(t)
	t.Cleanup(func() { p.Close() })
	return p
}

// A volume is made, expanded and deleted; each a second time changes nothing.
func TestLife(t *testing.T) {
	for _, isThin := range []bool{true, false} {
		dir := t.TempDir()
		p := open(t, dir)
		made, err := p.Create("pvc-1.a", 1<<20, isThin)
		must.Be(t, made && err == nil, "create: %v, %v", made, err)
		made, err = p.Create("pvc-1.a", 1<<20, isThin)
		check.That(t, !made && err == nil, "create again: %v, %v", made, err)
		_, err = p.Create("pvc-1.a", 2<<20, isThin)
		check.That(t, errors.Is(err, ErrExists), "create with another size: %v", err)
		_, err = p.Create("pvc-1.a", 1<<20, !isThin)
		check.That(t, errors.Is(err, ErrExists), "create thin %v: %v", !isThin, err)
		v := must.Get(p.Get("pvc-1.a"))(t)
		check.That(t, v.Size == 1<<20 && v.Thin == isThin && (v.Allocated >= 1<<20) == !isThin, "%+v", v)
		check.That(t, strings.HasPrefix(v.Path, dir+"/"), "path %s", v.Path)

		grown, err := p.Expand("pvc-1.a", 3<<20)
		check.That(t, grown && err == nil, "expand: %v, %v", grown, err)
		grown, err = p.Expand("pvc-1.a", 3<<20)
		check.That(t, !grown && err == nil, "expand again: %v, %v", grown, err)
		_, err = p.Expand("pvc-1.a", 1<<20)
		check.That(t, errors.Is(err, ErrInvalid), "shrink: %v", err)
		_, err = p.Expand("other", 1<<20)
		check.That(t, errors.Is(err, ErrNotFound), "expand what is not there: %v", err)
		list := must.Get(p.List())(t)
		check.That(t, len(list) == 1 && list[0].Size == 3<<20 && list[0].Name == "pvc-1.a", "list %+v", list)

		deleted, err := p.Delete("pvc-1.a")
		check.That(t, deleted && err == nil, "delete: %v, %v", deleted, err)
		deleted, err = p.Delete("pvc-1.a")
		check.That(t, !deleted && err == nil, "delete again: %v, %v", deleted, err)
		left := must.Get(os.ReadDir(dir))(t)
		check.That(t, len(left) == 0, "left: %v", left)
	}
}

// No name leads out of the pool, and no link in it is followed.
func TestNames(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	p := open(t, dir)
	for _, name := range []string{"", ".", "..", "../x", "a/b", "/etc/passwd", ".new-x", "-x", "A", "a b", "a\x00", "a\n", strings.Repeat("x", maxName+1)} {
		_, err := p.Create(name, 512, true)
		check.That(t, errors.Is(err, ErrInvalid), "create %q: %v", name, err)
		_, err = p.Delete(name)
		check.That(t, errors.Is(err, ErrInvalid), "delete %q: %v", name, err)
	}
	must.OK(t, os.WriteFile(outside, []byte("precious"), 0o600))
	must.OK(t, os.Symlink(outside, filepath.Join(dir, "link.img")))
	must.OK(t, os.Mkdir(filepath.Join(dir, "folder.img"), 0o700))
	for _, name := range []string{"link", "folder"} {
		_, err := p.Expand(name, 1<<20)
		check.That(t, errors.Is(err, ErrInvalid), "expand %s: %v", name, err)
		_, err = p.Create(name, 1<<20, false)
		check.That(t, errors.Is(err, ErrInvalid), "create %s: %v", name, err)
		_, err = p.Delete(name)
		check.That(t, errors.Is(err, ErrInvalid), "delete %s: %v", name, err)
	}
	check.That(t, len(must.Get(p.List())(t)) == 0, "something is listed")
	text := must.Get(os.ReadFile(outside))(t)
	check.Equal(t, string(text), "precious", "the file outside has")
	for _, size := range []int64{0, -512, 511} {
		_, err := p.Create("v", size, true)
		check.That(t, errors.Is(err, ErrInvalid), "size %d: %v", size, err)
	}
}

// What a crash leaves under a temporary name is removed; nothing else is.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	must.Get(p.Create("keep", 512, true))(t)
	must.OK(t, os.WriteFile(filepath.Join(dir, temporary+"left"), nil, 0o600))
	must.OK(t, os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600))
	check.Equal(t, len(must.Get(p.List())(t)), 1, "volumes beside what a crash left")
	must.OK(t, p.Clean())
	var names []string
	for _, e := range must.Get(os.ReadDir(dir))(t) {
		names = append(names, e.Name())
	}
	check.Equal(t, fmt.Sprint(names), "[keep.thin notes.txt]", "left")
}

// An error while a volume is filled leaves nothing behind.
func TestFailedCreate(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	err := p.make("v.img", func(*os.File) error { return unix.ENOSPC })
	check.That(t, errors.Is(err, ErrNoSpace), "%v", err)
	check.That(t, len(must.Get(os.ReadDir(dir))(t)) == 0, "something is left")
	must.OK(t, os.WriteFile(filepath.Join(dir, "v.img"), []byte("theirs"), 0o600))
	err = p.make("v.img", func(*os.File) error { return nil })
	check.That(t, errors.Is(err, os.ErrExist), "over a file: %v", err)
	text := must.Get(os.ReadFile(filepath.Join(dir, "v.img")))(t)
	check.Equal(t, string(text), "theirs", "the file has")
}

// mount makes a file system in a file and mounts it.
func mount(t *testing.T, mkfs ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount")
	}
	need.Program(t, mkfs[0], "that tools/deps.sh names")
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	must.OK(t, os.WriteFile(image, nil, 0o600))
	must.OK(t, os.Truncate(image, 512<<20))
	out, err := exec.Command(mkfs[0], append(mkfs[1:], image)...).CombinedOutput()
	must.OK(t, err, "%s: %s", mkfs[0], out)
	if out, err := exec.Command("mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount what %s made: %s", mkfs[0], bytes.TrimSpace(out))
	}
	t.Cleanup(func() { check.OK(t, exec.Command("umount", dir).Run(), "umount %s", dir) })
	return dir
}

// A snapshot has the data of its moment, and takes no space of its own.
func TestSnapshot(t *testing.T) {
	for _, mkfs := range [][]string{{"mkfs.xfs", "-q"}, {"mkfs.btrfs", "-q"}} {
		t.Run(mkfs[0], func(t *testing.T) {
			dir := mount(t, mkfs...)
			p := must.Get(Open(dir))(t)
			defer p.Close()
			must.Get(p.Create("a", 1<<20, true))(t)
			path := must.Get(p.Get("a"))(t).Path
			before, after := bytes.Repeat([]byte{1}, 1<<20), bytes.Repeat([]byte{2}, 1<<20)
			must.OK(t, os.WriteFile(path, before, 0o600))
			made, err := p.Snapshot("a", "b")
			must.Be(t, made && err == nil, "snapshot: %v, %v", made, err)
			made, err = p.Snapshot("a", "b")
			check.That(t, !made && err == nil, "snapshot again: %v, %v", made, err)
			must.OK(t, os.WriteFile(path, after, 0o600))
			got := must.Get(os.ReadFile(must.Get(p.Get("b"))(t).Path))(t)
			check.That(t, bytes.Equal(got, before), "the snapshot follows its source")
			_, err = p.Snapshot("none", "c")
			check.That(t, errors.Is(err, ErrNotFound), "of nothing: %v", err)
		})
	}
}

// Where the file system has no reflinks, a snapshot is refused and leaves nothing.
func TestSnapshotWithoutReflinks(t *testing.T) {
	dir := mount(t, "mkfs.ext4", "-q")
	p := must.Get(Open(dir))(t)
	defer p.Close()
	must.Get(p.Create("a", 1<<20, true))(t)
	_, err := p.Snapshot("a", "b")
	check.That(t, errors.Is(err, ErrUnsupported) && strings.Contains(err.Error(), "reflinks"), "%v", err)
	list := must.Get(p.List())(t)
	check.That(t, len(list) == 1, "%v", list)
	_, err = p.Create("big", 1<<40, false)
	check.That(t, errors.Is(err, ErrNoSpace), "a volume that is larger than the pool: %v", err)
}
