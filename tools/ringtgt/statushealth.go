package main

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// healthText returns the daemon's health in one line: good, or the number of faulty units and the fault of the worst one.
func healthText(s *control.Status) string {
	h := &s.Health
	units := h.Good + h.Degraded + h.Lost
	if h.Degraded+h.Lost+len(h.Why) == 0 {
		return fmt.Sprintf("health: good, %s", english.Plural(units, "unit", ""))
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
		text += fmt.Sprintf(", %s of %s", strings.Join(parts, " and "), english.Plural(units, "unit", ""))
	}
	for _, why := range h.Why {
		text += "; " + why
	}
	for _, t := range s.Targets {
		for _, l := range t.LUNs {
			if l.Health.State == h.State && len(l.Health.Why) > 0 {
				return text + fmt.Sprintf("; %s lun %d: %s", t.Name, l.LUN, l.Health.Why[0])
			}
		}
	}
	return text
}
