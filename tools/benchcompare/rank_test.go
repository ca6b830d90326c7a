package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/stat"
)

// The critical values of the two-sided test that every table of Mann and Whitney's statistic prints.
func TestCriticalValuesAreThoseOfTheTables(t *testing.T) {
	for _, c := range []struct {
		n, m int
		a    float64
		want int
	}{
		{3, 3, 0.05, -1},
		{4, 4, 0.05, 0},
		{5, 5, 0.05, 2},
		{5, 5, 0.01, 0},
		{8, 8, 0.05, 13},
		{8, 10, 0.05, 17},
		{10, 10, 0.05, 23},
		{10, 10, 0.01, 16},
		{20, 20, 0.05, 127},
		{20, 20, 0.01, 105},
	} {
		if got := criticalU(c.n, c.m, c.a); got != c.want {
			t.Errorf("n=%d m=%d at %v: critical U %d, tables have %d", c.n, c.m, c.a, got, c.want)
		}
	}
}

// The p-value is the share of all deals that lie at least as far out, ties or not: here they are all dealt.
func TestRankTestIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		old, new := make([]float64, 1+random.IntN(6)), make([]float64, 1+random.IntN(6))
		for _, s := range [][]float64{old, new} {
			for i := range s {
				s[i] = float64(random.IntN(8)) // few values: ties
			}
		}
		got, want := rankTest(old, new), dealAll(old, new)
		if math.Abs(got-want) > 1e-12 {
			t.Fatalf("old %v new %v: p %v, all deals say %v", old, new, got, want)
		}
	}
}

func dealAll(old, new []float64) float64 {
	pool := slices.Concat(old, new)
	// Twice the rank of x, less what it is on average, from the definition: 2·below + equal + 1, itself being equal.
	distance := func(in func(i int) bool) float64 {
		var sum float64
		for i, x := range pool {
			if !in(i) {
				continue
			}
			for _, y := range pool {
				switch {
				case y < x:
					sum += 2
				case y == x:
					sum++
				}
			}
			sum++
		}
		return math.Abs(sum - float64(len(old)*(len(pool)+1)))
	}
	far := distance(func(i int) bool { return i < len(old) })
	var tail, all float64
	for deal := range 1 << len(pool) {
		n := 0
		for i := range pool {
			n += deal >> i & 1
		}
		if n != len(old) {
			continue
		}
		all++
		if distance(func(i int) bool { return deal>>i&1 == 1 }) >= far {
			tail++
		}
	}
	return tail / all
}

func TestRankTestAtItsEnds(t *testing.T) {
	low, high := []float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}
	for _, c := range []struct {
		why      string
		old, new []float64
		want     float64
	}{
		{"separated", low, high, 2.0 / 252},
		{"separated the other way", high, low, 2.0 / 252},
		{"equal", low, low, 1},
		{"constant", []float64{7, 7, 7, 7, 7}, []float64{7, 7, 7, 7, 7}, 1},
		{"two constants", []float64{0, 0, 0, 0, 0}, []float64{1, 1, 1, 1, 1}, 2.0 / 252},
		{"nothing to compare", nil, high, 1},
	} {
		if got := rankTest(c.old, c.new); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: p %v, want %v", c.why, got, c.want)
		}
	}
	if got, want := leastP(5, 5), 2.0/252; math.Abs(got-want) > 1e-12 {
		t.Errorf("leastP(5, 5) = %v, want %v", got, want)
	}
	if got := leastP(1, 1); got != 1 {
		t.Errorf("leastP(1, 1) = %v", got)
	}
}

// Sides as large as they may get: the counts stay exact enough to sum to the whole.
func TestRankTestAtTheLimit(t *testing.T) {
	old, new := make([]float64, maxRounds), make([]float64, maxRounds)
	for i := range old {
		old[i], new[i] = float64(2*i), float64(2*i+1)
	}
	if p := rankTest(old, new); p < 0.7 || p > 1 {
		t.Errorf("interleaved sides: p %v", p)
	}
	for i := range new {
		new[i] += 1000
	}
	if p, want := rankTest(old, new), leastP(maxRounds, maxRounds); math.Abs(p/want-1) > 1e-9 {
		t.Errorf("separated sides: p %v, want %v", p, want)
	}
}

func TestRatioInterval(t *testing.T) {
	// 5 and 5 at 5%: U = 2, so the third quotient from either end.
	old, new := []float64{1, 1, 1, 1, 1}, []float64{2, 3, 4, 5, 6}
	if lo, hi := ratioInterval(old, new, 0.05); lo != 2 || hi != 6 {
		t.Errorf("%v to %v, want 2 to 6", lo, hi)
	}
	old = []float64{1, 2, 4, 8, 16}
	// The 25 quotients of powers of two -4..4: 1 of 1/16, 2 of 1/8, ...; the third is 1/8.
	if lo, hi := ratioInterval(old, old, 0.05); lo != 1.0/8 || hi != 8 {
		t.Errorf("%v to %v, want 1/8 to 8", lo, hi)
	}
	if lo, hi := ratioInterval([]float64{1, 1, 1}, []float64{2, 2, 2}, 0.05); lo != 0 || !math.IsInf(hi, 1) {
		t.Errorf("three samples a side: %v to %v, they say nothing at 5%%", lo, hi)
	}
}

func TestMedianAndSpread(t *testing.T) {
	for _, c := range []struct {
		samples        []float64
		median, spread float64
	}{
		{nil, 0, 0},
		{[]float64{7}, 7, 0},
		{[]float64{4, 1, 3, 2}, 2.5, 1.5 / 2.5},
		{[]float64{5, 1, 3, 2, 4}, 3, 2.0 / 3},
		{[]float64{10, 10, 10, 10, 1000}, 10, 0}, // one outlier moves neither
		{[]float64{0, 0, 0}, 0, 0},
	} {
		if m, s := stat.Median(c.samples), spread(c.samples); m != c.median || math.Abs(s-c.spread) > 1e-12 {
			t.Errorf("%v: median %v spread %v, want %v and %v", c.samples, m, s, c.median, c.spread)
		}
	}
}
