// Command testrun runs the phases of make test. It continues after a phase that fails. At the end it lists the skipped tests with
// their reasons, and the phases that failed.
//
//	testrun [-go COMMAND] [-p N] [-lanes N] PHASE...
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	goCommand := flag.String("go", "go", "the go command")
	parallel := flag.Int("p", 2, "packages to test at the same time")
	lanes := flag.Int("lanes", 2, "phases to run at the same time")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: testrun [-go COMMAND] [-p N] [-lanes N] PHASE...\n\nphases: %s\n\n", strings.Join(names(), " "))
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	var todo []phase
	for _, name := range flag.Args() {
		p, ok := find(name)
		if !ok {
			fmt.Fprintf(os.Stderr, "testrun: no phase %q; there are %s\n", name, strings.Join(names(), ", "))
			os.Exit(2)
		}
		todo = append(todo, p)
	}
	r := runner{out: os.Stdout, goCommand: *goCommand, parallel: *parallel, lanes: *lanes}
	r.run(todo...)
	if !r.report() {
		os.Exit(1)
	}
}
