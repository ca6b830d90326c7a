package result

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// Benchstat writes a run in Go's benchmark format, which benchstat (golang.org/x/perf) and its relatives read: configuration lines,
// then one line with the workload in its name. ns/op is the time of the run over its requests, as in Go's own benchmarks and not
// a latency; target-ns/op is the target's processor time a request, client-ns/op the client's. Quantiles are of all requests.
func Benchstat(w io.Writer, r *Run) error {
	var b strings.Builder
	units(&b)
	config(&b, r, "")
	line(&b, r)
	_, err := io.WriteString(w, b.String())
	return err
}

// BenchstatComparison writes every round of every side, round by round, those at equal load after the others. The configuration
// line "target" tells the sides apart: benchstat -col target FILE.
func BenchstatComparison(w io.Writer, c *Comparison) error {
	var b strings.Builder
	units(&b)
	for _, runs := range []func(*Side) []Run{func(s *Side) []Run { return s.Runs }, func(s *Side) []Run { return s.AtRate }} {
		for round, more := 0, true; more; round++ {
			more = false
			for i := range c.Sides {
				if r := runs(&c.Sides[i]); round < len(r) {
					config(&b, &r[round], c.Sides[i].Name)
					line(&b, &r[round])
					more = true
				}
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// BenchstatSweep writes every point: benchstat -col /iodepth FILE, or another parameter.
func BenchstatSweep(w io.Writer, s *Sweep) error {
	var b strings.Builder
	units(&b)
	for i := range s.Points {
		if i == 0 {
			config(&b, &s.Points[i].Run, "")
		}
		line(&b, &s.Points[i].Run)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// units says which way is better where benchstat cannot know.
func units(b *strings.Builder) {
	for _, u := range []string{"IOPS", "IOPS/CPU-s", "B/CPU-s"} {
		fmt.Fprintf(b, "Unit %s better=higher\n", u)
	}
	for _, u := range []string{"mean-ns", "p50-ns", "p99-ns", "p99.9-ns", "idle-CPU%", "errors"} {
		fmt.Fprintf(b, "Unit %s better=lower\n", u)
	}
}

// config writes what holds for the lines below it. benchstat makes a table of its own for every value of a key, so that only
// what must not be mixed is one: versions are comments, for old and new to stand side by side.
func config(b *strings.Builder, r *Run, target string) {
	fmt.Fprintf(b, "# target: %s, %s, %s\n", Clean(r.Target.URL), or(Clean(r.Target.Software), "software unknown"), or(r.Target.Device(), "device unknown"))
	fmt.Fprintf(b, "# client: ringtgt %s, %s\n", Clean(r.Client.Ringtgt), Clean(kernel(r.Client.Kernel)))
	if target == "" {
		target = or(strings.Join(strings.Fields(r.Target.Vendor+" "+r.Target.Product), " "), r.Target.Name)
	}
	for _, kv := range [][2]string{
		{"goos", "linux"},
		{"pkg", "github.com/ringtgt/ringtgt/bench"},
		{"cpu", r.Client.CPU},
		{"target", target},
	} {
		if kv[1] != "" {
			fmt.Fprintf(b, "%s: %s\n", kv[0], Clean(kv[1]))
		}
	}
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// line writes a run; one that completed nothing is no measurement and a comment.
func line(b *strings.Builder, r *Run) {
	name := benchName(&r.Workload)
	if r.Total.Requests == 0 {
		fmt.Fprintf(b, "# %s completed no request\n", name)
		return
	}
	n := float64(r.Total.Requests)
	fmt.Fprintf(b, "%s\t%d", name, r.Total.Requests)
	value := func(v float64, unit string) { fmt.Fprintf(b, "\t%s %s", number(v), unit) }
	value(float64(r.Elapsed)/n, "ns/op")
	value(r.Total.IOPS, "IOPS")
	value(r.Total.Rate, "B/s")
	if h := r.Total.Latency; h != nil && h.Count() > 0 {
		value(float64(h.Mean()), "mean-ns")
		value(float64(h.Quantile(0.5)), "p50-ns")
		value(float64(h.Quantile(0.99)), "p99-ns")
		value(float64(h.Quantile(0.999)), "p99.9-ns")
	}
	if r.Target.CPU != nil {
		value(float64(*r.Target.CPU)/n, "target-ns/op")
	}
	if v, ok := r.Figure(FigureIOPSPerCPU); ok {
		value(v, "IOPS/CPU-s")
	}
	if v, ok := r.Figure(FigureBytes); ok {
		value(v, "B/CPU-s")
	}
	if v, ok := r.Figure(FigureIdle); ok {
		value(100*v, "idle-CPU%")
	}
	if user, system := r.ClientCPU(); user+system > 0 {
		value(float64(user+system), "client-ns/op")
	}
	if r.Total.Errors > 0 {
		value(float64(r.Total.Errors), "errors")
	}
	b.WriteByte('\n')
}

// number writes a value as benchmarks do: no exponent, no more digits than mean something.
func number(v float64) string {
	if v >= 1000 || v == float64(int64(v)) {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}

// benchName is the workload as key=value parts. The last of them ends with its digits alone: what follows a dash would be read
// as GOMAXPROCS.
func benchName(w *Workload) string {
	var b strings.Builder
	b.WriteString("BenchmarkISCSI")
	part := func(key, value string) {
		value = strings.Map(func(r rune) rune {
			if r == '/' || r == '=' || unicode.IsSpace(r) || !unicode.IsPrint(r) {
				return '_'
			}
			return r
		}, value)
		fmt.Fprintf(&b, "/%s=%s", key, value)
	}
	part("rw", w.RW)
	if w.RW == "rw" || w.RW == "randrw" {
		part("rwmixread", strconv.Itoa(w.ReadMix))
	}
	part("bs", w.BlockSize)
	part("iodepth", strconv.Itoa(w.IODepth))
	if w.Rate > 0 {
		part("rate", number(w.Rate))
	}
	if w.Digests != "" && w.Digests != "none" {
		part("digests", w.Digests)
	}
	if w.Verify {
		part("verify", "1")
	}
	part("numjobs", strconv.Itoa(max(w.NumJobs, 1)))
	part("sessions", strconv.Itoa(w.Sessions))
	part("connections", strconv.Itoa(w.Conns))
	return b.String()
}
