package session

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// finish lets the host carry out the function of connection i, and wants its response.
func (m *tmfRig) finish(i int, f *pdu.TaskManagementRequest) {
	m.Helper()
	r := m.conns[i]
	m.settle()
	ev := r.wantEvent(Manage)
	must.Be(m, ev.Task.ITT == f.ITT(), "Manage of %#x; want %#x", ev.Task.ITT, f.ITT())
	r.managed(ev.Task, pdu.TMFResponseComplete)
	m.wantComplete(r, f, "the host is through")
}

// finishRead executes a command and wants its status.
func (m *tmfRig) finishRead(i int, h *pdu.SCSICommand, because string) {
	m.Helper()
	m.conns[i].serve(h, because)
}

// An immediate function waits for the commands before it, whatever connection they come on (4.2.3.3, b), and covers them.
func TestFunctionWaitsForCommandsElsewhere(t *testing.T) {
	m := newTMF(t, 3)
	a, b := m.conns[0], m.conns[1]
	first, second := m.readLater(1, 0), m.readLater(1, 0)
	f := m.manage(0, pdu.TMFLogicalUnitReset, true, 0)
	m.idle("two commands are missing")
	b.send(second.BHS(), nil)
	m.idle("one command is missing")
	b.send(first.BHS(), nil)
	t1, t2 := b.wantExecute(""), b.wantExecute("")
	a.wantIdle("connection 0 has not looked yet")
	m.settle()
	stopped := map[*Task]bool{b.wantEvent(Abort).Task: true, b.wantEvent(Abort).Task: true}
	must.Be(t, stopped[t1] && stopped[t2], "both precede the function")
	b.aborted(t1)
	m.idle("one is left")
	b.aborted(t2)
	m.finish(0, f)
	m.clean()
}

// A reset of the target waits as well, and requests other than commands pass, because no later event would answer them.
func TestTargetResetPlugsNothing(t *testing.T) {
	m := newTMF(t, 2)
	b := m.conns[1]
	ping := b.nopOut(b.nextITT(), pdu.ReservedTag, false)
	m.number(ping)
	m.read(1, 2) // waits for the ping in the window
	f := m.manage(0, pdu.TMFTargetWarmReset, true, 0)
	m.idle("a CmdSN is missing")
	b.send(ping, nil)
	b.want(pdu.OpNOPIn, "it is answered")
	task := b.wantExecute("the gap is closed")
	m.stop(b, task)
	m.finish(0, f)
	m.clean()
}

// Two functions over the same tasks, on two connections: each waits for all of them, and what is behind both waits for both.
func TestTwoFunctionsOnTwoConnections(t *testing.T) {
	m := newTMF(t, 3)
	a, d := m.conns[0], m.conns[2]
	_, task := m.started(2, 0)
	fa := m.manage(0, pdu.TMFLogicalUnitReset, false, 0)
	m.read(2, 0) // between them
	fb := m.manage(1, pdu.TMFClearTaskSet, false, 0)
	behind := m.read(2, 0)
	m.wantAbort(d, task)
	m.idle("the task is ending")
	d.aborted(task)
	m.settle()
	ev := a.wantEvent(Manage)
	m.finish(1, fb)
	m.idle("what is behind both waits for the first; what was between the second has ended")
	a.managed(ev.Task, pdu.TMFResponseComplete)
	m.wantComplete(a, fa, "")
	m.finishRead(2, behind, "both are over")
	m.clean()
}

// A function that comes twice is one function: its second CmdSN is a duplicate, and as an immediate request its tag is in use.
func TestFunctionTwice(t *testing.T) {
	m := newTMF(t, 2)
	a, b := m.conns[0], m.conns[1]
	_, task := m.started(1, 0)
	f := m.manage(0, pdu.TMFLogicalUnitReset, false, 0)
	a.send(f.BHS(), nil)
	b.send(f.BHS(), nil)
	m.wantAbort(b, task)
	m.idle("duplicates are ignored (4.2.2.1)")
	f.SetImmediate(true)
	a.send(f.BHS(), nil)
	a.wantReject(pdu.RejectTaskInProgress, f.BHS(), "the tag is in use")
	f.SetImmediate(false)
	b.aborted(task)
	m.finish(0, f)
	m.clean()
}

// The connection that a function came on dies, at whatever stage: what it held back on others goes on.
func TestFunctionOriginDies(t *testing.T) {
	for _, stage := range []string{"CmdSN", "tasks", "host", "before the marker is met"} {
		m := newTMF(t, 3)
		a, b := m.conns[0], m.conns[1]
		var task, manage *Task
		var missing *pdu.SCSICommand
		if stage == "CmdSN" {
			missing = m.readLater(1, 0)
		} else if stage == "tasks" {
			m.read(1, 0)
			task = b.wantExecute("")
		}
		m.manage(0, pdu.TMFLogicalUnitReset, stage == "CmdSN", 0)
		if stage != "before the marker is met" {
			m.settle()
		}
		switch stage {
		case "tasks":
			b.wantAbort(task)
		case "host":
			manage = a.wantEvent(Manage).Task
		}
		behind := m.read(1, 0)
		b.wantIdle(stage + ": it is behind the function, or its CmdSN is")
		m.dies(a)
		if manage != nil {
			b.wantIdle("the host is at it")
			a.managed(manage, pdu.TMFResponseComplete)
			m.settle()
		}
		a.events = nil
		if missing != nil {
			b.send(missing.BHS(), nil)
			m.finishRead(1, missing, "there is no function any more")
		}
		m.finishRead(1, behind, stage)
		if task != nil {
			b.aborted(task)
		}
		m.clean()
	}
}

