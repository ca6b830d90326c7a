package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/ringtgt/ringtgt/lun"
)

// ErrNoUnit is RemoveUnit's error for a unit that was removed before.
var ErrNoUnit = errors.New("engine: the unit is not in its target any more")

// UnitBusy is RemoveUnit's error for a unit whose backend does not answer. The unit is removed, its initiators have all answers, but the
// backend still has requests, with memory of the loops.
type UnitBusy struct {
	Unit     *lun.Unit
	Commands int             // that the backend has
	Released <-chan struct{} // closed when it has released them: then the backend may be closed
	cause    error
}

func (b *UnitBusy) Error() string {
	what := "is removed, but its backend still has %d commands and cannot be closed"
	if !b.Unit.Removed() {
		what = "is masked, but its backend still has %d commands"
	}
	return fmt.Sprintf("engine: target %s LUN %d "+what+": %v", b.Unit.Target().Name(), b.Unit.LUN(), b.Commands, b.cause)
}

// Unwrap returns why RemoveUnit did not wait longer.
func (b *UnitBusy) Unwrap() error { return b.cause }

// removal is the removal of a unit: it waits for the commands that the device server has when the unit is hidden. None can follow.
type removal struct {
	unit    *lun.Unit
	masked  bool         // it stays, and only commands of initiators that do not see it any more are waited for
	pending atomic.Int64 // commands, and 1 while they are being counted
	drained chan struct{}
}

// leave counts off a command.
func (r *removal) leave() {
	if r.pending.Add(-1) == 0 {
		close(r.drained)
	}
}

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
	r := &removal{unit: u, drained: make(chan struct{})}
	r.pending.Store(1)
	e.SetUnitQoS(u, Rate{})
	e.each(func(l *loop) {
		l.enlist(r)
		l.releaseHeld(u)
	})
	r.leave()
	if force {
		e.each(func(l *loop) { l.evict(r) })
	}
	released := make(chan struct{})
	go func() {
		e.release(r)
		close(released)
	}()
	select {
	case <-released:
		return nil
	case <-ctx.Done():
	}
	e.each(func(l *loop) { l.evict(r) })
	soon := time.NewTimer(evictGrace)
	defer soon.Stop()
	select {
	case <-released:
		return nil
	case <-soon.C:
		return &UnitBusy{Unit: u, Commands: int(r.pending.Load()), Released: released, cause: context.Cause(ctx)}
	}
}

// release waits until the unit's backend is not used any more, and makes the loops forget it.
func (e *Engine) release(r *removal) {
	for _, l := range e.loops { // one that has stopped counts nothing off
		select {
		case <-r.drained:
		case <-l.stopped:
		}
	}
	if ended := r.unit.Sanitized(); ended != nil {
		<-ended
	}
	if m, ok := r.unit.Backend().(lun.Mapped); ok {
		e.unsent(r.unit, m.Memory())
	}
	var op lun.QueueOp
	if q, ok := r.unit.Backend().(lun.OnQueue); ok {
		op = q.QueueOp()
	}
	e.each(func(l *loop) {
		l.files.forget(op)
		l.forgetUnit(r.unit)
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

// enlist counts the commands of a removed unit that the device server has on this loop.
func (l *loop) enlist(r *removal) {
	count := func(t *task) {
		if r.concerns(t) {
			t.removals = append(t.removals, r)
			r.pending.Add(1)
		}
	}
	l.eachTask(r.unit.Target(), count)
	for t := l.orphans; t != nil; t = t.next {
		count(t)
	}
}

// eachTask calls fn for the tasks of all connections to a target. fn must not end any.
func (l *loop) eachTask(tgt *lun.Target, fn func(t *task)) {
	for _, c := range l.conns {
		if c == nil || c.tasks == nil || c.nexus() == nil || c.target() != tgt {
			continue
		}
		for t := c.tasks; t != nil; t = t.next {
			fn(t)
		}
	}
}

// evict ends the commands of a removed unit that the device server still has on this loop.
func (l *loop) evict(r *removal) {
	type running struct {
		t   *task
		use uint64
	}
	var all []running
	l.eachTask(r.unit.Target(), func(t *task) {
		if t.phase == taskRunning && slices.Contains(t.removals, r) {
			all = append(all, running{t, t.use})
		}
	})
	slices.Reverse(all) // a connection's youngest is first in its list
	for _, e := range all {
		if e.t.use == e.use && e.t.phase == taskRunning { // ending another one may have ended this one
			e.t.evict()
		}
	}
}

// evict answers a command whose unit was removed, before the device server has finished it. What the command changed so far stays
// changed: its initiator learns that it has failed. Its memory stays with the backend until TaskDone.
func (t *task) evict() {
	c, use := t.conn, t.use
	t.end(c.loop)
	t.enter(taskEvicted)
	status, sense := lun.NotSupported()
	t.s.Result.Status, t.s.Result.Sense = byte(status), sense
	c.s.Complete(c.loop.now, &t.s)
	c.mark()
	if t.l.Abort(); t.use == use && t.inServer() {
		t.l.Abandon() // so that the gate admits those behind it, to be evicted as well
	}
}

// leaveRemovals counts the task off in the removals that wait for it.
func (t *task) leaveRemovals() {
	for i, r := range t.removals {
		t.removals[i] = nil
		r.leave()
	}
	t.removals = nil
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
