package admin

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// Diff returns the steps from one configuration to another, in an order in which each can be carried out:
//
//   - removals that others wait for: the medium, ID or serial number of a unit is given to another one, or a unit leaves a target that
//     admits others from now on
//   - portals, pools and targets that are added
//   - changes of the daemon, of discovery, of targets and of units
//   - units that are added, once the accounts and the ACL that guard them are in force
//   - removals of units, targets, pools and portals
//
// A target is removed with its units, and added without them. Positions do not count. old is nil at the start of the daemon: then all
// is added.
func Diff(old, new *config.Config) *Plan {
	d := &differ{old: old, new: new, plan: &Plan{}}
	if old == nil {
		d.old = &config.Config{}
	} else {
		d.server()
	}
	d.portals()
	d.pools()
	d.targets()
	for _, steps := range [][]Step{d.early, d.added, d.changed, d.units, d.late, d.last} {
		d.plan.Steps = append(d.plan.Steps, steps...)
	}
	return d.plan
}

// differ collects the steps of a plan by their turn.
type differ struct {
	old, new *config.Config
	plan     *Plan

	early   []Step // removals that others wait for
	added   []Step // portals, pools, targets
	changed []Step
	units   []Step // that are added
	late    []Step // removals of units and targets
	last    []Step // removals of pools and portals
}

func (d *differ) server() {
	if fields := changed(liveKeys, d.old, d.new); len(fields) > 0 {
		d.changed = append(d.changed, Step{Verb: Change, Kind: KindServer, Name: "server", Fields: fields, Old: &d.old.Server, New: &d.new.Server})
	}
	d.plan.Restart = changed(restartKeys, d.old, d.new)
	if fields := changed(accessKeys, &d.old.Discovery, &d.new.Discovery); len(fields) > 0 {
		d.changed = append(d.changed, Step{Verb: Change, Kind: KindDiscovery, Name: "discovery", Fields: fields, Old: &d.old.Discovery, New: &d.new.Discovery})
	}
}

// portalKey tells portals apart: those with port 0 are given a port each when they are opened.
type portalKey struct {
	addr netip.AddrPort
	nth  int // of those with port 0
}

func portalsOf(c *config.Config) (keys []portalKey, by map[portalKey]*config.Portal) {
	by = map[portalKey]*config.Portal{}
	for i := range c.Portals {
		k := portalKey{addr: c.Portals[i].Addr}
		for by[k] != nil {
			k.nth++
		}
		keys, by[k] = append(keys, k), &c.Portals[i]
	}
	return keys, by
}

func (d *differ) portals() {
	olds, before := portalsOf(d.old)
	news, after := portalsOf(d.new)
	for _, k := range news {
		p := after[k]
		if o := before[k]; o == nil {
			d.added = append(d.added, Step{Verb: Add, Kind: KindPortal, Name: p.Addr.String(), New: p})
		} else if fields := changed(portalKeys, o, p); len(fields) > 0 {
			d.changed = append(d.changed, Step{Verb: Change, Kind: KindPortal, Name: p.Addr.String(), Fields: fields, Old: o, New: p})
		}
	}
	for _, k := range olds {
		if after[k] != nil {
			continue
		}
		s := Step{Verb: Remove, Kind: KindPortal, Name: k.addr.String(), Old: before[k]}
		if slices.ContainsFunc(news, func(n portalKey) bool { return before[n] == nil && collide(n.addr, k.addr) }) {
			d.early = append(d.early, s)
		} else {
			d.last = append(d.last, s)
		}
	}
}

// collide reports whether two addresses cannot be listened on together: one of them stands for all addresses.
func collide(a, b netip.AddrPort) bool {
	return a.Port() == b.Port() && a.Port() != 0 && (a.Addr().IsUnspecified() || b.Addr().IsUnspecified())
}

func (d *differ) pools() {
	for i := range d.new.Pools {
		p := &d.new.Pools[i]
		o := find(d.old.Pools, func(o *config.Pool) bool { return o.Name == p.Name })
		if o == nil {
			d.added = append(d.added, Step{Verb: Add, Kind: KindPool, Name: p.Name, New: p})
		} else if fields := changed(poolKeys, o, p); len(fields) > 0 {
			d.changed = append(d.changed, Step{Verb: Change, Kind: KindPool, Name: p.Name, Fields: fields, Old: o, New: p})
		}
	}
	for i := range d.old.Pools {
		o := &d.old.Pools[i]
		if find(d.new.Pools, func(p *config.Pool) bool { return o.Name == p.Name }) == nil {
			d.last = append(d.last, Step{Verb: Remove, Kind: KindPool, Name: o.Name, Old: o})
			if u := inPool(o, d.new); u != "" {
				d.plan.Warnings = append(d.plan.Warnings, fmt.Sprintf("pool %s goes, but %s stays: it is served still, and is no volume any more", o.Name, u))
			}
		}
	}
}

