package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/alecthomas/kong"
	"github.com/ringtgt/ringtgt/engine"
	benchrun "github.com/ringtgt/ringtgt/internal/bench/run"
)

// benchTime is a duration in seconds, as in fio, or in Go's syntax.
type benchTime time.Duration

// Decode implements kong.MapperValue.
func (t *benchTime) Decode(ctx *kong.DecodeContext) error {
	text := word(ctx)
	d, err := time.ParseDuration(text)
	if seconds, ferr := strconv.ParseUint(text, 10, 32); ferr == nil {
		d, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil || d < 0 {
		return fmt.Errorf("%q: want seconds, or a time such as 500ms, 90s, 2m", text)
	}
	*t = benchTime(d)
	return nil
}

// benchRate is a rate in requests per second; the suffix k is a thousand.
type benchRate float64

// Decode implements kong.MapperValue.
func (r *benchRate) Decode(ctx *kong.DecodeContext) error {
	v, err := benchrun.ParseRate(word(ctx))
	*r = benchRate(v)
	return err
}

// benchCount is a number of things: at least 1 if it is given, 0 if not.
type benchCount int

// Decode implements kong.MapperValue.
func (n *benchCount) Decode(ctx *kong.DecodeContext) error {
	text := word(ctx)
	v, err := strconv.Atoi(text)
	if err != nil || v < 1 {
		return fmt.Errorf("%q: want a whole number, 1 or more", text)
	}
	*n = benchCount(v)
	return nil
}

// benchPID is a process ID, -1 for no process, 0 if it is not given.
type benchPID int

// Decode implements kong.MapperValue.
func (p *benchPID) Decode(ctx *kong.DecodeContext) error {
	text := word(ctx)
	v, err := strconv.Atoi(text)
	if err != nil || v < -1 || v == 0 {
		return fmt.Errorf("%q: want a process ID, or -1 for none", text)
	}
	*p = benchPID(v)
	return nil
}

// benchSeed is a seed, 0 if it is not given.
type benchSeed uint64

// Decode implements kong.MapperValue.
func (s *benchSeed) Decode(ctx *kong.DecodeContext) error {
	text := word(ctx)
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil || v == 0 {
		return fmt.Errorf("%q: want a whole number, 1 to %d", text, uint64(math.MaxUint64))
	}
	*s = benchSeed(v)
	return nil
}

// word takes a flag's value from the command line. Kong would take a negative number for a flag. "": there is none.
func word(ctx *kong.DecodeContext) string {
	next := ctx.Scan.Peek()
	text := fmt.Sprint(next.Value)
	if _, err := strconv.ParseFloat(text, 64); next.IsEOL() || !next.IsValue() && err != nil {
		return ""
	}
	ctx.Scan.Pop()
	return text
}

// options converts the flags for benchrun, which checks most of them.
func (c *benchCmd) options() (benchrun.Options, error) {
	o := benchrun.Options{
		URL: c.URL, Command: benchrun.Redact(append([]string{"ringtgt"}, os.Args[1:]...)), Version: version(),
		CHAP: benchrun.CHAP{
			SecretFile: c.CHAPFile, SecretEnv: c.CHAPEnv, MutualUser: c.MutualUser, MutualSecretFile: c.MutualFile, MutualSecretEnv: c.MutualEnv,
		},
		RW: c.RW, ReadMix: int(c.ReadMix), BlockSize: c.BS, BlockSplit: c.BSSplit, IODepth: int(c.IODepth), NumJobs: int(c.NumJobs), Sessions: int(c.Sessions),
		Connections: int(c.Connections), Digests: c.Digests, Initiator: c.Initiator, Runtime: time.Duration(c.Runtime), RampTime: time.Duration(c.RampTime),
		Rate: float64(c.Rate), Poisson: c.Process == "poisson", Size: c.Size, Verify: c.Verify, Seed: uint64(c.Seed), Overwrite: c.Overwrite,
		TargetPID: int(c.TargetPID), Idle: time.Duration(c.Idle), Poll: time.Duration(c.Poll), Interval: time.Duration(c.Interval),
	}
	var err error
	o.Cores, err = cpus("--cores", c.Cores)
	return o, errors.Join(err, c.checkSeries())
}

// checkSeries checks the flags of sweeps and comparisons for conflicts.
func (c *benchCmd) checkSeries() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.URL == "" && c.Compare == "" {
		add("there is no URL: want iscsi://[USER[%%SECRET]@]HOST[:PORT][/TARGET[/LUN]], or --compare NAME")
	}
	if c.Compare != "" && c.Sweep != "" {
		add("--compare %s and --sweep %s: want one of them", benchrun.RedactURL(c.Compare), c.Sweep)
	}
	if c.Compare == "" {
		for flag, given := range map[string]bool{"--rounds": c.Rounds != 0, "--equal-load": c.EqualLoad != 0, "--target-cores": c.TargetCores != ""} {
			if given {
				add("%s: it is for --compare", flag)
			}
		}
	}
	if c.EqualLoad > 100 {
		add("--equal-load %d: want 1 to 100 percent", c.EqualLoad)
	}
	if c.Compare != "" && c.TargetPID != 0 {
		add("--target-pid %d: with --compare there are two targets", c.TargetPID)
	}
	return errors.Join(errs...)
}

// cpus parses a list of CPUs; "" is nil.
func cpus(flag, list string) ([]int, error) {
	if list == "" {
		return nil, nil
	}
	t, err := engine.ReadTopology()
	if err != nil {
		return nil, err
	}
	cpus, err := t.ParseCores(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return cpus, nil
}
