package health

import (
	"fmt"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/lun"
)

// Report is a unit's health.
type Report struct {
	State  lun.HealthState
	Since  time.Time // start of the oldest entry of Why; zero if the unit is good
	Why    []string  // explanations
	Faults []Fault   // by kind, those that occurred
}

// Fault is a kind of fault of a unit.
type Fault struct {
	Kind   lun.FaultKind
	Count  uint64
	LBA    uint64 // of the last fault
	HasLBA bool
	Errno  string    // such as EIO; "": unknown
	Last   time.Time // accurate to a second
}

// Report returns the unit's health.
func (u *Watched) Report() Report {
	w := u.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	u.read(now)
	return u.report(now)
}

func (u *Watched) report(now time.Time) (r Report) {
	add := func(s lun.HealthState, since time.Time, text string) {
		r.State = max(r.State, s)
		if r.Since.IsZero() || since.Before(r.Since) {
			r.Since = since
		}
		r.Why = append(r.Why, text)
	}
	if u.Before != "" {
		add(lun.HealthLost, u.born, u.Before)
	}
	if u.place.text != "" {
		add(lun.HealthDegraded, u.place.since, u.place.text)
	}
	if u.lost.text != "" {
		add(lun.HealthLost, u.lost.since, u.lost.text)
	}
	if u.blind.text != "" {
		add(lun.HealthDegraded, u.blind.since, "it cannot be inspected:  "+u.blind.text)
	}
	if !u.looking.IsZero() && now.Sub(u.looking) > patience {
		add(lun.HealthDegraded, u.looking, "its file system or device does not answer")
	}
	for k := range u.faults {
		f := &u.faults[k]
		if f.last.Count == 0 {
			continue
		}
		s := lun.HealthDegraded
		if f.last.Kind == lun.FaultDataLost || f.last.Kind == lun.FaultGone || f.last.Kind == lun.FaultBlocks {
			s = lun.HealthLost
		}
		if f.last.Kind != lun.FaultBlocks || u.lost.text == "" { // the finding is more precise
			add(s, f.first, faultText(f, now))
		}
		rf := Fault{Kind: f.last.Kind, Count: f.last.Count, LBA: f.last.LBA, HasLBA: f.last.HasLBA, Last: f.at}
		if f.last.Errno != 0 {
			rf.Errno = errnoName(f.last.Errno)
		}
		r.Faults = append(r.Faults, rf)
	}
	return r
}

func lostText(lba uint64) string {
	return fmt.Sprintf("it was truncated: blocks from LBA %d on are lost", lba)
}

// faultText returns a text such as "write error 3 times, last 5m3s ago at LBA 100 (EIO)".
func faultText(f *fault, now time.Time) string {
	var b strings.Builder
	b.WriteString(f.last.Kind.String())
	if f.last.Count > 1 {
		fmt.Fprintf(&b, " %d times, last", f.last.Count)
	}
	fmt.Fprintf(&b, " %v ago", max(now.Sub(f.at), 0).Truncate(time.Second))
	if f.last.HasLBA {
		fmt.Fprintf(&b, " at LBA %d", f.last.LBA)
	}
	if f.last.Errno != 0 {
		fmt.Fprintf(&b, " (%s)", errnoName(f.last.Errno))
	}
	return b.String()
}

// Summary is the overall health.
type Summary struct {
	State                lun.HealthState
	Since                time.Time
	Good, Degraded, Lost int
}

// Sum summarises reports.
func Sum(reports []Report) (s Summary) {
	for _, r := range reports {
		switch r.State {
		case lun.HealthGood:
			s.Good++
			continue
		case lun.HealthDegraded:
			s.Degraded++
		case lun.HealthLost:
			s.Lost++
		}
		s.State = max(s.State, r.State)
		if s.Since.IsZero() || r.Since.Before(s.Since) {
			s.Since = r.Since
		}
	}
	return s
}
