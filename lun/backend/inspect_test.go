package backend_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
)

// TestInspectFile: Inspect detects changes to a file. Requests for blocks that it finds lost fail.
func TestInspectFile(t *testing.T) {
	r := newCutRig(t, t.TempDir(), backend.DirectOff)
	check.Equal(t, r.b.Inspect(), (backend.Condition{}), "a file that is as it was:")
	away := filepath.Join(filepath.Dir(r.path), "away")
	must.OK(t, os.Rename(r.path, away))
	if c := r.b.Inspect(); !errors.Is(c.Place, medium.ErrGone) {
		t.Errorf("a file that was renamed: %+v", c)
	}
	must.OK(t, os.WriteFile(r.path, make([]byte, 16*cutBlock), 0o600))
	if c := r.b.Inspect(); !errors.Is(c.Place, medium.ErrOther) {
		t.Errorf("another file at its path: %+v", c)
	}
	must.OK(t, os.Rename(away, r.path))
	check.Equal(t, r.b.Inspect(), (backend.Condition{}), "a file that is back:")
	r.truncate(10)
	if c := r.b.Inspect(); !c.Lost || c.LostLBA != 10 {
		t.Errorf("a file that was cut: %+v", c)
	}
	r.truncate(16)
	r.want(lun.OpRead, 10, 1, lun.ErrMedium, "there are zeroes where data was")
	must.OK(t, os.Remove(r.path))
	if c := r.b.Inspect(); !errors.Is(c.Place, medium.ErrDeleted) || !c.Lost {
		t.Errorf("a file that was cut and deleted: %+v", c)
	}
	r.b.Close()
	check.Equal(t, r.b.Inspect(), (backend.Condition{}), "after Close:")
}

// TestInspectOthers: memory cannot be lost. A Fault passes its backend's result on.
func TestInspectOthers(t *testing.T) {
	for _, kind := range []backend.Kind{backend.KindMemory, backend.KindNull} {
		b := must.Get(backend.Open(backend.Spec{Kind: kind, Size: 1 << 20}))(t)
		check.Equal(t, b.Inspect(), (backend.Condition{}), "%s:", kind)
		b.Close()
	}
	r := newCutRig(t, t.TempDir(), backend.DirectOff)
	r.truncate(0)
	if c := faulttest.New(r.b).Inspect(); !c.Lost {
		t.Errorf("a Fault before a file that was cut: %+v", c)
	}
}
