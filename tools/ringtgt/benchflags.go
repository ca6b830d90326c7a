package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/ringtgt/ringtgt/engine"
	benchrun "github.com/ringtgt/ringtgt/internal/bench/run"
)

// benchTime is a duration in seconds, as in fio, or in Go's syntax.
type benchTime time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *benchTime) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if seconds, ferr := strconv.ParseUint(string(text), 10, 32); ferr == nil {
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

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *benchRate) UnmarshalText(text []byte) error {
	v, err := benchrun.ParseRate(string(text))
	*r = benchRate(v)
	return err
}

// options converts the flags for benchrun, which checks most of them.
func (c *benchCmd) options() (benchrun.Options, error) {
	o := benchrun.Options{
		URL: c.URL, Command: benchrun.Redact(append([]string{"ringtgt"}, os.Args[1:]...)), Version: version(),
		CHAP: benchrun.CHAP{
			SecretFile: c.CHAPFile, SecretEnv: c.CHAPEnv, MutualUser: c.MutualUser, MutualSecretFile: c.MutualFile, MutualSecretEnv: c.MutualEnv,
		},
		RW: c.RW, ReadMix: c.ReadMix, BlockSize: c.BS, BlockSplit: c.BSSplit, IODepth: c.IODepth, NumJobs: c.NumJobs, Sessions: c.Sessions,
		Connections: c.Connections, Digests: c.Digests, Initiator: c.Initiator, Runtime: time.Duration(c.Runtime), RampTime: time.Duration(c.RampTime),
		Rate: float64(c.Rate), Poisson: c.Process == "poisson", Size: c.Size, Verify: c.Verify, Seed: c.Seed,
		TargetPID: c.TargetPID, Idle: time.Duration(c.Idle), Poll: time.Duration(c.Poll), Interval: time.Duration(c.Interval),
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
	if c.Rounds < 0 || c.EqualLoad < 0 || c.EqualLoad > 100 {
		add("--rounds %d, --equal-load %d: want 1 or more, and 1 to 100 percent", c.Rounds, c.EqualLoad)
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
