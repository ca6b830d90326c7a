// Command mcsstudy compares one session with several connections with several sessions of one connection each, on one target
// loop and on two, under the same load in interleaved rounds. docs/performance.md has the results.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/harness"
)

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 7, "interleaved rounds")
	flag.DurationVar(&o.runtime, "runtime", 2*time.Second, "duration of each run")
	flag.IntVar(&o.depth, "depth", 32, "requests in flight, over all connections")
	flag.IntVar(&o.conns, "connections", 4, "connections, over all sessions")
	flag.StringVar(&o.only, "only", "", "only loads whose names begin with this")
	flag.IntVar(&o.variant, "variant", -1, "only this variant, 0 to 3 in the order of the table: for a profiler")
	flag.StringVar(&o.client, "client", "both", "CPUs of the initiator: both, other, own")
	flag.StringVar(&o.unit, "unit", "mem:256M", "the logical unit, as ringtgt serve --lun takes it; LOOPS in it becomes the number of loops")
	flag.Parse()
	if clients[o.client] == nil {
		fmt.Fprintln(os.Stderr, "mcsstudy: -client is both, other or own")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	defer harness.Cleanup()
	if err := study(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mcsstudy:", err)
		harness.Cleanup()
		os.Exit(1)
	}
}

// options say how long and how hard.
type options struct {
	rounds, depth, conns int
	runtime              time.Duration
	only, client, unit   string
	variant              int
}

// load is what every variant is asked to carry.
type load struct {
	name string
	w    initiator.Workload
}

var loads = []load{
	{"4 KiB read", initiator.Workload{ReadPercent: 100, BlockSize: 4 << 10}},
	{"4 KiB write", initiator.Workload{ReadPercent: 0, BlockSize: 4 << 10}},
	{"4 KiB 70/30", initiator.Workload{ReadPercent: 70, BlockSize: 4 << 10}},
	{"64 KiB read", initiator.Workload{ReadPercent: 100, BlockSize: 64 << 10}},
}

// variant is a way to bring the same number of connections to a target.
type variant struct {
	loops    int // of the target
	sessions int
	conns    int // of each session
}

func (v variant) String() string {
	return fmt.Sprintf("%d loop(s), %d session(s) of %d", v.loops, v.sessions, v.conns)
}

// variants of n connections.
func variants(n int) []variant {
	return []variant{{1, 1, n}, {1, n, 1}, {2, 1, n}, {2, n, 1}}
}

// clients says where the initiator's threads run. With two CPUs they take their time from the target's, and whether they sit
// on the target's CPU or the other changes what loopback costs more than anything else does: so it can be chosen.
var clients = map[string]func(loops int) []int{
	"both":  func(int) []int { return []int{0, 1} },               // alike for all variants
	"other": func(loops int) []int { return []int{1, 0}[:loops] }, // on the CPU without a loop, where there is one
	"own":   func(loops int) []int { return []int{0, 1}[:loops] }, // on the CPUs with a loop: one CPU, or two like it
}

func study(ctx context.Context, o options, out *os.File) error {
	targets := map[int]*target{}
	for _, loops := range []int{1, 2} {
		t, err := startTarget(ctx, loops, o.unit)
		if err != nil {
			return err
		}
		defer t.stop()
		targets[loops] = t
	}
	all := variants(o.conns)
	if o.variant >= 0 {
		all = all[o.variant : o.variant+1]
	}
	fmt.Fprintf(out, "%d connections, depth %d over all, %v a run, %d rounds, initiator on %s CPUs, unit %s, medians (lowest to highest)\n", o.conns, o.depth, o.runtime, o.rounds, o.client, o.unit)
	for _, l := range loads {
		if !strings.HasPrefix(l.name, o.only) {
			continue
		}
		got := make([][]sample, len(all))
		for round := range o.rounds {
			for i := range all {
				k := i
				if round%2 == 1 {
					k = len(all) - 1 - i // A B .. B A: what drifts hits all alike
				}
				s, err := targets[all[k].loops].measure(ctx, all[k], l.w, o)
				if err != nil {
					return fmt.Errorf("%s, %v: %w", l.name, all[k], err)
				}
				got[k] = append(got[k], s)
			}
		}
		fmt.Fprintf(out, "\n%s\n\n| target | initiator | IOPS | IOPS per target CPU-second | p50 | p99 | p99.9 | CPU of the loops | commands per enter | PDUs per send |\n|---|---|---|---|---|---|---|---|---|---|\n", l.name)
		for i, v := range all {
			fmt.Fprintln(out, row(v, got[i]))
		}
		if len(all) < 4 {
			continue
		}
		fmt.Fprintf(out, "\nIOPS per CPU-second, round by round: MC/S to many sessions %s on one loop, %s on two; two loops to one %s for MC/S, %s for many sessions\n",
			ratios(got[0], got[1]), ratios(got[2], got[3]), ratios(got[2], got[0]), ratios(got[3], got[1]))
	}
	return nil
}

func row(v variant, s []sample) string {
	kind := fmt.Sprintf("1 session of %d connections", v.conns)
	if v.sessions > 1 {
		kind = fmt.Sprintf("%d sessions of 1 connection", v.sessions)
	}
	shares := make([]string, v.loops)
	for i := range shares {
		shares[i] = fmt.Sprintf("%.0f%%", 100*median(s, func(x sample) float64 { return x.share[i] }))
	}
	us := func(f func(sample) time.Duration) string {
		return fmt.Sprintf("%.0f µs", median(s, func(x sample) float64 { return float64(f(x).Nanoseconds()) / 1e3 }))
	}
	perCPU := func(x sample) float64 { return x.perCPU }
	cpu := of(s, perCPU)
	return fmt.Sprintf("| %d loop(s) | %s | %.0fk | %.0fk (%.0f to %.0f) | %s | %s | %s | %s | %.1f | %.1f |", v.loops, kind,
		median(s, func(x sample) float64 { return x.iops })/1e3, cpu.Median/1e3, cpu.Low/1e3, cpu.High/1e3,
		us(func(x sample) time.Duration { return x.p50 }), us(func(x sample) time.Duration { return x.p99 }),
		us(func(x sample) time.Duration { return x.p999 }), strings.Join(shares, " "),
		median(s, func(x sample) float64 { return x.perEnter }), median(s, func(x sample) float64 { return x.perSend }))
}
