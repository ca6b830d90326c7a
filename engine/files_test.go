package engine

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
)

// A unit's file goes and another unit's file gets its descriptor's number: what is written then is in the second file,
// and the first stays as it was.
func TestDescriptorUsedAgain(t *testing.T) {
	dir := t.TempDir()
	open := func(name string) lun.Backend {
		b := must.Get(backend.Open(backend.Spec{Kind: backend.KindFile, Path: filepath.Join(dir, name), Size: 1 << 20}))(t)
		return b
	}
	r := newRig(t, 1, memory(t, 1<<20))
	var want [4][]byte
	names := []string{"a", "b", "c", "d"}
	for k, name := range names {
		u := must.Get(r.target.AddUnit(1, lun.UnitConfig{Backend: open(name), ID: name}))(t)
		i := r.login(byte(k))
		want[k] = fill(4096, uint64(k))
		i.good(i.startWrite(1, 0, want[k]))
		if st, got := i.finish(i.startRead(1, 0, 8)); st != 0 || !bytes.Equal(got, want[k]) {
			t.Fatalf("read: status %#x", st)
		}
		i.Conn.Close()
		r.target.RemoveUnit(1)
		waitFor(t, "the unit to be idle", u.Idle)
		must.OK(t, u.Backend().Close())
	}
	for k, name := range names {
		got, err := os.ReadFile(filepath.Join(dir, name))
		check.That(t, err == nil && bytes.Equal(got[:4096], want[k]), "file %s does not hold what was written to its unit (%v)", name, err)
	}
}
