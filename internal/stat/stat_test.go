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

func TestVariation(t *testing.T) {
	if v := Variation([]float64{2, 4, 4, 4, 5, 5, 7, 9}); math.Abs(v-2.1380899/5) > 1e-6 {
		t.Error(v)
	}
	for _, none := range [][]float64{nil, {3}, {0, 0, 0}, {-1, 1}} {
		if v := Variation(none); v != 0 {
			t.Errorf("%v: %v", none, v)
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

func TestQuantile(t *testing.T) {
	v := []float64{4, 1, 3, 2}
	for q, want := range map[float64]float64{0: 1, 0.25: 1.75, 0.5: 2.5, 0.75: 3.25, 1: 4} {
		if got := Quantile(v, q); got != want {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
	if Quantile(nil, 0.5) != 0 || v[0] != 4 {
		t.Error("no values, or the argument was sorted")
	}
}
