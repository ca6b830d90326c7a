package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/hist"
)

// fake is a machine whose targets answer as they are told.
type fake struct {
	iops  map[string][]float64 // by URL, round by round
	p99   map[string]time.Duration
	calls []run.Options
	then  func(n int) error // called in call n, from 1
	round map[string]int
}

func (f *fake) do(_ context.Context, o run.Options) (*result.Run, error) {
	f.calls = append(f.calls, o)
	if f.then != nil {
		if err := f.then(len(f.calls)); err != nil {
			return nil, err
		}
	}
	if f.round == nil {
		f.round = map[string]int{}
	}
	r := &result.Run{Version: result.Version, Elapsed: o.Runtime, Ended: "runtime"}
	iops := o.Rate
	if iops == 0 {
		all := f.iops[o.URL]
		iops = all[f.round[o.URL]%len(all)]
		f.round[o.URL]++
	}
	r.Total = result.Stats{Requests: uint64(iops * o.Runtime.Seconds()), IOPS: iops, Latency: result.Latency{Histogram: new(hist.Histogram)}}
	for range 100 {
		r.Total.Latency.Add(int64(f.p99[o.URL]))
	}
	cpu := o.Runtime / 2
	r.Target.CPU = &cpu
	if o.Idle > 0 {
		idle := 0.0
		r.Target.IdleCPU = &idle
	}
	return r, nil
}

// urls are of TEST-NET-1 (RFC 5737): no process is looked up there.
const (
	urlA = "iscsi://192.0.2.1:3260/iqn.2026-11.io.ringtgt:a/0"
	urlB = "iscsi://192.0.2.2:3260/iqn.2026-11.io.ringtgt:b/0"
	urlC = "iscsi://192.0.2.3:3260/iqn.2026-11.io.ringtgt:c/0"
)

func options(f *fake, urls ...string) Options {
	o := Options{Run: run.Options{Runtime: time.Second}}
	for i, u := range urls {
		o.Sides = append(o.Sides, Side{Name: string(rune('A' + i)), URL: u, PID: -1, Do: f.do})
	}
	return o
}

func order(calls []run.Options) string {
	var b strings.Builder
	for _, c := range calls {
		b.WriteString(map[string]string{urlA: "A", urlB: "B", urlC: "C"}[c.URL])
	}
	return b.String()
}

// A B, B A, A B: a drift in one direction favours neither side.
func TestRoundsInterleave(t *testing.T) {
	for _, c := range []struct {
		urls   []string
		rounds int
		want   string
	}{
		{[]string{urlA, urlB}, 1, "AB"},
		{[]string{urlA, urlB}, 4, "ABBAABBA"},
		{[]string{urlA, urlB, urlC}, 3, "ABCCBAABC"},
		{[]string{urlA, urlB}, 0, "ABBAABBAAB"}, // five
	} {
		f := &fake{iops: map[string][]float64{urlA: {100}, urlB: {50}, urlC: {10}}}
		o := options(f, c.urls...)
		o.Rounds = c.rounds
		got, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if order(f.calls) != c.want {
			t.Errorf("%d rounds: %s, want %s", c.rounds, order(f.calls), c.want)
		}
		for i := range got.Sides {
			if n := len(got.Sides[i].Runs); n != len(c.want)/len(c.urls) {
				t.Errorf("side %d has %d runs", i, n)
			}
		}
	}
}

// A side may change the workload, for itself alone, and may do without a target.
func TestSidesDiffer(t *testing.T) {
	f := &fake{iops: map[string][]float64{urlA: {100}, "": {50}}}
	o := options(f, urlA, urlA)
	o.Run.IODepth = 4
	o.Sides[1].Change = func(o *run.Options) { o.IODepth = 32 }
	o.Sides = append(o.Sides, Side{Name: "no target", Do: f.do})
	o.Rounds = 2
	c, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var depths []int
	for _, call := range f.calls {
		depths = append(depths, call.IODepth)
	}
	if !slices.Equal(depths, []int{4, 32, 4, 4, 32, 4}) || f.calls[2].URL != "" || c.Ratios[1][result.FigureIOPS].Median != 2 {
		t.Errorf("depths %v, %v", depths, c.Ratios)
	}
}

