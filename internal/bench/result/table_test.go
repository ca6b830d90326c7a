package result_test

import (
	"bytes"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/result/resulttest"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/hist"
)

var update = flag.Bool("update", false, "write testdata instead of comparing with it")

// The tables, to be read in testdata.
func TestTables(t *testing.T) {
	large := resulttest.Run(resulttest.Shape{Sessions: 50, Conns: 20, CPUs: 2, Intervals: 2, Mixed: true, Stall: 1})
	large.Total.Errors, large.Total.Busy = 2, 1234
	large.Ended, large.Notes = "interrupted", []string{"the schedule was not kept: 120 requests were due and not sent at the end"}
	unknown := resulttest.Run(resulttest.Shape{Intervals: 2})
	unknown.Target.CPU, unknown.Target.IdleCPU, unknown.Target.Software, unknown.Target.Kernel, unknown.Target.Pinned = nil, nil, "", "", nil
	unknown.Sessions, unknown.Conns, unknown.CPUs = nil, nil, nil
	noisy := resulttest.Comparison(resulttest.Shape{Intervals: 2})
	noisy.Noise = []string{"tgt: IOPS differ by 31% between rounds", "other processes took 12% of the CPUs"}
	flat := resulttest.Sweep(resulttest.Shape{Intervals: 2})
	flat.Knee = -1
	for i := range flat.Points {
		flat.Points[i].Run.Notes = []string{"of all"}
	}
	flat.Points[1].Run.Notes, flat.Points[5].Run.Notes = []string{"of two", "of all"}, []string{"of all", "of two"}
	stopped := resulttest.Sweep(resulttest.Shape{Intervals: 2})
	stopped.Points, stopped.Knee = stopped.Points[:3], -1
	stopped.Points[2].Run.Ended, stopped.Ended = "interrupted", "interrupted at iodepth=4, point 3 of 8, which is not complete"
	for name, write := range map[string]func(io.Writer) error{
		"run": func(w io.Writer) error {
			return result.Table(w, result.Document{Run: resulttest.Run(resulttest.Shape{Intervals: 2})})
		},
		"large":   func(w io.Writer) error { return result.Table(w, result.Document{Run: large}) },
		"unknown": func(w io.Writer) error { return result.Table(w, result.Document{Run: unknown}) },
		"empty":   func(w io.Writer) error { return result.Table(w, result.Document{Run: &result.Run{}}) },
		"comparison": func(w io.Writer) error {
			return result.Table(w, result.Document{Comparison: resulttest.Comparison(resulttest.Shape{Intervals: 2})})
		},
		"equal": func(w io.Writer) error {
			return result.Table(w, result.Document{Comparison: resulttest.Comparison(resulttest.Shape{Intervals: 2, EqualLoad: 50000})})
		},
		"noisy": func(w io.Writer) error { return result.Table(w, result.Document{Comparison: noisy}) },
		"sweep": func(w io.Writer) error {
			return result.Table(w, result.Document{Sweep: resulttest.Sweep(resulttest.Shape{Intervals: 2})})
		},
		"interrupted": func(w io.Writer) error { return result.Table(w, result.Document{Sweep: stopped}) },
		"flat":        func(w io.Writer) error { return result.Table(w, result.Document{Sweep: flat}) },
		"nosides":     func(w io.Writer) error { return result.Table(w, result.Document{Comparison: &result.Comparison{}}) },
		"nopoints":    func(w io.Writer) error { return result.Table(w, result.Document{Sweep: &result.Sweep{Knee: -1}}) },
	} {
		t.Run(name, func(t *testing.T) {
			got := bench(t, write)
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant (-update writes it)\n%s", got, want)
			}
			for line := range strings.Lines(string(got)) {
				if n := utf8.RuneCountInString(line); n > 140 {
					t.Errorf("a line of %d characters: %s", n, line)
				}
			}
		})
	}
}

