package report

import (
	"math"
	"strconv"
)

// tick is a mark of an axis. One without a label is a minor one.
type tick struct {
	value float64
	Label string
}

// axis maps values to shares of its length.
type axis struct {
	Title  string // with the unit
	lo, hi float64
	by     func(float64) float64
	ticks  []tick
}

// share returns where a value lies, 0 to 1; a value beyond the axis lies at its end.
func (a *axis) share(v float64) float64 {
	lo, hi := a.by(a.lo), a.by(a.hi)
	if !(hi > lo) {
		return 0.5
	}
	s := (a.by(v) - lo) / (hi - lo)
	if math.IsNaN(s) {
		return 0
	}
	return min(max(s, 0), 1)
}

// placed is a tick's label at a percentage of its axis. A narrow screen leaves out the sparse ones.
type placed struct {
	Label  string
	At     float64
	Sparse bool
}

// Labelled returns the labels of an axis, at most narrowLabels of them not sparse.
func (a axis) Labelled() (all []placed) {
	for _, t := range a.ticks {
		if t.Label != "" {
			all = append(all, placed{Label: t.Label, At: 100 * a.share(t.value)})
		}
	}
	every := max(1, (len(all)+narrowLabels-1)/narrowLabels)
	for i := range all {
		all[i].Sparse = i%every != 0
	}
	return all
}

func identity(v float64) float64 { return v }

// positive returns hi, or 1 where hi is not a positive number.
func positive(hi float64) float64 {
	if !(hi > 0) || math.IsInf(hi, 0) {
		return 1
	}
	return hi
}

// linear returns an axis from 0 to hi or a round value above it, with about n ticks.
func linear(title string, hi float64, n int, label func(float64) string) axis {
	hi = positive(hi)
	step := round125(hi / float64(n))
	return even(title, step, int(math.Ceil(hi*(1-1e-9)/step)), label)
}

// even returns an axis of n steps from 0.
func even(title string, step float64, n int, label func(float64) string) axis {
	a := axis{Title: title, hi: float64(n) * step, by: identity}
	for i := range n + 1 {
		v := float64(i) * step
		a.ticks = append(a.ticks, tick{v, label(v)})
	}
	return a
}

// timeline returns an axis of the time since a run's start, from 0 to exactly hi seconds.
func timeline(hi float64) axis {
	hi = positive(hi)
	step := hi / 10
	for _, s := range []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400} {
		if s >= hi/12 {
			step = s
			break
		}
	}
	title, unit, suffix := "time since the start of the measured part (s)", 1.0, ""
	if step >= 60 {
		title, unit, suffix = "time since the start of the measured part", 60, " min"
	}
	a := even(title, step, int(hi*(1+1e-9)/step), func(v float64) string { return strconv.FormatFloat(v/unit, 'g', 4, 64) + suffix })
	a.hi = hi
	return a
}

// round125 returns the lowest of 1, 2 and 5 times a power of ten that is not below v.
func round125(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= v*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// logarithmic returns an axis from lo or less to hi or more with ticks at 1, 2 and 5 times powers of ten. If these are more than
// n, only powers of ten have labels, at most n of them.
func logarithmic(title string, lo, hi float64, n int, label func(float64) string) axis {
	lo = positive(lo)
	if !(hi > lo) || math.IsInf(hi, 0) {
		hi = lo * 2
	}
	a := axis{Title: title, by: math.Log10}
	for i := 3 * int(math.Floor(math.Log10(lo)+1e-9)); a.hi < hi*(1-1e-9); i++ {
		e := math.Floor(float64(i) / 3)
		a.hi = []float64{1, 2, 5}[i-3*int(e)] * math.Pow(10, e)
		if a.hi <= lo*(1+1e-9) {
			a.lo, a.ticks = a.hi, nil
		}
		a.ticks = append(a.ticks, tick{value: a.hi})
	}
	every := max(1, ((len(a.ticks)+2)/3+n-1)/n) // a third of the ticks are decades
	for i := range a.ticks {
		t := &a.ticks[i]
		decade := math.Log10(t.value)
		isDecade := math.Abs(decade-math.Round(decade)) < 1e-9
		if len(a.ticks) <= n || isDecade && int(math.Round(decade))%every == 0 {
			t.Label = label(t.value)
		}
	}
	return a
}

// nines returns an axis of shares by their nines, 50%, 90%, 99% ... up to the share that 1 of count latencies exceeds.
func nines(title string, count uint64) axis {
	top := topNines(count)
	a := axis{Title: title, hi: 1 - math.Pow(10, -top), by: byNines, ticks: []tick{{0, "0%"}, {0.5, "50%"}, {0.9, "90%"}, {0.99, "99%"}}}
	for n, label := 3, "99.9"; float64(n) <= top+1e-9; n, label = n+1, label+"9" {
		a.ticks = append(a.ticks, tick{1 - math.Pow(10, -float64(n)), label + "%"})
	}
	return a
}

func byNines(q float64) float64 { return -math.Log10(1 - q) }

// topNines returns how many nines count latencies say something about.
func topNines(count uint64) float64 {
	return min(max(math.Log10(float64(max(count, 1))), 2), maxNines)
}

// ordinal returns an axis of labels, evenly spaced, at 0, 1, 2 ...
func ordinal(title string, labels []string) axis {
	every := max(1, (len(labels)+9)/10)
	a := axis{Title: title, lo: -0.5, hi: float64(len(labels)) - 0.5, by: identity}
	for i, l := range labels {
		if i%every != 0 {
			l = ""
		}
		a.ticks = append(a.ticks, tick{float64(i), l})
	}
	return a
}
