// Command finecmp compares the CPU time per command of two ringtgt binaries. It finds differences of a few percent on a machine
// with other work: both binaries serve at once, on the same CPU, and alternately get bursts of some milliseconds, so other work
// affects both. docs/latency.md has an example.
//
//	go run ./tools/finecmp [flags] OLD NEW
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/stat"
)

var (
	rounds = flag.Int("rounds", 500, "bursts per side")
	count  = flag.Uint64("count", 2000, "commands per burst, over all connections")
	conns  = flag.Int("sessions", 1, "sessions of one connection")
	depth  = flag.Int("depth", 32, "commands in flight on each connection")
	block  = flag.Int("bs", 4096, "bytes per command")
	reads  = flag.Int("reads", 100, "percentage of reads")
	lun    = flag.String("lun", "mem:256M", "LUN to serve, as for ringtgt serve --lun; %d becomes the number of the side")
	pinned = flag.String("cores", "0", "CPU of both targets' loop")
	client = flag.Int("client", 1, "CPU of the initiator")
)

func main() {
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: finecmp [flags] OLD NEW")
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "finecmp:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "finecmp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var sides [2]*side
	for i := range sides {
		s, err := start(dir, i, flag.Arg(i))
		if s != nil {
			defer s.stop()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", flag.Arg(i), err)
		}
		sides[i] = s
	}
	var cost [2][]float64 // ns a command
	for n := range *rounds + 10 {
		for k := range sides {
			i := (k + n) % 2
			ns, err := sides[i].burst()
			if err != nil {
				return fmt.Errorf("%s: %w", flag.Arg(i), err)
			}
			if n >= 10 {
				cost[i] = append(cost[i], ns)
			}
		}
	}
	report(cost)
	return nil
}

// side is a target and the sessions with it.
type side struct {
	*harness.Daemon
	loops *initiator.Loops
}

func start(dir string, i int, binary string) (*side, error) {
	spec := *lun
	if strings.Contains(spec, "%d") {
		spec = fmt.Sprintf(spec, i)
	}
	d, err := harness.Start(context.Background(), harness.Options{
		Binary: binary, LUNs: []string{spec}, State: filepath.Join(dir, strconv.Itoa(i)),
		Args: []string{"-q", "--log-level", "error", "--cores", *pinned, "--steering", "off"},
	})
	if err != nil {
		return nil, err
	}
	s := &side{Daemon: d}
	cfg := initiator.LoopsConfig{CPUs: []int{*client}}
	for k := range *conns {
		cfg.Sessions = append(cfg.Sessions, initiator.Config{
			Portals: []string{d.Addr()}, TargetName: d.Target(), InitiatorName: "iqn.2026-11.com.example:finecmp",
			ISID: [6]byte{0x80, 0, 0, 0, byte(k >> 8), byte(k)}, Connections: 1,
		})
	}
	s.loops, err = initiator.NewLoops(context.Background(), cfg)
	return s, err
}

func (s *side) stop() {
	if s.loops != nil {
		s.loops.Close()
	}
	_ = s.Kill()
}

// burst runs some commands and returns the target's processor time, user and system, of each.
func (s *side) burst() (float64, error) {
	before, err := cpuTime(s.PID())
	if err != nil {
		return 0, err
	}
	n := *count / uint64(*conns)
	_, err = s.loops.Run(context.Background(), initiator.Workload{
		ReadPercent: *reads, BlockSize: *block, Depth: *depth, Count: n, Seed: rand.Uint64(),
	})
	if err != nil {
		return 0, err
	}
	after, err := cpuTime(s.PID())
	return float64(after-before) / float64(n*uint64(*conns)), err
}

// cpuTime is what all threads of a process have run for, in ns.
func cpuTime(pid int) (sum int64, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += ns
	}
	return sum, nil
}

func report(cost [2][]float64) {
	var ratio []float64
	for i := range cost[0] {
		ratio = append(ratio, cost[1][i]/cost[0][i])
	}
	for i, name := range []string{"old", "new"} {
		c := cost[i]
		fmt.Printf("%s: %6.0f ns per command (middle half %.0f to %.0f)\n", name, stat.Median(c), stat.Quantile(c, 0.25), stat.Quantile(c, 0.75))
	}
	lo, hi := stat.Interval(ratio, 0.95)
	fmt.Printf("new/old: median %.4f, 95%% interval %.4f to %.4f, middle half %.3f to %.3f, %d pairs\n",
		stat.Median(ratio), lo, hi, stat.Quantile(ratio, 0.25), stat.Quantile(ratio, 0.75), len(ratio))
}
