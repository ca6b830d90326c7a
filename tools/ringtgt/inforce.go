package main

import (
	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// inForce returns the configuration in force after a change from old to next: of next whatever can change while the daemon runs, of old
// whatever needs a restart.
func inForce(old, next *config.Config) *config.Config {
	c := *next
	c.Server, c.Metrics, c.API = old.Server, old.Metrics, old.API
	s, n := &c.Server, &next.Server
	s.LogLevel, s.SpaceWarning, s.StrictLogin = n.LogLevel, n.SpaceWarning, n.StrictLogin
	s.LoginTimeout, s.NOPInterval, s.NOPTimeout = n.LoginTimeout, n.NOPInterval, n.NOPTimeout
	return &c
}

// configure applies the settings of the daemon itself that can change while it runs.
func (d *daemon) configure(cfg *config.Config) {
	d.level.Set(cfg.Server.LogLevel)
	d.node.Configure(nodeConfig(cfg))
}

func nodeConfig(cfg *config.Config) session.NodeConfig {
	s := &cfg.Server
	return session.NodeConfig{
		LoginTimeout: int64(s.LoginTimeout), NOPInterval: int64(s.NOPInterval), NOPTimeout: int64(s.NOPTimeout),
		DiscoveryAuth: auth(cfg.Discovery), StrictLogin: s.StrictLogin,
	}
}

// ports returns the SCSI target ports of a target: one for each portal group.
func ports(t *config.Target) (out []lun.Port) {
	for _, g := range t.Groups {
		out = append(out, lun.Port{TPGT: g, RelPort: g})
	}
	return out
}

func exports(l *config.LUN) (out []lun.Export) {
	for _, e := range l.Exports {
		out = append(out, lun.Export{Initiators: e.Initiators, Accounts: e.Accounts, LUN: e.Number})
	}
	return out
}

func rateOf(q config.QoS) engine.Rate {
	return engine.Rate{ReadIOPS: q.ReadIOPS, WriteIOPS: q.WriteIOPS, ReadBytes: q.ReadBytes, WriteBytes: q.WriteBytes, Burst: q.Burst}
}

func initiatorRates(t *config.Target) (out []engine.InitiatorRate) {
	for _, q := range t.QoS {
		out = append(out, engine.InitiatorRate{Initiators: q.Initiators, Rate: rateOf(q.QoS)})
	}
	return out
}

// bytes returns the size of a unit; 0: it is not served.
func (t *servedTarget) bytes(number int) int64 {
	u := t.unit(number)
	if u == nil {
		return 0
	}
	g := u.backend.Geometry()
	return int64(g.Blocks) * int64(g.BlockSize)
}
