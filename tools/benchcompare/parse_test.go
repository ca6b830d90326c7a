package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestParseResult(t *testing.T) {
	for _, c := range []struct {
		line string
		name string // empty: no result
		want map[string]float64
	}{
		{"BenchmarkWindow-2   	11585992	         9.208 ns/op	       0 B/op	       0 allocs/op", "Window-2",
			map[string]float64{"ns/op": 9.208, "B/op": 0, "allocs/op": 0}},
		{"BenchmarkWindow/shared=4-16 100 1e3 ns/op", "Window/shared=4-16", map[string]float64{"ns/op": 1000}},
		{"BenchmarkRead 5 7 ns/op 3.5 MB/s 2 PDUs/send", "Read", map[string]float64{"ns/op": 7, "MB/s": 3.5, "PDUs/send": 2}},
		{"BenchmarkWindow", "", nil},                       // its result did not follow
		{"BenchmarkWindow-2 hello 7 ns/op", "", nil},       // printed into by the benchmark
		{"BenchmarkWindow-2 100 7", "", nil},               // cut off
		{"BenchmarkWindow-2 100 7 ns/op 3", "", nil},       // cut off
		{"BenchmarkWindow-2 0 7 ns/op", "", nil},           // no iteration
		{"BenchmarkWindow-2 -1 7 ns/op", "", nil},          //
		{"BenchmarkWindow-2 100 NaN ns/op", "", nil},       // no number
		{"BenchmarkWindow-2 100 +Inf ns/op", "", nil},      //
		{"BenchmarkWindow-2 100 -7 ns/op", "", nil},        // no time
		{"Benchmark 100 7 ns/op", "", nil},                 // no name
		{"    window_test.go:7: BenchmarkA 1", "", nil},    // a log
		{"ok  	example.org/m/session	1.2s", "", nil},       //
		{"--- SKIP: BenchmarkWindow-2 1 1 ns/op", "", nil}, //
		{"", "", nil},
	} {
		r, ok := parseResult(c.line)
		if ok != (c.name != "") || r.name != c.name || !maps.Equal(r.values, c.want) {
			t.Errorf("%q: %v %q %v", c.line, ok, r.name, r.values)
		}
	}
}

// What goes into the raw file is what benchstat reads, line by line as it stood.
func TestParseKeepsTheLinesOfTheFormat(t *testing.T) {
	output := "goos: linux\npkg: example.org/m\ncpu: Some CPU @ 2.0GHz\nBenchmarkA-2 \t 10 \t 5 ns/op\n--- BENCH: BenchmarkA-2\n" +
		"    a_test.go:3: note: 1\nError: no key\nBenchmarkB-2 \t 10 \t 6 ns/op\r\nPASS\n"
	results, raw := parse(output)
	if len(results) != 2 || results[0].name != "A-2" || results[1].values[unitTime] != 6 {
		t.Errorf("results %v", results)
	}
	want := []string{"goos: linux", "pkg: example.org/m", "cpu: Some CPU @ 2.0GHz", "BenchmarkA-2 \t 10 \t 5 ns/op", "BenchmarkB-2 \t 10 \t 6 ns/op"}
	if !slices.Equal(raw, want) {
		t.Errorf("raw %q", raw)
	}
	if results, _ := parse(strings.Repeat("x", 1<<20) + "\nBenchmarkA 1 1 ns/op"); len(results) != 1 {
		t.Error("a long line hides the next")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("goos: linux\nBenchmarkA-2 10 5 ns/op 1 B/op\n")
	f.Fuzz(func(t *testing.T, output string) {
		results, raw := parse(output)
		again, _ := parse(strings.Join(raw, "\n"))
		if len(again) != len(results) {
			t.Errorf("%d results, and %d of the raw lines", len(results), len(again))
		}
		for _, r := range results {
			for unit, v := range r.values {
				if !(v >= 0) || unit == "" {
					t.Errorf("%q: %v %q", r.name, v, unit)
				}
			}
		}
	})
}
