package health

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
)

// rig is a watch of n units with a clock that the test controls.
type rig struct {
	*Watch
	t      *testing.T
	health []*lun.Health
	units  []*Watched
	clock  time.Time
	mu     sync.Mutex
	log    bytes.Buffer
}

func newRig(t *testing.T, n int, inspect func(i int) backend.Condition) *rig {
	r := &rig{t: t, clock: time.Unix(1_000_000, 0)}
	r.Watch = New(r.logger())
	for i := range n {
		r.health = append(r.health, &lun.Health{})
		u := Unit{Target: "iqn.2026-11.io.example:t", LUN: i, Medium: "file:/srv/a.img", Faults: r.health[i]}
		if inspect != nil {
			u.Inspect = func() backend.Condition { return inspect(i) }
		}
		r.units = append(r.units, r.Add(u))
	}
	r.now = func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.clock
	}
	return r
}

func (r *rig) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

func (r *rig) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(b)
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(d)
}

// lines returns the lines logged since the last call.
func (r *rig) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := strings.TrimSuffix(r.log.String(), "\n")
	r.log.Reset()
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func (r *rig) want(want ...string) {
	r.t.Helper()
	if got := r.lines(); fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Errorf("logged\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const from = "target=iqn.2026-11.io.example:t lun=0 medium=file:/srv/a.img"

// Each kind is logged at once, then every ten seconds with the number of faults: none is omitted.
func TestFaultsAreTold(t *testing.T) {
	r := newRig(t, 1, nil)
	r.Poll()
	r.want()
	h := r.health[0]
	h.Report(lun.FaultRead, 7, int(unix.EIO), 1)
	r.Poll()
	r.want(`level=ERROR msg="medium: read error" ` + from + " lba=7 errno=EIO count=1 total=1")
	for i := range 1000 {
		h.Report(lun.FaultRead, int64(100+i), int(unix.EIO), 2)
		if i%100 == 0 {
			r.pass(time.Second / 2)
			r.Poll()
		}
	}
	r.want()
	h.Report(lun.FaultFlush, -1, 0, 3)
	r.Poll()
	r.want(`level=ERROR msg="medium: flush failed" ` + from + " count=1 total=1") // one kind does not delay another
	r.pass(quiet)
	r.Poll()
	r.want(`level=ERROR msg="medium: read error" ` + from + " lba=1099 errno=EIO count=1000 total=1001")
	h.Report(lun.FaultRead, 8, int(unix.EIO), 4)
	r.Poll()
	r.want()
	r.Close()
	r.want(`level=ERROR msg="medium: read error" ` + from + " lba=8 errno=EIO count=1 total=1002")
}

// If many units fail at once the lines per poll are bounded, and every unit gets its line in the end.
func TestLinesAreBounded(t *testing.T) {
	const n = 5*maxLines + 3
	r := newRig(t, n, nil)
	for _, h := range r.health {
		h.Report(lun.FaultGone, -1, int(unix.ENODEV), 1)
	}
	told := map[string]bool{}
	for range 6 {
		r.Poll()
		lines := r.lines()
		must.Be(t, len(lines) <= maxLines, "%d lines in a poll", len(lines))
		for _, l := range lines {
			unit, _, _ := strings.Cut(l, " errno=")
			told[unit] = true
		}
		// The first units keep failing and are due again, but must not delay the others.
		r.pass(quiet)
		for _, h := range r.health[:maxLines] {
			h.Report(lun.FaultGone, -1, int(unix.ENODEV), 1)
		}
	}
	check.That(t, len(told) == n, "%d units of %d had a line", len(told), n)
}

// wait waits for the inspections under way.
func (r *rig) wait() {
	r.t.Helper()
	for range 1000 {
		r.Watch.mu.Lock()
		busy := false
		for _, u := range r.units {
			busy = busy || u.busy
		}
		r.Watch.mu.Unlock()
		if !busy {
			return
		}
		time.Sleep(time.Millisecond)
	}
	r.t.Fatal("inspections do not end")
}

// A finding is logged when it appears and when it disappears, and is in the report in between. Lost blocks stay.
func TestFindings(t *testing.T) {
	var c backend.Condition
	r := newRig(t, 1, func(int) backend.Condition { return c })
	look := func() Report {
		t.Helper()
		r.pass(time.Second)
		r.Inspect()
		r.wait()
		return r.units[0].Report()
	}
	if got := look(); got.State != lun.HealthGood || got.Why != nil || !got.Since.IsZero() {
		t.Errorf("a good unit: %+v", got)
	}
	r.want()
	c.Place = errors.New("something else is at its path now")
	since := r.clock.Add(time.Second)
	for range 3 {
		if got := look(); got.State != lun.HealthDegraded || len(got.Why) != 1 || !got.Since.Equal(since) {
			t.Errorf("elsewhere: %+v, want degraded since %v", got, since)
		}
	}
	r.want(`level=ERROR msg="medium: something else is at its path now" ` + from)
	c.Place = errors.New("nothing is at its path any more")
	if got := look(); got.State != lun.HealthDegraded || len(got.Why) != 1 || !got.Since.Equal(since) {
		t.Errorf("elsewhere in another way: %+v, want degraded since %v", got, since)
	}
	r.want(`level=ERROR msg="medium: nothing is at its path any more" ` + from)
	c.Place = nil
	if got := look(); got.State != lun.HealthGood {
		t.Errorf("back again: %+v", got)
	}
	r.want(`level=INFO msg="medium: the path leads to it again" ` + from)
	c.Lost, c.LostLBA = true, 8192
	look()
	if got := look(); got.State != lun.HealthLost || fmt.Sprint(got.Why) != "[it was truncated: blocks from LBA 8192 on are lost]" {
		t.Errorf("made shorter: %+v", got)
	}
	r.want(`level=ERROR msg="medium: it was truncated, and blocks are lost" ` + from + " first_lost_lba=8192")
	r.Poll()
	r.want() // already logged
	check.Equal(t, r.health[0].Count(lun.FaultBlocks), 1, "faults of that kind that were counted:")
	c.LostLBA = 100
	look()
	r.want(`level=ERROR msg="medium: it was truncated, and blocks are lost" ` + from + " first_lost_lba=100")
	c.Err = unix.ESTALE
	if got := look(); got.State != lun.HealthLost || len(got.Why) != 2 {
		t.Errorf("made shorter and away: %+v", got)
	}
	c = backend.Condition{}
	if got := look(); got.State != lun.HealthLost || len(got.Why) != 1 {
		t.Errorf("as long as before again: %+v; what it held is lost all the same", got)
	}
}

// A file system that does not answer holds up a bounded number of inspections, one for each unit. Neither status nor the log waits
// for them. Units whose inspection hangs are reported; units that wait for a slot are not.
func TestStuckInspection(t *testing.T) {
	const units = maxInspections + 4
	release := make(chan struct{})
	var mu sync.Mutex
	var under [units]int
	begun := 0
	r := newRig(t, units, func(i int) backend.Condition {
		mu.Lock()
		begun++
		if under[i]++; under[i] > 1 {
			t.Errorf("unit %d is inspected twice at the same time", i)
		}
		mu.Unlock()
		<-release
		mu.Lock()
		under[i]--
		mu.Unlock()
		return backend.Condition{}
	})
	hanging := func() int {
		mu.Lock()
		defer mu.Unlock()
		return begun
	}
	r.Inspect()
	r.until("all slots are taken", func() bool { return hanging() >= maxInspections })
	r.Inspect()
	r.pass(patience + time.Second)
	if s := Sum(r.reports()); s.Degraded != maxInspections {
		t.Errorf("%d units are reported not to answer, want %d", s.Degraded, maxInspections)
	}
	check.Equal(t, hanging(), maxInspections, "inspections that hang:")
	close(release)
	r.wait()
	r.pass(patience + time.Second)
	if s := Sum(r.reports()); s.State != lun.HealthGood || s.Good != units {
		t.Errorf("afterwards: %+v", s)
	}
}

func (r *rig) reports() (out []Report) {
	for _, u := range r.units {
		out = append(out, u.Report())
	}
	return out
}

func (r *rig) until(what string, cond func() bool) {
	r.t.Helper()
	for range 10_000 {
		if cond() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	r.t.Fatalf("not so: %s", what)
}

// A report tells for each kind of fault since when, how often, where and when last.
func TestReportOfFaults(t *testing.T) {
	r := newRig(t, 3, nil)
	since := r.clock
	r.health[1].Report(lun.FaultWrite, 100, int(unix.EIO), 1)
	r.Poll()
	r.pass(2 * time.Second)
	r.health[1].Report(lun.FaultWrite, 101, int(unix.EIO), 1)
	r.Poll()
	r.pass(5 * time.Second)
	r.health[1].Report(lun.FaultFlush, -1, int(unix.EIO), 1)
	r.health[0].Report(lun.FaultGone, -1, int(unix.ENOTCONN), 1)
	r.Poll()
	r.pass(time.Minute)
	reports := r.reports()
	if got := reports[1]; got.State != lun.HealthDegraded || !got.Since.Equal(since) ||
		fmt.Sprint(got.Why) != "[write error 2 times, last 1m5s ago at LBA 101 (EIO) flush failed 1m0s ago (EIO)]" || len(got.Faults) != 2 || got.Faults[0].Errno != "EIO" {
		t.Errorf("%+v", got)
	}
	if got := reports[0]; got.State != lun.HealthLost || fmt.Sprint(got.Why) != "[gone 1m0s ago (ENOTCONN)]" {
		t.Errorf("%+v", got)
	}
	if s := Sum(reports); s.State != lun.HealthLost || s.Good != 1 || s.Degraded != 1 || s.Lost != 1 || !s.Since.Equal(since) {
		t.Errorf("%+v", s)
	}
}

// A reload during an inspection triggers another one: the one under way may have looked before the change.
func TestReloadDuringInspection(t *testing.T) {
	began, goOn := make(chan bool), make(chan backend.Condition)
	r := newRig(t, 1, func(int) backend.Condition {
		began <- true
		return <-goOn
	})
	r.Inspect()
	<-began
	r.Inspect()
	goOn <- backend.Condition{}
	<-began
	goOn <- backend.Condition{Place: errors.New("something else is at its path now")}
	r.wait()
	r.want(`level=ERROR msg="medium: something else is at its path now" ` + from)
}

// After a loss of acknowledged writes the next poll inspects the medium, which saves the loss over a restart. There is one
// inspection for each loss, even if status has read the counts before.
func TestLossHasTheMediumLookedAt(t *testing.T) {
	looked := make(chan bool, 10)
	r := newRig(t, 1, func(int) backend.Condition {
		looked <- true
		return backend.Condition{}
	})
	want := func(n int, because string) {
		t.Helper()
		r.Poll()
		r.wait()
		check.Equal(t, len(looked), n, "%s: times it was looked at:", because)
	}
	want(0, "nothing happened")
	r.health[0].Report(lun.FaultWrite, 1, int(unix.EIO), 1)
	want(0, "its initiator was told")
	for n := range 2 {
		r.health[0].Report(lun.FaultDataLost, -1, int(unix.EIO), 1)
		r.units[0].Report() // a status request
		want(n+1, "acknowledged data was lost")
		want(n+1, "nothing new")
	}
}

// A backend that finds blocks lost triggers an inspection at once.
func TestWake(t *testing.T) {
	looked, wake := make(chan bool), make(chan struct{}, 1)
	r := newRig(t, 1, func(int) backend.Condition {
		looked <- true
		return backend.Condition{}
	})
	r.Wake = wake
	wake <- struct{}{} // it may come before Start
	r.Start()
	defer r.Close()
	<-looked
	r.wait()
	wake <- struct{}{}
	<-looked
}

// A loss before this start is logged once and stays in the report.
func TestBefore(t *testing.T) {
	r := newRig(t, 0, nil)
	u := r.Add(Unit{Target: "iqn.2026-11.io.example:t", Medium: "file:/srv/a.img", Before: "before this start, much was lost"})
	r.want(`level=ERROR msg="medium: before this start, much was lost" ` + from)
	r.Poll()
	r.want()
	if got := u.Report(); got.State != lun.HealthLost || fmt.Sprint(got.Why) != "[before this start, much was lost]" || got.Since.IsZero() {
		t.Errorf("%+v", got)
	}
}

// A unit that is removed is neither polled nor inspected any more. Whatever was not logged yet is logged, and its medium is closed
// only when the inspection that is under way has ended.
func TestRemove(t *testing.T) {
	began, goOn := make(chan bool), make(chan bool)
	r := newRig(t, 2, func(i int) backend.Condition {
		if i == 1 {
			began <- true
			<-goOn
		}
		return backend.Condition{}
	})
	r.health[0].Report(lun.FaultWrite, 7, int(unix.EIO), 1)
	closed := false
	r.Remove(r.units[0], func() { closed = true })
	check.Equal(t, closed, true, "no inspection was under way: closed:")
	r.want(`level=ERROR msg="medium: write error" ` + from + ` lba=7 errno=EIO count=1 total=1`)
	r.Inspect()
	<-began
	r.Inspect() // one more is due
	over := make(chan bool, 1)
	r.Remove(r.units[1], func() { over <- true })
	select {
	case <-over:
		t.Error("the medium was closed during its inspection")
	default:
	}
	close(goOn)
	<-over
	r.health[1].Report(lun.FaultWrite, 7, int(unix.EIO), 1)
	r.Poll()
	r.Inspect()
	r.want()
}
