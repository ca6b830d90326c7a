// Command bench measures the project's performance requirements, compared with tuned tgt, local fio and bare responders, and prints
// a table: the requirement, the figure on this machine, and whether it is met. With -before it compares two ringtgt binaries in
// every row instead. It has the study of MC/S as well, and as `bench spdk` the comparison with SPDK's iscsi_tgt. `make bench`,
// `make mcs-study` and `make bench-spdk` run it; docs/benchmarking.md explains the tables.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/peer/cold"
	"github.com/ringtgt/ringtgt/internal/bench/peer/echo"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/host"
)

func main() {
	if len(os.Args) > 1 { // a responder's process
		switch os.Args[1] {
		case peer.Echo:
			fmt.Fprintln(os.Stderr, "bench:", echo.Main())
			os.Exit(1)
		case peer.Cold:
			fmt.Fprintln(os.Stderr, "bench:", cold.Main(os.Args[2:]))
			os.Exit(1)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	run := command
	if len(os.Args) > 1 && os.Args[1] == peer.SPDK {
		run = spdkCommand
	}
	code := run(ctx, os.Args, os.Stdout, os.Stderr)
	stop()
	harness.Cleanup()
	os.Exit(code)
}

// options are the command's flags.
type options struct {
	rounds  int
	runtime time.Duration
	rows    string
	out     string
	binary  string
	before  string
	dir     string
	client  string
	list    bool
}

// Exit codes: figures that are not reached are none of them.
const (
	exitDone       = 0
	exitIncomplete = 1 // a row could not be measured, or not all were
	exitUsage      = 2
)

func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	fs := flag.NewFlagSet(args[0], flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.rounds, "rounds", defaultRounds, "interleaved rounds per row")
	fs.DurationVar(&o.runtime, "runtime", defaultRuntime, "duration of each run")
	fs.StringVar(&o.rows, "row", "", "only these rows, by name or group (limit, mcs), separated by commas")
	fs.StringVar(&o.out, "out", "", "also write all measurements to this file, as JSON")
	fs.StringVar(&o.binary, "binary", "", "ringtgt binary to measure; built if not given")
	fs.StringVar(&o.before, "before", "", "older ringtgt binary: compare -binary with it, and with nothing else")
	fs.StringVar(&o.dir, "dir", ".", "directory on a disk for the files of the file rows")
	fs.StringVar(&o.client, "client", "both", "CPUs of the client in the mcs rows: both, other or own")
	fs.BoolVar(&o.list, "list", false, "list the rows and exit")
	if err := fs.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitDone
		}
		return exitUsage
	}
	if o.list {
		for _, r := range rows(fewSessions, manySessions) {
			fmt.Fprintf(stdout, "%-19s %s\n", r.id, r.load)
		}
		return exitDone
	}
	usage := func(format string, a ...any) int {
		fmt.Fprintf(stderr, "bench: "+format+"\n", a...)
		return exitUsage
	}
	selected, err := choose(o.rows)
	switch {
	case err != nil:
		return usage("%v", err)
	case fs.NArg() > 0:
		return usage("unexpected argument %q", fs.Arg(0))
	case o.rounds < 1 || o.rounds > maxRounds:
		return usage("-rounds is 1 to %d", maxRounds)
	case o.runtime < time.Millisecond || o.runtime > maxRuntime:
		return usage("-runtime is 1ms to %v", maxRuntime)
	case studyClients[o.client] == nil:
		return usage("-client is both, other or own")
	}
	b := &bench{
		rounds: o.rounds, tails: min(tailRounds, o.rounds), runtime: o.runtime, ramp: min(ramp, o.runtime), idle: idleTime,
		few: fewSessions, many: manySessions, memory: memoryLUN, file: fileLUN, binary: o.binary, before: o.before, dir: o.dir,
		studyClient: o.client, progress: stderr,
	}
	t, err := measure(ctx, b, selected, args)
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return exitIncomplete
	}
	if err := t.write(stdout); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return exitIncomplete
	}
	if o.out != "" {
		if err := writeJSON(o.out, t); err != nil {
			fmt.Fprintln(stderr, "bench:", err)
			return exitIncomplete
		}
	}
	if ids := t.incomplete(); len(ids) > 0 {
		fmt.Fprintf(stderr, "bench: not measured: %s\n", strings.Join(ids, ", "))
		return exitIncomplete
	}
	return exitDone
}

// choose picks rows by their names, or by their groups'; without names, the requirements.
func choose(names string) (chosen []row, err error) {
	all := rows(fewSessions, manySessions)
	for name := range strings.SplitSeq(names, ",") {
		var found []row
		var ids []string
		for _, r := range all {
			ids = append(ids, r.id)
			if name = strings.TrimSpace(name); r.group == name || r.id == name {
				found = append(found, r)
			}
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("there is no row %q: there are %s", name, strings.Join(ids, ", "))
		}
		chosen = append(chosen, found...)
	}
	return chosen, nil
}

// measure carries out rows. A row that fails says so and the others go on; an interruption leaves the rest out.
func measure(ctx context.Context, b *bench, selected []row, command []string) (*Table, error) {
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	t := &Table{
		Version: 2, Command: command, Host: host.Describe(""), Target: b.target, Client: b.client, Rounds: b.rounds, Runtime: b.runtime.String(), Before: b.before,
	}
	defer b.stop(true)
	for _, r := range selected {
		if b.before != "" {
			r = newToOld(r)
		}
		began := time.Now()
		b.say("%s ...", r.load)
		out, err := b.measure(ctx, r)
		switch {
		case ctx.Err() != nil:
			out = Row{ID: r.id, Load: r.load, Missing: "interrupted", err: ctx.Err()}
		case err != nil:
			out = Row{ID: r.id, Load: r.load, Missing: firstLine(err), err: err}
			b.say("  %v", err)
		default:
			b.say("  %.1f s", time.Since(began).Seconds())
		}
		t.Rows = append(t.Rows, out)
	}
	return t, nil
}

// prepare builds what is not given, and chooses CPUs: targets take the first one, the client another.
func (b *bench) prepare(ctx context.Context) (err error) {
	if b.binary == "" {
		b.say("building ringtgt")
		if b.binary, err = harness.Build(ctx); err != nil {
			return err
		}
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	b.echo, b.cold = []string{exe, peer.Echo}, []string{exe, peer.Cold}
	allowed := host.CPUs()
	if len(allowed) == 0 {
		return errors.New("no CPU is allowed to this process")
	}
	b.cpus = allowed[:min(2, len(allowed))]
	b.target, b.client = b.cpus[:1], b.cpus[len(b.cpus)-1:]
	if len(b.cpus) == 1 {
		b.say("one CPU for target and client: the figures are those of both")
	}
	return nil
}

// say writes a line of progress.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, format+"\n", args...)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return result.Clean(line)
}

func writeJSON(path string, t *Table) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	e := json.NewEncoder(f)
	e.SetIndent("", " ")
	return errors.Join(e.Encode(t), f.Close())
}
