package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"unsafe"

	"github.com/ringtgt/ringtgt/lun"
)

// ErrNoUnit is RemoveUnit's error for a unit that was removed before.
var ErrNoUnit = errors.New("engine: the unit is not in its target any more")

// RemoveUnit takes a unit out of its target. New commands to it get LOGICAL UNIT NOT SUPPORTED at once, the other units of the target
// REPORTED LUNS DATA HAS CHANGED. Commands that have begun end as always; those that are left when ctx is done, or all of them with
// force, are aborted and answered with LOGICAL UNIT NOT SUPPORTED. When it returns nil, no loop uses the unit's backend, or the files
// that it has open, and the caller may close it. If the backend keeps requests beyond ctx, the error is a *UnitBusy.
//
// Any goroutine may call it, between Start and Shutdown.
func (e *Engine) RemoveUnit(ctx context.Context, u *lun.Unit, force bool) error {
	if !u.Target().Remove(u) {
		return ErrNoUnit
	}
	e.SetUnitQoS(u, Rate{})
	return e.withdraw(ctx, u, force, func() { e.release(u) })
}

// release waits until the backend of a removed unit is not used any more, and makes the loops forget it. The device server has no command
// of the unit.
func (e *Engine) release(u *lun.Unit) {
	if ended := u.Sanitized(); ended != nil {
		<-ended
	}
	if m, ok := u.Backend().(lun.Mapped); ok {
		e.unsent(u, m.Memory())
	}
	var op lun.QueueOp
	if q, ok := u.Backend().(lun.OnQueue); ok {
		op = q.QueueOp()
	}
	e.each(func(l *loop) {
		l.files.forget(op)
		l.forgetUnit(u)
	})
}

// unsent waits until no answer with data of a removed unit, whose blocks are mem, waits to be sent.
func (e *Engine) unsent(u *lun.Unit, mem []byte) {
	_ = until(context.Background(), func() bool {
		var left atomic.Bool
		e.each(func(l *loop) {
			if l.sends(u, mem) {
				left.Store(true)
			}
		})
		return !left.Load()
	})
}

// sends reports whether an answer of a unit whose blocks are mem waits to be sent, or is with the kernel.
func (l *loop) sends(u *lun.Unit, mem []byte) (found bool) {
	l.eachTask(u.Target(), func(t *task) { found = found || t.phase == taskAnswering && t.l.Unit() == u })
	begin := uintptr(unsafe.Pointer(unsafe.SliceData(mem)))
	end := begin + uintptr(len(mem))
	for _, b := range l.allBatches {
		if b.phase == batchFree {
			continue
		}
		for i := range b.iovs {
			at := b.mem.iov[i].base // the kernel has what is before it
			found = found || at >= begin && at <= end
		}
	}
	return found
}
