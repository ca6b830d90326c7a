package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// under is the indentation of the lines below a LUN.
const under = 7

// printTargets prints each target with its LUNs and sessions.
func printTargets(w io.Writer, s *control.Status, verbose bool) {
	for i := range s.Targets {
		t := &s.Targets[i]
		name := oneLine(t.Name)
		if t.Alias != "" {
			name += fmt.Sprintf(" (%s)", oneLine(t.Alias))
		}
		fmt.Fprintln(w)
		if name = "target " + name; !verbose {
			name = clip(name, columns)
		}
		fmt.Fprintln(w, name)
		at := "no portal"
		if len(t.Portals) > 0 {
			at = "at " + strings.Join(t.Portals, " ")
		}
		wrap(w, 2, "CHAP "+t.CHAP+orNothing(" for ", namesText(t.Accounts, verbose))+", "+at, verbose)
		if a := t.ACL; a != nil {
			wrap(w, 2, "admits "+namesText(slices.Concat(a.Initiators, a.Networks), verbose), verbose)
		}
		if commandMade(t.Owner) {
			wrap(w, 2, "made by a command", verbose)
		}
		printLUNs(w, t.LUNs, verbose)
		printSessions(w, s.Sessions, t.Name, verbose)
	}
}

// commandMade reports whether an owner is that of what commands made.
func commandMade(owner string) bool { return owner == config.OriginOwned.String() }

// maxNames is how many names a line lists; -v has all.
const maxNames = 4

func namesText(names []string, verbose bool) string {
	more := ""
	if n := len(names) - maxNames; n > 0 && !verbose {
		names, more = names[:maxNames], fmt.Sprintf(" and %d more", n)
	}
	clean := make([]string, len(names))
	for i, n := range names {
		clean[i] = oneLine(n)
	}
	return strings.Join(clean, ", ") + more
}

// exportText is who sees a LUN by one rule.
func exportText(e *control.Export) string {
	who := strings.Join(e.Initiators, ", ")
	if len(e.Accounts) > 0 {
		who = strings.TrimPrefix(who+" with account "+strings.Join(e.Accounts, ", "), " ")
	}
	if who == "" {
		who = "every initiator"
	}
	return oneLine(who) + " as " + strconv.Itoa(e.LUN)
}

// activitySpan describes the time that the figures cover.
func activitySpan(s *control.Status) string {
	for i := range s.Targets {
		for j := range s.Targets[i].LUNs {
			if a := s.Targets[i].LUNs[j].Activity; a != nil {
				span := time.Duration(a.Seconds * float64(time.Second))
				if s.Since == nil {
					return "since the start, " + spanOf(span) + " ago"
				}
				return "of the last " + span.Round(100*time.Millisecond).String()
			}
		}
	}
	return ""
}

// printLUNs prints a row for each LUN, and below it its path, names, reservation and faults.
func printLUNs(w io.Writer, luns []control.LUN, verbose bool) {
	if len(luns) == 0 {
		fmt.Fprintln(w, "  no LUNs")
		return
	}
	const row = "  %3s %9s  %-5s %9s %10s %9s %10s %8s\n"
	fmt.Fprintf(w, row, "LUN", "SIZE", "KIND", "READ IOPS", "WRITE IOPS", "READ MB/S", "WRITE MB/S", "P99")
	for i := range luns {
		l := &luns[i]
		cells := [5]string{"-", "-", "-", "-", "-"}
		if a := l.Activity; a != nil {
			cells = [5]string{perSec(a.ReadIOPS), perSec(a.WriteIOPS), megabytes(a.ReadBytes), megabytes(a.WriteBytes), "-"}
			if a.P99Nanos > 0 {
				cells[4] = nanos(a.P99Nanos)
			}
		}
		fmt.Fprintf(w, row, strconv.Itoa(l.LUN), humanize.IBytes(l.Bytes), l.Kind, cells[0], cells[1], cells[2], cells[3], cells[4])
		printLUNDetails(w, l, verbose)
	}
}

func printLUNDetails(w io.Writer, l *control.LUN, verbose bool) {
	line := func(text string) { wrap(w, under, text, verbose) }
	what, used := oneLine(l.Path), ""
	if l.Space != nil && uint64(l.Space.Allocated) < l.Bytes {
		used = fmt.Sprintf("%s allocated, %s free in its file system", humanize.IBytes(uint64(l.Space.Allocated)), humanize.IBytes(uint64(l.Space.Available)))
	}
	if t := traits(l); t != "" {
		what = strings.TrimPrefix(what+" ("+t+")", " ")
	}
	line(what)
	line(used)
	if len(l.ByID) > 0 {
		line(l.ByID[0] + ", serial " + oneLine(l.SerialNumber))
	}
	if verbose {
		line("NAA " + l.NAA + ", on initiators /dev/disk/by-id/" + strings.Join(l.ByID, " and /dev/disk/by-id/"))
		line("disk " + l.ID + orNothing(": ", oneLine(l.Medium)))
	}
	if r := l.Reservation; r != nil {
		who := "every registrant"
		if r.Initiator != "" {
			who = oneLine(r.Initiator)
		}
		line(fmt.Sprintf("reserved (%s) by %s%s", r.Type, who, orNothing(", ISID ", r.ISID)))
	}
	if len(l.Exports) > 0 {
		var by []string
		for i := range l.Exports {
			by = append(by, exportText(&l.Exports[i]))
		}
		line("seen by " + namesText(by, verbose))
	}
	if verbose && commandMade(l.Owner) {
		line("made by a command")
	}
	if q := l.QoS; q != nil {
		line(limitText(q))
	}
	if a := l.Activity; a != nil && a.Failed > 0 {
		line(english.Plural(int(a.Failed), "command", "") + " failed")
	}
	for _, why := range l.Health.Why {
		line(strings.ToUpper(l.Health.State) + ": " + oneLine(why))
	}
	for _, n := range l.Notes {
		line(oneLine(n))
	}
}

