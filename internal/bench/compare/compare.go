// Package compare measures several sides in interleaved rounds, A B, B A, ..., so that drift of the machine affects all of them. A
// side is a target under a workload, or anything else that yields a result.Run. Package compare can start the targets itself. It
// pins them to the same CPUs, puts only one of them under load at a time, and says when the figures cannot be trusted.
package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/host"
)

// Options describe a comparison.
type Options struct {
	// Run is the workload; URL and TargetPID are each side's own. Idle CPU is measured in the first round only. Rate, an open loop,
	// excludes EqualLoad.
	Run run.Options
	// Sides are two or more; the first is what the others are compared with.
	Sides  []Side
	Rounds int // 0 is 5
	// TargetCPUs is where all sides' processes on this machine are pinned; empty: they stay where they are.
	TargetCPUs []int
	// EqualLoad, 0 to 1, adds a second series of rounds with an open loop at this share of the slowest side's IOPS, to compare
	// latencies: in closed loops each side sets its own pace, so their latencies are at different loads. 0: no second series.
	EqualLoad float64
	// EqualRounds and EqualRuntime are those of the second series; 0: as the first.
	EqualRounds  int
	EqualRuntime time.Duration
	// LUN is what Run's own peers serve; the zero value is 256 MiB of memory. A memory LUN is written once before the first round.
	LUN peer.LUN
	// Round is called with what begins, "round 2 of 5: tgt"; nil: not called.
	Round func(string)
}

// Side is what is measured: a target at a URL, one that Run starts (Peer), or one that the caller has started (Target). A side with
// a Do of its own needs none of the three.
type Side struct {
	Name   string // shown; "" is Peer or URL
	URL    string
	PID    int    // of the target at URL, as run.Options.TargetPID
	Peer   string // peer.Ringtgt, peer.Tgt
	Binary string // of peer.Ringtgt; "" is this program
	Target *peer.Target
	// Change adapts the workload to this side; nil: the workload is as in Options.Run.
	Change func(*run.Options)
	// Do carries out a run; nil is run.Do.
	Do func(context.Context, run.Options) (*result.Run, error)
}

// ErrUsage: the options are no comparison.
var ErrUsage = errors.New("compare")

// ErrNothing: a side answered no request within a run, so there is nothing to compare. On a machine that is busy a longer run helps.
var ErrNothing = errors.New("no request was answered")

// defaults sets what is not given, and validates the options.
func (o *Options) defaults() error {
	o.Rounds = cmp.Or(o.Rounds, defaultRounds)
	o.EqualRounds = cmp.Or(o.EqualRounds, o.Rounds)
	o.EqualRuntime = cmp.Or(o.EqualRuntime, o.Run.Runtime)
	o.LUN = cmp.Or(o.LUN, peer.LUN{Memory: defaultMemory})
	if o.Round == nil {
		o.Round = func(string) {}
	}
	switch {
	case len(o.Sides) < 2 || len(o.Sides) > maxSides:
		return fmt.Errorf("%w: %d sides, want 2 to %d", ErrUsage, len(o.Sides), maxSides)
	case o.Rounds < 1 || o.Rounds > maxRounds || o.EqualRounds < 1 || o.EqualRounds > maxRounds:
		return fmt.Errorf("%w: %d rounds, %d at equal load: want 1 to %d", ErrUsage, o.Rounds, o.EqualRounds, maxRounds)
	case !(o.EqualLoad >= 0 && o.EqualLoad <= 1):
		return fmt.Errorf("%w: an equal load of %v of the slowest side's", ErrUsage, o.EqualLoad)
	case o.EqualLoad > 0 && o.Run.Rate > 0:
		return fmt.Errorf("%w: the load is equal already: both have %v requests per second", ErrUsage, o.Run.Rate)
	}
	o.Sides = append([]Side(nil), o.Sides...)
	for i := range o.Sides {
		if err := o.Sides[i].defaults(i); err != nil {
			return err
		}
	}
	return nil
}

