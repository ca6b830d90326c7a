package engine

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ringtgt/ringtgt/lun"
)

// UnitBusy is the error of RemoveUnit and SetExports for a unit whose backend does not answer. The change is in force, initiators have all
// answers, but the backend still has requests, with memory of the loops.
type UnitBusy struct {
	Unit     *lun.Unit
	Commands int             // that the backend has
	Released <-chan struct{} // closed when it has released them: then the backend of a removed unit may be closed
	cause    error
}

func (b *UnitBusy) Error() string {
	what := "is removed, but its backend still has %d commands and cannot be closed"
	if !b.Unit.Removed() {
		what = "is masked, but its backend still has %d commands of initiators that do not see it any more"
	}
	return fmt.Sprintf("engine: target %s LUN %d "+what+": %v", b.Unit.Target().Name(), b.Unit.LUN(), b.Commands, b.cause)
}

// Unwrap returns why the change did not wait longer.
func (b *UnitBusy) Unwrap() error { return b.cause }

// withdrawal takes a unit away from initiators that do not see it any more: from all of them if it was removed. It waits for the commands
// that the device server has by then. None can follow.
type withdrawal struct {
	unit    *lun.Unit
	pending atomic.Int64 // commands, and 1 while they are being counted
	drained chan struct{}
}

// withdraw ends the commands of initiators that do not see u any more. Those that wait for a limit or for memory are refused at once.
// Those that the device server has may end until ctx is done; with force, and after that, they are aborted and answered. When all have
// left it, withdraw calls after, and returns. It returns earlier with a *UnitBusy if the backend does not release them.
func (e *Engine) withdraw(ctx context.Context, u *lun.Unit, force bool, after func()) error {
	w := &withdrawal{unit: u, drained: make(chan struct{})}
	w.pending.Store(1)
	e.each(func(l *loop) {
		l.enlist(w)
		l.refuseWaiting(u)
	})
	w.leave()
	if force {
		e.each(func(l *loop) { l.evict(w) })
	}
	released := make(chan struct{})
	go func() {
		for _, l := range e.loops { // one that has stopped counts nothing off
			select {
			case <-w.drained:
			case <-l.stopped:
			}
		}
		after()
		close(released)
	}()
	select {
	case <-released:
		return nil
	case <-ctx.Done():
	}
	e.each(func(l *loop) { l.evict(w) })
	soon := time.NewTimer(evictGrace)
	defer soon.Stop()
	select {
	case <-released:
		return nil
	case <-soon.C:
		return &UnitBusy{Unit: u, Commands: int(w.pending.Load()), Released: released, cause: context.Cause(ctx)}
	}
}

// concerns reports whether w waits for t.
func (w *withdrawal) concerns(t *task) bool {
	return t.inServer() && t.l.Uses(w.unit) && !t.l.Nexus.Sees(w.unit)
}

// leave counts off a command.
func (w *withdrawal) leave() {
	if w.pending.Add(-1) == 0 {
		close(w.drained)
	}
}

// enlist counts the commands on this loop that w waits for.
func (l *loop) enlist(w *withdrawal) {
	count := func(t *task) {
		if w.concerns(t) {
			watched := t.watch()
			watched.withdrawals = append(watched.withdrawals, w)
			w.pending.Add(1)
		}
	}
	l.eachTask(w.unit.Target(), count)
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

// refuseWaiting refuses the commands on this loop that wait for a limit or for memory, and that u is not there for any more. Neither wait
// has a bound that a change could rely on.
func (l *loop) refuseWaiting(u *lun.Unit) {
	var all []*task
	l.eachTask(u.Target(), func(t *task) {
		if (t.phase == taskHeld || t.phase == taskWaitingIn) && t.l.Unit() == u && t.l.Gone() {
			all = append(all, t)
		}
	})
	slices.Reverse(all) // a connection's youngest is first in its list
	for _, t := range all {
		l.refuse(t)
	}
}

// refuse answers a command that waits for a limit or for memory, and whose unit is gone.
func (l *loop) refuse(t *task) {
	held := t.phase == taskHeld
	l.leaveLine(t)
	if held && !t.conn.s.Started(&t.s) {
		return // it waits for the Abort
	}
	t.enter(taskAnswering)
	t.deny()
}

// evict ends the commands of a withdrawal that the device server still has on this loop.
func (l *loop) evict(w *withdrawal) {
	type running struct {
		t   *task
		use uint64
	}
	var all []running
	l.eachTask(w.unit.Target(), func(t *task) {
		if t.phase == taskRunning && t.watched != nil && slices.Contains(t.watched.withdrawals, w) {
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

// evict answers a command before the device server has finished it. What the command changed so far stays changed: its initiator learns
// that it has failed. Its memory stays with the backend until TaskDone.
func (t *task) evict() {
	use := t.use
	t.end(t.conn.loop)
	t.enter(taskEvicted)
	t.deny()
	if t.l.Abort(); t.use == use && t.inServer() {
		t.l.Abandon() // so that the gate admits those behind it, to be evicted as well
	}
}

// deny answers a command with LOGICAL UNIT NOT SUPPORTED.
func (t *task) deny() {
	c, r := t.conn, &t.s.Result
	status, sense := lun.NotSupported()
	r.Status, r.Sense, r.RequiredOut = byte(status), sense, t.l.RequiredOut
	c.s.Complete(c.loop.now, &t.s)
	c.mark()
}

// leaveWithdrawals counts the task off in the withdrawals that wait for it. It is watched.
func (t *task) leaveWithdrawals() {
	for _, w := range t.watched.withdrawals {
		w.leave()
	}
	t.watched.withdrawals = nil
}
