package main

import (
	"math/rand/v2"
	"testing"
)

// quiet are ten samples with about 5% noise around 100 ns.
var quiet = []float64{97.1, 104.2, 99.0, 101.3, 94.8, 106.9, 100.4, 98.2, 103.0, 95.5}

// shaken are the same machine's next ten.
var shaken = []float64{102.2, 96.4, 100.9, 98.8, 105.1, 94.3, 99.6, 103.7, 97.5, 101.0}

func times(factor float64, samples []float64) []float64 {
	var s []float64
	for _, x := range samples {
		s = append(s, factor*x)
	}
	return s
}

func with(samples []float64, at int, value float64) []float64 {
	s := times(1, samples)
	s[at] = value
	return s
}

// sideOf is a side with one benchmark.
func sideOf(samples []float64) side {
	return side{"Window-2": {unitTime: samples}}
}

var byDefault = rule{threshold: 0.10, looks: 1}

func TestVerdictOnFixedSamples(t *testing.T) {
	wild := []float64{60, 170, 90, 140, 75, 130, 100, 185, 65, 110}
	for _, c := range []struct {
		why      string
		old, new []float64
		rule     rule
		want     verdict
	}{
		{"20% slower under 5% of noise", quiet, times(1.2, shaken), byDefault, slower},
		{"20% slower, as the first of three looks", quiet, times(1.2, shaken), rule{threshold: 0.10, looks: 3}, slower},
		{"20% slower, one outlier hides it not", quiet, with(times(1.2, shaken), 3, 60), byDefault, slower},
		{"a sixth faster", quiet, times(1/1.2, shaken), byDefault, faster},
		{"the same samples", quiet, quiet, byDefault, same},
		{"samples of the same", quiet, shaken, byDefault, same},
		{"one outlier, a hundred times as slow", quiet, with(shaken, 4, 10000), byDefault, same},
		{"two outliers", quiet, with(with(shaken, 4, 10000), 8, 200), byDefault, same},
		{"surely slower, but by less than the threshold", quiet, times(1.15, shaken), rule{threshold: 0.25, looks: 1}, same},
		{"8% slower with threshold 3%", quiet, times(1.08, shaken), rule{threshold: 0.03, looks: 1}, slower},
		{"noise hides a change of the size that is looked for", wild, times(1.15, wild), byDefault, noisy},
		{"noise alone", wild, wild, byDefault, noisy},
		{"too few samples for any claim", []float64{1, 1, 1}, []float64{2, 2, 2}, byDefault, noisy},
		{"0 ns/op", []float64{0, 0, 0, 0, 0}, []float64{1, 1, 1, 1, 1}, byDefault, untimed},
	} {
		rows := compare(sideOf(c.old), sideOf(c.new), c.rule)
		if len(rows) != 1 || rows[0].verdict != c.want {
			t.Errorf("%s: %v (%+.1f%%, p %.3g), want %v", c.why, rows[0].verdict, 100*(rows[0].ratio()-1), rows[0].p, c.want)
		}
	}
}

// draw makes samples of a benchmark of 100 ns × factor: noise in every sample, and in some a burst of other work, up to three
// times as slow.
func draw(random *rand.Rand, n int, factor, noise, bursts float64) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = 100 * factor * max(0.01, 1+noise*random.NormFloat64())
		if random.Float64() < bursts {
			s[i] *= 1 + 2*random.Float64()
		}
	}
	return s
}

// Whole runs with given seeds, 10 rounds stretched to 40 where noise asks for it: equal commits are called slower less often than
// alpha, and 20% is seen nearly always unless the noise is wild.
func TestErrorRates(t *testing.T) {
	o := options{rounds: 10, maxRounds: 40}
	judge := func(random *rand.Rand, factor, noise, bursts float64) verdict {
		old, new := make(side), make(side)
		for i, s := range []side{old, new} {
			f := []float64{1, factor}[i]
			s["A"] = series{unitTime: draw(random, o.maxRounds, f, noise, bursts)}
		}
		var rows []comparison
		for _, n := range o.looks() {
			rows = compare(sideOf(old["A"][unitTime][:n]), sideOf(new["A"][unitTime][:n]), rule{threshold: 0.1, looks: len(o.looks())})
			if !undecided(rows) {
				break
			}
		}
		return rows[0].verdict
	}
	const runs = 200
	for _, c := range []struct {
		why           string
		noise, bursts float64
		least         int // how often 20% is to be seen
	}{
		{"5% of noise", 0.05, 0, runs},
		{"3% of noise, every tenth sample in a burst", 0.03, 0.1, runs},
		{"10% of noise, every tenth sample in a burst", 0.10, 0.1, runs * 98 / 100},
		{"30% of noise, every third sample in a burst", 0.30, 0.3, 0},
	} {
		random := rand.New(rand.NewPCG(7, 7))
		equal, slowed := make(map[verdict]int), make(map[verdict]int)
		for range runs {
			equal[judge(random, 1, c.noise, c.bursts)]++
			slowed[judge(random, 1.2, c.noise, c.bursts)]++
		}
		t.Logf("%s, %d runs: equal %v, slowed %v", c.why, runs, equal, slowed)
		if n := equal[slower]; n > alpha*runs {
			t.Errorf("%s: %d of %d equal pairs called slower", c.why, n, runs)
		}
		if n := slowed[slower]; n < c.least {
			t.Errorf("%s: 20%% seen in %d of %d", c.why, n, runs)
		}
		if n := slowed[faster]; n > 0 {
			t.Errorf("%s: 20%% more called faster in %d of %d", c.why, n, runs)
		}
	}
}

