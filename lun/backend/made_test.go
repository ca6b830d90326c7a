package backend_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun/backend"
)

// A file that cannot be served in the end is not left behind if it was made for that; one that was there stays.
func TestFileThatCannotBeServedIsNotLeft(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f.img")
	_, err := backend.Open(backend.Spec{Kind: backend.KindFile, Path: path, Size: 100, BlockSize: 512}) // no whole block
	must.Be(t, err != nil, "a file without a block is served")
	check.Equal(t, len(must.Get(os.ReadDir(dir))(t)), 0, "files left:")
	must.OK(t, os.WriteFile(path, []byte("theirs"), 0o600))
	_, err = backend.Open(backend.Spec{Kind: backend.KindFile, Path: path, Size: 100, BlockSize: 512})
	must.Be(t, err != nil, "a file without a block is served")
	check.Equal(t, len(must.Get(os.ReadDir(dir))(t)), 1, "files left:")
}

// A backend knows whether it made its file.
func TestFileKnowsWhetherItWasMade(t *testing.T) {
	s := backend.Spec{Kind: backend.KindFile, Path: filepath.Join(t.TempDir(), "f.img"), Size: 1 << 20, BlockSize: 512}
	for i, want := range []bool{true, false} {
		b := must.Get(backend.OpenFile(s))(t)
		check.Equal(t, b.Made(), want, "made by opening %d:", i)
		must.OK(t, b.Close())
	}
}
