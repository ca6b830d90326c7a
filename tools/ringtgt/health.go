package main

import (
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/health"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/metrics"
)

// watchHealth begins to watch a unit.
func (d *daemon) watchHealth(t *servedTarget, u *servedUnit) {
	u.health = d.health.Add(health.Unit{
		Target: t.cfg.Name, LUN: u.cfg.Number, Medium: mediumName(u.cfg), Faults: u.unit.Health(), Before: u.before,
		Inspect: func() backend.Condition { d.look(t, u); return d.inspect(t, u) },
	})
}

// mediumName returns a medium's name for messages, such as file:/srv/a.img.
func mediumName(l *config.LUN) string {
	if l.Path == "" {
		return string(l.Kind)
	}
	return string(l.Kind) + ":" + l.Path
}

// healthStatus fills in the overall health. reports are those of all units.
func (d *daemon) healthStatus(s *control.Status, reports []health.Report) {
	sum := health.Sum(reports)
	s.Health = control.Health{State: sum.State.String(), Good: sum.Good, Degraded: sum.Degraded, Lost: sum.Lost}
	if d.store != nil {
		if why, since, _ := d.store.Report(); why != "" {
			s.Health.Why = append(s.Health.Why, why)
			if sum.State == lun.HealthGood || since.Before(sum.Since) {
				sum.Since = since
			}
			sum.State = max(sum.State, lun.HealthDegraded)
			s.Health.State = sum.State.String()
		}
	}
	if sum.State != lun.HealthGood {
		s.Health.Since = &sum.Since
	}
}

func lunHealth(r *health.Report) control.LUNHealth {
	h := control.LUNHealth{State: r.State.String(), Why: r.Why}
	if r.State != lun.HealthGood {
		h.Since = &r.Since
	}
	for _, f := range r.Faults {
		c := control.Fault{Kind: f.Kind.String(), Count: f.Count, Errno: f.Errno, Last: f.Last}
		if f.HasLBA {
			c.LBA = &f.LBA
		}
		h.Faults = append(h.Faults, c)
	}
	return h
}

// metricsFaults returns a unit's fault counts by kind, zeroes included, so that a rate sees the first fault.
func metricsFaults(h *lun.Health) []metrics.Fault {
	out := make([]metrics.Fault, lun.NumFaults)
	for k := range out {
		out[k] = metrics.Fault{Kind: lun.FaultKind(k).String(), Count: h.Count(lun.FaultKind(k))}
	}
	return out
}
