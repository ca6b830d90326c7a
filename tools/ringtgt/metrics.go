package main

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/health"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/metrics"
)

// listenMetrics opens the listener for Prometheus if one is configured.
func (d *daemon) listenMetrics() (err error) {
	at := d.now().cfg.Metrics.Listen
	if !at.IsValid() {
		return nil
	}
	d.metrics, err = metrics.Listen(at, metrics.Source{
		Version: version(), GoVersion: runtime.Version(), Kernel: kernel(), Stages: d.now().cfg.Metrics.Stages,
		Latency: func(ctx context.Context) (engine.Latency, error) { return d.readLatency(ctx, 0) },
		State:   d.metricsState, Health: d.healthz, Status: d.quickStatus, Line: healthLine, Host: hostName(), Hosts: d.now().cfg.Metrics.Hosts,
	}, d.log)
	if err == nil {
		d.log.Info("metrics", "url", "http://"+d.metrics.Addr().String()+"/metrics")
	}
	return err
}

func (d *daemon) metricsAddress() string {
	if d.metrics == nil {
		return ""
	}
	return d.metrics.Addr().String()
}

func (d *daemon) metricsState() metrics.State {
	s := metrics.State{Started: d.engine.Started(), Sessions: len(d.node.Sessions()), Draining: d.draining.Load()}
	if d.store != nil {
		_, _, s.StateErrors = d.store.Report()
	}
	r := d.space.report()
	d.now().each(func(t *servedTarget, u *servedUnit) {
		g := u.backend.Geometry()
		l := metrics.LUN{
			Target: t.cfg.Name, LUN: u.cfg.Number, Bytes: g.Blocks * uint64(g.BlockSize), Allocated: -1,
			Health: int(u.health.Report().State), Faults: metricsFaults(u.unit.Health()),
		}
		if use, ok := r.usage(u.cfg); ok {
			l.Allocated = use.Allocated
		}
		s.LUNs = append(s.LUNs, l)
	})
	for _, q := range d.engine.QoS() {
		s.Limits = append(s.Limits, metrics.Limit{Target: q.Target, LUN: q.LUN, HeldNow: q.HeldNow, Held: q.Held, HeldTime: q.HeldTime})
	}
	if r != nil {
		for _, fs := range r.systems {
			s.FileSystems = append(s.FileSystems, metrics.FileSystem{
				Mount: fs.Mount, Bytes: fs.Total, Available: fs.Available, Growth: fs.Growth, Problem: int(fs.Judge(r.percent)),
			})
		}
	}
	return s
}

// quickStatus returns the part of the status that reads no loop.
func (d *daemon) quickStatus() *control.Status {
	s := &control.Status{Warnings: d.space.report().warnings(), Sessions: sessionsOf(d.engine.Sessions())}
	s.Daemon = control.Daemon{Version: version(), Started: d.engine.Started(), Draining: d.draining.Load()}
	now := d.now()
	var reports []health.Report
	for _, t := range now.targets {
		out, of := now.targetStatus(t, d.space.report())
		s.Targets, reports = append(s.Targets, out), append(reports, of...)
	}
	d.healthStatus(s, reports)
	setQoS(s, d.engine.QoS())
	return s
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "ringtgt"
	}
	return name
}

// healthz returns the health in one line, and whether all is well.
func (d *daemon) healthz() (line string, good bool) {
	s := d.quickStatus()
	parts := slices.Concat([]string{healthLine(s)}, healthWhy(s), s.Warnings)
	good = s.Health.State == lun.HealthGood.String()
	if s.Daemon.Draining {
		parts, good = append(parts, "draining"), false
	}
	return strings.Join(parts, "; "), good
}