// The level is shared out: among many benchmarks and looks, ranks have to say more.
func TestManyBenchmarksNeedMoreEvidence(t *testing.T) {
	old, new := make(side), make(side)
	for _, name := range []string{"A", "B", "C", "D", "E", "F"} {
		old[name], new[name] = series{unitTime: quiet}, series{unitTime: shaken}
	}
	// p = 0.0030 (U = 13): enough alone, not as one of six.
	new["F"] = series{unitTime: []float64{102, 103.5, 98.5, 118, 119, 120, 121, 122, 123, 124}}
	alone := compare(side{"F": old["F"]}, side{"F": new["F"]}, byDefault)
	if alone[0].verdict != slower || alone[0].p < alpha/6 {
		t.Fatalf("alone: %v, p %v", alone[0].verdict, alone[0].p)
	}
	if got := compare(old, new, byDefault)[5]; got.verdict != noisy {
		t.Errorf("one of six: %v", got.verdict)
	}
	if got := compare(side{"F": old["F"]}, side{"F": new["F"]}, rule{threshold: 0.1, looks: 6})[0]; got.verdict != noisy {
		t.Errorf("at one of six looks: %v", got.verdict)
	}
	for n, want := range map[int]int{1: 5, 2: 6, 20: 8, 1000: 11} {
		if got := leastRounds(n); got != want {
			t.Errorf("leastRounds(%d) = %d, want %d", n, got, want)
		}
	}
}

// What one side lacks is listed, never judged, and takes no part of the level.
func TestBenchmarksOfOneSide(t *testing.T) {
	old := side{"Both": {unitTime: quiet}, "Gone": {unitTime: quiet}}
	new := side{"Both": {unitTime: shaken}, "Added": {unitTime: shaken}, "Mute": {"MB/s": quiet}}
	old["Mute"] = series{"MB/s": quiet}
	want := map[string]verdict{"Both": same, "Gone": onlyOld, "Added": onlyNew, "Mute": untimed}
	rows := compare(old, new, byDefault)
	if len(rows) != len(want) {
		t.Fatalf("%d rows", len(rows))
	}
	for i, r := range rows {
		if r.verdict != want[r.name] {
			t.Errorf("%s: %v, want %v", r.name, r.verdict, want[r.name])
		}
		if i > 0 && rows[i-1].name >= r.name {
			t.Error("not in alphabetical order")
		}
	}
}

// One program cannot be slower than itself, whatever was measured.
func TestTheSameProgramIsNeverSlower(t *testing.T) {
	one := rule{threshold: 0.10, looks: 1, identical: true}
	row := compare(sideOf(quiet), sideOf(times(1.5, shaken)), one)[0]
	if row.verdict != same || !row.falseAlarm {
		t.Errorf("%v, false alarm %v", row.verdict, row.falseAlarm)
	}
	row = compare(sideOf(quiet), sideOf(shaken), one)[0]
	if row.verdict != same || row.falseAlarm {
		t.Errorf("%v, false alarm %v", row.verdict, row.falseAlarm)
	}
}

func TestMemoryChanges(t *testing.T) {
	constant := func(v float64) []float64 { return []float64{v, v, v, v, v} }
	row := func(unit string, old, new []float64) []comparison {
		return compare(side{"A": {unitTime: quiet, unit: old}}, side{"A": {unitTime: quiet, unit: new}}, byDefault)
	}
	for _, c := range []struct {
		why     string
		rows    []comparison
		want    int
		certain bool
	}{
		{"one more", row(unitAllocs, constant(0), constant(1)), 1, true},
		{"one less", row(unitAllocs, constant(1), constant(0)), 1, true},
		{"as before", row(unitAllocs, constant(3), constant(3)), 0, false},
		{"more bytes", row(unitBytes, constant(16), constant(24)), 1, true},
		{"flickers", row(unitAllocs, []float64{0, 1, 0, 1, 0}, []float64{1, 0, 1, 0, 1}), 1, false},
		{"one flickers once", row(unitAllocs, constant(0), []float64{0, 0, 1, 0, 0}), 0, false},
		{"not printed by old", row(unitAllocs, nil, constant(1)), 0, false},
	} {
		got := memoryChanges(c.rows)
		if len(got) != c.want || c.want == 1 && got[0].certain != c.certain {
			t.Errorf("%s: %+v", c.why, got)
		}
	}
}
