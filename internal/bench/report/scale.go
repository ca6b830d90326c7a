package report

import (
	"math"
	"strconv"
)

// tick is a mark of an axis. One without a label is a minor one.
type tick struct {
	value float64
	label string
}

// axis maps values to pixels.
type axis struct {
	title    string // with the unit
	lo, hi   float64
	from, to float64 // pixels of lo and hi
	by       func(float64) float64
	ticks    []tick
}

// at returns where a value lies; what is beyond the axis lies at its end.
func (a *axis) at(v float64) float64 {
	lo, hi := a.by(a.lo), a.by(a.hi)
	share := 0.5
	if hi > lo {
		share = (a.by(v) - lo) / (hi - lo)
	}
	if math.IsNaN(share) {
		share = 0
	}
	return a.from + min(max(share, 0), 1)*(a.to-a.from)
}

func identity(v float64) float64 { return v }

// linear returns an axis from 0 to hi or a round value above it, with about n ticks.
func linear(title string, hi float64, n int, label func(float64) string) axis {
	if !(hi > 0) || math.IsInf(hi, 0) {
		hi = 1
	}
	step := round125(hi / float64(n))
	a := axis{title: title, by: identity}
	for i := 0; ; i++ {
		v := float64(i) * step
		a.ticks = append(a.ticks, tick{v, label(v)})
		if a.hi = v; v >= hi*(1-1e-9) {
			return a
		}
	}
}

// timeline returns an axis of the time since a run's start, from 0 to just hi seconds.
func timeline(hi float64) axis {
	if !(hi > 0) || math.IsInf(hi, 0) {
		hi = 1
	}
	step := hi / 10
	for _, s := range []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400} {
		if s >= hi/12 {
			step = s
			break
		}
	}
	a := axis{title: "time since the start of the measured part (s)", hi: hi, by: identity}
	if step >= 60 {
		a.title = "time since the start of the measured part"
	}
	for i := 0; float64(i)*step <= hi*(1+1e-9); i++ {
		v := float64(i) * step
		label := strconv.FormatFloat(v, 'g', 4, 64)
		if step >= 60 {
			label = strconv.FormatFloat(v/60, 'g', 4, 64) + " min"
		}
		a.ticks = append(a.ticks, tick{v, label})
	}
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

// logarithmic returns an axis from lo or less to hi or more: 1, 2 and 5 times powers of ten, labelled as far as there is room for
// n of them.
func logarithmic(title string, lo, hi float64, n int, label func(float64) string) axis {
	if !(lo > 0) || math.IsInf(lo, 0) {
		lo = 1
	}
	if !(hi > lo) || math.IsInf(hi, 0) {
		hi = lo * 2
	}
	first, last := int(math.Floor(math.Log10(lo)+1e-9)), int(math.Ceil(math.Log10(hi)-1e-9))
	a := axis{title: title, by: math.Log10}
	var all []tick
	for e := first; e <= last; e++ {
		for _, m := range []float64{1, 2, 5} {
			all = append(all, tick{m * math.Pow(10, float64(e)), ""})
		}
	}
	start, end := 0, len(all)-1
	for start+1 < len(all) && all[start+1].value <= lo*(1+1e-9) {
		start++
	}
	for end-1 > start && all[end-1].value >= hi*(1-1e-9) {
		end--
	}
	a.ticks = all[start : end+1]
	a.lo, a.hi = all[start].value, all[end].value
	decades := 0
	for _, t := range a.ticks {
		if isDecade(t.value) {
			decades++
		}
	}
	every := max(1, (decades+n-1)/n)
	for i := range a.ticks {
		t := &a.ticks[i]
		switch {
		case len(a.ticks) <= n:
			t.label = label(t.value)
		case isDecade(t.value) && int(math.Round(math.Log10(t.value)))%every == 0:
			t.label = label(t.value)
		}
	}
	return a
}

func isDecade(v float64) bool {
	l := math.Log10(v)
	return math.Abs(l-math.Round(l)) < 1e-9
}

// nines returns an axis of shares by their nines, 50%, 90%, 99% ... up to the share that 1 of count latencies exceeds.
func nines(title string, count uint64) axis {
	a := axis{title: title, hi: 1 - math.Pow(10, -topNines(count)), by: byNines}
	a.ticks = []tick{{0, "0%"}, {0.5, "50%"}, {0.9, "90%"}, {0.99, "99%"}}
	for n, label := 3, "99.9"; float64(n) <= topNines(count)+1e-9; n, label = n+1, label+"9" {
		a.ticks = append(a.ticks, tick{1 - math.Pow(10, -float64(n)), label + "%"})
	}
	return a
}

func byNines(q float64) float64 { return -math.Log10(1 - q) }

// topNines is how many nines count latencies have something to say about.
func topNines(count uint64) float64 {
	return min(max(math.Log10(float64(max(count, 1))), 2), maxNines)
}

// ordinal returns an axis of labels, evenly spaced, at 0, 1, 2 ...
func ordinal(title string, labels []string) axis {
	a := axis{title: title, lo: -0.5, hi: float64(len(labels)) - 0.5, by: identity}
	every := (len(labels) + 15) / 16
	for i, l := range labels {
		if i%max(every, 1) != 0 {
			l = ""
		}
		a.ticks = append(a.ticks, tick{float64(i), l})
	}
	return a
}
