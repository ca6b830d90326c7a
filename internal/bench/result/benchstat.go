package result

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// measured are the values of a benchmark line. ns/op is the time of the run over its requests, as in Go's own benchmarks and not
// a latency; target-ns/op is the target's processor time a request, client-ns/op the client's. Quantiles are of all requests.
var measured = [...]struct {
	unit, better string // better where benchstat cannot know it
	value        func(*Run) (float64, bool)
}{
	{"ns/op", "", func(r *Run) (float64, bool) { return float64(r.Elapsed) / float64(r.Total.Requests), true }},
	{"IOPS", "higher", func(r *Run) (float64, bool) { return r.Total.IOPS, true }},
	{"B/s", "", func(r *Run) (float64, bool) { return r.Total.Rate, true }},
	{"mean-ns", "lower", nanoseconds(Latency.Mean)},
	{"p50-ns", "lower", nanoseconds(quantile(0.5))},
	{"p99-ns", "lower", nanoseconds(quantile(0.99))},
	{"p99.9-ns", "lower", nanoseconds(quantile(0.999))},
	{"target-ns/op", "", func(r *Run) (float64, bool) {
		if r.Target.CPU == nil {
			return 0, false
		}
		return float64(*r.Target.CPU) / float64(r.Total.Requests), true
	}},
	{"IOPS/CPU-s", "higher", func(r *Run) (float64, bool) { return r.Figure(FigureIOPSPerCPU) }},
	{"B/CPU-s", "higher", func(r *Run) (float64, bool) { return r.Figure(FigureBytes) }},
	{"idle-CPU%", "lower", func(r *Run) (float64, bool) { v, ok := r.Figure(FigureIdle); return 100 * v, ok }},
	{"client-ns/op", "", func(r *Run) (float64, bool) {
		user, system := r.ClientCPU()
		return float64(user + system), user+system > 0
	}},
	{"errors", "lower", func(r *Run) (float64, bool) { return float64(r.Total.Errors), r.Total.Errors > 0 }},
}

func nanoseconds(of func(Latency) time.Duration) func(*Run) (float64, bool) {
	return func(r *Run) (float64, bool) {
		if r.Total.Latency.Count() == 0 {
			return 0, false
		}
		return float64(of(r.Total.Latency)), true
	}
}

// Benchstat writes a result in Go's benchmark format, which benchstat (golang.org/x/perf) and its relatives read: configuration
// lines, then a line for each run with the workload in its name. A comparison goes round by round, those at equal load last, and
// the configuration line "target" distinguishes the sides: benchstat -col target FILE. A sweep's points differ in their names:
// benchstat -col /iodepth FILE, or another parameter.
func Benchstat(w io.Writer, d Document) error {
	var b strings.Builder
	for _, m := range measured {
		if m.better != "" {
			fmt.Fprintf(&b, "Unit %s better=%s\n", m.unit, m.better)
		}
	}
	if c := d.Comparison; c != nil {
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
	} else {
		for i, r := range d.Runs() {
			if i == 0 {
				config(&b, r, "")
			}
			line(&b, r)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// config writes the configuration of the lines below it. benchstat starts a new table for every value of a key. So only what must
// not be mixed is a key; versions are comments, to compare old and new in one table.
func config(b *strings.Builder, r *Run, target string) {
	fmt.Fprintf(b, "# target: %s, %s, %s\n", Clean(r.Target.URL), cmp.Or(Clean(r.Target.Software), "software unknown"), cmp.Or(r.Target.Device(), "device unknown"))
	fmt.Fprintf(b, "# client: ringtgt %s, %s\n", Clean(r.Client.Ringtgt), Clean(kernel(r.Client.Kernel)))
	if target == "" {
		target = cmp.Or(strings.Join(strings.Fields(r.Target.Vendor+" "+r.Target.Product), " "), r.Target.Name)
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

// line writes a run; one that completed no request becomes a comment.
func line(b *strings.Builder, r *Run) {
	name := benchName(&r.Workload)
	if r.Total.Requests == 0 {
		fmt.Fprintf(b, "# %s completed no request\n", name)
		return
	}
	fmt.Fprintf(b, "%s\t%d", name, r.Total.Requests)
	for _, m := range measured {
		if v, ok := m.value(r); ok {
			fmt.Fprintf(b, "\t%s %s", number(v), m.unit)
		}
	}
	b.WriteByte('\n')
}

// number formats a value as benchmarks do: no exponent, no meaningless digits.
func number(v float64) string {
	if v >= 1000 || v == float64(int64(v)) {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}

// benchName is the workload as key=value parts. The last one has no dash: digits after a dash would be read as GOMAXPROCS.
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
