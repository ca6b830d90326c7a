package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts of testdata/bench run `ringtgt bench` against a daemon on loopback. Beside the commands of TestScripts they have:
//
//	background NAME ARG...  starts `ringtgt ARG...` with its standard output in NAME.out and its standard error in NAME.log
//	freeze NAME             stops a process by SIGSTOP, to simulate a target that hangs
//	measured FILE           reads a JSON result and checks that it is complete: consistent sums, a time series, latencies
func TestBenchScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/bench",
		Setup: func(e *testscript.Env) error {
			e.Setenv(control.RuntimeDirEnv, filepath.Join(e.WorkDir, ".run"))
			d := &daemons{byName: map[string]*running{}}
			e.Values[daemonsKey{}] = d
			e.Defer(d.kill)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"start": cmdStart, "signal": cmdSignal, "ended": cmdEnded, "exits": cmdExits, "logged": cmdLogged,
			"background": cmdBackground, "measured": cmdMeasured, "freeze": cmdFreeze,
		},
	})
}

func cmdBackground(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: background NAME ARG...")
	}
	name := args[0]
	cmd := command(ts, args[1:]...)
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	defer out.Close()
	log, err := os.Create(ts.MkAbs(name + ".log"))
	ts.Check(err)
	cmd.Stdout = out
	p, _, err := launch(cmd, log)
	ts.Check(err)
	get(ts).byName[name] = p
}

func cmdFreeze(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeze NAME")
	}
	ts.Check(named(ts, args[0]).Signal(syscall.SIGSTOP))
}

func cmdMeasured(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: measured FILE")
	}
	var d struct {
		Points []struct{ Run json.RawMessage }
		Sides  []struct{ Runs []json.RawMessage }
	}
	file := []byte(ts.ReadFile(args[0]))
	ts.Check(json.Unmarshal(file, &d))
	var runs []json.RawMessage
	for _, p := range d.Points {
		runs = append(runs, p.Run)
	}
	for _, s := range d.Sides {
		runs = append(runs, s.Runs...)
	}
	if d.Points == nil && d.Sides == nil {
		runs = append(runs, file)
	}
	for _, b := range runs {
		var r result.Run
		ts.Check(json.Unmarshal(b, &r))
		whole(ts, &r)
		var l struct {
			Total struct {
				Latency struct {
					Count uint64
					Min   time.Duration `json:"min_ns"`
				}
			}
		}
		ts.Check(json.Unmarshal(b, &l))
		if got := l.Total.Latency; got.Count < r.Total.Requests || got.Min <= 0 {
			ts.Fatalf("latencies of %d requests: %+v", r.Total.Requests, got)
		}
	}
}

// whole checks that a run is complete and its parts agree.
func whole(ts *testscript.TestScript, r *result.Run) {
	want := func(ok bool, format string, args ...any) {
		if !ok {
			ts.Fatalf(format, args...)
		}
	}
	sum := func(n int, at func(int) *result.Stats) (requests, bytes uint64) {
		for i := range n {
			requests += at(i).Requests
			bytes += at(i).Bytes
		}
		return
	}
	t := &r.Total
	want(r.Version == result.Version && t.Requests > 0 && r.Elapsed > 0, "version %d, %d requests in %v", r.Version, t.Requests, r.Elapsed)
	for name, part := range map[string]func() (uint64, uint64){
		"sessions": func() (uint64, uint64) {
			return sum(len(r.Sessions), func(i int) *result.Stats { return &r.Sessions[i].Stats })
		},
		"connections": func() (uint64, uint64) {
			return sum(len(r.Conns), func(i int) *result.Stats { return &r.Conns[i].Stats })
		},
		"CPUs": func() (uint64, uint64) {
			return sum(len(r.CPUs), func(i int) *result.Stats { return &r.CPUs[i].Stats })
		},
		"reads and writes": func() (uint64, uint64) {
			both := []*result.Stats{r.Reads, r.Writes}
			return sum(2, func(i int) *result.Stats {
				if both[i] == nil {
					return &result.Stats{}
				}
				return both[i]
			})
		},
		"series": func() (n, b uint64) {
			for i := range r.Series {
				n += r.Series[i].Reads + r.Series[i].Writes
				b += r.Series[i].Bytes
			}
			return
		},
	} {
		n, b := part()
		want(n == t.Requests && b == t.Bytes, "%s have %d requests with %d bytes, the total %d with %d", name, n, b, t.Requests, t.Bytes)
	}
	w := &r.Workload
	want(len(r.Sessions) == w.NumJobs*w.Sessions && len(r.Conns) == len(r.Sessions)*w.Conns, "%d sessions, %d connections of %+v", len(r.Sessions), len(r.Conns), w)
	// A running thread's CPU time lags by up to a tick, so a run of a few milliseconds may show none.
	want(r.Target.CPU != nil && (*r.Target.CPU > 0 || r.Elapsed < 100*time.Millisecond) && r.Target.PID > 0, "no processor time of the target: %v", r.Notes)
	want(r.Target.Kernel != "" && r.Client.Kernel != "" && r.Target.BlockLen > 0 && len(r.Target.Negotiated) > 8, "%+v", r.Target)
}
