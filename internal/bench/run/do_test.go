package run

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/host"
)

func do(t *testing.T, o Options) *result.Run {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := Do(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The target's processor time is that of the measured part: the ramp, four times as long, is not in it.
func TestDoTakesTheTimeOfTheMeasuredPart(t *testing.T) {
	p := target(t)
	before, err := host.CPUTime(p.PID)
	if err != nil {
		t.Fatal(err)
	}
	r := do(t, Options{URL: p.URL, IODepth: 8, Rate: 5000, RampTime: 800 * time.Millisecond, Runtime: 200 * time.Millisecond})
	after, err := host.CPUTime(p.PID)
	if err != nil {
		t.Fatal(err)
	}
	if r.Target.PID != p.PID || r.Target.CPU == nil {
		t.Fatalf("%+v, %v", r.Target, r.Notes)
	}
	// Logins, ramp and drain also cost CPU time, which is not part of the measurement.
	if part, all := r.Target.CPU.Seconds(), (after - before).Seconds(); part <= 0 || part >= all {
		t.Errorf("%v of %v in the whole run", *r.Target.CPU, after-before)
	}
	if r.Elapsed < 200*time.Millisecond || r.Ended != "runtime" {
		t.Errorf("%v, %s", r.Elapsed, r.Ended)
	}
	if r.Target.IdleCPU != nil {
		t.Errorf("idle %v was not asked for", *r.Target.IdleCPU)
	}
}

// A process that is given is measured, whatever it is; -1 measures none.
func TestDoLooksAtTheProcessThatIsGiven(t *testing.T) {
	p := target(t)
	r := do(t, Options{URL: p.URL, Runtime: 50 * time.Millisecond, TargetPID: os.Getpid()})
	if r.Target.PID != os.Getpid() || r.Target.CPU == nil {
		t.Errorf("%+v", r.Target)
	}
	r = do(t, Options{URL: p.URL, Runtime: 50 * time.Millisecond, TargetPID: -1, Idle: 10 * time.Millisecond})
	if r.Target.PID != 0 || r.Target.CPU != nil || r.Target.IdleCPU != nil || !noted(r, "no idle CPU") {
		t.Errorf("%+v, %v", r.Target, r.Notes)
	}
	r = do(t, Options{URL: p.URL, Runtime: 50 * time.Millisecond, TargetPID: 1 << 21})
	if r.Target.PID != 0 || !noted(r, "there is no process 2097152") {
		t.Errorf("%+v, %v", r.Target, r.Notes)
	}
}

func noted(r *result.Run, text string) bool {
	return slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, text) })
}

// A target that sleeps when there is nothing to do takes next to nothing.
func TestDoMeasuresIdle(t *testing.T) {
	p := target(t)
	r := do(t, Options{URL: p.URL, Runtime: 50 * time.Millisecond, Connections: 2, Idle: 200 * time.Millisecond})
	if r.Target.IdleCPU == nil || *r.Target.IdleCPU < 0 || *r.Target.IdleCPU > 0.2 {
		t.Errorf("%v", r.Target.IdleCPU)
	}
}

// Without the target's name in the URL it is found; what the unit says of itself is in the result.
func TestDoDiscovers(t *testing.T) {
	p := target(t)
	r := do(t, Options{URL: "iscsi://" + p.Portal, Runtime: 50 * time.Millisecond})
	if r.Target.Name != p.IQN || r.Target.URL != p.URL || r.Target.Capacity != 16<<20 || r.Target.BlockLen != 512 || r.Target.Vendor == "" {
		t.Errorf("%+v", r.Target)
	}
	if r.Workload.Size != 16<<20 || r.Total.Busy != 0 || r.Total.Errors != 0 {
		t.Errorf("%+v, %+v", r.Workload, r.Total)
	}
}

