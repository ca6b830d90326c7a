package report

import (
	"math"
	"strings"
	"testing"
)

func labelsOf(a axis) string {
	var s []string
	for _, t := range a.ticks {
		if t.Label != "" {
			s = append(s, t.Label)
		}
	}
	return strings.Join(s, " ")
}

// Ticks are round, cover the values, and are as many as there is room for.
func TestTicks(t *testing.T) {
	for _, c := range []struct {
		name string
		axis axis
		want string
	}{
		{"linear", linear("", 412e3, 5, iopsLabel), "0 100k 200k 300k 400k 500k"},
		{"linear, exact", linear("", 1e6, 5, iopsLabel), "0 200k 400k 600k 800k 1M"},
		{"linear of nothing", linear("", 0, 5, iopsLabel), "0 200m 400m 600m 800m 1"},
		{"linear of no number", linear("", math.NaN(), 5, iopsLabel), "0 200m 400m 600m 800m 1"},
		{"time", timeline(30), "0 5 10 15 20 25 30"},
		{"ten minutes", timeline(600), "0 min 1 min 2 min 3 min 4 min 5 min 6 min 7 min 8 min 9 min 10 min"},
		{"a second", timeline(1), "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1"},
		{"no time", timeline(0), "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1"},
		{"logarithmic", logarithmic("", 31e-6, 4e-3, 13, latencyLabel), "20 µs 50 µs 100 µs 200 µs 500 µs 1 ms 2 ms 5 ms"},
		{"logarithmic, little room", logarithmic("", 31e-6, 4e-1, 6, latencyLabel), "100 µs 1 ms 10 ms 100 ms"},
		{"logarithmic, hardly any", logarithmic("", 1e-9, 1e3, 6, latencyLabel), "1 ns 1 µs 1 ms 1 s 1 ks"},
		{"logarithmic of one value", logarithmic("", 1e-3, 1e-3, 9, latencyLabel), "1 ms 2 ms"},
		{"logarithmic of nothing", logarithmic("", math.Inf(1), 0, 9, func(float64) string { return "x" }), "x x"},
		{"nines of many", nines("", 10e6), "0% 50% 90% 99% 99.9% 99.99% 99.999% 99.9999%"},
		{"nines of a thousand", nines("", 1000), "0% 50% 90% 99% 99.9%"},
		{"nines of one", nines("", 1), "0% 50% 90% 99%"},
		{"ordinal", ordinal("", []string{"a", "b"}), "a b"},
	} {
		if got := labelsOf(c.axis); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Values lie between the ends in order, and what is beyond them or no number at an end.
func TestAxisAt(t *testing.T) {
	a := logarithmic("", 1e-6, 1e-3, 9, latencyLabel)
	for _, c := range []struct{ value, want float64 }{
		{1e-6, 0}, {1e-5, 1. / 3}, {1e-4, 2. / 3}, {1e-3, 1}, {1, 1}, {0, 0}, {-1, 0}, {math.NaN(), 0}, {math.Inf(1), 1},
	} {
		if got := a.share(c.value); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%v lies at %v, want %v", c.value, got, c.want)
		}
	}
	n := nines("", 1e6)
	if got := n.share(0.999); math.Abs(got-0.5) > 1e-6 {
		t.Errorf("99.9%% lies at %v, want half way to 99.9999%%", got)
	}
	if got := n.share(1); got != 1 {
		t.Errorf("100%% lies at %v", got)
	}
}

// Labels find a free side of their point, or are left out.
func TestLabels(t *testing.T) {
	c := newChart("t", 200, linear("x", 1, 5, iopsLabel), linear("y", 1, 5, iopsLabel))
	l := places{class: "wide", w: 600, h: 200}
	p := point{0.5, 0.5}
	l.keepLine(c, []point{{0.4, 0.5}, {0.6, 0.5}})
	for range 6 {
		l.place(c, p, "label")
	}
	if len(c.Labels) != 2 {
		t.Errorf("%d labels beside a point on a level line: want one above and one below", len(c.Labels))
	}
	n := len(l.taken)
	if a, b := l.taken[n-1], l.taken[n-2]; a.meets(b) {
		t.Errorf("%v meets %v", a, b)
	}
}

// A narrow screen shows every label that fits, evenly spaced, and the first one.
func TestSparseLabels(t *testing.T) {
	kept := ""
	for _, l := range nines("", 10e6).Labelled() {
		if !l.Sparse {
			kept += " " + l.Label
		}
	}
	if kept != " 0% 90% 99.9% 99.999%" {
		t.Errorf("%s", kept)
	}
}
