// Command benchcompare shows whether the Go benchmarks of a package have become slower since another commit, also on a machine that
// does other work. docs/benchmarking.md explains how it measures and how to read the result.
//
//	go run ./tools/benchcompare -ref main                    the working tree against main
//	go run ./tools/benchcompare -ref HEAD~1 -new HEAD        one commit against another
//
// The exit status is 1 if a benchmark is slower, 2 if the comparison could not be made, 130 if it was interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const (
	exitEqual       = 0
	exitSlower      = 1
	exitFailed      = 2
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitEqual
	}
	if err != nil {
		return exitFailed
	}
	r, err := o.compare(ctx, stderr)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "benchcompare: interrupted")
		return exitInterrupted
	case err != nil:
		fmt.Fprintf(stderr, "benchcompare: %v\n", err)
		return exitFailed
	}
	r.write(stdout)
	if r.slower() > 0 {
		return exitSlower
	}
	return exitEqual
}

// compare checks out, builds, measures and judges. What it made is gone when it returns, but for the raw file.
func (o options) compare(ctx context.Context, progress io.Writer) (report, error) {
	repo, err := openRepository(ctx, o.pkg)
	if err != nil {
		return report{}, err
	}
	w, err := newWorkspace(repo)
	if err != nil {
		return report{}, err
	}
	defer w.close(ctx, progress)

	old, err := w.tree(ctx, "old", o.ref)
	if err != nil {
		return report{}, err
	}
	new, err := w.tree(ctx, "new", o.new)
	if err != nil {
		return report{}, err
	}
	fmt.Fprintf(progress, "building the tests of %s: old: %s, new: %s\n", o.pkg, old, new)
	if err := w.build(ctx, &old, &new, 1); err != nil {
		return report{}, err
	}
	identical, err := repo.sameProgram(ctx, old, new)
	if err != nil {
		return report{}, err
	}
	raw := io.Discard
	if o.raw != "" {
		f, err := os.Create(o.raw)
		if err != nil {
			return report{}, err
		}
		defer f.Close() // nothing is buffered: an error has shown in Write
		raw = f
	}
	m := meter{
		old: old, new: new, build: w.build, env: repo.env, cpus: o.cpus, bench: o.bench, benchtime: o.benchtime,
		relink: o.relink, raw: raw, progress: progress,
	}
	return m.compare(ctx, o.looks(), rule{threshold: o.threshold, looks: len(o.looks()), identical: identical})
}