// Nothing that a peer says moves the cursor, colours the terminal or starts a line.
func TestTableHostile(t *testing.T) {
	const evil = "\x1b[2J\x07\r\n\u202e\x00evil"
	r := resulttest.Run(resulttest.Shape{Intervals: 2})
	for _, s := range []*string{&r.Ended, &r.Workload.RW, &r.Workload.BlockSize, &r.Target.URL, &r.Target.Name, &r.Target.Vendor, &r.Target.Product,
		&r.Target.Revision, &r.Target.Software, &r.Target.Kernel, &r.Client.Kernel, &r.Client.CPU, &r.Client.Ringtgt} {
		*s = evil
	}
	r.Notes = []string{evil}
	c := &result.Comparison{Client: r.Client, Sides: []result.Side{{Name: evil, Runs: []result.Run{*r}}}, Noise: []string{evil}}
	s := &result.Sweep{Parameter: evil, Points: []result.Point{{Value: evil, Run: *r}}}
	for name, write := range map[string]func(io.Writer) error{
		"run":        func(w io.Writer) error { return result.Table(w, result.Document{Run: r}) },
		"comparison": func(w io.Writer) error { return result.Table(w, result.Document{Comparison: c}) },
		"sweep":      func(w io.Writer) error { return result.Table(w, result.Document{Sweep: s}) },
	} {
		text := string(bench(t, write))
		for _, c := range text {
			if c != '\n' && !unicode.IsPrint(c) {
				t.Errorf("%s: %q gets to the terminal", name, c)
			}
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "evil") {
				t.Errorf("%s: starts a line", name)
			}
		}
	}
}

