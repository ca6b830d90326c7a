package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// defaultJobs lanes at a time: the tool and the target alternate, so two keep two cores busy.
const defaultJobs = 2

// campaign runs suites on kinds of LUN.
type campaign struct {
	tool     tool
	start    starter
	suites   []suite
	kinds    []kind
	jobs     int
	keep     string // directory for the tool's output, "" for none
	progress io.Writer

	mu      sync.Mutex
	results results
}

// results holds what each test did: by kind, suite and test.
type results map[string]map[string]map[string]result

func (r results) at(kind, suite, test string) result { return r[kind][suite][test] }

// lane is the work that one target process gets, in this order.
type lane struct {
	kind   kind
	suites []suite
	asleep bool // spends its time sleeping, so it does not count as a job
}

// run works through all lanes. It returns an error only when the campaign itself could not be done.
func (c *campaign) run(ctx context.Context) (results, error) {
	c.results = results{}
	for _, k := range c.kinds {
		c.results[k.name] = map[string]map[string]result{}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, max(c.jobs, 1))
	var wg sync.WaitGroup
	for _, l := range c.lanes() {
		wg.Go(func() {
			if !l.asleep {
				slots <- struct{}{}
				defer func() { <-slots }()
			}
			if ctx.Err() != nil {
				return
			}
			if err := c.runLane(ctx, l); err != nil {
				cancel(fmt.Errorf("%s: %w", l.kind.name, err))
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return c.results, nil
}

// lanes gives every kind one target for all suites but Sanitize, and another for Sanitize, which mostly sleeps and makes its
// LUN useless meanwhile.
func (c *campaign) lanes() []lane {
	var sleeping, busy []lane
	for _, k := range c.kinds {
		var a, b []suite
		for _, s := range c.suites {
			if s.name == "Sanitize" {
				a = append(a, s)
			} else {
				b = append(b, s)
			}
		}
		if len(a) > 0 {
			sleeping = append(sleeping, lane{kind: k, suites: a, asleep: true})
		}
		if len(b) > 0 {
			busy = append(busy, lane{kind: k, suites: b})
		}
	}
	return append(sleeping, busy...)
}

// LUNs of a lane's target.
const (
	lunShared = 0 // every suite but MultipathIO
	lunFresh  = 1 // MultipathIO: its CompareAndWrite wants zeros at LBA 256, which it never writes itself
	lunCount  = 2
)

func (c *campaign) runLane(ctx context.Context, l lane) (err error) {
	dir, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t, err := c.start(ctx, l.kind, lunCount, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	for _, s := range l.suites {
		if ctx.Err() != nil {
			return nil
		}
		begin := time.Now()
		res := c.runSuite(ctx, l.kind, s, t)
		if ctx.Err() != nil {
			return nil // interrupted: what came back says nothing
		}
		c.mu.Lock()
		c.results[l.kind.name][s.name] = res
		if n := tally(s, res); n[notRun] < len(s.tests) {
			fmt.Fprintf(c.progress, "%-10s %-24s %5.1f s  %s\n", l.kind.name, s.name, time.Since(begin).Seconds(), n)
		}
		c.mu.Unlock()
		if err := t.alive(); err != nil {
			return fmt.Errorf("after suite %s: %w", s.name, err)
		}
	}
	return nil
}

// runSuite runs a suite in one process, or, where some of its tests are excluded on this kind, the others one by one.
func (c *campaign) runSuite(ctx context.Context, k kind, s suite, t target) map[string]result {
	urls := []string{t.url(lunShared)}
	if s.name == "MultipathIO" {
		urls = []string{t.url(lunFresh), t.url(lunFresh)} // two sessions, two ISIDs, one logical unit
	}
	res := map[string]result{}
	var rest []string
	for _, test := range s.tests {
		if why := k.excluded(s.name, test); why != "" {
			res[test] = result{notRun, why}
		} else {
			rest = append(rest, test)
		}
	}
	if len(rest) == len(s.tests) {
		output, timedOut, exit := c.tool.runSuite(ctx, s, "", urls, timeOf(s))
		c.save(k, s.name, output)
		return parseRun(s, output, timedOut, exit)
	}
	for _, test := range rest {
		output, timedOut, exit := c.tool.runSuite(ctx, s, test, urls, timeOf(s))
		c.save(k, s.name+"."+test, output)
		res[test] = parseRun(suite{s.name, []string{test}}, output, timedOut, exit)[test]
	}
	return res
}

func (c *campaign) save(k kind, name, output string) {
	if c.keep == "" {
		return
	}
	path := filepath.Join(c.keep, k.name+"."+name+".txt")
	if err := os.WriteFile(path, []byte(output), 0o644); err != nil {
		c.mu.Lock()
		fmt.Fprintln(c.progress, err)
		c.mu.Unlock()
	}
}

// counts of outcomes.
type counts [hung + 1]int

func tally(s suite, res map[string]result) counts {
	var n counts
	for _, t := range s.tests {
		n[res[t].outcome]++
	}
	return n
}

// String names the outcomes that occurred.
func (n counts) String() string {
	var parts []string
	for o := passed; o <= hung; o++ {
		if n[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[o], o))
		}
	}
	if n[notRun] > 0 {
		parts = append(parts, fmt.Sprintf("%d %s", n[notRun], notRun))
	}
	return strings.Join(parts, ", ")
}