// place is where a unit is.
type place struct {
	target string
	number int
}

// claims returns what only one unit can have: its medium, ID and serial number.
func claims(l *config.LUN) (out []string) {
	if l.Persistent() {
		out = append(out, "medium "+filepath.Clean(l.Path))
	}
	if l.ID != "" {
		out = append(out, "id "+l.ID)
	}
	if serial := strings.TrimRight(l.Serial, " "); serial != "" {
		out = append(out, "serial "+serial)
	}
	return out
}

// targetsOf returns the targets of c by name, and their units by place.
func targetsOf(c *config.Config) (map[string]*config.Target, map[place]*config.LUN) {
	byName, units := map[string]*config.Target{}, map[place]*config.LUN{}
	for i := range c.Targets {
		t := &c.Targets[i]
		byName[t.Name] = t
		for j := range t.LUNs {
			units[place{t.Name, t.LUNs[j].Number}] = &t.LUNs[j]
		}
	}
	return byName, units
}

// leaving returns the units that have to leave before others come: what they have is claimed by units that are added or replaced
// elsewhere.
func leaving(before, after map[place]*config.LUN) map[place]bool {
	holders := map[string]place{}
	for at, l := range before {
		for _, c := range claims(l) {
			holders[c] = at
		}
	}
	leave := map[place]bool{}
	for at, l := range after {
		if o := before[at]; o != nil && len(changed(replacingKeys, o, l)) == 0 {
			continue
		}
		for _, c := range claims(l) {
			if holder, ok := holders[c]; ok && holder != at {
				leave[holder] = true
			}
		}
	}
	return leave
}

func (d *differ) targets() {
	was, before := targetsOf(d.old)
	is, after := targetsOf(d.new)
	leave := leaving(before, after)
	for i := range d.old.Targets {
		o := &d.old.Targets[i]
		if is[o.Name] != nil {
			continue
		}
		s := Step{Verb: Remove, Kind: KindTarget, Name: o.Name, Old: o}
		if slices.ContainsFunc(o.LUNs, func(l config.LUN) bool { return leave[place{o.Name, l.Number}] }) {
			d.early = append(d.early, s)
		} else {
			d.late = append(d.late, s)
		}
	}
	for i := range d.new.Targets {
		t := &d.new.Targets[i]
		o := was[t.Name]
		opens := false
		if o == nil {
			d.added = append(d.added, Step{Verb: Add, Kind: KindTarget, Name: t.Name, New: t})
			o = &config.Target{}
		} else if fields := changed(targetKeys, o, t); len(fields) > 0 {
			d.changed = append(d.changed, Step{Verb: Change, Kind: KindTarget, Name: t.Name, Fields: fields, Old: o, New: t})
			opens = true
		}
		for j := range o.LUNs {
			l := &o.LUNs[j]
			at := place{t.Name, l.Number}
			if after[at] == nil {
				d.leave(lunStep(Remove, at, l, nil), leave[at] || opens)
			}
		}
		for j := range t.LUNs {
			l := &t.LUNs[j]
			at := place{t.Name, l.Number}
			d.unit(at, before[at], l, leave[at] || opens)
		}
	}
}

func lunStep(verb Verb, at place, old, new *config.LUN) Step {
	s := Step{Verb: verb, Kind: KindLUN, Target: at.target, Name: strconv.Itoa(at.number)}
	if old != nil {
		s.Old = old
	}
	if new != nil {
		s.New = new
	}
	return s
}

func (d *differ) leave(s Step, early bool) {
	if early {
		d.early = append(d.early, s)
	} else {
		d.late = append(d.late, s)
	}
}

// unit compares a unit of a target that stays or comes; old is nil if the unit is new.
func (d *differ) unit(at place, old, l *config.LUN, early bool) {
	if old == nil {
		d.units = append(d.units, lunStep(Add, at, nil, l))
		return
	}
	if old.Kind == l.Kind && l.Kind == backend.KindFile && l.Size > 0 && l.Size < old.Size {
		d.plan.Warnings = append(d.plan.Warnings, config.Problem{At: l.At, Text: fmt.Sprintf(
			"lun %d of %s has %s and cannot shrink to %s: it stays as it is", at.number, at.target, sizeText(old.Size), sizeText(l.Size))}.String())
	}
	fields := changed(lunKeys, old, l)
	replaced := len(changed(replacingKeys, old, l)) > 0
	switch {
	case len(fields) == 0:
	case replaced && early:
		d.early = append(d.early, lunStep(Remove, at, old, nil))
		d.units = append(d.units, lunStep(Add, at, nil, l))
	case replaced:
		s := lunStep(Replace, at, old, l)
		s.Fields = fields
		d.units = append(d.units, s)
	default:
		s := lunStep(Change, at, old, l)
		s.Fields = fields
		d.changed = append(d.changed, s)
	}
}
