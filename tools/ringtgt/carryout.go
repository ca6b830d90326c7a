package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// carryOut makes a change that is prepared and saved. An initiator that the change admits must not see, even for a moment, what the
// change removes or hides from it, and one that it shuts out must not see what it adds. So units leave and change first, then the
// targets' new accounts and access lists come into force, and new units appear when whoever is shut out is gone.
func (c *change) carryOut() {
	d := c.d
	d.configure(c.next.cfg)
	c.removeUnits(c.leave.early)
	for _, s := range c.plan.Steps {
		c.alter(s)
	}
	// A login finds the device of whatever target it finds.
	d.engine.SetDevices(append(c.next.devices(), c.removedDevices()...)...)
	d.node.SetTargets(c.next.sessionTargets())
	d.current.Store(c.next)
	c.logOut()
	c.reveal()
	for _, t := range c.removedDevices() {
		d.engine.SetInitiatorQoS(t, nil)
	}
	d.engine.SetDevices(c.next.devices()...)
	c.removePortals()
	c.removeUnits(func(target string, number int) bool { return !c.leave.early(target, number) })
	c.openLater()
	for _, s := range c.plan.Steps {
		d.log.Info("configuration: " + s.String())
	}
}

// removedDevices returns the devices of targets that are not in the new configuration.
func (c *change) removedDevices() (out []*lun.Target) {
	for _, t := range c.old.targets {
		if c.next.target(t.cfg.Name) == nil {
			out = append(out, t.lun)
		}
	}
	return out
}

// alter changes what can change while it is in use.
func (c *change) alter(s admin.Step) {
	switch now := s.New.(type) {
	case *config.LUN:
		if s.Verb != admin.Change {
			return
		}
		t := c.next.target(s.Target)
		u := t.unit(now.Number)
		ctx, cancel := context.WithTimeout(c.ctx, drainTime)
		c.fails(s.Target, c.d.engine.SetExports(ctx, u.unit, exports(now), c.force))
		cancel()
		u.unit.SetReadOnly(now.ReadOnly)
		c.d.engine.SetUnitQoS(u.unit, rateOf(now.QoS))
		c.d.refreshUnit(t, u)
	case *config.Target:
		if s.Verb == admin.Remove {
			return
		}
		t := c.next.target(now.Name)
		t.lun.SetPorts(ports(now))
		c.d.engine.SetInitiatorQoS(t.lun, initiatorRates(now))
	}
}

// logOut ends the sessions of targets that are removed, and those that a target does not admit any more.
func (c *change) logOut() {
	gone := func(s *session.Session, conn session.Member) bool {
		if s.Discovery {
			return false
		}
		t := c.d.node.Target(s.Target.Name)
		return t == nil || !t.StillAdmits(s, conn)
	}
	for _, s := range c.plan.Steps {
		if (s.Kind == admin.KindTarget || s.Kind == admin.KindPortal) && s.Verb != admin.Add {
			ctx, cancel := context.WithTimeout(c.ctx, drainTime)
			defer cancel()
			_, err := c.d.engine.LogOut(ctx, gone, c.force)
			c.fails("", err)
			return
		}
	}
}

// lateError is what failed after the change was saved. The change is in force nevertheless, so it must not be tried again.
type lateError struct {
	target string // whose part it was; "": of all
	err    error
}

// fails notes an error after the change was saved.
func (c *change) fails(target string, err error) {
	if err != nil {
		c.late = append(c.late, lateError{target, err})
	}
}

// lateFor returns the errors that concern a plan, which may be one of several that were carried out together.
func (c *change) lateFor(p *admin.Plan) error {
	var errs []error
	for _, l := range c.late {
		concerns := func(s admin.Step) bool {
			return strings.EqualFold(s.Target, l.target) || s.Kind == admin.KindTarget && strings.EqualFold(s.Name, l.target)
		}
		if l.target == "" || slices.ContainsFunc(p.Steps, concerns) {
			errs = append(errs, l.err)
		}
	}
	return errors.Join(errs...)
}

// removePortals closes portals that are not in the new configuration.
func (c *change) removePortals() {
	for _, addr := range c.unbound {
		ctx, cancel := context.WithTimeout(c.ctx, drainTime)
		c.fails("", c.d.engine.RemovePortal(ctx, addr, c.force))
		cancel()
	}
}

// reveal makes the units visible that prepare has added.
func (c *change) reveal() {
	for _, o := range c.opened {
		c.fails(o.target.cfg.Name, o.unit.unit.SetExports(exports(o.cfg)))
	}
}

// removeUnits removes those of some units that are not in the new configuration, side by side: each may take as long as its commands.
func (c *change) removeUnits(some func(target string, number int) bool) {
	var all sync.WaitGroup
	var mu sync.Mutex
	c.old.each(func(t *servedTarget, u *servedUnit) {
		if c.next.target(t.cfg.Name).unit(u.cfg.Number) == u || !some(t.cfg.Name, u.cfg.Number) {
			return
		}
		all.Go(func() {
			err := c.d.removeUnit(c.ctx, t, u, c.force)
			mu.Lock()
			defer mu.Unlock()
			c.fails(t.cfg.Name, err)
		})
	})
	all.Wait()
}

// removeUnit removes a unit and closes its backend.
func (d *daemon) removeUnit(ctx context.Context, t *servedTarget, u *servedUnit, force bool) error {
	if u.unit == nil { // it is only open
		return u.backend.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	err := d.engine.RemoveUnit(ctx, u.unit, force)
	closed := make(chan error, 1)
	d.health.Remove(u.health, func() {
		go func() { // it may hang in a dead file system
			var busy *engine.UnitBusy
			if errors.As(err, &busy) {
				<-busy.Released
			}
			d.flushUnit(t, u)
			errs := d.keepUnit(t, u)
			closed <- errors.Join(append(errs, u.backend.Close())...)
		}()
	})
	select {
	case e := <-closed:
		return errors.Join(err, e)
	case <-ctx.Done():
		return errors.Join(err, fmt.Errorf("target %s lun %d is removed, but its medium has not answered and is still open", t.cfg.Name, u.cfg.Number))
	}
}

// openLater opens the media that removed units had. A unit whose medium cannot be opened now is left out of what is served, so that
// the next change tries again.
func (c *change) openLater() {
	if len(c.later) == 0 {
		return
	}
	next := c.next.copy()
	until := time.Now().Add(lockWait)
	for _, o := range c.later {
		o.target = next.target(o.target.cfg.Name)
		if err := c.d.openLate(o, until); err != nil {
			c.fails(o.target.cfg.Name, err)
			next.without(o)
			continue
		}
		o.target.units = append(o.target.units, o.unit)
	}
	next.sortUnits()
	c.next = next
	c.d.current.Store(next)
}

// openLate opens a medium and adds its unit.
func (d *daemon) openLate(o *opening, until time.Time) error {
	one := []*opening{o}
	if err := d.openUnits(one, until); err != nil {
		return err
	}
	err := d.identify(one)
	if err == nil {
		err = d.addUnit(o.target, o.unit, exports(o.cfg))
	}
	if err != nil {
		o.unit.backend.Close()
	}
	return err
}
