package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// runner runs phases and collects their results.
type runner struct {
	out       io.Writer
	goCommand string
	parallel  int // packages of a phase at the same time
	lanes     int // phases at the same time

	results []result
	tally   tally
}

// result is the result of a phase.
type result struct {
	name string
	took time.Duration
	err  error
}

// run runs all phases, in order and up to r.lanes at the same time, whether or not earlier ones fail. Most tests of a daemon wait
// for disks, timers and peers: phases side by side use the cores that one alone leaves idle.
func (r *runner) run(phases ...phase) {
	r.results = make([]result, len(phases))
	output := turns{out: r.out}
	lanes := make(chan struct{}, max(r.lanes, 1))
	var running sync.WaitGroup
	for i, p := range phases {
		out := output.part()
		lanes <- struct{}{}
		if p.alone {
			running.Wait()
		}
		running.Go(func() {
			r.results[i] = r.runOne(p, out)
			out.end()
			<-lanes
		})
		if p.alone {
			running.Wait()
		}
	}
	running.Wait()
}

// runOne runs one phase, which writes to out.
func (r *runner) runOne(p phase, out io.Writer) result {
	fmt.Fprintf(out, "== %s\n", p.title)
	begin := time.Now()
	var err error
	if p.command != nil {
		err = execute(p, out)
	} else {
		err = r.test(p, out)
	}
	return result{p.name, time.Since(begin), err}
}

func execute(p phase, out io.Writer) error {
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, out, out
	cmd.Env = append(os.Environ(), p.env...)
	return cmd.Run()
}

// test runs go test -json and prints what go test would print.
func (r *runner) test(p phase, out io.Writer) error {
	packages, err := r.list(p, out)
	if err != nil {
		return err
	}
	args := append([]string{"test", "-json", "-p", strconv.Itoa(r.parallel)}, p.flags...)
	if len(p.skip) > 0 {
		args = append(args, "-skip", "^("+strings.Join(p.skip, "|")+")")
	}
	cmd := exec.Command(r.goCommand, append(args, packages...)...)
	cmd.Dir, cmd.Stderr = p.dir, out
	cmd.Env = append(os.Environ(), p.env...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s := show{out: out, verbose: p.verbose, tally: &r.tally}
	s.read(stdout)
	return cmp.Or(s.err(), cmd.Wait()) // the list of failed packages says more than the exit code
}

// list expands the phase's package patterns, without the packages of other phases.
func (r *runner) list(p phase, out io.Writer) ([]string, error) {
	if len(p.without) == 0 {
		return p.packages, nil
	}
	cmd := exec.Command(r.goCommand, append([]string{"list"}, p.packages...)...)
	cmd.Dir, cmd.Stderr = p.dir, out
	names, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var keep []string
next:
	for pkg := range strings.FieldsSeq(string(names)) {
		for _, w := range p.without {
			if strings.HasSuffix(pkg, "/"+w) {
				continue next
			}
		}
		keep = append(keep, pkg)
	}
	return keep, nil
}

// event is a line of go test -json: see go doc cmd/test2json.
type event struct {
	Action, Package, Test, Output string
}

// show prints events in readable form.
type show struct {
	out     io.Writer
	verbose bool
	tally   *tally
	output  map[[2]string][]string // of running tests and packages
	failed  []string
}

func (s *show) read(stream io.Reader) {
	s.output = map[[2]string][]string{}
	in := bufio.NewReader(stream)
	for {
		line, err := in.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil && e.Action != "" {
			s.take(e)
		} else if len(line) > 0 {
			s.out.Write(line)
		}
		if err != nil {
			return
		}
	}
}

func (s *show) take(e event) {
	id := [2]string{e.Package, e.Test}
	switch e.Action {
	case "output":
		if s.verbose {
			io.WriteString(s.out, e.Output)
		}
		s.output[id] = append(s.output[id], e.Output)
	case "build-output":
		io.WriteString(s.out, e.Output)
	case "pass", "skip", "fail":
		lines := s.output[id]
		delete(s.output, id)
		if e.Test == "" {
			s.packageEnded(e, lines)
			return
		}
		s.tally.count(e, lines)
		if e.Action == "fail" && !s.verbose {
			io.WriteString(s.out, strings.Join(lines, ""))
		}
	}
}

// packageEnded prints a package's last line and, if it failed, all its output outside of tests.
func (s *show) packageEnded(e event, lines []string) {
	if e.Action == "fail" {
		s.failed = append(s.failed, e.Package)
		if !s.verbose {
			// The output of a test that never ended (a crash, a timeout) tells why.
			for id, more := range s.output {
				if id[0] == e.Package {
					io.WriteString(s.out, strings.Join(more, ""))
					delete(s.output, id)
				}
			}
			io.WriteString(s.out, strings.Join(lines, ""))
		}
		return
	}
	if n := len(lines); n > 0 && !s.verbose {
		io.WriteString(s.out, lines[n-1])
	}
}

func (s *show) err() error {
	if len(s.failed) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(s.failed, " "))
	}
	return nil
}
