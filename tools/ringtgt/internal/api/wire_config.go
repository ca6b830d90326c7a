package api

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// configOf is the JSON of c.
func configOf(c *config.Config) *Config {
	out := &Config{
		File: c.File, Server: serverOf(&c.Server), Discovery: accessOf(&c.Discovery),
		Portals: []Portal{}, Pools: []Pool{}, Targets: []Target{}, Hidden: hiddenOf(c, true),
	}
	if m := c.Metrics; m.Listen.IsValid() {
		out.Metrics = &Metrics{Listen: m.Listen.String(), Stages: m.Stages, Hosts: m.Hosts}
	}
	if a := c.API; a.Listen.IsValid() {
		out.API = &Listen{Listen: a.Listen.String(), Cert: a.Cert, Key: a.Key, ClientCA: a.ClientCA}
	}
	for _, p := range c.Portals {
		out.Portals = append(out.Portals, portalOf(&p))
	}
	for _, p := range c.Pools {
		out.Pools = append(out.Pools, poolOf(&p))
	}
	for i := range c.Targets {
		out.Targets = append(out.Targets, targetOf(&c.Targets[i]))
	}
	return out
}

func serverOf(s *config.Server) Daemon {
	out := Daemon{
		State: s.State, Control: s.Control, Cores: s.Cores, Buffers: Size(s.Buffers), ZeroCopy: s.ZeroCopy, Steering: s.Steering,
		LogLevel: levels[s.LogLevel], LogFormat: s.LogFormat, StrictLogin: s.StrictLogin, Group: s.Group, Readers: s.Readers,
		SpaceWarning: s.SpaceWarning, LoginTimeout: durationText(s.LoginTimeout), NOPTimeout: durationText(s.NOPTimeout),
		NOPInterval: zeroIsNone(s.NOPInterval), Poll: zeroIsNone(s.Poll),
	}
	for _, i := range s.XDP {
		out.XDP = append(out.XDP, i.Name)
	}
	return out
}

var levels = map[slog.Level]string{slog.LevelDebug: "debug", slog.LevelInfo: "info", slog.LevelWarn: "warn", slog.LevelError: "error"}

// zeroIsNone is the text of a time that the file turns off with "0s": Config has a negative one for it, and 0 for the default.
func zeroIsNone(d time.Duration) string {
	if d < 0 {
		return "0s"
	}
	return durationText(d)
}

func portalOf(p *config.Portal) Portal {
	return Portal{Listen: p.Addr.String(), Group: p.Group, Owner: p.At.Origin().String()}
}

func poolOf(p *config.Pool) Pool {
	return Pool{Name: p.Name, Path: p.Path, Owner: p.At.Origin().String()}
}

func targetOf(t *config.Target) Target {
	out := Target{Name: t.Name, Alias: t.Alias, Groups: t.Groups, Access: accessOf(&t.Access), LUNs: []LUN{}, Owner: t.At.Origin().String()}
	if len(t.Access.Initiators)+len(t.Access.Networks) > 0 {
		out.ACL = &ACL{Initiators: t.Access.Initiators, Networks: networksOf(t.Access.Networks)}
	}
	if r := t.Redirect; r != nil {
		out.Redirect = &Redirect{Address: r.Address, Permanent: r.Permanent}
	}
	out.Limits = limitsOf(t.Limits)
	for _, q := range t.QoS {
		h := HostQoS{Initiators: q.Initiators}
		if bounds := QoSOf(q.QoS); bounds != nil {
			h.QoS = *bounds
		}
		out.QoS = append(out.QoS, h)
	}
	for i := range t.LUNs {
		out.LUNs = append(out.LUNs, lunOf(&t.LUNs[i]))
	}
	return out
}

func accessOf(a *config.Access) Access {
	out := Access{Algorithms: a.Algorithms}
	for i := range a.Accounts {
		out.Accounts = append(out.Accounts, accountOf(&a.Accounts[i]))
	}
	if a.Mutual != nil {
		m := accountOf(a.Mutual)
		out.Mutual = &m
	}
	return out
}

func accountOf(a *config.Account) Account {
	return Account{User: a.User, SecretFile: a.SecretFile, SecretEnv: a.SecretEnv, Initiators: a.Initiators, Owner: a.At.Origin().String()}
}

func limitsOf(l config.Limits) *Limits {
	out := Limits{
		Window: l.Window, MaxConnections: l.MaxConnections, MaxRecvDataSegmentLength: Size(l.MaxRecvDataSegmentLength),
		MaxBurstLength: Size(l.MaxBurstLength), FirstBurstLength: Size(l.FirstBurstLength), InitialR2T: l.InitialR2T,
	}
	if l.NoImmediateData {
		out.ImmediateData = new(bool)
	}
	if out == (Limits{}) {
		return nil
	}
	return &out
}

