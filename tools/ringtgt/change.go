package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// change is a change of what is served, from the configuration in force to another one that is valid.
//
// prepare does everything that can fail, and undo takes it back: media are opened, identities found, addresses bound. Then the owned
// part is saved: that is the moment of the change. carryOut does the rest.
type change struct {
	ctx   context.Context // ends when the daemon stops: whatever is still drained is then ended at once
	d     *daemon
	old   *serving
	next  *serving // under construction
	plan  *admin.Plan
	leave leaving // what plan takes out of service
	force bool
	save  func() error // nil: there is nothing to save

	opened  []*opening       // before the change is saved
	later   []*opening       // their media are in use by units that the change removes
	bound   []netip.AddrPort // addresses of new portals
	unbound []netip.AddrPort // and of those that go
	late    []lateError      // what failed after the change was saved
}

func (m *manager) change(cfg *config.Config, force bool) *change {
	old, plan := m.d.now(), admin.Diff(m.d.now().cfg, cfg)
	return &change{ctx: m.ctx, d: m.d, old: old, next: newServing(inForce(old.cfg, cfg)), plan: plan, leave: leavingIn(plan), force: force}
}

// do makes the change, or changes nothing and returns why. What fails later is in late.
func (c *change) do() error {
	if err := c.check(); err != nil {
		return err
	}
	err := c.prepare()
	if err == nil && c.save != nil {
		err = c.save()
	}
	if err != nil {
		c.undo()
		return err
	}
	c.carryOut()
	return nil
}

// check inspects the media of new units. It changes nothing.
func (c *change) check() error {
	if c.d.state == nil {
		return nil
	}
	l := newLookout()
	for _, s := range c.plan.Steps {
		switch o := s.New.(type) {
		case *config.LUN:
			if s.Verb != admin.Change {
				l.look(c.d.state, s.Target, o)
			}
		case *config.Pool:
			l.lookAtPool(o)
		}
	}
	_, problems, err := l.report()
	c.plan.Warnings = append(c.plan.Warnings, problems.Notes()...)
	if wrong := problems.Errors(); len(wrong) > 0 {
		return errors.Join(invalid(wrong), err)
	}
	return err
}

// prepare makes targets and opens media and portals.
func (c *change) prepare() error {
	c.layOut()
	until := time.Now().Add(busyWait)
	if err := c.d.openUnits(c.opened, until); err != nil {
		return err
	}
	if err := c.d.identify(c.opened); err != nil {
		return err
	}
	for _, o := range c.opened {
		o.target.units = append(o.target.units, o.unit)
	}
	c.next.sortUnits()
	if err := c.next.checkNames(); err != nil {
		return err
	}
	if err := c.grow(); err != nil {
		return err
	}
	if err := c.bind(); err != nil {
		return err
	}
	for _, o := range c.opened {
		if err := c.d.addUnit(o.target, o.unit, hidden); err != nil {
			return err
		}
	}
	return nil
}

// hidden makes a unit visible to nobody: no initiator has that name.
var hidden = []lun.Export{{Initiators: []string{"-"}}}

// layOut lists the targets of the new configuration with the units that stay, and the units to open.
func (c *change) layOut() {
	for i := range c.next.cfg.Targets {
		cfg := &c.next.cfg.Targets[i]
		was := c.old.target(cfg.Name)
		t := c.d.makeTargetLike(cfg, was)
		c.next.add(t)
		for j := range cfg.LUNs {
			l := &cfg.LUNs[j]
			switch u := was.unit(l.Number); {
			case u != nil && !c.leave.has(cfg.Name, l.Number):
				t.units = append(t.units, u)
			case c.leave.frees(cfg.Name, l):
				c.later = append(c.later, &opening{target: t, cfg: l})
			default:
				c.opened = append(c.opened, &opening{target: t, cfg: l})
			}
		}
	}
}

// makeTargetLike returns a target without units: with the device of was, or a new one if was is nil.
func (d *daemon) makeTargetLike(cfg *config.Target, was *servedTarget) *servedTarget {
	if was == nil {
		return d.makeTarget(cfg)
	}
	return &servedTarget{cfg: cfg, lun: was.lun}
}

// grow extends the files of units that are to be larger.
func (c *change) grow() error {
	for _, s := range c.plan.Steps {
		l, ok := s.New.(*config.LUN)
		if !ok || s.Verb != admin.Change {
			continue
		}
		u := c.old.target(s.Target).unit(l.Number)
		if g, ok := u.backend.(backend.Growable); ok && l.Size > 0 {
			if err := g.Grow(l.Size); err != nil {
				return fmt.Errorf("target %s lun %d: %s %w", s.Target, l.Number, mediumName(l), err)
			}
		}
	}
	return nil
}

// bind opens new portals.
func (c *change) bind() error {
	left := slices.Clone(c.old.portals)
	for _, p := range c.next.cfg.Portals {
		// With port 0 several portals may have the same address.
		if i := slices.IndexFunc(left, func(o servedPortal) bool { return o.Addr == p.Addr }); i >= 0 {
			c.next.portals = append(c.next.portals, servedPortal{p, left[i].bound})
			left = slices.Delete(left, i, i+1)
			continue
		}
		if err := c.old.checkFree(p.Addr); err != nil {
			return err
		}
		bound, err := c.d.engine.AddPortal(p.Addr)
		if err != nil {
			return fmt.Errorf("%s: %w", p.At, err)
		}
		c.bound = append(c.bound, bound)
		c.next.portals = append(c.next.portals, servedPortal{p, bound})
	}
	for _, p := range left {
		c.unbound = append(c.unbound, p.bound)
	}
	return nil
}

// undo takes back what prepare did.
func (c *change) undo() {
	var errs []error
	for _, addr := range c.bound {
		errs = append(errs, c.d.engine.RemovePortal(c.ctx, addr, true))
	}
	for _, o := range c.opened {
		if o.unit != nil {
			errs = append(errs, c.d.removeUnit(c.ctx, o.target, o.unit, true), c.d.unmake(o.unit))
		}
	}
	if err := errors.Join(errs...); err != nil {
		c.d.log.Error("a change was refused, but not all that had been prepared could be taken back", "err", err)
	}
}