// defaults names side i.
func (s *Side) defaults(i int) error {
	n := 0
	for _, given := range []bool{s.URL != "", s.Peer != "", s.Target != nil} {
		if given {
			n++
		}
	}
	if n > 1 || n == 0 && s.Do == nil {
		return fmt.Errorf("%w: side %d: want a URL, or the name of a peer", ErrUsage, i)
	}
	if s.Do == nil {
		s.Do = run.Do
	}
	if s.Name == "" && s.Target != nil {
		s.Name = s.Target.Name
	}
	if s.Name == "" {
		s.Name = s.Peer + run.RedactURL(s.URL)
	}
	return nil
}

// Run carries out a comparison. When ctx ends in the middle, the rounds that were complete are the result, which says so;
// without a complete round the error is that of ctx.
func Run(ctx context.Context, o Options) (*result.Comparison, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	c := &comparer{o: &o, watch: watch{}}
	defer c.stop()
	defer stayAway(o.TargetCPUs, o.Run.Cores)()
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	out := &result.Comparison{Version: result.Version, Command: run.Redact(o.Run.Command), Client: host.Describe(o.Run.Version)}
	if o.Run.Load == nil {
		o.Run.Load = &out.Client.Load // later runs would see the ones before
	}
	for _, s := range c.sides {
		out.Sides = append(out.Sides, result.Side{Name: s.Name})
	}
	if err := c.rounds(ctx, "round", o.Rounds, o.Run, func(i int) *[]result.Run { return &out.Sides[i].Runs }); err != nil {
		return nil, err
	}
	if o.EqualLoad > 0 && ctx.Err() == nil {
		equal := o.Run
		equal.Idle, equal.Runtime = 0, o.EqualRuntime
		if equal.Rate = o.EqualLoad * slowest(out); equal.Rate > 0 {
			out.Rate = equal.Rate
			equal.IODepth = 0 // an open loop has no depth: what is late waits
			if err := c.rounds(ctx, "equal load, round", o.EqualRounds, equal, func(i int) *[]result.Run { return &out.Sides[i].AtRate }); err != nil {
				return nil, err
			}
			if len(out.Sides[0].AtRate) == 0 {
				out.Rate = 0
			}
		}
	}
	out.Ratios = ratios(out)
	out.Noise = c.verdict(out)
	if c.starved > 0 {
		out.Noise = append(out.Noise, fmt.Sprintf("%s left out: a side answered no request in it", result.Plural(c.starved, "round")))
	}
	if ctx.Err() != nil {
		if len(out.Sides[0].Runs) == 0 {
			return nil, ctx.Err()
		}
		out.Noise = append(out.Noise, fmt.Sprintf("interrupted: %d of %d rounds are complete, and %d at equal load",
			len(out.Sides[0].Runs), o.Rounds, len(out.Sides[0].AtRate)))
	}
	return out, nil
}

// stayAway pins this process to the client's CPUs if these differ from the target's, so that garbage collection and progress lines
// do not take the target's time. The function that it returns undoes this.
func stayAway(target, client []int) func() {
	if len(target) == 0 || len(client) == 0 || slices.ContainsFunc(client, func(cpu int) bool { return slices.Contains(target, cpu) }) {
		return func() {}
	}
	before := host.CPUs()
	if host.Pin(os.Getpid(), client) != nil {
		return func() {} // a comparison is possible all the same
	}
	return func() { _ = host.Pin(os.Getpid(), before) }
}

// comparer is a comparison under way.
type comparer struct {
	o       *Options
	sides   []side
	started []*peer.Target
	watch   watch
	starved int // rounds that were left out
}

// side is a target that runs.
type side struct {
	Side
	pid      int // 0: not known, not on this machine
	software string
}