// The series covers the run, and Progress has been told of all of it, with less and less left.
func TestDoTellsHowItGoes(t *testing.T) {
	p := target(t)
	var told []result.Interval
	var left []time.Duration
	var stages []string
	r := do(t, Options{
		URL: p.URL, Runtime: 600 * time.Millisecond, IODepth: 4, Interval: 20 * time.Millisecond,
		Progress: func(i result.Interval, d time.Duration) { told, left = append(told, i), append(left, d) },
		Stage:    func(s string) { stages = append(stages, s) },
	})
	var n, shown uint64
	for i := range r.Series {
		n += r.Series[i].Reads
	}
	for i := range told {
		shown += told[i].Reads
		if told[i].Latency.Count() != told[i].Reads {
			t.Errorf("%d latencies of %d reads", told[i].Latency.Count(), told[i].Reads)
		}
	}
	if n != r.Total.Requests || shown != n || len(r.Series) < 25 {
		t.Errorf("%d requests, %d in the %d intervals, %d told", r.Total.Requests, n, len(r.Series), shown)
	}
	if len(told) < 2 || len(told) > 5 || left[len(left)-1] != 0 || !slices.IsSortedFunc(left, func(a, b time.Duration) int { return int(b - a) }) {
		t.Errorf("%d times, left %v", len(told), left)
	}
	if !slices.Equal(stages, []string{"looking at the target", "logging in: 1 session of 1 connection"}) {
		t.Errorf("%q", stages)
	}
}

// An interrupted run is the result of what there was; one that had not begun is none.
func TestDoInterrupted(t *testing.T) {
	p := target(t)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Do(ctx, Options{URL: p.URL, Runtime: time.Hour, IODepth: 2, Progress: func(result.Interval, time.Duration) { cancel() }})
	if err != nil || r.Ended != "interrupted" || r.Total.Requests == 0 || r.Target.CPU == nil || r.Elapsed > patience {
		t.Errorf("%+v, %v", r, err)
	}
	for _, stage := range []string{"looking at the target", "logging in: 1 session of 1 connection", "idle for 1h0m0s", "ramp: 1h0m0s"} {
		ctx, cancel = context.WithCancel(t.Context())
		r, err = Do(ctx, Options{URL: p.URL, Runtime: time.Hour, RampTime: time.Hour, Idle: time.Hour * time.Duration(strings.Count(stage, "idle")), Stage: func(s string) {
			if s == stage {
				time.AfterFunc(10*time.Millisecond, cancel)
			}
		}})
		if r != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %+v, %v", stage, r, err)
		}
		cancel()
	}
}

// The schedule of an open loop that the target cannot keep is said not to be kept.
func TestDoOpenLoopNotKept(t *testing.T) {
	p := target(t)
	r := do(t, Options{URL: p.URL, BlockSize: "1m", Rate: 200_000, IODepth: 1, Runtime: 200 * time.Millisecond})
	for _, text := range []string{"the schedule was not kept: 200000 requests per second were due", "were due and never sent", "waited because --iodepth 1 were under way", "the run lasted"} {
		if !noted(r, text) {
			t.Errorf("no note %q in %q", text, r.Notes)
		}
	}
	if r.Total.Latency.Count() <= r.Total.Requests || r.Total.Latency.Max() < 100*time.Millisecond {
		t.Errorf("%d latencies of %d requests, up to %v: what was never sent is not in them", r.Total.Latency.Count(), r.Total.Requests, r.Total.Latency.Max())
	}
}

// A sweep measures each value, in order; the record of each run has it.
func TestSweep(t *testing.T) {
	p := target(t)
	var series []string
	s, err := Sweep(t.Context(), Options{URL: p.URL, Runtime: 50 * time.Millisecond, Series: func(s string) { series = append(series, s) }}, "bs=4k,64k")
	if err != nil || len(s.Points) != 2 || s.Parameter != "bs" || s.Knee != -1 {
		t.Fatalf("%+v, %v", s, err)
	}
	for i, want := range []string{"4k", "64k"} {
		if s.Points[i].Value != want || s.Points[i].Run.Workload.BlockSize != want || s.Points[i].Run.Total.Requests == 0 {
			t.Errorf("%+v", s.Points[i])
		}
	}
	if s.Points[0].Run.Client.Load != s.Points[1].Run.Client.Load {
		t.Error("the load average before a point is that of the point before")
	}
	if !slices.Equal(series, []string{"bs=4k, 1 of 2", "bs=64k, 2 of 2"}) {
		t.Errorf("%q", series)
	}
	// A value that the target refuses ends it, and what there is stays.
	s, err = Sweep(t.Context(), Options{URL: p.URL, Runtime: 50 * time.Millisecond, Size: "1m"}, "bs=4k,2m,8k")
	if err == nil || !strings.Contains(err.Error(), "bs=2m: --size: the part of the LUN in use is smaller than one request of 2m") || s == nil || len(s.Points) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}
