package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// healthLine returns the daemon's health in one line: good, or the number of faulty LUNs.
func healthLine(s *control.Status) string {
	h := &s.Health
	luns := h.Good + h.Degraded + h.Lost
	warnings := ""
	if n := len(s.Warnings); n > 0 {
		warnings = ", " + english.Plural(n, "warning", "")
	}
	if h.State == lun.HealthGood.String() {
		return fmt.Sprintf("health: good, %s%s", english.Plural(luns, "LUN", ""), warnings)
	}
	text := "health: " + strings.ToUpper(h.State)
	if h.Since != nil {
		text += " for " + ago(*h.Since)
	}
	var parts []string
	for _, p := range []struct {
		n     int
		state lun.HealthState
	}{{h.Lost, lun.HealthLost}, {h.Degraded, lun.HealthDegraded}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %v", p.n, p.state))
		}
	}
	if len(parts) > 0 {
		text += fmt.Sprintf(", %s of %s", strings.Join(parts, " and "), english.Plural(luns, "LUN", ""))
	}
	return text + warnings
}

// healthWhy returns the faults outside the units, and the first fault of one of the worst units.
func healthWhy(s *control.Status) (why []string) {
	h := &s.Health
	why = append(why, h.Why...)
	for _, t := range s.Targets {
		for _, l := range t.LUNs {
			if l.Health.State == h.State && len(l.Health.Why) > 0 {
				return append(why, fmt.Sprintf("%s lun %d: %s", t.Name, l.LUN, l.Health.Why[0]))
			}
		}
	}
	return why
}

func printHealth(w io.Writer, s *control.Status) {
	fmt.Fprintln(w, healthLine(s))
	for _, why := range healthWhy(s) {
		wrap(w, 2, oneLine(why), false)
	}
	for _, warning := range s.Warnings {
		wrap(w, 2, "WARNING: "+oneLine(warning), false)
	}
}
