package health

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
)

type brokenStore struct{ err error }

func (s *brokenStore) Load(string) ([]byte, error) { return nil, s.err }
func (s *brokenStore) Save(string, []byte) error   { return s.err }

// An unwritable state directory is logged in a bounded number of lines, and so is its recovery. The device server's results are
// passed through unchanged.
func TestStateErrorsAreTold(t *testing.T) {
	r := newRig(t, 0, nil)
	b := &brokenStore{}
	s := NewStore(b, "/var/lib/ringtgt", r.logger())
	s.now = r.now
	save := func() {
		t.Helper()
		check.Equal(t, s.Save("k", nil), b.err, "Save is")
	}
	save()
	r.want()
	b.err = fmt.Errorf("state.db: %w", unix.ENOSPC)
	since := r.clock
	for range 100 {
		save()
	}
	r.want(`level=ERROR msg="state: it cannot be written" state=/var/lib/ringtgt err="state.db: no space left on device" errno=ENOSPC count=1 total=1`)
	r.pass(quiet)
	save()
	r.want(`level=ERROR msg="state: it cannot be written" state=/var/lib/ringtgt err="state.db: no space left on device" errno=ENOSPC count=100 total=101`)
	if why, at, n := s.Report(); why != "the state directory cannot be written: state.db: no space left on device" || !at.Equal(since) || n != 101 {
		t.Errorf("report: %q since %v, %d", why, at, n)
	}
	b.err = nil
	save()
	r.want(`level=INFO msg="state: it can be written again" state=/var/lib/ringtgt errors=101`)
	if why, _, _ := s.Report(); why != "" {
		t.Errorf("report: %q", why)
	}
	b.err = unix.EIO
	r.pass(time.Minute)
	if _, err := s.Load("k"); err != b.err {
		t.Errorf("Load is %v", err)
	}
	r.want(`level=ERROR msg="state: it cannot be read" state=/var/lib/ringtgt err="input/output error" errno=EIO count=1 total=102`)
}
