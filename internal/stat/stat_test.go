package stat

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestMedianAndSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Spread
	}{
		{nil, Spread{}},
		{[]float64{4}, Spread{4, 4, 4}},
		{[]float64{3, 1}, Spread{2, 1, 3}},
		{[]float64{9, 1, 5}, Spread{5, 1, 9}},
		{[]float64{4, 1, 3, 2}, Spread{2.5, 1, 4}},
	} {
		before := slices.Clone(c.values)
		if got := Of(c.values); got != c.want || Median(c.values) != c.want.Median {
			t.Errorf("%v: %+v, median %v, want %+v", c.values, got, Median(c.values), c.want)
		}
		if !slices.Equal(c.values, before) {
			t.Errorf("the argument became %v", c.values)
		}
	}
}

// With an odd number of rounds the median is exactly one of them: results are compared with 1 and must not carry rounding errors.
func TestMedianIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= 101; n += 2 {
		v := make([]float64, n)
		for i := range v {
			v[i] = rng.ExpFloat64()
		}
		if got, want := Median(v), slices.Sorted(slices.Values(v))[n/2]; got != want {
			t.Errorf("%d values: %v, want %v", n, got, want)
		}
	}
}

func TestSpreadHasNoNumberThatJSONHasNot(t *testing.T) {
	b, err := json.Marshal(Spread{math.NaN(), math.Inf(-1), 2})
	if want := `{"median":0,"low":0,"high":2}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}

// Six values are the fewest for 95%: the chance that all lie on one side of the median is 2/64.
func TestInterval(t *testing.T) {
	if lo, hi := Interval([]float64{6, 1, 5, 2, 4, 3}, 0.95); lo != 1 || hi != 6 {
		t.Errorf("%v to %v", lo, hi)
	}
	for _, v := range [][]float64{nil, {1}, {1, 2, 3, 4, 5}} {
		if lo, hi := Interval(v, 0.95); !math.IsInf(lo, -1) && !math.IsInf(hi, 1) {
			t.Errorf("%v: %v to %v", v, lo, hi)
		}
	}
}

func TestCompare(t *testing.T) {
	base := []float64{100, 101, 99, 100.5, 99.5, 100.2, 99.8, 100.1}
	times := func(f float64) []float64 {
		v := slices.Clone(base)
		for i := range v {
			v[i] *= f
		}
		return v
	}
	rule := Rule{Threshold: 0.03, Alpha: 0.05}
	for name, c := range map[string]struct {
		old, new []float64
		want     Verdict
	}{
		"higher":               {base, times(1.1), Higher},
		"lower":                {base, times(0.9), Lower},
		"the same":             {base, times(1), Same},
		"within the threshold": {base, times(1.02), Same},
		"wild":                 {base, []float64{50, 200, 60, 180, 70, 150, 90, 120}, Noisy},
		"too few":              {base[:3], times(1.1)[:3], Noisy},
		"unequal in number":    {base, times(1.1)[:5], Higher},
		"none":                 {nil, base, Noisy},
		"zero":                 {append([]float64{0}, base[1:]...), base, Noisy},
		"not a number":         {append([]float64{math.NaN()}, base[1:]...), base, Noisy},
	} {
		if got := Compare(c.old, c.new, rule); got.Verdict != c.want {
			t.Errorf("%s: %v: %+v", name, got.Verdict, got)
		}
	}
	if got := Compare(base, times(1.1), rule); math.Abs(got.Ratio-1.1) > 1e-9 || got.Low > 1.1 || got.High < 1.0999 || got.P > 0.001 {
		t.Errorf("%+v", got)
	}
}

// Drift that affects both sides of a round cancels out of the interval.
func TestCompareInPairs(t *testing.T) {
	var old, new []float64
	for i := range 9 {
		old, new = append(old, 100*float64(i+1)), append(new, 101*float64(i+1))
	}
	if got := Compare(old, new, Rule{Threshold: 0.03, Alpha: 0.05}); got.Verdict != Same {
		t.Errorf("%+v", got)
	}
}
