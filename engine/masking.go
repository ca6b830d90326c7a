package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/ringtgt/ringtgt/lun"
)

// SetExports replaces the rules of who sees a unit (lun.Unit.SetExports). When it returns nil, no command of an initiator that does not
// see the unit any more is in progress, so that another one can take the unit over. Commands that are left when ctx is done, or all of
// them with force, are aborted and answered with LOGICAL UNIT NOT SUPPORTED. If the backend keeps requests beyond ctx, the error is a
// *UnitBusy; the rules are in force nevertheless.
//
// Any goroutine may call it, between Start and Shutdown.
func (e *Engine) SetExports(ctx context.Context, u *lun.Unit, exports []lun.Export, force bool) error {
	if err := u.SetExports(exports); err != nil {
		return err
	}
	r := &removal{unit: u, masked: true, drained: make(chan struct{})}
	r.pending.Store(1)
	e.each(func(l *loop) { l.enlist(r) })
	r.leave()
	if force {
		e.each(func(l *loop) { l.evict(r) })
	}
	select {
	case <-r.drained:
		return nil
	case <-ctx.Done():
	}
	e.each(func(l *loop) { l.evict(r) })
	soon := time.NewTimer(evictGrace)
	defer soon.Stop()
	select {
	case <-r.drained:
		return nil
	case <-soon.C:
		return fmt.Errorf("initiators that do not see it any more: %w",
			&UnitBusy{Unit: u, Commands: int(r.pending.Load()), Released: r.drained, cause: context.Cause(ctx)})
	}
}

// concerns reports whether r waits for t.
func (r *removal) concerns(t *task) bool {
	return t.inServer() && t.l.Uses(r.unit) && (!r.masked || !t.l.Nexus.Sees(r.unit))
}
