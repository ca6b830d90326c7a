package main

import (
	"strings"
	"testing"
)

// Each thing that a reader has to know is said.
func TestReport(t *testing.T) {
	five := func(v float64) []float64 { return []float64{v, v, v, v, v, v, v, v, v, v} }
	old := side{
		"Slow-2": {unitTime: quiet, unitAllocs: five(0), unitBytes: five(0)}, "Same-2": {unitTime: quiet[:9]},
		"Fast-2": {unitTime: quiet}, "Gone-2": {unitTime: quiet}, "Loud-2": {unitTime: []float64{60, 170, 90, 140, 75, 130, 100, 185, 65, 110}},
	}
	new := side{
		"Slow-2": {unitTime: times(1.5, shaken), unitAllocs: five(1), unitBytes: five(16)}, "Same-2": {unitTime: shaken},
		"Fast-2": {unitTime: times(0.5, shaken)}, "Added-2": {unitTime: shaken}, "Loud-2": {unitTime: quiet},
	}
	r := report{
		old:  tree{label: "main", commit: "0123456789abcdef"},
		new:  tree{label: "working tree", commit: "fedcba9876543210", dirty: true},
		rule: byDefault, rounds: 10, rows: compare(old, new, byDefault),
	}
	var b strings.Builder
	r.write(&b)
	for _, want := range []string{
		"old: main 0123456789\n", "new: working tree fedcba9876 with changes\n",
		"SLOWER\n", "faster\n", "no difference (9 and 10 samples in 10 rounds)\n", "too noisy to say (noisy)\n",
		"Slow-2: 0 -> 1 allocs/op: MORE\n", "Slow-2: 0 -> 16 B/op: MORE\n",
		"only in old: Gone-2\n", "only in new: Added-2\n",
		"1 slower, 1 faster, 1 no difference, 1 too noisy to say; 10 rounds, threshold 10%, p < 0.0025\n",
		"A noisy run: the middle half of the samples of 1 of 4 benchmarks",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
	if t.Failed() || r.slower() != 1 {
		t.Logf("%d slower\n%s", r.slower(), b.String())
	}

	r.rows = compare(side{"Gone-2": old["Gone-2"]}, side{}, byDefault)
	b.Reset()
	if r.write(&b); !strings.Contains(b.String(), "NOTHING WAS COMPARED") {
		t.Error(b.String())
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 3: "3", 9.2084: "9.208", 0.012344: "0.01234", 123.456: "123.5", 98765.4: "98765"} {
		if got := number(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
}
