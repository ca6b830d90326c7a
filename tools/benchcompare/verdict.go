package main

import (
	"slices"

	"github.com/ringtgt/ringtgt/internal/stat"
)

// verdict is the result for one benchmark.
type verdict int

const (
	same    verdict = iota // the change, with its uncertainty, is within the threshold
	slower                 // by more than the threshold, and the ranks do not come about by chance
	faster                 // likewise
	noisy                  // the samples do not tell whether the change is within the threshold
	onlyOld                // the other commit has no such benchmark
	onlyNew
	untimed // a side printed no time, or 0 ns/op
)

func (v verdict) String() string {
	return [...]string{"no difference", "SLOWER", "faster", "too noisy to say", "only in old", "only in new", "no ns/op"}[v]
}

// series holds one benchmark's samples of one side: for each unit a value a round.
type series map[string][]float64

// side is all that one commit's processes printed, by benchmark.
type side map[string]series

func (s side) add(results []result) {
	for _, r := range results {
		if s[r.name] == nil {
			s[r.name] = make(series)
		}
		for unit, v := range r.values {
			s[r.name][unit] = append(s[r.name][unit], v)
		}
	}
}

// comparison is one row of the report. Times are ns/op.
type comparison struct {
	name               string
	old, new           series
	oldTime, newTime   float64 // medians
	oldWidth, newWidth float64 // spreads, as a fraction of the median
	lo, hi             float64 // interval of new/old
	p                  float64
	verdict            verdict
	falseAlarm         bool // judged slower or faster, yet known to be the same program
}

func (c comparison) ratio() float64 { return c.newTime / c.oldTime }

func (c comparison) compared() bool { return c.verdict <= noisy }

// rule is how a run's samples are judged.
type rule struct {
	threshold float64 // fraction; a change counts from 1+threshold times as slow, or as fast
	looks     int     // how often this run's samples are judged at most: each look is a chance for noise
	identical bool    // both sides are one and the same program: what differs is the machine's noise
}

// alpha is the level of each of n benchmarks' tests.
func (r rule) alpha(n int) float64 { return alpha / float64(n*r.looks) }

// compare judges every benchmark of either side, in alphabetical order.
func compare(old, new side, r rule) []comparison {
	var rows []comparison
	for name := range old {
		rows = append(rows, comparison{name: name, old: old[name], new: new[name]})
	}
	for name := range new {
		if old[name] == nil {
			rows = append(rows, comparison{name: name, new: new[name]})
		}
	}
	slices.SortFunc(rows, func(a, b comparison) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	timed := 0
	for i := range rows {
		rows[i].measure(intervalAlpha / float64(r.looks))
		if rows[i].compared() {
			timed++
		}
	}
	for i := range rows {
		if c := &rows[i]; c.compared() {
			c.judge(r.alpha(timed), r.threshold)
			if r.identical && c.verdict != same {
				c.falseAlarm, c.verdict = c.verdict != noisy, same
			}
		}
	}
	return rows
}

// measure fills in the figures, with the interval at level a, and the verdict where there is nothing to judge.
func (c *comparison) measure(a float64) {
	old, new := c.old[unitTime], c.new[unitTime]
	c.oldTime, c.newTime = stat.Median(old), stat.Median(new)
	c.oldWidth, c.newWidth = spread(old), spread(new)
	switch {
	case c.new == nil:
		c.verdict = onlyOld
	case c.old == nil:
		c.verdict = onlyNew
	case len(old) == 0 || len(new) == 0 || slices.Min(old) <= 0 || slices.Min(new) <= 0:
		c.verdict = untimed
	default:
		c.p = rankTest(old, new)
		c.lo, c.hi = ratioInterval(old, new, a)
	}
}

// judge needs both: ranks that chance does not explain at level a, and medians apart by more than the threshold. "No difference"
// is claimed only where the interval excludes a change beyond the threshold; what is neither is not known.
func (c *comparison) judge(a, threshold float64) {
	most := 1 + threshold
	switch {
	case c.p < a && c.ratio() > most:
		c.verdict = slower
	case c.p < a && c.ratio() < 1/most:
		c.verdict = faster
	case c.hi <= most && c.lo >= 1/most:
		c.verdict = same
	default:
		c.verdict = noisy
	}
}

// undecided reports whether more samples could decide.
func undecided(rows []comparison) bool {
	return slices.ContainsFunc(rows, func(c comparison) bool { return c.verdict == noisy })
}

// isNoisy says that half of a side's samples, or more, lie farther apart than the change that is looked for.
func (c comparison) isNoisy(threshold float64) bool {
	return c.oldWidth > threshold || c.newWidth > threshold
}

// memoryChange is a benchmark whose median of B/op or allocs/op is not what it was.
type memoryChange struct {
	name, unit string
	old, new   float64
	certain    bool // by the rank test; counts that depend on the number of iterations flicker
}

// memoryChanges lists them: allocs/op and B/op of the benchmarks that printed them on both sides.
func memoryChanges(rows []comparison) []memoryChange {
	var changes []memoryChange
	for _, c := range rows {
		for _, unit := range []string{unitAllocs, unitBytes} {
			old, new := c.old[unit], c.new[unit]
			if len(old) == 0 || len(new) == 0 || stat.Median(old) == stat.Median(new) {
				continue
			}
			changes = append(changes, memoryChange{c.name, unit, stat.Median(old), stat.Median(new), rankTest(old, new) < alpha})
		}
	}
	return changes
}
