package engine

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringtgt/ringtgt/internal/iscsiname"
	"github.com/ringtgt/ringtgt/lun"
)

// InitiatorRate bounds the traffic of each initiator with one of these names. A trailing * matches any suffix; no names match all.
type InitiatorRate struct {
	Initiators []string
	Rate
}

// limit bounds the traffic of one unit, or of one initiator to one target. All loops share it.
type limit struct {
	unit      *lun.Unit   // nil: an initiator's
	target    *lun.Target // the initiator's, or the unit's
	initiator string
	rate      Rate // guarded by limits.mu
	conns     int  // connections that have an initiator's limit; guarded by limits.mu
	meters    [2]meter
	counts    heldCounts
}

// heldCounts counts the commands that a limit has held back.
type heldCounts struct {
	now, total, nanos atomic.Int64
}

// limits are the limits of an engine. Commands do not use it: their connection has what applies to it (connLimits).
type limits struct {
	mu       sync.Mutex
	byTarget map[*lun.Target]*targetLimits
}

// targetLimits are the limits of a target's units, and of the initiators that are logged in to it.
type targetLimits struct {
	units  []*limit // by LUN; nil: there are none. It is replaced, never changed: connections have it
	rules  []InitiatorRate
	byName map[string]*limit // by iscsiname.Fold
}

// connLimits are the limits of a connection's commands. It is replaced, never changed.
type connLimits struct {
	initiator *limit
	units     []*limit
}

// SetUnitQoS bounds the traffic of a unit from now on, by all initiators together. A rate without bounds removes the limit, and has to
// be set before the unit is removed for good. Commands that are held are looked at again at once.
func (e *Engine) SetUnitQoS(u *lun.Unit, r Rate) {
	x, now := &e.limits, e.loops[0].clock()
	x.mu.Lock()
	of := x.of(u.Target())
	lim := of.limitOf(u)
	switch {
	case !r.bounds() && lim == nil:
		x.forget(u.Target())
		x.mu.Unlock()
		return
	case lim == nil:
		lim = e.newLimit(u.Target())
		lim.unit = u
		of.put(u, lim)
	case !r.bounds():
		of.put(u, nil)
	}
	lim.set(now, r)
	x.forget(u.Target())
	x.mu.Unlock()
	e.relimit(u.Target(), lim)
}

// SetInitiatorQoS bounds the traffic of each initiator to a target from now on: over all its sessions and all units. The first
// rule that matches its name applies. The rules replace those that the target had.
func (e *Engine) SetInitiatorQoS(t *lun.Target, rules []InitiatorRate) {
	x, now := &e.limits, e.loops[0].clock()
	x.mu.Lock()
	of := x.of(t)
	of.rules = rules
	var changed []*limit
	for name, lim := range of.byName {
		r := of.rateOf(name)
		if !r.bounds() {
			delete(of.byName, name)
		}
		lim.set(now, r)
		changed = append(changed, lim)
	}
	x.forget(t)
	x.mu.Unlock()
	e.relimit(t, changed...)
}

// of returns the limits of a target.
func (x *limits) of(t *lun.Target) *targetLimits {
	of := x.byTarget[t]
	if of == nil {
		of = &targetLimits{byName: map[string]*limit{}}
		if x.byTarget == nil {
			x.byTarget = map[*lun.Target]*targetLimits{}
		}
		x.byTarget[t] = of
	}
	return of
}

// forget forgets a target that has no limits.
func (x *limits) forget(t *lun.Target) {
	if of := x.byTarget[t]; of != nil && of.units == nil && len(of.rules) == 0 {
		delete(x.byTarget, t)
	}
}

// limitOf returns the limit of a unit, nil if there is none.
func (o *targetLimits) limitOf(u *lun.Unit) *limit {
	if o.units == nil {
		return nil
	}
	if lim := o.units[u.LUN()]; lim != nil && lim.unit == u {
		return lim
	}
	return nil
}

// put sets or, with nil, removes the limit of a unit.
func (o *targetLimits) put(u *lun.Unit, lim *limit) {
	next := make([]*limit, lun.MaxLUNs)
	copy(next, o.units)
	next[u.LUN()] = lim
	o.units = next
	if !slices.ContainsFunc(next, func(l *limit) bool { return l != nil }) {
		o.units = nil
	}
}

func (o *targetLimits) rateOf(name string) Rate {
	for _, r := range o.rules {
		if iscsiname.Listed(r.Initiators, name) {
			return r.Rate
		}
	}
	return Rate{}
}

func (e *Engine) newLimit(t *lun.Target) *limit {
	lim := &limit{target: t}
	for i := range lim.meters {
		m := &lim.meters[i]
		m.limit, m.queues = lim, make([]queue, len(e.loops))
		for k, l := range e.loops {
			q := &m.queues[k]
			q.meter, q.loop = m, l
			q.publish()
		}
	}
	return lim
}

