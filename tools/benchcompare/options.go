package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// options are what the command line says, checked.
type options struct {
	ref       string  // the commit that is compared with
	new       string  // the commit that is judged; empty: the working tree
	bench     string  // regular expression, as go test -bench
	pkg       string  // folder of one package, relative to the current one
	rounds    int     // before the first look
	maxRounds int     // before the last
	threshold float64 // fraction: 0.1 is 10%
	benchtime string
	relink    bool         // a layout of its own for each round
	cpus      *unix.CPUSet // nil: all
	raw       string       // file for benchstat; empty: none
}

const usage = `usage: benchcompare -ref REF [flags]
       make bench-compare REF=<git ref> [BENCH=regexp] [PKG=./folder] [ROUNDS=n]

Compares the Go benchmarks of the working tree with those of commit REF.
Exit status: 0 nothing is slower, 1 something is, 2 it could not be measured.

`

// parseOptions reports what is wrong on stderr, with the usage.
func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("benchcompare", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() { fmt.Fprint(stderr, usage); fs.PrintDefaults() }
	fs.StringVar(&o.ref, "ref", "", "commit to compare with: branch, tag or hash (required)")
	fs.StringVar(&o.new, "new", "", "commit to test (default: the working tree)")
	fs.StringVar(&o.bench, "bench", "Window", "benchmarks to run, a `regexp` as for go test -bench")
	fs.StringVar(&o.pkg, "pkg", "./session", "`folder` of the package")
	fs.IntVar(&o.rounds, "rounds", 10, fmt.Sprintf("processes per side, %d to %d", minRounds, maxRounds))
	fs.IntVar(&o.maxRounds, "max-rounds", 0, fmt.Sprintf("while results are too noisy, double the rounds up to this number (default %d times -rounds)", stretch))
	fs.StringVar(&o.benchtime, "benchtime", "100ms", "duration of each benchmark in each process, as for go test: `duration` or 1000x")
	fs.BoolVar(&o.relink, "relink", true, "link the functions in another order for each round, so that their addresses do not decide the result")
	fs.StringVar(&o.raw, "raw", "", "`file` that receives every result, for benchstat -col side")
	threshold := fs.String("threshold", "10%", "smallest change that counts, in `percent`")
	cpus := fs.String("cpus", "", "pin the benchmarks to these CPUs, as `list` 0,2-3 (default: all CPUs)")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	err := o.check(fs.Args(), *threshold, *cpus)
	if err != nil {
		fmt.Fprintf(stderr, "benchcompare: %v\n", err)
	}
	return o, err
}

func (o *options) check(rest []string, threshold, cpus string) (err error) {
	if len(rest) > 0 {
		return fmt.Errorf("what is %q? there are flags only", rest[0])
	}
	if o.ref == "" {
		return errors.New("which commit to compare with? make bench-compare REF=<git ref>, or -ref <git ref>")
	}
	for _, ref := range []string{o.ref, o.new} {
		if strings.HasPrefix(ref, "-") {
			return fmt.Errorf("%q is no commit", ref)
		}
	}
	if o.bench == "" {
		return errors.New("-bench: an empty expression runs nothing; . runs all")
	}
	if o.pkg == "" || strings.Contains(o.pkg, "...") {
		return fmt.Errorf("-pkg %q: the folder of one package, such as ./session", o.pkg)
	}
	if o.rounds < minRounds || o.rounds > maxRounds {
		return fmt.Errorf("-rounds %d: %d to %d", o.rounds, minRounds, maxRounds)
	}
	if o.maxRounds == 0 {
		o.maxRounds = min(stretch*o.rounds, maxRounds)
	}
	if o.maxRounds < o.rounds || o.maxRounds > maxRounds {
		return fmt.Errorf("-max-rounds %d: %d to %d", o.maxRounds, o.rounds, maxRounds)
	}
	if !validBenchtime(o.benchtime) {
		return fmt.Errorf("-benchtime %q: a duration such as 100ms, or a count such as 1000x", o.benchtime)
	}
	if o.threshold, err = parsePercent(threshold); err != nil {
		return fmt.Errorf("-threshold: %w", err)
	}
	if o.cpus, err = parseCPUs(cpus); err != nil {
		return fmt.Errorf("-cpus: %w", err)
	}
	return nil
}

// looks are the numbers of rounds after which the samples are judged: at each but the last only if all is clear by then.
func (o options) looks() (rounds []int) {
	for n := o.rounds; n < o.maxRounds; n *= 2 {
		rounds = append(rounds, n)
	}
	return append(rounds, o.maxRounds)
}

func validBenchtime(s string) bool {
	if count, ok := strings.CutSuffix(s, "x"); ok {
		n, err := strconv.ParseUint(count, 10, 31)
		return err == nil && n > 0
	}
	d, err := time.ParseDuration(s)
	return err == nil && d > 0
}

// parsePercent reads "10%" as 0.1. The sign is required: 0.1 could mean either.
func parsePercent(s string) (float64, error) {
	number, ok := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(v > 0 && v <= 100*maxThreshold) {
		return 0, fmt.Errorf("%q is not a percentage such as 10%%, up to %g%%", s, 100*maxThreshold)
	}
	return v / 100, nil
}

// parseCPUs reads a list like the kernel's: "0,2-3". Empty is nil.
func parseCPUs(s string) (*unix.CPUSet, error) {
	if s == "" {
		return nil, nil
	}
	var set unix.CPUSet
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, errA := strconv.ParseUint(from, 10, 16)
		b, errB := strconv.ParseUint(to, 10, 16)
		if errA != nil || errB != nil || a > b || b >= maxCPU {
			return nil, fmt.Errorf("%q is not a list such as 0,2-3", s)
		}
		for cpu := a; cpu <= b; cpu++ {
			set.Set(int(cpu))
		}
	}
	return &set, nil
}
