package engine

import (
	"context"

	"github.com/ringtgt/ringtgt/lun"
)

// SetExports replaces the rules of who sees a unit (lun.Unit.SetExports). When it returns nil, no command of an initiator that does not
// see the unit any more is in progress, so that another one can take the unit over. Commands that wait for a limit or for memory get
// LOGICAL UNIT NOT SUPPORTED at once. Those that have begun end as always; the ones that are left when ctx is done, or all of them with
// force, are aborted and answered in the same way. If the backend keeps requests beyond ctx, the error is a *UnitBusy; the rules are in
// force nevertheless.
//
// Any goroutine may call it, between Start and Shutdown.
func (e *Engine) SetExports(ctx context.Context, u *lun.Unit, exports []lun.Export, force bool) error {
	if err := u.SetExports(exports); err != nil {
		return err
	}
	return e.withdraw(ctx, u, force, func() {})
}