// meterOf returns the meter of a direction.
func (x *limit) meterOf(d lun.Direction) *meter { return &x.meters[d-lun.Reading] }

// set changes the rates.
func (x *limit) set(now int64, r Rate) {
	x.rate = r
	burst := r.Burst
	if burst == 0 {
		burst = defaultBurst
	}
	burst = min(max(burst, minBurst), maxBurst)
	bounded := func(n int64) int64 { return min(max(n, 0), maxRate) }
	reads, writes := x.meterOf(lun.Reading), x.meterOf(lun.Writing)
	reads.ops.set(now, bounded(r.ReadIOPS), burst)
	reads.bytes.set(now, bounded(r.ReadBytes), burst)
	writes.ops.set(now, bounded(r.WriteIOPS), burst)
	writes.bytes.set(now, bounded(r.WriteBytes), burst)
}

// forConn returns the limits of a connection, nil if there are none.
func (x *limits) forConn(c *conn) *connLimits {
	x.mu.Lock()
	defer x.mu.Unlock()
	of := x.byTarget[c.target()]
	if of == nil {
		return nil
	}
	own := &connLimits{initiator: of.initiatorOf(c), units: of.units}
	if own.initiator == nil && own.units == nil {
		return nil
	}
	return own
}

// initiatorOf returns the limit of the connection's initiator, nil if there is none.
func (o *targetLimits) initiatorOf(c *conn) *limit {
	name := iscsiname.Fold(c.nexus().InitiatorName)
	lim := o.byName[name]
	if lim == nil {
		r := o.rateOf(name)
		if !r.bounds() {
			return nil
		}
		o.forgetIdle(c.loop.now)
		lim = c.loop.engine.newLimit(c.target())
		lim.initiator = name
		lim.set(c.loop.now, r)
		o.byName[name] = lim
	}
	lim.conns++
	return lim
}

// forgetIdle forgets initiators that have left. Those in debt stay, because to log in again does not pay it, but no more than maxDebtors.
func (o *targetLimits) forgetIdle(now int64) {
	debtors := 0
	for name, lim := range o.byName {
		if lim.conns > 0 {
			continue
		}
		if debtors++; debtors >= maxDebtors || lim.meters[0].ready(1) <= now && lim.meters[1].ready(1) <= now {
			debtors--
			delete(o.byName, name)
		}
	}
}

// takeLimits gives the connection the limits that apply to it. It is in full feature phase.
func (c *conn) takeLimits() {
	x, old := &c.loop.engine.limits, c.limits
	c.limited = true
	c.limits = x.forConn(c)
	x.leave(old)
}

// leaveLimits is called when the connection ends.
func (c *conn) leaveLimits() {
	c.loop.engine.limits.leave(c.limits)
	c.limits = nil
}

func (x *limits) leave(old *connLimits) {
	if old != nil && old.initiator != nil {
		x.mu.Lock()
		old.initiator.conns--
		x.mu.Unlock()
	}
}

// relimit makes all loops see changed limits of a target.
func (e *Engine) relimit(t *lun.Target, changed ...*limit) {
	for _, l := range e.loops {
		l.Post(limitsChanged{l, t, changed})
	}
}

// limitsChanged is relimit on one loop.
type limitsChanged struct {
	l       *loop
	target  *lun.Target
	changed []*limit
}

// Happen implements lun.Event.
func (e limitsChanged) Happen() {
	for _, c := range e.l.conns {
		if c != nil && c.limited && c.target() == e.target {
			c.takeLimits()
		}
	}
	for _, lim := range e.changed {
		for i := range lim.meters {
			q := &lim.meters[i].queues[e.l.index]
			q.level()
			e.l.serveHeld(q)
		}
	}
}

// QoSStatus is what a limit has done.
type QoSStatus struct {
	Target    string        `json:"target"`
	LUN       int           `json:"lun"`                 // -1: an initiator's limit
	Initiator string        `json:"initiator,omitempty"` // in lower case
	Rate      Rate          `json:"rate"`
	HeldNow   int64         `json:"held_now"` // commands
	Held      int64         `json:"held"`     // commands, since the limit was set
	HeldTime  time.Duration `json:"held_ns"`  // the sum of their waits
}

// QoS lists the limits of units and those of the initiators that are logged in, in no order.
func (e *Engine) QoS() (all []QoSStatus) {
	x := &e.limits
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, of := range x.byTarget {
		for i, lim := range of.units {
			if lim != nil {
				all = append(all, lim.status(i))
			}
		}
		for _, lim := range of.byName {
			all = append(all, lim.status(-1))
		}
	}
	return all
}

func (x *limit) status(lun int) QoSStatus {
	n := &x.counts
	return QoSStatus{Target: x.target.Name(), LUN: lun, Initiator: x.initiator, Rate: x.rate, HeldNow: n.now.Load(), Held: n.total.Load(),
		HeldTime: time.Duration(n.nanos.Load())}
}
