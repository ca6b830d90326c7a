package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/hist"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// printLatency prints l as text: units by stage, the loops' work, and the busiest connections.
func printLatency(w io.Writer, l *control.Latency) {
	span := l.At.Sub(l.Since)
	fmt.Fprintf(w, "ringtgt %s, process %d, commands of %s\n", l.Daemon, l.PID, spanText(l, span))
	printUnits(w, l.Units, span)
	printLoopLatency(w, l)
	printConnLatency(w, l.Connections)
}

func spanText(l *control.Latency, span time.Duration) string {
	if l.Since.Equal(l.Started) {
		return "the " + ago(l.Started) + " since the start"
	}
	return "the last " + span.Round(time.Millisecond).String()
}

// printUnits prints a block for each unit and operation, summed over the loops, with a line for each stage.
func printUnits(w io.Writer, units []engine.UnitLatency, span time.Duration) {
	if len(units) == 0 {
		fmt.Fprintln(w, "\nNo commands")
		return
	}
	target := ""
	for _, u := range sumUnits(units, func(*engine.UnitLatency) int { return 0 }) {
		if u.Target != target {
			target = u.Target
			fmt.Fprintf(w, "\n%s\n", target)
		}
		name := fmt.Sprintf("lun %d", u.LUN)
		if u.LUN < 0 {
			name = "no such lun"
		}
		fmt.Fprintf(w, "  %s, %s: %s commands, %s/s, %s, %s/s, %s failed\n", name, u.Operation, humanize.Comma(int64(u.Commands)),
			rate(u.Commands, span), humanize.IBytes(u.Bytes), humanize.IBytes(perSecond(u.Bytes, span)), humanize.Comma(int64(u.Failed)))
		t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "    \tMEAN\tP50\tP99\tP99.9\tMAX\t")
		for s := range u.Stages {
			fmt.Fprintf(t, "    %v\t%s\t%s\t\n", engine.Stage(s), meanText(u.Stages[s].SumNanos, u.Commands), quantiles(&u.Stages[s]))
		}
		t.Flush()
	}
}

// sumUnits sums the entries with the same key of, target, unit and operation, and sorts them by these in this order.
func sumUnits(units []engine.UnitLatency, of func(*engine.UnitLatency) int) []engine.UnitLatency {
	units = slices.Clone(units)
	order := func(a, b *engine.UnitLatency) int {
		return cmp.Or(cmp.Compare(of(a), of(b)), cmp.Compare(a.Target, b.Target), cmp.Compare(uint(a.LUN), uint(b.LUN)),
			cmp.Compare(operationOrder(a.Operation), operationOrder(b.Operation)))
	}
	slices.SortStableFunc(units, func(a, b engine.UnitLatency) int { return order(&a, &b) })
	out := units[:0]
	for i := range units {
		if n := len(out); n > 0 && order(&out[n-1], &units[i]) == 0 {
			out[n-1].Add(&units[i])
			continue
		}
		out = append(out, units[i])
	}
	return out
}

// operationOrder sorts operations as the engine numbers them.
func operationOrder(name string) int {
	for o := range engine.NumOperations {
		if o.String() == name {
			return int(o)
		}
	}
	return int(engine.NumOperations)
}

// quantiles returns the middle columns of a table row.
func quantiles(t *engine.Times) string {
	return fmt.Sprintf("%s\t%s\t%s\t%s", nanos(t.Quantile(0.5)), nanos(t.Quantile(0.99)), nanos(t.Quantile(0.999)), nanos(t.MaxNanos))
}

// nanos formats a latency with at most three significant digits, and no more than the resolution of a Compact.
func nanos(ns int64) string {
	if ns <= hist.CompactLow {
		return "<" + strconv.Itoa(hist.CompactLow) + "ns"
	}
	for _, u := range []struct {
		name string
		ns   float64
	}{{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}} {
		if v := float64(ns) / u.ns; v < 999.5 || u.name == "s" {
			digits := 2
			switch {
			case v >= 99.95 || u.name == "ns":
				digits = 0
			case v >= 9.995:
				digits = 1
			}
			return strconv.FormatFloat(v, 'f', digits, 64) + u.name
		}
	}
	return "" // not reached: seconds fit any value
}

func meanText(sum float64, n uint64) string {
	if n == 0 {
		return "-"
	}
	return nanos(int64(sum / float64(n)))
}

