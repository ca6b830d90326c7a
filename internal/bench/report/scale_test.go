package report

import (
	"math"
	"strings"
	"testing"
)

func labelsOf(a axis) string {
	var s []string
	for _, t := range a.ticks {
		if t.label != "" {
			s = append(s, t.label)
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
	a.from, a.to = 0, 300
	for _, c := range []struct{ value, want float64 }{
		{1e-6, 0}, {1e-5, 100}, {1e-4, 200}, {1e-3, 300}, {1, 300}, {0, 0}, {-1, 0}, {math.NaN(), 0}, {math.Inf(1), 300},
	} {
		if got := a.at(c.value); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%v lies at %v, want %v", c.value, got, c.want)
		}
	}
	n := nines("", 1e6)
	n.from, n.to = 0, 600
	if got := n.at(0.999); math.Abs(got-300) > 1e-6 {
		t.Errorf("99.9%% lies at %v, want half way to 99.9999%%", got)
	}
	if got := n.at(1); got != 600 {
		t.Errorf("100%% lies at %v", got)
	}
}

// Labels find a free side of their point, or are left out.
func TestLabels(t *testing.T) {
	f := newFrame(200, "t", "d", linear("x", 1, 5, iopsLabel), linear("y", 1, 5, iopsLabel))
	l := labels{f: f}
	p := point{(f.left + f.right) / 2, (f.top + f.bottom) / 2}
	l.keepLine([]point{{p.x - 50, p.y}, {p.x + 50, p.y}})
	for range 6 {
		l.place("value", p, "label")
	}
	if n := strings.Count(f.b.String(), ">label<"); n != 2 {
		t.Errorf("%d labels beside a point on a level line: want one above and one below", n)
	}
	for i, a := range l.taken {
		for _, b := range l.taken[i+1:] {
			if a.meets(b) && a.x1-a.x0 > 20 && b.x1-b.x0 > 20 {
				t.Errorf("%v meets %v", a, b)
			}
		}
	}
}
