package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// report is all that is said at the end.
type report struct {
	old, new tree
	rule     rule
	rounds   int // that were run
	rows     []comparison
}

// slower counts the benchmarks that the exit status is about.
func (r report) slower() int { return r.count(slower) }

func (r report) count(v verdict) (n int) {
	for _, c := range r.rows {
		if c.verdict == v {
			n++
		}
	}
	return n
}

func (r report) write(w io.Writer) {
	fmt.Fprintf(w, "old: %s\nnew: %s\n", r.old, r.new)
	if r.rule.identical {
		fmt.Fprintln(w, "The test binaries and the package's files are the same: what differs below is this machine's noise.")
	}
	compared := r.writeTimes(w)
	r.writeMemory(w)
	for _, v := range []verdict{onlyOld, onlyNew, untimed} {
		for _, c := range r.rows {
			if c.verdict == v {
				fmt.Fprintf(w, "%s: %s\n", v, c.name)
			}
		}
	}
	r.writeSummary(w, compared)
}

// writeTimes gives how many rows it wrote.
func (r report) writeTimes(w io.Writer) (compared int) {
	var table strings.Builder
	tab := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "benchmark\told ns/op\tspread\tnew ns/op\tspread\tchange\t95% interval\tp\tverdict")
	for _, c := range r.rows {
		if !c.compared() {
			continue
		}
		compared++
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.2g\t%s%s\n", c.name, number(c.oldTime), width(c.oldWidth), number(c.newTime),
			width(c.newWidth), percent(c.ratio()), interval(c.lo, c.hi), c.p, c.verdict, r.remark(c))
	}
	tab.Flush()
	if compared > 0 {
		fmt.Fprintf(w, "\n%s\n", table.String())
	}
	return compared
}

// remark is what the verdict alone would hide.
func (r report) remark(c comparison) string {
	var s []string
	switch {
	case c.falseAlarm:
		s = append(s, "false alarm: same program")
	case c.verdict == noisy && c.p < alpha:
		s = append(s, "a change, but perhaps a smaller one than "+percentOf(r.rule.threshold))
	}
	if c.isNoisy(r.rule.threshold) {
		s = append(s, "noisy")
	}
	if n, m := len(c.old[unitTime]), len(c.new[unitTime]); n != r.rounds || m != r.rounds {
		s = append(s, fmt.Sprintf("%d and %d samples in %d rounds", n, m, r.rounds))
	}
	if s == nil {
		return ""
	}
	return " (" + strings.Join(s, "; ") + ")"
}

func (r report) writeMemory(w io.Writer) {
	for _, c := range memoryChanges(r.rows) {
		word := "fewer"
		if c.new > c.old {
			word = "MORE"
		}
		if !c.certain {
			word = "varies from process to process"
		}
		fmt.Fprintf(w, "%s: %s -> %s %s: %s\n", c.name, number(c.old), number(c.new), c.unit, word)
	}
}

func (r report) writeSummary(w io.Writer, compared int) {
	if compared == 0 {
		fmt.Fprintln(w, "NOTHING WAS COMPARED: no benchmark that both sides have was timed.")
		return
	}
	fmt.Fprintf(w, "%d slower, %d faster, %d no difference, %d too noisy to say; %d rounds, threshold %s, p < %.2g\n",
		r.count(slower), r.count(faster), r.count(same), r.count(noisy), r.rounds, percentOf(r.rule.threshold), r.rule.alpha(compared))
	loud := 0
	for _, c := range r.rows {
		if c.compared() && c.isNoisy(r.rule.threshold) {
			loud++
		}
	}
	if loud > 0 {
		fmt.Fprintf(w, "A noisy run: the middle half of the samples of %d of %d benchmarks spreads over more than %s.\n",
			loud, compared, percentOf(r.rule.threshold))
	}
	if r.count(noisy) > 0 {
		fmt.Fprintln(w, "More rounds, a longer -benchtime or a quieter machine tell more.")
	}
}

// number gives four significant digits, without an exponent.
func number(x float64) string {
	if x >= 1000 || x == math.Trunc(x) {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'f', max(0, 3-int(math.Floor(math.Log10(x)))), 64)
}

func width(fraction float64) string { return fmt.Sprintf("%.0f%%", 100*fraction) }

func percentOf(fraction float64) string { return fmt.Sprintf("%.3g%%", 100*fraction) }

// percent gives a ratio as a change.
func percent(ratio float64) string { return fmt.Sprintf("%+.1f%%", 100*(ratio-1)) }

func interval(lo, hi float64) string {
	if math.IsInf(hi, 1) {
		return "unknown"
	}
	return percent(lo) + " to " + percent(hi)
}