func rate(n uint64, span time.Duration) string { return humanize.Comma(int64(perSecond(n, span))) }

func perSecond(n uint64, span time.Duration) uint64 {
	if span <= 0 {
		return 0
	}
	return uint64(float64(n) / span.Seconds())
}

// printLoopLatency prints the loops' work in one table and the totals of their commands in another.
func printLoopLatency(w io.Writer, l *control.Latency) {
	fmt.Fprintln(w, "\nLoops: means per command, turn and send")
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "  LOOP\tCPU\tCONNS\tCOMMANDS\tCPU/CMD\tENTERS/CMD\tCMDS/TURN\tPDUS/SEND\tTASKS\tDISK\tBLOCKED\tAWAKE\tWAKES\tTURN P50\tP99\tMAX\t")
	for i := range l.Loops {
		k := &l.Loops[i]
		st := &k.Stats
		fmt.Fprintf(t, "  %d\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", k.Loop, cpuText(k.Core), k.Connections,
			humanize.Comma(int64(st.Commands)), meanText(float64(k.CPUNanos), st.Commands), ratio2(st.Enters, st.Commands),
			ratio(k.TurnCommands.Sum, k.TurnCommands.Count()), ratio(st.PDUsSent, st.Sends), ratio(k.TurnTasks.Sum, k.TurnTasks.Count()),
			ratio(k.TurnIO.Sum, k.TurnIO.Count()), humanize.Comma(int64(st.BlockingEnters)), humanize.Comma(int64(st.Polls)), humanize.Comma(int64(st.Wakes)),
			nanos(k.Turn.Quantile(0.5)), nanos(k.Turn.Quantile(0.99)), nanos(k.Turn.MaxNanos))
	}
	t.Flush()
	if len(l.Units) == 0 {
		return
	}
	fmt.Fprintln(w, "\nCommands by loop: means of the stages, and of the total")
	t = tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "  LOOP\tOPERATION\tCOMMANDS\tRECEIVE\tWINDOW\tQUEUE\tBACKEND\tSEND\tTOTAL\tP50\tP99\tP99.9\tMAX\t")
	for _, u := range sumLoops(l.Units) {
		fmt.Fprintf(t, "  %d\t%s\t%s", u.Loop, u.Operation, humanize.Comma(int64(u.Commands)))
		for s := range u.Stages {
			fmt.Fprintf(t, "\t%s", meanText(u.Stages[s].SumNanos, u.Commands))
		}
		fmt.Fprintf(t, "\t%s\t\n", quantiles(&u.Stages[engine.StageTotal]))
	}
	t.Flush()
}

// sumLoops adds up all units of a loop.
func sumLoops(units []engine.UnitLatency) []engine.UnitLatency {
	units = slices.Clone(units)
	for i := range units {
		units[i].Target, units[i].LUN = "", 0
	}
	return sumUnits(units, func(u *engine.UnitLatency) int { return u.Loop })
}

func ratio2(a, b uint64) string {
	if b == 0 {
		return "-"
	}
	return strconv.FormatFloat(float64(a)/float64(b), 'f', 3, 64)
}

// printConnLatency prints the connections with the most traffic.
func printConnLatency(w io.Writer, conns []engine.ConnLatency) {
	if len(conns) == 0 {
		return
	}
	fmt.Fprintln(w, "\nConnections with the most traffic: means of the stages, and of the total")
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "  REMOTE\tTSIH\tCID\tLOOP\tOPERATION\tCOMMANDS\tDATA\tRECEIVE\tWINDOW\tQUEUE\tBACKEND\tSEND\tTOTAL\tP50\tP99\tP99.9\tMAX\t")
	for _, c := range conns {
		for _, o := range c.Operations {
			fmt.Fprintf(t, "  %s\t%d\t%d\t%d\t%s\t%s\t%s", c.Remote, c.TSIH, c.CID, c.Loop, o.Operation, humanize.Comma(int64(o.Commands)), humanize.IBytes(o.Bytes))
			for s := range o.Stages {
				fmt.Fprintf(t, "\t%s", meanText(o.Stages[s].SumNanos, o.Commands))
			}
			fmt.Fprintf(t, "\t%s\t\n", quantiles(&o.Stages[engine.StageTotal]))
		}
	}
	t.Flush()
}
