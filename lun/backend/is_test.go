package backend

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/internal/must"
)

// A file other than the inspected one is neither opened, extended nor created.
func TestSpecIs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	text := bytes.Repeat([]byte("data"), 1024)
	write := func(path string) {
		t.Helper()
		must.OK(t, os.WriteFile(path, text, 0o600))
	}
	write(path)
	is := must.Get(medium.OfPath(path))(t)
	spec := Spec{Kind: KindFile, Path: path, Size: 8192, Is: is}
	must.OK(t, os.Rename(path, path+".away"))
	if b, err := Open(spec); err == nil {
		b.Close()
		t.Error("a missing file was opened")
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file was made: %v", err)
	}
	write(path)
	if b, err := Open(spec); !errors.Is(err, ErrAnother) {
		if err == nil {
			b.Close()
		}
		t.Errorf("another file: %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, text) {
		t.Errorf("another file was changed: %d bytes, %v", len(now), err)
	}
	must.OK(t, os.Rename(path+".away", path))
	b := must.Get(Open(spec))(t)
	defer b.Close()
	if now, err := b.(Located).Medium(); err != nil || !medium.Same(is, now) || now.Size() != 8192 {
		t.Errorf("the file is %s, %v; was %s", now, err, is)
	}
}
