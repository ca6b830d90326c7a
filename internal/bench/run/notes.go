package run

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// notes adds what a reader of the figures must know.
func (p *plan) notes(r *result.Run, report *initiator.Report, sessions []*initiator.Session) {
	add := func(format string, args ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, args...)) }
	if r.Elapsed < shortRun {
		add("the run lasted %v: figures of less than %v do not repeat", r.Elapsed.Round(time.Millisecond), shortRun)
	}
	if r.Client.CPUs > 0 && r.Client.Load[0] > highLoad*float64(r.Client.CPUs) {
		add("the load average was %.2f before the run: something else was busy on this machine of %d CPU(s)", r.Client.Load[0], r.Client.CPUs)
	}
	for i := range r.CPUs {
		c := &r.CPUs[i]
		if busy := (c.User + c.System).Seconds() / max(r.Elapsed.Seconds(), 1e-9); busy > busyClient {
			add("client thread %d was busy %.0f%% of the time: the client was the bottleneck; more --cores give it more", i, 100*busy)
		}
	}
	p.openLoop(r, report, add)
	if r.Total.Errors > 0 {
		add("%s failed: %s", result.Plural(int(r.Total.Errors), "request"), plain(cmp.Or(report.Err(), errors.New("no reason was given"))))
	}
	if r.Total.Busy > 0 {
		add("%d times a request was sent again after BUSY, TASK SET FULL or a unit attention; latencies count from the first time", r.Total.Busy)
	}
	violations := 0
	first := ""
	for _, s := range sessions {
		if v := s.Violations(); len(v) > 0 {
			if violations == 0 {
				first = v[0].Text
			}
			violations += len(v)
		}
	}
	if violations > 0 {
		add("the target violated the standard %d time(s), first: %s", violations, first)
	}
	switch wrote := p.Verify && p.work.ReadPercent < 100; {
	case wrote && (p.work.ReadPercent > 0 || p.work.Sequential && r.Ended == initiator.EndedSize): // all of the range is of this seed
		add("addresses and data are of seed %d; --rw read --verify --seed %d compares them again, with the same --size", p.Seed, p.Seed)
	case wrote:
		add("addresses and data are of seed %d", p.Seed)
	}
}

// openLoop reports whether the schedule was kept, and if not, which side missed it.
func (p *plan) openLoop(r *result.Run, report *initiator.Report, add func(string, ...any)) {
	if p.Rate == 0 {
		return
	}
	read, write := report.Read(), report.Write()
	undone := read.Undone + write.Undone
	if r.Total.IOPS < keptRate*p.Rate {
		add("the schedule was not kept: %.0f requests per second were due and %.0f answered", p.Rate, r.Total.IOPS)
	}
	if undone > 0 {
		add("%d requests were due and never sent; they are in the latencies with the age that they had reached", undone)
	}
	if report.Held > 0 && p.IODepth > 0 {
		add("%d requests waited because --iodepth %d were under way; the wait is in their latencies", report.Held, p.IODepth)
	}
	if late := report.Lag.Quantile(0.99); late > lateTimer {
		add("the client itself was late: 1%% of the requests were given to their connection %v or more after they were due", late.Round(time.Microsecond))
	}
}
