package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/ringtgt/ringtgt/internal/bench/compare"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	benchrun "github.com/ringtgt/ringtgt/internal/bench/run"
)

// benchCmd is `ringtgt bench`. docs/benchmarking.md describes each flag.
type benchCmd struct {
	URL string `arg:"" optional:"" help:"The target: iscsi://[USER[%SECRET]@]HOST[:PORT][/TARGET[/LUN]]. Without TARGET, the only target of the portal; without LUN, 0."`

	RW        string     `name:"rw" group:"Load:" help:"read, write, randread, randwrite, rw or randrw. A load that writes overwrites the LUN. Default: randread." placeholder:"KIND"`
	ReadMix   benchCount `name:"rwmixread" group:"Load:" help:"Percentage of reads in rw and randrw. Default: 50." placeholder:"N"`
	BS        string     `name:"bs" group:"Load:" help:"Bytes per request. Default: 4k." placeholder:"SIZE"`
	BSSplit   string     `name:"bssplit" group:"Load:" help:"Request sizes with the percentage of each, such as 4k/60:64k/40." placeholder:"SPLIT"`
	IODepth   benchCount `name:"iodepth" group:"Load:" help:"Requests in flight on each connection. Default: 1; with --rate as many as are due." placeholder:"N"`
	Rate      benchRate  `group:"Load:" help:"Open loop: requests per second over all connections, such as 800 or 10k; latency counts from when a request is due. Default: closed loop." placeholder:"IOPS"`
	Process   string     `name:"rate-process" aliases:"rate_process" group:"Load:" enum:",linear,poisson" default:"" help:"With --rate: linear, requests are due at even intervals, or poisson, at random ones. Default: linear." placeholder:"linear|poisson"`
	Size      string     `group:"Load:" help:"Part of the LUN to use, from its start: a size or a percentage. Default: all." placeholder:"SIZE|N%"`
	Verify    bool       `group:"Load:" help:"Write data that depends on its address and --seed, and compare all reads with it."`
	Seed      benchSeed  `aliases:"randseed" group:"Load:" help:"Seed of addresses and data. Default: 1; a new one for writes with --verify." placeholder:"N"`
	Overwrite bool       `group:"Load:" help:"Write even if the LUN has a file system, partitions or another signature of data."`
	Runtime   benchTime  `group:"Load:" help:"How long to measure, in seconds or as 90s, 2m; 0: until all of --size has been covered once. Default: 10s." default:"10s" placeholder:"TIME"`
	RampTime  benchTime  `name:"ramp-time" aliases:"ramp_time" group:"Load:" help:"Load before the measured part. Default: none." placeholder:"TIME"`
	Interval  benchTime  `group:"Load:" help:"Length of the time slices in JSON and report. Default: 500ms, shorter for a short run." placeholder:"TIME"`
	TargetPID benchPID   `name:"target-pid" group:"Target:" help:"Process ID of the target, to measure its CPU time; -1 for none. Default: the process that listens at the portal, if it is on this machine." placeholder:"N"`
	Idle      benchTime  `group:"Target:" help:"Measure the target's idle CPU usage for this long before the load, with all sessions logged in." placeholder:"TIME"`

	NumJobs     benchCount `name:"numjobs" group:"Sessions:" help:"Jobs, each with its own sessions and initiator name. Default: 1." placeholder:"N"`
	Sessions    benchCount `group:"Sessions:" help:"Sessions per job. Default: 1." placeholder:"N"`
	Connections benchCount `group:"Sessions:" help:"Connections per session (MC/S). Default: 1." placeholder:"N"`
	Digests     string     `group:"Sessions:" help:"CRC32C over headers and data: none, header, data or both. Default: none." placeholder:"KIND"`
	Cores       string     `group:"Sessions:" help:"CPUs for the client's threads, one each, such as 0-3,8, or all. Default: one thread, not pinned." placeholder:"LIST"`
	Poll        benchTime  `group:"Sessions:" help:"How long the client's threads poll for answers before they sleep, up to 10ms. Use it with CPUs that run nothing else. Default: not at all." placeholder:"TIME"`
	Initiator   string     `group:"Sessions:" help:"Initiator name. Default: iqn.2026-11.io.ringtgt:bench, with .0, .1, ... for several jobs." placeholder:"IQN"`

	CHAPFile   string `name:"chap-secret-file" group:"Sessions:" help:"File with the secret of the URL's USER." placeholder:"FILE"`
	CHAPEnv    string `name:"chap-secret-env" group:"Sessions:" help:"Environment variable with the secret of the URL's USER." placeholder:"NAME"`
	MutualUser string `name:"mutual-chap-user" group:"Sessions:" help:"CHAP name that the target must prove. Default: any." placeholder:"USER"`
	MutualFile string `name:"mutual-chap-secret-file" group:"Sessions:" help:"File with the secret that the target must prove." placeholder:"FILE"`
	MutualEnv  string `name:"mutual-chap-secret-env" group:"Sessions:" help:"Environment variable with the secret that the target must prove." placeholder:"NAME"`

	Sweep string `group:"Series:" help:"One run for each value of depth, bs, connections, sessions, numjobs or rate: depth=1..128 doubles each time; depth=1,4,16 is a list." placeholder:"NAME=VALUES"`

	Compare     string     `group:"Series:" help:"Compare with another target, in rounds A B, B A, ...: tgt (Debian package tgt) or ringtgt, or the path of another ringtgt binary, which are started with 256 MiB of memory, or a URL. Without a URL for the first side, this ringtgt is started for it." placeholder:"NAME|PATH|URL"`
	Rounds      benchCount `group:"Series:" help:"Rounds of --compare. Default: 5." placeholder:"N"`
	EqualLoad   benchCount `name:"equal-load" group:"Series:" help:"After the rounds of --compare, run as many again in an open loop at this percentage of the slower side's IOPS, to compare latencies. Default: none." placeholder:"N"`
	TargetCores string     `name:"target-cores" group:"Series:" help:"CPUs to pin both targets of --compare to, if they run here. Default, where both are started: the first CPU, and the last one for the client." placeholder:"LIST"`

	Output    string `group:"Output:" enum:"table,json,benchstat" default:"table" help:"Format on standard output: table, json or benchstat. Default: table." placeholder:"FORMAT"`
	JSON      string `name:"json" group:"Output:" help:"Also write the result as JSON to this file." placeholder:"FILE"`
	Benchstat string `name:"benchstat" group:"Output:" help:"Also write lines for benchstat to this file." placeholder:"FILE"`
	Report    string `group:"Output:" help:"Also write a self-contained HTML page to this file." placeholder:"FILE"`
	Progress  string `group:"Output:" enum:"auto,lines,none" default:"auto" help:"Progress on standard error: lines, one every half second; none; or auto, one line that is rewritten, on a terminal only. Default: auto." placeholder:"auto|lines|none"`
}