// A ratio is made of the two figures of one round, and its median of the rounds' ratios: a round that was slow for both sides
// does not count twice.
func TestRatiosAreOfRounds(t *testing.T) {
	f := &fake{iops: map[string][]float64{urlA: {400, 100, 900}, urlB: {100, 50, 300}}, p99: map[string]time.Duration{urlA: 50, urlB: 40}}
	o := options(f, urlA, urlB)
	o.Rounds = 3
	c, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Ratios[0][result.FigureIOPS], (result.Spread{Median: 3, Low: 2, High: 4}); got != want {
		t.Errorf("IOPS %v, want %v", got, want)
	}
	if got := c.Ratios[0][result.FigureIOPSPerCPU]; got.Median != 3 {
		t.Errorf("per CPU-second %v", got)
	}
	if got := c.Ratios[0][result.FigureP99]; got.Median != 1.25 {
		t.Errorf("p99 %v, want 1.25", got)
	}
	if _, ok := c.Ratios[0][result.FigureIdle]; ok {
		t.Error("idle CPU was not measured")
	}
}

// Latencies at equal load: both sides at the same rate, a share of what the slower one reached.
func TestEqualLoad(t *testing.T) {
	f := &fake{iops: map[string][]float64{urlA: {1000, 1100, 1200}, urlB: {300, 500, 400}}, p99: map[string]time.Duration{urlA: 30, urlB: 60}}
	o := options(f, urlA, urlB)
	o.Rounds, o.EqualLoad, o.Run.IODepth, o.Run.Idle = 3, 0.7, 32, time.Second
	c, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if c.Rate != 0.7*400 {
		t.Errorf("rate %v, want 70%% of the slower side's median, 400", c.Rate)
	}
	if order(f.calls) != "ABBAAB"+"ABBAAB" {
		t.Errorf("order %s", order(f.calls))
	}
	for i, call := range f.calls {
		open := i >= 6
		if (call.Rate == c.Rate) != open || (call.IODepth == 32) == open {
			t.Errorf("call %d: rate %v, depth %d", i, call.Rate, call.IODepth)
		}
		if idle := call.Idle > 0; idle != (i < 2) {
			t.Errorf("call %d: idle for %v: once a side is enough", i, call.Idle)
		}
	}
	f.calls = nil
	o.EqualRounds, o.EqualRuntime = 1, 5*time.Second
	if c, err = Run(t.Context(), o); err != nil || order(f.calls) != "ABBAAB"+"AB" || f.calls[7].Runtime != 5*time.Second || f.calls[0].Runtime != time.Second {
		t.Errorf("%v: order %s", err, order(f.calls))
	}
	if len(c.Sides[0].AtRate) != 1 || c.Ratios[0][result.FigureP99].Median != 0.5 {
		t.Errorf("%d runs at equal load, p99 %v", len(c.Sides[0].AtRate), c.Ratios[0][result.FigureP99])
	}
}

// What was complete when it was interrupted is a result, and says what it is; without a complete round there is none.
func TestInterrupted(t *testing.T) {
	for _, c := range []struct {
		call   int // in which it is interrupted
		rounds int // that are complete then
		atRate int
	}{{1, 0, 0}, {2, 0, 0}, {3, 1, 0}, {4, 1, 0}, {7, 3, 0}, {9, 3, 1}} {
		t.Run(fmt.Sprint(c.call), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			f := &fake{iops: map[string][]float64{urlA: {100}, urlB: {50}}, then: func(n int) error {
				if n == c.call {
					cancel()
				}
				return nil
			}}
			o := options(f, urlA, urlB)
			o.Rounds, o.EqualLoad = 3, 0.5
			got, err := Run(ctx, o)
			if c.rounds == 0 {
				if !errors.Is(err, context.Canceled) || got != nil {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Sides[0].Runs) != c.rounds || len(got.Sides[1].Runs) != c.rounds || len(got.Sides[1].AtRate) != c.atRate {
				t.Errorf("%d and %d runs, %d at equal load", len(got.Sides[0].Runs), len(got.Sides[1].Runs), len(got.Sides[1].AtRate))
			}
			if n := len(got.Noise); n == 0 || !strings.Contains(got.Noise[n-1], "interrupted") {
				t.Errorf("noise %q does not say so", got.Noise)
			}
			if (got.Rate > 0) != (c.atRate > 0) {
				t.Errorf("rate %v", got.Rate)
			}
		})
	}
}

func TestAFailedRunEndsIt(t *testing.T) {
	broken := errors.New("no such target")
	f := &fake{iops: map[string][]float64{urlA: {100}, urlB: {50}}, then: func(n int) error {
		if n == 2 {
			return broken
		}
		return nil
	}}
	if _, err := Run(t.Context(), options(f, urlA, urlB)); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "B: ") {
		t.Errorf("%v", err)
	}
	all := func(context.Context, run.Options) (*result.Run, error) {
		return &result.Run{Ended: "error: write protected", Total: result.Stats{Errors: 7}}, nil
	}
	o := options(f, urlA, urlB)
	o.Sides[0].Do = all
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "write protected") {
		t.Errorf("a side that refuses everything: %v", err)
	}
	o.Sides[0].Do = func(context.Context, run.Options) (*result.Run, error) { return &result.Run{Ended: "runtime"}, nil }
	if _, err := Run(t.Context(), o); !errors.Is(err, ErrNothing) {
		t.Errorf("a side that answers nothing: %v", err)
	}
}