func (l *Limits) config() config.Limits {
	return config.Limits{
		Window: l.Window, MaxConnections: l.MaxConnections, MaxRecvDataSegmentLength: int64(l.MaxRecvDataSegmentLength),
		MaxBurstLength: int64(l.MaxBurstLength), FirstBurstLength: int64(l.FirstBurstLength), InitialR2T: l.InitialR2T,
		NoImmediateData: l.ImmediateData != nil && !*l.ImmediateData,
	}
}

func hostQoS(list []HostQoS) (out []config.InitiatorQoS, err error) {
	for _, q := range list {
		c, err := q.config()
		if err != nil {
			return nil, err
		}
		out = append(out, config.InitiatorQoS{Initiators: q.Initiators, QoS: c})
	}
	return out, nil
}

// config converts an answer of the daemon. Its secrets are missing.
func (c *Config) config() (out *config.Config, err error) {
	out = &config.Config{File: c.File}
	if out.Server, err = c.Server.config(); err != nil {
		return nil, err
	}
	if m := c.Metrics; m != nil {
		out.Metrics.Stages, out.Metrics.Hosts = m.Stages, m.Hosts
		if out.Metrics.Listen, err = netip.ParseAddrPort(m.Listen); err != nil {
			return nil, err
		}
	}
	if a := c.API; a != nil {
		out.API = config.API{Cert: a.Cert, Key: a.Key, ClientCA: a.ClientCA}
		if out.API.Listen, err = netip.ParseAddrPort(a.Listen); err != nil {
			return nil, err
		}
	}
	out.Discovery = c.Discovery.config()
	for i := range c.Portals {
		p, err := c.Portals[i].config()
		if err != nil {
			return nil, err
		}
		out.Portals = append(out.Portals, p)
	}
	for _, p := range c.Pools {
		out.Pools = append(out.Pools, config.Pool{Name: p.Name, Path: p.Path})
	}
	for i := range c.Targets {
		t, err := c.Targets[i].config()
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", c.Targets[i].Name, err)
		}
		out.Targets = append(out.Targets, t)
	}
	return out, nil
}

func (p *Portal) config() (config.Portal, error) {
	a, err := netip.ParseAddrPort(p.Listen)
	return config.Portal{Addr: a, Group: p.Group}, err
}

func (s *Daemon) config() (out config.Server, err error) {
	out = config.Server{
		State: s.State, Control: s.Control, Cores: s.Cores, Buffers: int64(s.Buffers), ZeroCopy: s.ZeroCopy, Steering: s.Steering,
		LogFormat: s.LogFormat, StrictLogin: s.StrictLogin, Group: s.Group, Readers: s.Readers, SpaceWarning: s.SpaceWarning,
	}
	for _, name := range s.XDP {
		out.XDP = append(out.XDP, config.Interface{Name: name})
	}
	if s.LogLevel != "" {
		if out.LogLevel, err = config.ParseLevel(s.LogLevel); err != nil {
			return out, err
		}
	}
	for _, d := range []struct {
		text string
		to   *time.Duration
		none bool // "0s" turns it off
	}{
		{s.LoginTimeout, &out.LoginTimeout, false}, {s.NOPTimeout, &out.NOPTimeout, false},
		{s.NOPInterval, &out.NOPInterval, true}, {s.Poll, &out.Poll, true},
	} {
		if d.text == "" {
			continue
		}
		if *d.to, err = time.ParseDuration(d.text); err != nil {
			return out, err
		}
		if d.none && *d.to == 0 {
			*d.to = -1
		}
	}
	return out, nil
}

func (t *Target) config() (out config.Target, err error) {
	out = config.Target{Name: t.Name, Alias: t.Alias, Groups: t.Groups, Access: t.Access.config()}
	if t.ACL != nil {
		out.Access.Initiators, out.Access.Networks = t.ACL.Initiators, networks(t.ACL.Networks)
	}
	if r := t.Redirect; r != nil {
		out.Redirect = &config.Redirect{Address: r.Address, Permanent: r.Permanent}
	}
	if t.Limits != nil {
		out.Limits = t.Limits.config()
	}
	if out.QoS, err = hostQoS(t.QoS); err != nil {
		return out, err
	}
	for i := range t.LUNs {
		l, err := t.LUNs[i].config()
		if err != nil {
			return out, err
		}
		out.LUNs = append(out.LUNs, l)
	}
	return out, nil
}

func (a *Access) config() (out config.Access) {
	out.Algorithms = a.Algorithms
	for _, acc := range a.Accounts {
		out.Accounts = append(out.Accounts, acc.config())
	}
	if a.Mutual != nil {
		m := a.Mutual.config()
		out.Mutual = &m
	}
	return out
}

func (a *Account) config() config.Account {
	return config.Account{User: a.User, SecretFile: a.SecretFile, SecretEnv: a.SecretEnv, Initiators: a.Initiators}
}
