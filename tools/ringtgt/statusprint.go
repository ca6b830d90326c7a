package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// printStatus prints s as text, 80 columns wide: health, targets with their LUNs and sessions, notes. verbose adds the process, the
// loops and the connections, whose lines are as long as they need.
func printStatus(w io.Writer, s *control.Status, verbose bool) {
	printHealth(w, s)
	d := &s.Daemon
	doing := "up " + ago(d.Started)
	if d.Draining {
		doing += ", draining"
	}
	fmt.Fprintf(w, "ringtgt %s, process %d, %s, %s\n", d.Version, d.PID, doing, english.Plural(len(s.Sessions), "session", ""))
	if text := activitySpan(s); text != "" {
		fmt.Fprintf(w, "IOPS, MB/s and p99: %s\n", text)
	}
	if verbose {
		printDaemon(w, s)
		printLoops(w, s)
	}
	printTargets(w, s, verbose)
	printOtherSessions(w, s, verbose)
	if verbose {
		printConnections(w, s.Engine.Connections)
	}
	if len(s.Notes) > 0 {
		fmt.Fprintln(w, "\nNotes")
		for _, n := range s.Notes {
			wrap(w, 2, oneLine(n), verbose)
		}
	}
}

func printDaemon(w io.Writer, s *control.Status) {
	d := &s.Daemon
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(t, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	if d.Config != "" {
		row("config", "%s", d.Config)
	}
	if d.State != "" {
		row("state", "%s", d.State)
	} else {
		row("state", "none: reservations and identities end with the daemon")
	}
	row("control", "%s", d.Control)
	if d.Metrics != "" {
		row("metrics", "http://%s/metrics", d.Metrics)
	}
	row("portals", "%s", strings.Join(s.Engine.Portals, " "))
	row("memory", "%s resident of at most %s (%s with every connection that the limits allow), %s Go heap", humanize.IBytes(d.Resident),
		humanize.IBytes(d.ResidentBound), humanize.IBytes(d.ResidentEver), humanize.IBytes(d.HeapBytes))
	row("limits", "%s open files, %s locked memory", printLimit(d.OpenFiles, countText), printLimit(d.Memlock, bytesText))
	row("kernel", "%s", d.Kernel)
	row("go", "%s, %d threads run Go at once", d.GoVersion, d.GOMAXPROCS)
	crc := "by table"
	if s.CPU.CRC32C {
		crc = "by instruction"
	}
	row("processor", "%s, %d-byte cache lines, CRC32C %s", strings.TrimSpace(s.CPU.Brand), s.CPU.CacheLine, crc)
	row("cores", "%s", describeCores(s.CPU))
	row("steering", "%s", describeSteering(s.Engine.Steering))
	row("xdp", "%s", describeXDP(s.Engine.Steering))
	t.Flush()
}

// describeCores lists the CPUs with a loop, those without, and the second threads of cores.
func describeCores(c control.CPU) string {
	var used, free, siblings []int
	for _, core := range c.Cores {
		switch {
		case core.Loop >= 0:
			used = append(used, core.CPU)
		case core.Sibling:
			siblings = append(siblings, core.CPU)
		default:
			free = append(free, core.CPU)
		}
	}
	text := fmt.Sprintf("loops on %s", ranges(used))
	if len(free) > 0 {
		text += fmt.Sprintf("; without one: %s", ranges(free))
	}
	if len(siblings) > 0 {
		text += fmt.Sprintf("; second threads without one: %s", ranges(siblings))
	}
	return text
}

// ranges formats ascending CPU numbers in the syntax of --cores.
func ranges(cpus []int) string {
	if len(cpus) == 0 {
		return "no core"
	}
	var b strings.Builder
	for i := 0; i < len(cpus); {
		j := i
		for j+1 < len(cpus) && cpus[j+1] == cpus[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(cpus[i]))
		if j > i {
			b.WriteString("-" + strconv.Itoa(cpus[j]))
		}
		i = j + 1
	}
	return b.String()
}

func printLoops(w io.Writer, s *control.Status) {
	fmt.Fprintln(w, "\nLoops")
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "  LOOP\tCPU\tCONNS\tTASKS\tDISK\tBUFFERS\tCOMMANDS\tSENT\tPDUS/SEND\tRECEIVED\tDISK OPS\tENTERS\tCMDS/ENTER")
	for _, l := range s.Engine.Loops {
		fmt.Fprintf(t, "  %d\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			l.Loop, cpuText(l.Core), l.Connections, l.Tasks, l.DiskBusy, buffersText(l),
			humanize.Comma(int64(l.Stats.Commands)), humanize.Comma(int64(l.Stats.PDUsSent)), ratio(l.Stats.PDUsSent, l.Stats.Sends),
			humanize.Comma(int64(l.Stats.Receives+l.Stats.DirectReceives)), humanize.Comma(int64(l.Stats.DiskOps)),
			humanize.Comma(int64(l.Stats.Enters)), ratio(l.Stats.Commands, l.Stats.Enters))
	}
	t.Flush()
	for _, l := range s.Engine.Loops {
		if n := l.Stats.Refused; n > 0 {
			fmt.Fprintf(w, "  loop %d has refused %s connections: its table was full\n", l.Loop, humanize.Comma(int64(n)))
		}
	}
}

func cpuText(cpu int) string {
	if cpu < 0 {
		return "any"
	}
	return strconv.Itoa(cpu)
}

// buffersText returns the buffer memory in use / allocated / limit.
func buffersText(l engine.LoopStatus) string {
	return fmt.Sprintf("%s/%s/%s", short(l.ArenaInUse), short(l.ArenaTouched), short(l.ArenaLimit))
}

func short(n int) string { return strings.ReplaceAll(humanize.IBytes(uint64(max(n, 0))), " ", "") }

func ratio(a, b uint64) string {
	if b == 0 {
		return "-"
	}
	return strconv.FormatFloat(float64(a)/float64(b), 'f', 1, 64)
}

// oneLine returns s, quoted if it has characters that a terminal would interpret.
func oneLine(s string) string {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return strconv.Quote(s)
	}
	return s
}

// ago returns the time since t in its two largest units.
func ago(t time.Time) string { return spanOf(time.Since(t)) }

// spanOf formats a duration in its two largest units.
func spanOf(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func countText(n int64) string { return humanize.Comma(n) }
func bytesText(n int64) string { return humanize.IBytes(uint64(n)) }

// printLimit formats the soft limit and, if it differs, the hard limit.
func printLimit(l control.Limit, text func(int64) string) string {
	show := func(n int64) string {
		if n < 0 {
			return "unlimited"
		}
		return text(n)
	}
	if l.Soft == l.Hard {
		return show(l.Soft)
	}
	return fmt.Sprintf("%s (hard %s)", show(l.Soft), show(l.Hard))
}
