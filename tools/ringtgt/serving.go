package main

import (
	"net/netip"
	"slices"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// serving is what the daemon serves at one moment. It never changes once it is published: the manager replaces it (manage.go), and
// readers such as status and metrics see the old or the new one, whole.
type serving struct {
	cfg     *config.Config // in force; for a setting that needs a restart it has the old value
	portals []servedPortal
	targets []*servedTarget
}

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