// A connection with tasks that a function affects dies: with its tasks its report is made. One that has not looked into its
// inbox when it dies reports as well.
func TestFunctionMemberDies(t *testing.T) {
	for _, early := range []bool{false, true} {
		m := newTMF(t, 3)
		a, b := m.conns[0], m.conns[1]
		_, task := m.started(1, 0)
		f := m.manage(0, pdu.TMFLogicalUnitReset, false, 0)
		if !early {
			m.settle()
		}
		b.gone()
		b.wantAbort(task)
		m.settle()
		a.wantIdle("the backend has a task of the dead connection")
		b.aborted(task)
		m.finish(0, f)
		m.clean()
	}
}

// Each connection reports once, whatever happens to it.
func TestFunctionReportsOnce(t *testing.T) {
	m := newTMF(t, 3)
	b := m.conns[1]
	_, task := m.started(1, 0)
	bar := &barrier{origin: m.conns[0].conn, fn: pdu.TMFLogicalUnitReset, sn: m.sn}
	bar.missing.Store(1)
	m.session().raise(bar, 0)
	check.Equal(t, bar.missing.Load(), 3, "reports missing")
	m.wantAbort(b, task)
	check.Equal(t, bar.missing.Load(), 2, "reports missing: connection 2 has nothing to stop")
	b.gone()
	b.aborted(task)
	m.settle()
	check.Equal(t, bar.missing.Load(), 1, "reports missing: the origin's is")
	// Now it is shut: who raises a barrier does not wait for it.
	m.session().conns = append(m.session().conns, b.conn)
	late := &barrier{origin: m.conns[0].conn, fn: pdu.TMFLogicalUnitReset, sn: m.sn}
	late.missing.Store(1)
	m.session().raise(late, 0)
	m.session().conns = m.session().conns[:2]
	m.settle()
	check.Equal(t, late.missing.Load(), 1, "reports missing: a shut inbox does not report")
	m.session().lower(bar)
	m.session().lower(late)
	m.clean()
}

// A connection that joins while a function is under way has no task that it affects, but its commands are behind it.
func TestFunctionAndJoin(t *testing.T) {
	m := newTMF(t, 2)
	a, b := m.conns[0], m.conns[1]
	_, task := m.started(1, 0)
	f := m.manage(0, pdu.TMFLogicalUnitReset, true, 0)
	m.wantAbort(b, task)
	d := m.join(7)
	i := len(m.conns) - 1
	behind, other := m.read(i, 0), m.read(i, 1)
	m.settle()
	m.finishRead(i, other, "another unit's")
	d.wantIdle("the function is not over")
	b.aborted(task)
	m.hostDone(a)
	last := m.join(8) // after the host
	last.itt = 8 << 16
	m.wantComplete(a, f, "")
	m.finishRead(i, behind, "the function is over")
	h := m.read(i+1, 0)
	m.finishRead(i+1, h, "the function is over")
	m.clean()
}

// Even with TaskReporting=RFC3720 the initiator has the answers of affected tasks before the function's: "the responses are
// guaranteed to have been sent prior to the TMF Response" (4.2.3.3, initiator, b).
func TestFunctionResponseComesLast(t *testing.T) {
	m := newTMF(t, 2)
	a, b := m.conns[0], m.conns[1]
	h, task := m.started(1, 0)
	b.room = false
	b.complete(task, Result{})
	f := m.manage(0, pdu.TMFLogicalUnitReset, true, 0)
	m.hostDone(a)
	m.idle("an answer is queued on connection 1")
	b.makeRoom()
	b.wantStatus(h.ITT(), statusGood, "it was answered before the function came")
	m.wantComplete(a, f, "")
	m.clean()

	// If the connection dies instead, the answer has no receiver, even while the backend keeps another task of it.
	_, stuck := m.started(1, 1)
	m.read(1, 0)
	task = b.wantExecute("")
	b.room = false
	b.complete(task, Result{})
	f = m.manage(0, pdu.TMFLogicalUnitReset, true, 0)
	m.hostDone(a)
	m.idle("an answer is queued on connection 1")
	b.conn.Terminate(b.now, errNoPong)
	m.wantComplete(a, f, "")
	b.wantAbort(stuck)
	b.wantEvent(Close)
	b.gone()
	b.aborted(stuck)
	m.settle()
	a.want(pdu.OpAsyncMessage, "a connection was dropped")
	m.clean()
}

// A logout of the function's connection ends it.
func TestLogoutEndsFunction(t *testing.T) {
	m := newTMF(t, 2)
	a, b := m.conns[0], m.conns[1]
	_, task := m.started(1, 0)
	m.manage(0, pdu.TMFLogicalUnitReset, true, 0)
	m.wantAbort(b, task)
	behind := m.read(1, 0)
	out := a.logout(pdu.LogoutCloseConnection, 0)
	m.number(out.BHS())
	a.send(out.BHS(), nil)
	m.settle()
	a.wantLogout(out.ITT(), pdu.LogoutResponseSuccess)
	a.wantEvent(Flush)
	m.finishRead(1, behind, "the function ended with its connection")
	b.aborted(task)
	a.gone()
	m.clean()
}