// The live line has its columns where they were a moment ago.
func TestLive(t *testing.T) {
	h := func(ns ...int64) *hist.Histogram {
		h := new(hist.Histogram)
		for _, v := range ns {
			h.Add(v)
		}
		return h
	}
	for _, c := range []struct {
		i         result.Interval
		remaining time.Duration
		want      string
	}{
		{result.Interval{Length: time.Second / 2, Reads: 200000, Writes: 6000, Bytes: 206000 * 4096, Latency: result.Latency{Histogram: h(74100, 74100, 1900000)}}, 8400 * time.Millisecond,
			"  412k IOPS   1.69 GB/s  p50 74.8 µs  p99 1.90 ms      8s left"},
		{result.Interval{Length: time.Second, Reads: 999600, Bytes: 999600 * 512, Latency: result.Latency{Histogram: h(640)}}, 90 * time.Second,
			" 1.00M IOPS    512 MB/s  p50  640 ns  p99  640 ns   1m30s left"},
		{result.Interval{Length: time.Second, Behind: 1500, Latency: result.Latency{Histogram: h()}}, -1,
			"     0 IOPS       0 B/s  p50       -  p99       -  behind  1.50k"},
		{result.Interval{}, 0,
			"     0 IOPS       0 B/s  p50       -  p99       -      0s left"},
	} {
		if got := result.Live(c.i, c.remaining); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

// A ratio is said in words: which side has more, and how much.
func TestTimes(t *testing.T) {
	for ratio, want := range map[float64]string{
		0.072: "14 times lower", 4.288: "4.3 times higher", 14.6: "15 times higher", 1234.5: "1,235 times higher", 0.25: "4 times lower",
		1.29: "29% higher", 0.881: "12% lower", 1.004: "0.4% higher", 1: "equal", 1.94: "94% higher", 1.96: "2 times higher", 0.51: "2 times lower",
		0.52: "48% lower", 0: "", -1: "", math.Inf(1): "", math.NaN(): "",
	} {
		check.Equal(t, result.Times(ratio), want, "%v:", ratio)
	}
	check.Equal(t, result.InWords(result.Spread{Median: 0.072, Low: 0.07, High: 0.08}, "better"), "14 times lower, better", "in words:")
	check.Equal(t, result.InWords(result.Spread{Median: 1, Low: 1, High: 1}, "equal"), "equal", "in words:")
	check.Equal(t, result.InWords(result.Spread{}, "better"), "better", "in words:")
}

func TestFormat(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{result.FormatSI(0, ""), "0"}, {result.FormatSI(math.NaN(), "B/s"), "-"}, {result.FormatSI(math.Inf(1), ""), "-"}, {result.FormatSI(0, "B/s"), "0 B/s"}, {result.FormatSI(7, ""), "7"}, {result.FormatSI(999.6, ""), "1.00k"},
		{result.FormatSI(99.96, "B/s"), "100 B/s"}, {result.FormatSI(412345, ""), "412k"}, {result.FormatSI(11.4, ""), "11.4"}, {result.FormatSI(1.61e9, "B/s"), "1.61 GB/s"},
		{result.FormatLatency(0), "0 ns"}, {result.FormatLatency(999), "999 ns"}, {result.FormatLatency(1000), "1.00 µs"}, {result.FormatLatency(74123), "74.1 µs"},
		{result.FormatLatency(999700), "1.00 ms"}, {result.FormatLatency(2100 * time.Millisecond), "2.10 s"}, {result.FormatLatency(90 * time.Second), "90.0 s"},
		{result.FormatFigure(0.0123, "share"), "1.2%"}, {result.FormatFigure(0.000108, "share"), "0.01%"}, {result.FormatFigure(0, "share"), "0.0%"}, {result.FormatFigure(70e-6, "s"), "70.0 µs"}, {result.FormatFigure(412e3, "IOPS"), "412k"},
		{result.FormatRatio(result.Spread{Median: 4.288, Low: 4.11, High: 12.34}), "4.29 (4.11–12.3)"},
		{result.FormatRatio(result.Spread{Median: 0.25, Low: 0.0945, High: 123.4}), "0.250 (0.0945–123)"},
		{result.Better(result.Spread{Median: 2, Low: 1.1, High: 3}, true), "better"}, {result.Better(result.Spread{Median: 2, Low: 1.1, High: 3}, false), "worse"},
		{result.Better(result.Spread{Median: 0.5, Low: 0.1, High: 0.9}, true), "worse"}, {result.Better(result.Spread{Median: 0.5, Low: 0.1, High: 0.9}, false), "better"},
		{result.Better(result.Spread{Median: 1.2, Low: 0.9, High: 1.3}, true), "undecided"}, {result.Better(result.Spread{Median: 1, Low: 1, High: 1}, true), "equal"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// Two shares that are next to nothing have no ratio; other figures have, as far as there are sides and ratios.
func TestRatio(t *testing.T) {
	c := resulttest.Comparison(resulttest.Shape{Intervals: 1})
	for i := range c.Sides {
		for k := range c.Sides[i].Runs {
			share := 0.0001 * float64(1+i)
			c.Sides[i].Runs[k].Target.IdleCPU = &share
		}
	}
	for _, f := range result.Figures() {
		s, verdict, ok := c.Ratio(1, f)
		if f.Name == result.FigureIdle {
			if ok || verdict != "both idle" {
				t.Errorf("idle CPU: %v %q %v", s, verdict, ok)
			}
		} else if !ok || verdict != "better" {
			t.Errorf("%s: %v %q %v", f.Name, s, verdict, ok)
		}
		for _, i := range []int{-1, 0, 2} {
			if _, _, ok := c.Ratio(i, f); ok {
				t.Errorf("side %d has a ratio", i)
			}
		}
	}
	busy := 0.5
	for k := range c.Sides[1].Runs {
		c.Sides[1].Runs[k].Target.IdleCPU = &busy
	}
	c.Ratios[0][result.FigureIdle] = result.Spread{Median: 0.0002, Low: 0.0002, High: 0.0002}
	if _, verdict, ok := c.Ratio(1, result.Figures()[6]); !ok || verdict != "better" {
		t.Errorf("one that is idle beside one that is not: %q %v", verdict, ok)
	}
}

// Figures are those of the run, and what was not measured is not 0.
func TestFigure(t *testing.T) {
	cpu, idle := 2*time.Second, 0.01
	h := new(hist.Histogram)
	h.AddN(1000, 1000)
	r := result.Run{Elapsed: 4 * time.Second, Total: result.Stats{Requests: 1000, Bytes: 4096000, IOPS: 250, Latency: result.Latency{Histogram: h}}, Target: result.Target{CPU: &cpu, IdleCPU: &idle}}
	for name, want := range map[string]float64{
		result.FigureIOPS: 250, result.FigureIOPSPerCPU: 500, result.FigureBytes: 2048000, result.FigureP50: 1e-6, result.FigureP99: 1e-6, result.FigureP999: 1e-6, result.FigureIdle: 0.01,
	} {
		if got, ok := r.Figure(name); !ok || got != want {
			t.Errorf("%s is %v %v, want %v", name, got, ok, want)
		}
	}
	if got := r.CPUTime(); got != 2*time.Millisecond {
		t.Errorf("%v of CPU a request, want 2ms", got)
	}
	for _, f := range result.Figures() {
		if _, ok := new(result.Run).Figure(f.Name); ok {
			t.Errorf("%s was measured by nothing", f.Name)
		}
		if _, ok := new(result.Side).Figure(f.Name); ok {
			t.Errorf("%s was measured in no round", f.Name)
		}
	}
	if _, ok := r.Figure("weight"); ok {
		t.Error("there is no such figure")
	}
}