// start starts the peers and binds what runs on this machine.
func (c *comparer) start(ctx context.Context) error {
	for _, s := range c.o.Sides {
		t := s.Target
		if s.Peer != "" {
			var err error
			c.o.Round("starting " + s.Peer)
			if t, err = peer.Start(ctx, s.Peer, peer.Options{LUN: c.o.LUN, CPUs: c.o.TargetCPUs, Binary: s.Binary}); err != nil {
				return err
			}
			c.started = append(c.started, t)
			if c.o.LUN.Memory > 0 {
				if err := run.Fill(ctx, t.URL); err != nil {
					return err
				}
			}
		}
		if t != nil {
			s.URL, s.PID = t.URL, t.PID
			c.sides = append(c.sides, side{Side: s, pid: t.PID, software: t.Software})
			continue
		}
		pid, err := s.find()
		if err != nil {
			return err
		}
		if pid > 0 && len(c.o.TargetCPUs) > 0 {
			if err := host.Pin(pid, c.o.TargetCPUs); err != nil {
				return err
			}
		}
		c.sides = append(c.sides, side{Side: s, pid: pid})
	}
	return nil
}

func (c *comparer) stop() {
	for _, t := range c.started {
		_ = t.Stop() // what it says of its end comes too late to matter
	}
}

// rounds carries out interleaved rounds: every second one begins at the other end.
func (c *comparer) rounds(ctx context.Context, what string, rounds int, ro run.Options, list func(side int) *[]result.Run) error {
	for round := range rounds {
		got := make([]*result.Run, len(c.sides))
		for k := range c.sides {
			i := k
			if round%2 == 1 {
				i = len(c.sides) - 1 - k
			}
			c.o.Round(fmt.Sprintf("%s %d of %d: %s", what, round+1, rounds, c.sides[i].Name))
			r, err := c.one(ctx, i, ro)
			if ctx.Err() != nil {
				return nil // the round is not complete
			}
			if errors.Is(err, ErrNothing) && (c.starved+1)*mayStarve <= rounds {
				c.starved++
				got = nil
				break
			}
			if err != nil {
				return fmt.Errorf("%s: %w", c.sides[i].Name, err)
			}
			got[i] = r
		}
		if got == nil {
			continue
		}
		for i, r := range got {
			*list(i) = append(*list(i), *r)
		}
		ro.Idle = 0 // once a side is enough: it is a matter of seconds, and does not vary
	}
	return nil
}

// one carries out one side's run of a round.
func (c *comparer) one(ctx context.Context, i int, ro run.Options) (*result.Run, error) {
	s := &c.sides[i]
	ro.URL, ro.TargetPID = s.URL, s.PID
	if u, err := run.ParseURL(s.URL); err == nil && u.User == "" {
		ro.CHAP = run.CHAP{} // the other side's secrets
	}
	if s.Change != nil {
		s.Change(&ro)
	}
	end := c.watch.begin(i, s.pid, c.o.TargetCPUs, ro.Cores)
	r, err := s.Do(ctx, ro)
	if err != nil {
		return nil, err
	}
	end()
	switch {
	case r.Total.Requests > 0 || ctx.Err() != nil:
	case r.Total.Errors > 0:
		return nil, fmt.Errorf("all %d requests failed: %s", r.Total.Errors, r.Ended)
	default:
		return nil, fmt.Errorf("%w in a run of %v", ErrNothing, ro.Runtime)
	}
	if s.software != "" {
		r.Target.Software = s.software
	}
	if s.pid > 0 && len(c.o.TargetCPUs) > 0 {
		r.Target.Pinned = c.o.TargetCPUs
	}
	return r, nil
}

// slowest returns the IOPS of the slowest side, the median of its rounds.
func slowest(c *result.Comparison) float64 {
	low := 0.0
	for i := range c.Sides {
		v, ok := c.Sides[i].Figure(result.FigureIOPS)
		if !ok {
			return 0
		}
		if i == 0 || v.Median < low {
			low = v.Median
		}
	}
	return low
}

// ratios compares the first side with each of the others.
func ratios(c *result.Comparison) []map[string]result.Spread {
	all := make([]map[string]result.Spread, len(c.Sides)-1)
	for k := range all {
		all[k] = map[string]result.Spread{}
		for _, f := range result.Figures() {
			if s, ok := c.RoundRatio(0, k+1, f.Name); ok {
				all[k][f.Name] = s
			}
		}
	}
	return all
}
