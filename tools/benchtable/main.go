// Command benchtable measures the project's performance requirements, compared with tuned tgt and local fio, and prints a table:
// the requirement, the figure on this machine, and whether it is met. `make bench` runs it; docs/benchmarking.md explains the
// table.
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
	"github.com/ringtgt/ringtgt/internal/bench/peer/echo"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/host"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == peer.Echo { // the responder's process, see depthOne
		fmt.Fprintln(os.Stderr, "benchtable:", echo.Main())
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command(ctx, os.Args, os.Stdout, os.Stderr)
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
	dir     string
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
	fs.StringVar(&o.rows, "row", "", "only these rows, by name, separated by commas")
	fs.StringVar(&o.out, "out", "", "also write all measurements to this file, as JSON")
	fs.StringVar(&o.binary, "binary", "", "ringtgt binary to measure; built if not given")
	fs.StringVar(&o.dir, "dir", ".", "directory on a disk for the file of the file row")
	fs.BoolVar(&o.list, "list", false, "list the rows and exit")
	if err := fs.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitDone
		}
		return exitUsage
	}
	if o.list {
		for _, r := range rows() {
			fmt.Fprintf(stdout, "%-10s %s\n", r.id, r.load)
		}
		return exitDone
	}
	usage := func(format string, a ...any) int {
		fmt.Fprintf(stderr, "benchtable: "+format+"\n", a...)
		return exitUsage
	}
	selected, err := choose(o.rows)
	switch {
	case err != nil:
		return usage("%v", err)
	case fs.NArg() > 0:
		return usage("what is %q?", fs.Arg(0))
	case o.rounds < 1 || o.rounds > maxRounds:
		return usage("-rounds is 1 to %d", maxRounds)
	case o.runtime < time.Millisecond || o.runtime > maxRuntime:
		return usage("-runtime is 1ms to %v", maxRuntime)
	}
	b := &bench{
		rounds: o.rounds, tails: min(tailRounds, o.rounds), runtime: o.runtime, ramp: min(ramp, o.runtime), idle: idleTime,
		few: fewSessions, many: manySessions, memory: memoryLUN, file: fileLUN, binary: o.binary, dir: o.dir, progress: stderr,
	}
	t, err := measure(ctx, b, selected, args)
	if err != nil {
		fmt.Fprintln(stderr, "benchtable:", err)
		return exitIncomplete
	}
	if err := t.write(stdout); err != nil {
		fmt.Fprintln(stderr, "benchtable:", err)
		return exitIncomplete
	}
	if o.out != "" {
		if err := writeJSON(o.out, t); err != nil {
			fmt.Fprintln(stderr, "benchtable:", err)
			return exitIncomplete
		}
	}
	if ids := t.incomplete(); len(ids) > 0 {
		fmt.Fprintf(stderr, "benchtable: not measured: %s\n", strings.Join(ids, ", "))
		return exitIncomplete
	}
	return exitDone
}

// choose picks rows by their names.
func choose(names string) ([]row, error) {
	all := rows()
	if names == "" {
		return all, nil
	}
	var chosen []row
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, r := range all {
			if r.id == strings.TrimSpace(name) {
				chosen, found = append(chosen, r), true
			}
		}
		if !found {
			var ids []string
			for _, r := range all {
				ids = append(ids, r.id)
			}
			return nil, fmt.Errorf("there is no row %q: there are %s", name, strings.Join(ids, ", "))
		}
	}
	return chosen, nil
}

// measure carries out rows. A row that fails says so and the others go on; an interruption leaves the rest out.
func measure(ctx context.Context, b *bench, selected []row, command []string) (*Table, error) {
	if b.binary == "" {
		var err error
		b.say("building ringtgt")
		if b.binary, err = harness.Build(ctx); err != nil {
			return nil, err
		}
	}
	if len(b.echo) == 0 {
		exe, err := os.Executable()
		if err != nil {
			return nil, err
		}
		b.echo = []string{exe, peer.Echo}
	}
	if len(b.target) == 0 {
		// Targets take the first CPU, the client another one: with one CPU they share it, and the figures say little.
		allowed := host.CPUs()
		if len(allowed) == 0 {
			return nil, errors.New("no CPU is allowed to this process")
		}
		b.target, b.client = allowed[:1], allowed[min(1, len(allowed)-1):][:1]
		if len(allowed) == 1 {
			b.say("one CPU for target and client: the figures are those of both")
		}
	}
	// What this process does beside driving loops is not to be done on the target's CPU.
	if b.client[0] != b.target[0] {
		before := host.CPUs()
		if err := host.Pin(os.Getpid(), b.client); err != nil {
			return nil, err
		}
		defer func() { _ = host.Pin(os.Getpid(), before) }()
	}
	t := &Table{Version: 1, Command: command, Host: host.Describe(""), Target: b.target, Client: b.client, Rounds: b.rounds, Runtime: b.runtime.String()}
	defer func() { _ = b.stop() }()
	for _, r := range selected {
		out := Row{ID: r.id, Load: r.load}
		began := time.Now()
		b.say("%s ...", r.load)
		err := error(nil)
		if err = ctx.Err(); err == nil {
			err = r.measure(ctx, b, &out)
		}
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
