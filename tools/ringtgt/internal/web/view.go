package web

import (
	"fmt"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/ringtgt/ringtgt/internal/bench/report"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// view is the input of the template: text that the template escapes.
type view struct {
	Host, Version, Up string
	Tone              string // class of the health: "good", "warning" or "bad"
	Health            string
	Why               []string
	Draining          bool
	Tiles             []tile
	Targets           []targetView
	More              string // LUNs that are left out
	Sessions          []sessionView
	MoreSessions      string
	Charts            []report.Figure
	Waiting           bool // there is no interval yet
}

// tile is one of the figures at the top of the page.
type tile struct{ Label, Value, Unit string }

type targetView struct {
	Name, Alias, CHAP string
	LUNs              []lunView
}

type lunView struct {
	LUN, Size, Kind, Name, Serial string
	Tone, State                   string
	Read, Write, ReadMB, WriteMB  string
	P99                           string
	Spark                         string // SVG path
	Used                          string // of a sparse file
	UsedPercent                   int
	Notes                         []string // faults, reservation
	Bad                           []string
}

type sessionView struct{ Initiator, Account, Target, Since, Conns, TSIH string }

// view builds the page's input, under mu.
func (p *page) view() *view {
	st := p.src.Status()
	h := &p.history
	v := &view{
		Host: p.src.Host, Version: st.Daemon.Version, Up: spanText(time.Since(st.Daemon.Started)), Draining: st.Daemon.Draining,
		Health: p.src.Line(st), Why: append(append([]string{}, st.Health.Why...), st.Warnings...), Waiting: h.now == nil, Tone: tone(st),
	}
	a := &h.total
	v.Tiles = []tile{
		{"Reads", rate(a.ReadIOPS), "IOPS"}, {"Writes", rate(a.WriteIOPS), "IOPS"},
		{"Read", megabytes(a.ReadBytes), "MB/s"}, {"Written", megabytes(a.WriteBytes), "MB/s"},
		{"p50", nanos(a.P50Nanos), ""}, {"p99", nanos(a.P99Nanos), ""}, {"Sessions", strconv.Itoa(len(st.Sessions)), ""},
	}
	if v.Waiting {
		for i := range v.Tiles[:len(v.Tiles)-1] {
			v.Tiles[i].Value = unknown
		}
	}
	n := 0
	for i := range st.Targets {
		t := &st.Targets[i]
		tv := targetView{Name: t.Name, Alias: t.Alias, CHAP: t.CHAP}
		for j := range t.LUNs {
			if n++; n <= maxLUNs {
				id := control.UnitID{Target: t.Name, LUN: t.LUNs[j].LUN}
				a := h.now[id]
				if a == nil && !v.Waiting {
					a = &control.Activity{} // it was idle
				}
				tv.LUNs = append(tv.LUNs, lunOf(&t.LUNs[j], a, report.Spark(h.sparks[id])))
			}
		}
		v.Targets = append(v.Targets, tv)
	}
	if n > maxLUNs {
		v.More = fmt.Sprintf("%s more LUNs: ringtgt status lists all", humanize.Comma(int64(n-maxLUNs)))
	}
	for i := range st.Sessions[:min(len(st.Sessions), maxSessions)] {
		s := &st.Sessions[i]
		target := s.Target
		if target == "" {
			target = "discovery"
		}
		v.Sessions = append(v.Sessions, sessionView{s.Initiator, s.Account, target, spanText(time.Since(s.Since)), strconv.Itoa(len(s.Connections)), strconv.Itoa(int(s.TSIH))})
	}
	if m := len(st.Sessions) - maxSessions; m > 0 {
		v.MoreSessions = fmt.Sprintf("%s more sessions: ringtgt status lists all", humanize.Comma(int64(m)))
	}
	all, span := h.slices()
	v.Charts = []report.Figure{
		report.LiveHeat("Latency of reads and writes", all, span),
		report.LiveRates("Commands per second", all, []string{"reads", "writes"}, span, false),
		report.LiveRates("Data per second", part2(all), []string{"read", "written"}, span, true),
	}
	return v
}

// part2 returns slices with their second pair of rates.
func part2(all []report.Slice) []report.Slice {
	out := append([]report.Slice{}, all...)
	for i := range out {
		out[i].Rates = out[i].Rates[2:]
	}
	return out
}

func tone(st *control.Status) string {
	switch {
	case st.Health.State == lun.HealthLost.String():
		return "bad"
	case st.Health.State != lun.HealthGood.String() || len(st.Warnings) > 0 || st.Daemon.Draining:
		return "warning"
	}
	return "good"
}

// unknown stands for a figure that there is none of: before two readings, or without a command that was timed.
const unknown = "–"

// lunOf shows a LUN. There is no activity before two readings.
func lunOf(l *control.LUN, a *control.Activity, spark string) lunView {
	v := lunView{
		LUN: strconv.Itoa(l.LUN), Size: humanize.IBytes(l.Bytes), Kind: l.Kind, Serial: l.SerialNumber, State: l.Health.State, Spark: spark,
		Read: unknown, Write: unknown, ReadMB: unknown, WriteMB: unknown, P99: unknown, Bad: l.Health.Why, Tone: "good",
	}
	if len(l.ByID) > 0 {
		v.Name = l.ByID[0]
	}
	switch l.Health.State {
	case lun.HealthGood.String():
	case lun.HealthLost.String():
		v.Tone = "bad"
	default:
		v.Tone = "warning"
	}
	if a != nil {
		v.Read, v.Write, v.ReadMB, v.WriteMB = rate(a.ReadIOPS), rate(a.WriteIOPS), megabytes(a.ReadBytes), megabytes(a.WriteBytes)
		if a.P99Nanos > 0 {
			v.P99 = nanos(a.P99Nanos)
		}
	}
	if s := l.Space; s != nil && l.Bytes > 0 {
		v.Used = humanize.IBytes(uint64(s.Allocated)) + " allocated"
		v.UsedPercent = int(min(100*float64(s.Allocated)/float64(l.Bytes), 100))
	}
	if q := l.QoS; q != nil && q.HeldNow > 0 {
		v.Notes = append(v.Notes, humanize.Comma(q.HeldNow)+" commands held back by its limit")
	}
	if r := l.Reservation; r != nil {
		who := r.Initiator
		if who == "" {
			who = "every registrant"
		}
		v.Notes = append(v.Notes, "reserved by "+who+" ("+r.Type+")")
	}
	return v
}

// rate formats commands a second.
func rate(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 9.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return humanize.Comma(int64(v + 0.5))
}

// megabytes formats bytes a second in 10^6 bytes.
func megabytes(v float64) string {
	switch v /= 1e6; {
	case v == 0:
		return "0"
	case v < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return humanize.Comma(int64(v + 0.5))
}

func nanos(ns int64) string {
	if ns == 0 {
		return unknown
	}
	return result.FormatLatency(time.Duration(ns))
}

// spanText formats a duration in its two largest units.
func spanText(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd %dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm %ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
