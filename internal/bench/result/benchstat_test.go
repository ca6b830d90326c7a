package result_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/result/resulttest"
)

// parse reads lines as benchstat does and fails for those that it would complain about.
func parse(t *testing.T, text []byte) (results []*benchfmt.Result, units benchfmt.UnitMetadataMap) {
	t.Helper()
	r := benchfmt.NewReader(bytes.NewReader(text), "test")
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.Result:
			results = append(results, rec.Clone())
		case *benchfmt.SyntaxError:
			t.Errorf("%v", rec)
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return results, r.Units()
}

func bench(t *testing.T, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// benchstat's own parser finds the workload, the values and what they are grouped by.
func TestBenchstat(t *testing.T) {
	run := resulttest.Run(resulttest.Shape{Sessions: 2, Conns: 4, Mixed: true})
	run.Workload.BlockSize, run.Workload.Digests, run.Workload.Rate, run.Total.Errors = "4k/60:64k/40", "both", 12500, 3
	results, units := parse(t, bench(t, func(w io.Writer) error { return result.Benchstat(w, result.Document{Run: run}) }))
	if len(results) != 1 {
		t.Fatalf("%d results", len(results))
	}
	r := results[0]
	want := "ISCSI/rw=randrw/rwmixread=70/bs=4k_60:64k_40/iodepth=32/rate=12500/digests=both/numjobs=1/sessions=2/connections=4"
	if got := r.Name.String(); got != want {
		t.Errorf("name %s\nwant %s", got, want)
	}
	if uint64(r.Iters) != run.Total.Requests {
		t.Errorf("%d iterations, want %d", r.Iters, run.Total.Requests)
	}
	for key, want := range map[string]string{
		"goos": "linux", "pkg": "github.com/ringtgt/ringtgt/bench", "cpu": "AMD EPYC 9654", "target": "RINGTGT VIRTUAL-DISK",
	} {
		if got := r.GetConfig(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	perCPU, _ := run.Figure(result.FigureIOPSPerCPU)
	for unit, want := range map[string]float64{ // as benchstat shows them: ns have become s
		"sec/op":        run.Elapsed.Seconds() / float64(run.Total.Requests),
		"IOPS":          run.Total.IOPS,
		"B/s":           run.Total.Rate,
		"mean-sec":      run.Total.Latency.Mean().Seconds(),
		"p50-sec":       run.Total.Latency.Quantile(0.5).Seconds(),
		"p99-sec":       run.Total.Latency.Quantile(0.99).Seconds(),
		"p99.9-sec":     run.Total.Latency.Quantile(0.999).Seconds(),
		"target-sec/op": run.CPUTime().Seconds(),
		"IOPS/CPU-s":    perCPU,
		"idle-CPU%":     0,
		"client-sec/op": 1300e-9,
		"errors":        3,
	} {
		got, ok := r.Value(unit)
		if !ok || got < want*0.999-1e-12 || got > want*1.001+1e-12 {
			t.Errorf("%s is %v, want %v", unit, got, want)
		}
	}
	for unit, want := range map[string]int{"IOPS": 1, "IOPS/CPU-s": 1, "B/CPU-s": 1, "p99.9-sec": -1, "sec/op": -1, "B/s": 1, "idle-CPU%": -1} {
		if got := units.GetBetter(unit); got != want {
			t.Errorf("%s: better is %d, want %d", unit, got, want)
		}
	}
}

// The sides differ in "target" alone: benchstat -col target puts them side by side.
func TestBenchstatComparison(t *testing.T) {
	c := resulttest.Comparison(resulttest.Shape{Intervals: 2, EqualLoad: 50000})
	results, _ := parse(t, bench(t, func(w io.Writer) error { return result.Benchstat(w, result.Document{Comparison: c}) }))
	if len(results) != 20 {
		t.Fatalf("%d results, want 5 rounds of 2 sides in closed and in open loops", len(results))
	}
	for i, r := range results {
		if got, want := r.GetConfig("target"), c.Sides[i%2].Name; got != want {
			t.Errorf("line %d is of %s, want %s", i, got, want)
		}
		if string(r.Name) != string(results[i/10*10].Name) || strings.Contains(string(r.Name), "/rate=50000/") != (i >= 10) {
			t.Errorf("line %d has another name, %s", i, r.Name)
		}
		for _, kv := range r.Config {
			if kv.Key != "target" && string(kv.Value) != results[0].GetConfig(kv.Key) {
				t.Errorf("line %d: %s is %s", i, kv.Key, kv.Value)
			}
		}
	}
}

// The points of a sweep differ in the parameter's part of the name alone.
func TestBenchstatSweep(t *testing.T) {
	s := resulttest.Sweep(resulttest.Shape{Intervals: 2})
	results, _ := parse(t, bench(t, func(w io.Writer) error { return result.Benchstat(w, result.Document{Sweep: s}) }))
	if len(results) != len(s.Points) {
		t.Fatalf("%d results, want %d", len(results), len(s.Points))
	}
	for i, r := range results {
		if want := "/iodepth=" + s.Points[i].Value + "/"; !strings.Contains(string(r.Name), want) {
			t.Errorf("point %d is %s, want %s", i, r.Name, want)
		}
	}
}

// Text from the peer adds no lines, and a run without a request no measurement.
func TestBenchstatHostile(t *testing.T) {
	run := resulttest.Run(resulttest.Shape{})
	run.Target.Vendor, run.Target.Software = "x\nBenchmarkEvil 1 1 ns/op\n", "\r\nUnit IOPS better=lower"
	run.Workload.RW = "rand read\n\t/a=b"
	results, units := parse(t, bench(t, func(w io.Writer) error { return result.Benchstat(w, result.Document{Run: run}) }))
	if len(results) != 1 || units.GetBetter("IOPS") != 1 {
		t.Errorf("%d results, IOPS better %d", len(results), units.GetBetter("IOPS"))
	}
	run.Total.Requests = 0
	if results, _ := parse(t, bench(t, func(w io.Writer) error { return result.Benchstat(w, result.Document{Run: run}) })); len(results) != 0 {
		t.Errorf("no request, and %d results", len(results))
	}
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

// A write that fails is told.
func TestWriteErrors(t *testing.T) {
	for name, d := range documents() {
		for i, write := range []func(io.Writer, result.Document) error{result.Table, result.Benchstat, result.Encode} {
			if err := write(full{}, d); !errors.Is(err, errFull) {
				t.Errorf("%s, %d: %v", name, i, err)
			}
		}
	}
}