// outcome is the result of a benchmark. A run that failed may still have measurements.
type outcome struct {
	doc result.Document
	err error
}

func (o outcome) empty() bool {
	return o.doc.Run == nil && o.doc.Sweep == nil && o.doc.Comparison == nil
}

func (c *benchCmd) Run(s streams) error {
	o, err := c.options()
	if err != nil {
		return fail(exitUsage, err)
	}
	files, err := c.open()
	if err != nil {
		return fail(exitUsage, err)
	}
	defer files.close()
	live := newLive(s.err, c.Progress)
	o.Progress, o.Stage, o.Series = live.interval, live.stage, live.series

	// The first signal ends the load and keeps its measurements. The second ends the process.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan outcome, 1)
	go func() { done <- c.carryOut(ctx, o) }()
	var got outcome
	for ended := false; !ended; {
		select {
		case got = <-done:
			ended = true
		case sig := <-signals:
			if ctx.Err() != nil {
				live.end()
				return fail(exitInterrupted, fmt.Errorf("%v: ended at once", sig))
			}
			live.stage("stopping; a second signal ends at once")
			stop()
		}
	}
	live.end()
	if got.empty() {
		return c.classify(got.err)
	}
	identify(got.doc)
	if err := writeResult(files, c.Output, s.out, got.doc); err != nil {
		return fail(exitRun, err)
	}
	if got.err != nil && !errors.Is(got.err, context.Canceled) {
		return fail(exitRun, got.err)
	}
	return nil
}

// carryOut runs the benchmark.
func (c *benchCmd) carryOut(ctx context.Context, o benchrun.Options) (out outcome) {
	switch {
	case c.Compare != "":
		out.doc.Comparison, out.err = c.compare(ctx, o)
		return out
	case c.Sweep != "":
		out.doc.Sweep, out.err = benchrun.Sweep(ctx, o, c.Sweep)
		return out
	}
	out.doc.Run, out.err = benchrun.Do(ctx, o)
	return out
}

// classify chooses the exit code for an error without a result.
func (c *benchCmd) classify(err error) error {
	usage := new(benchrun.UsageError)
	switch {
	case errors.As(err, &usage), errors.Is(err, compare.ErrUsage):
		return fail(exitUsage, err)
	case errors.Is(err, context.Canceled):
		return fail(exitInterrupted, errors.New("interrupted before anything was measured"))
	}
	return fail(exitStart, err)
}
