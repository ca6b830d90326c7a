package lun_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
)

type errnoError struct {
	error
	n int
}

func (e errnoError) Errno() int    { return e.n }
func (e errnoError) Unwrap() error { return e.error }

// TestHealthCountsFaults: each failed request is counted by kind with its block and errno, even if its command was aborted. A
// busy medium is no fault.
func TestHealthCountsFaults(t *testing.T) {
	r := newRig(t, withPosted, withVolatile)
	fail := func(err error) { r.d.fail = func(q *lun.Request) error { q.Moved = 512; return err } }
	if s := r.u.Health().Snapshot(); s.State != lun.HealthGood || len(s.Faults) != 0 {
		t.Fatalf("a new unit is %v with %v", s.State, s.Faults)
	}
	fail(lun.ErrBusy)
	r.do(cdb10(0x28, 0, 9, 4))
	if s := r.u.Health().Snapshot(); s.State != lun.HealthGood {
		t.Errorf("busy is a fault: %v", s.Faults)
	}
	fail(errnoError{lun.ErrMedium, 5})
	r.do(cdb10(0x28, 0, 9, 4))
	fail(lun.ErrNoSpace)
	r.do(cdb10(0x2A, 0, 20, 1), pattern(512, 1)...)
	fail(errors.New("nobody knows"))
	r.d.posted = false
	r.d.hold = func(*lun.Request) bool { return true }
	c := r.start(0, r.a, 0, lun.AttrSimple, cdb10(0x28, 0, 30, 1), nil)
	r.w.On(0, func(*lunLoop) { c.task.Abort() })
	r.d.release()
	c.wait()
	s := r.u.Health().Snapshot()
	want := []lun.Fault{
		{Kind: lun.FaultRead, Count: 1, LBA: 10, HasLBA: true, Errno: 5},
		{Kind: lun.FaultNoSpace, Count: 1, LBA: 21, HasLBA: true},
		{Kind: lun.FaultInternal, Count: 1, LBA: 31, HasLBA: true},
	}
	if s.State != lun.HealthDegraded || s.Why != lun.FaultRead || len(s.Faults) != len(want) {
		t.Fatalf("%v because of %v: %+v", s.State, s.Why, s.Faults)
	}
	for i, f := range s.Faults {
		f.At = 0
		check.That(t, f == want[i], "fault %+v, want %+v", f, want[i])
	}
}

// TestHealthReportsTogether: concurrent reports lose no count, and no snapshot mixes two faults.
func TestHealthReportsTogether(t *testing.T) {
	var h lun.Health
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 1000 {
				h.Report(lun.FaultWrite, int64(i), i, int64(i))
			}
		}()
	}
	for range 1000 {
		for _, f := range h.Snapshot().Faults {
			if f.HasLBA && (int(f.LBA) != f.Errno || f.At != int64(f.Errno)) {
				t.Errorf("mixed: %+v", f)
			}
		}
	}
	wg.Wait()
	check.Equal(t, h.Count(lun.FaultWrite), 4000, "counted")
	check.Equal(t, testing.AllocsPerRun(100, func() { h.Report(lun.FaultRead, 1, 5, 1) }), 0, "allocations of Report:")
}