// limitText describes a unit's limit and what it holds back.
func limitText(q *control.QoS) string {
	var parts []string
	for _, p := range []struct {
		limit int64
		text  string
	}{
		{q.ReadIOPS, humanize.Comma(q.ReadIOPS) + " read IOPS"}, {q.WriteIOPS, humanize.Comma(q.WriteIOPS) + " write IOPS"},
		{q.ReadBytes, "reads of " + megabytes(float64(q.ReadBytes)) + " MB/s"}, {q.WriteBytes, "writes of " + megabytes(float64(q.WriteBytes)) + " MB/s"},
	} {
		if p.limit > 0 {
			parts = append(parts, p.text)
		}
	}
	text := "limited to " + english.OxfordWordSeries(parts, "and")
	if q.Held > 0 {
		text += fmt.Sprintf("; %s held back, %s now", english.Plural(int(q.Held), "command", ""), humanize.Comma(q.HeldNow))
	}
	return text
}

// traits lists the enabled options of a unit.
func traits(l *control.LUN) string {
	var out []string
	for _, o := range []struct {
		is   bool
		name string
	}{
		{l.ReadOnly, "read-only"}, {l.Thin, "thin"}, {l.Removable, "removable"}, {l.Volatile, "write cache"},
		{l.BlockSize != 512, fmt.Sprintf("blocks of %d", l.BlockSize)},
	} {
		if o.is {
			out = append(out, o.name)
		}
	}
	return strings.Join(out, ", ")
}

func orNothing(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// printSessions prints the sessions of one target.
func printSessions(w io.Writer, all []admin.Session, target string, verbose bool) {
	var sessions []admin.Session
	accounts := 0
	for _, s := range all {
		if s.Target == target {
			sessions = append(sessions, s)
			accounts = max(accounts, min(len(s.Account), maxAccount))
		}
	}
	if len(sessions) == 0 {
		fmt.Fprintln(w, "  no sessions")
		return
	}
	if accounts > 0 {
		accounts = max(accounts, len("ACCOUNT")) + 2
	}
	row := func(since, tsih, conns, account, initiator string) {
		if !verbose {
			account, initiator = clip(account, maxAccount), clip(initiator, columns-23-accounts)
		}
		fmt.Fprintf(w, "  %-6s  %5s  %5s  %-*s%s\n", since, tsih, conns, accounts, account, initiator)
	}
	heading := ""
	if accounts > 0 {
		heading = "ACCOUNT"
	}
	row("SINCE", "TSIH", "CONNS", heading, "INITIATOR")
	for i := range sessions {
		s := &sessions[i]
		account := oneLine(s.Account)
		if account == "" && accounts > 0 {
			account = "-"
		}
		row(ago(s.Since), strconv.Itoa(int(s.TSIH)), strconv.Itoa(len(s.Connections)), account, oneLine(s.Initiator))
	}
}

// maxAccount is the widest column for account names.
const maxAccount = 16

// printOtherSessions prints the sessions that belong to no target that is served: discovery sessions, and those of a target that is
// being removed.
func printOtherSessions(w io.Writer, s *control.Status, verbose bool) {
	served := map[string]bool{}
	for _, t := range s.Targets {
		served[t.Name] = true
	}
	for i := range s.Sessions {
		n := &s.Sessions[i]
		if served[n.Target] {
			continue
		}
		what := "discovery"
		if n.Target != "" {
			what = "target " + oneLine(n.Target) + ", which is being removed"
		}
		fmt.Fprintln(w)
		wrap(w, 0, fmt.Sprintf("session %d for %s, %s: %s", n.TSIH, ago(n.Since), what, oneLine(n.Initiator)), verbose)
	}
	logins := 0
	for _, c := range s.Engine.Connections {
		if !inSession(c) {
			logins++
		}
	}
	if logins > 0 {
		fmt.Fprintf(w, "\n%s\n", english.Plural(logins, "connection is logging in", "connections are logging in"))
	}
}

// perSec formats a rate with as many digits as say something.
func perSec(v float64) string {
	if v > 0 && v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return humanize.Comma(int64(v + 0.5))
}

// megabytes formats a rate in 10^6 bytes.
func megabytes(bytes float64) string {
	if v := bytes / 1e6; v < 9.995 {
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return humanize.CommafWithDigits(float64(int64(bytes/1e5+0.5))/10, 1)
}
