package main

import (
	"bufio"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// result is one line that a benchmark printed. Each value is per operation; a unit that was not printed is absent.
type result struct {
	name   string // with sub-benchmark and "-GOMAXPROCS", without "Benchmark"
	values map[string]float64
}

// The units that are compared. Others stay in the raw file only.
const (
	unitTime   = "ns/op"
	unitBytes  = "B/op"
	unitAllocs = "allocs/op"
)

// configLine is a "key: value" line of the benchmark format (golang.org/design/14313-benchmark-format).
var configLine = regexp.MustCompile(`^[a-z][^\s:A-Z]*:\s`)

// parse reads what one test binary printed: its results, and the lines of the benchmark format as they stood. Anything else, a
// line with a number that is not one included, is passed over.
func parse(output string) (results []result, raw []string) {
	lines := bufio.NewScanner(strings.NewReader(output))
	lines.Buffer(nil, len(output)+1)
	for lines.Scan() {
		line := lines.Text()
		if configLine.MatchString(line) {
			raw = append(raw, line)
			continue
		}
		if r, ok := parseResult(line); ok {
			results = append(results, r)
			raw = append(raw, line)
		}
	}
	return results, raw
}

// parseResult reads "BenchmarkName-8  1000  123 ns/op  16 B/op  1 allocs/op  7 custom".
func parseResult(line string) (result, bool) {
	f := strings.Fields(line)
	if len(f) < 4 || len(f)%2 != 0 {
		return result{}, false
	}
	name, ok := strings.CutPrefix(f[0], "Benchmark")
	if !ok || name == "" {
		return result{}, false
	}
	if n, err := strconv.ParseUint(f[1], 10, 63); err != nil || n == 0 {
		return result{}, false
	}
	r := result{name: name, values: make(map[string]float64)}
	for i := 2; i < len(f); i += 2 {
		v, err := strconv.ParseFloat(f[i], 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return result{}, false
		}
		r.values[f[i+1]] = v
	}
	return r, true
}
