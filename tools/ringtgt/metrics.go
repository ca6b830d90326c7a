package main

import (
	"context"
	"runtime"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/metrics"
)

// listenMetrics opens the listener for Prometheus if one is configured.
func (d *daemon) listenMetrics() (err error) {
	at := d.now().cfg.Metrics.Listen
	if !at.IsValid() {
		return nil
	}
	d.metrics, err = metrics.Listen(at, metrics.Source{
		Version: version(), GoVersion: runtime.Version(), Kernel: kernel(),
		Latency: func(ctx context.Context) (engine.Latency, error) { return d.readLatency(ctx, 0) },
		State:   d.metricsState,
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
	d.now().each(func(t *servedTarget, u *servedUnit) {
		g := u.backend.Geometry()
		s.LUNs = append(s.LUNs, metrics.LUN{
			Target: t.cfg.Name, LUN: u.cfg.Number, Bytes: g.Blocks * uint64(g.BlockSize),
			Health: int(u.health.Report().State), Faults: metricsFaults(u.unit.Health()),
		})
	})
	return s
}