// Of many short rounds a few may have no answer: they are left out, for all sides.
func TestStarvedRoundsAreLeftOut(t *testing.T) {
	for _, c := range []struct {
		rounds, every int // runs of B
		left          int // rounds in the result, 0: an error
	}{{mayStarve, 8, 0}, {mayStarve, 15, 19}, {mayStarve - 1, 15, 0}} {
		f := &fake{iops: map[string][]float64{urlA: {100}, urlB: {50}}}
		o := options(f, urlA, urlB)
		o.Rounds = c.rounds
		n := 0
		o.Sides[1].Do = func(ctx context.Context, ro run.Options) (*result.Run, error) {
			if n++; n%c.every == 0 {
				return &result.Run{}, nil
			}
			return f.do(ctx, ro)
		}
		got, err := Run(t.Context(), o)
		if c.left == 0 {
			if !errors.Is(err, ErrNothing) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Sides[0].Runs) != c.left || len(got.Sides[1].Runs) != c.left || !strings.Contains(strings.Join(got.Noise, "\n"), "1 round left out") {
			t.Errorf("%+v: %d and %d runs, %q", c, len(got.Sides[0].Runs), len(got.Sides[1].Runs), got.Noise)
		}
	}
}

// The idle CPU is that of the first round which is not left out.
func TestIdleOfAStarvedRound(t *testing.T) {
	f := &fake{iops: map[string][]float64{urlA: {100}, urlB: {50}}}
	o := options(f, urlA, urlB)
	o.Rounds, o.Run.Idle = mayStarve, time.Second
	var idle []time.Duration
	o.Sides[1].Do = func(ctx context.Context, ro run.Options) (*result.Run, error) {
		if idle = append(idle, ro.Idle); len(idle) == 1 {
			return &result.Run{}, nil
		}
		return f.do(ctx, ro)
	}
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if idle[1] == 0 || idle[2] != 0 {
		t.Errorf("idle times of the rounds: %v", idle)
	}
}

// A side without a name is shown by its URL, and a secret in that by nothing.
func TestNamesHaveNoSecrets(t *testing.T) {
	f := &fake{}
	f.iops = map[string][]float64{}
	o := options(f, "iscsi://host-7%in-the-open-here@192.0.2.1/iqn.2026-11.io.ringtgt:a/0", urlB)
	for i := range o.Sides {
		o.Sides[i].Name = ""
		f.iops[o.Sides[i].URL] = []float64{100}
	}
	o.Rounds = 1
	c, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if name := c.Sides[0].Name; strings.Contains(name, "in-the-open") || !strings.Contains(name, "host-7") || c.Sides[1].Name != urlB {
		t.Errorf("%q and %q", name, c.Sides[1].Name)
	}
}

func TestUsage(t *testing.T) {
	good := func() Options { return options(&fake{}, urlA, urlB) }
	for name, change := range map[string]func(*Options){
		"one side":             func(o *Options) { o.Sides = o.Sides[:1] },
		"nine sides":           func(o *Options) { o.Sides = slices.Repeat(o.Sides, 5)[:9] },
		"no rounds":            func(o *Options) { o.Rounds = -1 },
		"a side of nothing":    func(o *Options) { o.Sides[1] = Side{} },
		"a side of two":        func(o *Options) { o.Sides[1].Peer = "tgt" },
		"more than all":        func(o *Options) { o.EqualLoad = 1.5 },
		"no number":            func(o *Options) { o.EqualLoad = nan() },
		"open loop twice":      func(o *Options) { o.EqualLoad, o.Run.Rate = 0.5, 100 },
		"a peer nobody knows":  func(o *Options) { o.Sides[1] = Side{Peer: "istgt"} },
		"a URL that is no URL": func(o *Options) { o.Sides[1] = Side{URL: "http://x"} },
	} {
		t.Run(name, func(t *testing.T) {
			o := good()
			change(&o)
			if c, err := Run(t.Context(), o); err == nil {
				t.Errorf("%v", c)
			}
		})
	}
}

func nan() float64 { zero := 0.0; return zero / zero }
