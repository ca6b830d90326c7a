package main

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// serving is what the daemon serves at one moment. It never changes once it is published: the manager replaces it (manage.go), and
// readers such as status and metrics see the old or the new one, whole.
type serving struct {
	cfg     *config.Config // in force; for a setting that needs a restart it has the old value
	portals []servedPortal
	targets []*servedTarget
	byName  map[string]*servedTarget // by foldName
}

func newServing(cfg *config.Config) *serving {
	return &serving{cfg: cfg, byName: map[string]*servedTarget{}}
}

// add adds a target to what is not published yet.
func (s *serving) add(t *servedTarget) {
	s.targets = append(s.targets, t)
	s.byName[foldName(t.cfg.Name)] = t
}

// foldName returns a key for a name. Names compare regardless of case (RFC 7143 4.2.7.2).
func foldName(name string) string { return strings.ToLower(name) }

// servedPortal is a portal and the address that it is bound to, which has the port that the kernel chose for port 0.
type servedPortal struct {
	config.Portal
	bound netip.AddrPort
}

// servedTarget is a target with its device and its open units. Like serving it never changes.
type servedTarget struct {
	cfg   *config.Target
	lun   *lun.Target
	units []*servedUnit
}

// now returns what is served at this moment.
func (d *daemon) now() *serving { return d.current.Load() }

// at returns the portals of a target.
func (s *serving) at(t *servedTarget) (out []servedPortal) {
	for _, p := range s.portals {
		if slices.Contains(t.cfg.Groups, p.Group) {
			out = append(out, p)
		}
	}
	return out
}

// target returns the target of that name, nil if there is none.
func (s *serving) target(name string) *servedTarget { return s.byName[foldName(name)] }

// unit returns the unit of that number, nil if there is none or no target.
func (t *servedTarget) unit(number int) *servedUnit {
	if t == nil {
		return nil
	}
	for _, u := range t.units {
		if u.cfg.Number == number {
			return u
		}
	}
	return nil
}

// sortUnits puts units in the order of their targets' configuration.
func (s *serving) sortUnits() {
	for _, t := range s.targets {
		place := map[int]int{}
		for i := range t.cfg.LUNs {
			place[t.cfg.LUNs[i].Number] = i
		}
		slices.SortFunc(t.units, func(a, b *servedUnit) int { return place[a.cfg.Number] - place[b.cfg.Number] })
	}
}

// devices returns the devices of all targets.
func (s *serving) devices() (out []*lun.Target) {
	for _, t := range s.targets {
		out = append(out, t.lun)
	}
	return out
}

// each calls f for every unit.
func (s *serving) each(f func(t *servedTarget, u *servedUnit)) {
	for _, t := range s.targets {
		for _, u := range t.units {
			f(t, u)
		}
	}
}

// copy returns a copy whose units can be changed before it is published.
func (s *serving) copy() *serving {
	next := newServing(s.cfg)
	next.portals = s.portals
	for _, t := range s.targets {
		t := *t
		t.units = slices.Clone(t.units)
		next.add(&t)
	}
	return next
}

// without takes a unit that could not be opened out of the configuration in force, so that the next change opens it.
func (s *serving) without(o *opening) {
	s.cfg = s.cfg.Clone()
	for i := range s.cfg.Targets {
		t := &s.cfg.Targets[i]
		if t.Name == o.target.cfg.Name {
			t.LUNs = slices.DeleteFunc(t.LUNs, func(l config.LUN) bool { return l.Number == o.cfg.Number })
			o.target.cfg = t
		}
	}
}
