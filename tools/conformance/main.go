// Command conformance runs Debian's iscsi-test-cu 1.19 against ringtgt, one suite per process, over several kinds of LUN, and
// writes the results into docs/conformance.md.
//
//	go run ./tools/conformance                     all suites, all kinds; rewrites the results; exit status 1 unless the run passes
//	go run ./tools/conformance --suite Sanitize    some suites (comma-separated); leaves the results alone
//	go run ./tools/conformance --peer tgt          the same against tgt, for comparison
//
// The exit status is 1 if a test failed or hung, or if a test never really ran on any kind of LUN and exceptions.go does not
// explain it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/ringtgt/ringtgt/internal/harness"
)

func main() {
	code := run(os.Args[1:])
	harness.Cleanup()
	os.Exit(code)
}

func run(args []string) int {
	fs := flag.NewFlagSet("conformance", flag.ContinueOnError)
	var (
		peer   = fs.String("peer", "", "run against this peer instead of ringtgt: tgt")
		kinds  = fs.String("kind", "", "only these kinds of LUN, comma-separated")
		suites = fs.String("suite", "", "only these suites, comma-separated")
		out    = fs.String("out", "docs/conformance.md", "page whose results are rewritten after a complete run; empty for none")
		jobs   = fs.Int("jobs", defaultJobs, "kinds of LUN to test at the same time")
		keep   = fs.String("keep", "", "directory that receives the tool's output, a file for each suite and kind")
	)
	if err := fs.Parse(args); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	c := campaign{jobs: *jobs, keep: *keep, progress: os.Stderr}
	switch *peer {
	case "":
		c.start, c.kinds = startRingtgt, ringtgtKinds
	case "tgt":
		c.start, c.kinds = startTgt, tgtKinds
	default:
		fmt.Fprintf(os.Stderr, "conformance: no peer %q; there is tgt\n", *peer)
		return 2
	}
	name := "ringtgt"
	if *peer != "" {
		name = *peer
	}
	tool, err := findTool(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		return 2
	}
	c.tool = tool
	if c.suites, err = selectNamed(tool.suites, *suites, func(s suite) string { return s.name }); err == nil {
		c.kinds, err = selectNamed(c.kinds, *kinds, func(k kind) string { return k.name })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		return 2
	}
	results, err := c.run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		return 1
	}
	whole := *suites == "" && *kinds == ""
	verdict := judge(tool, c.kinds, results, whole)
	fmt.Print(summary(name, c.kinds, results, verdict))
	if whole && *out != "" {
		if err := updatePage(*out, name, report(name, tool, c.kinds, results, verdict)); err != nil {
			fmt.Fprintln(os.Stderr, "conformance:", err)
			return 1
		}
	}
	if !verdict.ok() {
		return 1
	}
	return 0
}

// selectNamed keeps the items whose names are in list (comma-separated); an empty list keeps all. A name that matches no
// item is an error.
func selectNamed[T any](items []T, list string, name func(T) string) ([]T, error) {
	if list == "" {
		return items, nil
	}
	var kept []T
	for _, want := range strings.Split(list, ",") {
		found := false
		for _, it := range items {
			if strings.EqualFold(name(it), strings.TrimSpace(want)) {
				kept, found = append(kept, it), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no %q", want)
		}
	}
	return kept, nil
}
