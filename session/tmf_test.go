package session

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

func (r *rig) wantAbort(t *Task) {
	r.Helper()
	if ev := r.wantEvent(Abort); ev.Task != t {
		r.Fatalf("Abort of %#x; want %#x", ev.Task.ITT, t.ITT)
	}
}

func (r *rig) aborted(t *Task) {
	r.Helper()
	r.conn.Aborted(r.now, t)
	r.pump()
}

// stop takes the Abort of t and has the host end it.
func (r *rig) stop(t *Task) {
	r.Helper()
	r.wantAbort(t)
	r.aborted(t)
}

func (r *rig) managed(t *Task, resp pdu.TaskResponse) {
	r.Helper()
	r.conn.Managed(r.now, t, byte(resp))
	r.pump()
}

// ABORT TASK of a command that the backend has: answered when the host says that it is over, and not before (a backend that
// never answers is the host's to detach: it answers Aborted after a grace). The backend's own answer, late, ends it as well.
func TestAbortTask(t *testing.T) {
	for _, immediate := range []bool{true, false} {
		for _, late := range []bool{true, false} {
			r := newRig(t)
			h, task := r.started(512)
			m := r.manage(pdu.TMFAbortTask, immediate)
			m.SetReferencedTaskTag(h.ITT())
			r.send(m.BHS(), nil)
			r.wantAbort(task)
			r.wantIdle("the backend still has the task's buffers")
			r.serve(r.sendRead(0), "ABORT TASK concerns one task")
			if late {
				r.complete(task, Result{In: pattern(0, 512)})
			} else {
				r.aborted(task)
			}
			r.wantManaged(m.ITT(), pdu.TMFResponseComplete, "the task is gone")
			r.wantIdle("an aborted task is not answered")
			r.wantNoTasks()
		}
	}
}

// ABORT TASK of a write that waits for its data: at once; data for its R2T is discarded afterwards.
func TestAbortTaskWaitingForData(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes"))
	h, r2t := r.solicited(4096)
	m := r.abort(h)
	r.wantManaged(m.ITT(), pdu.TMFResponseComplete, "the host never had it")
	r.send(r.dataOut(h.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 4096))
	r.wantIdle("this was under way")
	r.wantNoTasks()
}

// ABORT TASK of a task that is not there (RFC 7143, 11.6.1).
func TestAbortTaskNotThere(t *testing.T) {
	r := newRig(t)
	done := r.sendRead(0)
	r.serve(done, "")
	m := r.abort(done)
	r.wantManaged(m.ITT(), pdu.TMFResponseTaskDoesNotExist, "RefCmdSN is outside the window")

	// A command that never arrived: its CmdSN is in the window and before the function's, so it counts as received.
	lost := r.read(0)
	after := r.sendRead(0)
	r.wantIdle("a command is missing")
	m = r.abort(lost)
	r.wantManaged(m.ITT(), pdu.TMFResponseComplete, "RefCmdSN is in the window")
	r.wantStart(after, "the gap is plugged")
	r.send(lost.BHS(), nil)
	r.wantIdle("should the lost command come after all, it is a duplicate")

	// Not before the function's own CmdSN: nothing is plugged.
	m = r.manage(pdu.TMFAbortTask, true)
	m.SetReferencedTaskTag(0x9999)
	m.SetRefCmdSN(r.cmdSN)
	r.send(m.BHS(), nil)
	r.wantManaged(m.ITT(), pdu.TMFResponseTaskDoesNotExist, "no such command can have been sent")

	// The tag of a task on another LUN, and that of the function itself.
	m = r.manage(pdu.TMFAbortTask, true)
	m.SetReferencedTaskTag(after.ITT())
	m.SetLUN(5 << 48)
	r.send(m.BHS(), nil)
	r.wantManaged(m.ITT(), pdu.TMFResponseTaskDoesNotExist, "that task has another LUN")
	m = r.manage(pdu.TMFAbortTask, true)
	m.SetReferencedTaskTag(m.ITT())
	r.send(m.BHS(), nil)
	r.wantManaged(m.ITT(), pdu.TMFResponseRejected, "it is not executed on a function (11.5.1)")
}

// ABORT TASK of a command that waits in the window for an earlier one: its number is plugged.
func TestAbortTaskHeld(t *testing.T) {
	r := newRig(t, withWindow(4))
	first := r.read(0)
	held := r.sendWrite(512, 512)
	m := r.abort(held)
	r.wantManaged(m.ITT(), pdu.TMFResponseComplete, "")
	r.send(first.BHS(), nil)
	r.serve(first, "")
	r.wantIdle("the held command was aborted")
	if r.expCmdSN != r.cmdSN || r.maxCmdSN != r.cmdSN+3 {
		t.Fatalf("window %d..%d; want %d..%d: both numbers count as received and answered", r.expCmdSN, r.maxCmdSN, r.cmdSN, r.cmdSN+3)
	}
	r.wantNoTasks()
}

// An answer that is queued goes out first; the task is over by then.
func TestAbortTaskAnswered(t *testing.T) {
	r := newRig(t)
	h, task := r.started(512)
	r.room = false
	r.complete(task, Result{In: pattern(0, 512)})
	m := r.abort(h)
	r.makeRoom()
	r.want(pdu.OpDataIn, "it was answered before the function came")
	r.wantManaged(m.ITT(), pdu.TMFResponseTaskDoesNotExist, "")
	r.wantNoTasks()
}

// Functions over a task set: the session's own tasks before the function in CmdSN order end first, then the host acts, then
// the response, and only then what came after (4.2.3.3).
func TestTaskSetFunctions(t *testing.T) {
	for _, f := range []pdu.TaskFunction{pdu.TMFAbortTaskSet, pdu.TMFClearTaskSet, pdu.TMFLogicalUnitReset, pdu.TMFTargetWarmReset} {
		r := newRig(t)
		lun0, lun1, later := r.read(512), r.read(512), r.read(512)
		lun1.SetLUN(1 << 48)
		r.send(lun0.BHS(), nil)
		t0 := r.wantExecute("")
		r.send(lun1.BHS(), nil)
		t1 := r.wantExecute("")
		w := r.write(4096)
		r.cmdSN -= 2 // later and w are for after the function
		m := r.sendManage(f, true)
		both := f == pdu.TMFTargetWarmReset
		stopped := map[*Task]bool{r.wantEvent(Abort).Task: true}
		if both {
			stopped[r.wantEvent(Abort).Task] = true
		}
		must.Be(t, stopped[t0] && stopped[t1] == both, "%d: stopped %v", f, stopped)
		r.wantIdle("tasks are still ending")
		r.cmdSN += 2
		r.send(later.BHS(), nil)
		r.wantIdle("a command after the function waits for it")
		r.send(w.BHS(), nil)
		r.wantR2T(w.ITT(), 0, 0, 4096, "but its data may come")
		other := r.read(0)
		other.SetLUN(1 << 48)
		r.send(other.BHS(), nil)
		if !both {
			r.serve(other, "another LUN's does not wait")
		}
		for task := range stopped {
			r.wantIdle("not all tasks have ended")
			r.aborted(task)
		}
		ev := r.wantEvent(Manage)
		must.Be(t, ev.Task.Manage == f && ev.Task.ITT == m.ITT(), "Manage %d", ev.Task.Manage)
		r.wantIdle("the host is at it")
		r.managed(ev.Task, pdu.TMFResponseComplete)
		r.wantManaged(m.ITT(), pdu.TMFResponseComplete, "")
		r.wantStart(later, "the function is over")
		if both {
			r.wantStart(other, "the function is over")
		}
		r.wantIdle("")
	}
}

// The host's refusal is passed on: a LUN that does not exist.
func TestTaskSetFunctionRefused(t *testing.T) {
	r := newRig(t)
	m := r.manage(pdu.TMFLogicalUnitReset, true)
	m.SetLUN(9 << 48)
	r.send(m.BHS(), nil)
	r.managed(r.wantEvent(Manage).Task, pdu.TMFResponseLUNDoesNotExist)
	r.wantManaged(m.ITT(), pdu.TMFResponseLUNDoesNotExist, "")
	r.wantNoTasks()
}

// An immediate function waits for the commands before it that have not arrived (4.2.3.3).
func TestTaskSetFunctionWaitsForCmdSN(t *testing.T) {
	r := newRig(t)
	missing, here := r.read(0), r.read(0)
	r.send(here.BHS(), nil)
	m := r.sendManage(pdu.TMFAbortTaskSet, true)
	r.wantIdle("a command is missing")
	r.send(missing.BHS(), nil)
	ev := r.wantEvent(Manage)
	r.managed(ev.Task, pdu.TMFResponseComplete)
	r.wantManaged(m.ITT(), pdu.TMFResponseComplete, "")
	r.wantIdle("both commands were before the function")
	r.wantNoTasks()
}

// One with a CmdSN that cannot come does not wait.
func TestTaskSetFunctionWithFarCmdSN(t *testing.T) {
	r := newRig(t)
	m := r.manage(pdu.TMFLogicalUnitReset, true)
	m.SetCmdSN(r.cmdSN + 1<<30)
	r.send(m.BHS(), nil)
	r.carryOut(m, "")
}

// Two functions over the same tasks both wait for them.
func TestTwoFunctions(t *testing.T) {
	r := newRig(t)
	h, task := r.started(512)
	a := r.abort(h)
	r.wantAbort(task)
	b := r.sendManage(pdu.TMFLogicalUnitReset, true)
	r.wantIdle("the task is still ending")
	r.aborted(task)
	r.wantManaged(a.ITT(), pdu.TMFResponseComplete, "")
	r.carryOut(b, "")
	r.wantNoTasks()
}

// What is not supported (11.6.1): CLEAR ACA (NormACA is not), TASK REASSIGN (needs ErrorRecoveryLevel 2), and RFC 7144's
// functions below iSCSIProtocolLevel 2.
func TestFunctionsNotSupported(t *testing.T) {
	r := newRig(t)
	for f, want := range map[pdu.TaskFunction]pdu.TaskResponse{
		pdu.TMFClearACA: pdu.TMFResponseFunctionNotSupported, pdu.TMFTaskReassign: pdu.TMFResponseReassignNotSupported,
		pdu.TMFQueryTask: pdu.TMFResponseFunctionNotSupported, pdu.TMFQueryTaskSet: pdu.TMFResponseFunctionNotSupported,
		pdu.TMFITNexusReset: pdu.TMFResponseFunctionNotSupported, pdu.TMFQueryAsyncEvent: pdu.TMFResponseFunctionNotSupported,
		0: pdu.TMFResponseFunctionNotSupported, 13: pdu.TMFResponseFunctionNotSupported, 127: pdu.TMFResponseFunctionNotSupported,
	} {
		m := r.sendManage(f, true)
		r.wantManaged(m.ITT(), want, "it is not supported")
	}
	r.wantNoTasks()
}

// RFC 7144 at iSCSIProtocolLevel 2.
func TestQueryFunctions(t *testing.T) {
	r := newRig(t)
	r.conn.sess.Params.ProtocolLevel = 2 // how it is negotiated is the login's
	h, task := r.started(512)

	m := r.manage(pdu.TMFQueryTask, true)
	m.SetReferencedTaskTag(h.ITT())
	r.send(m.BHS(), nil)
	r.wantManaged(m.ITT(), pdu.TMFResponseFunctionSucceeded, "the task is there")
	m = r.manage(pdu.TMFQueryTask, true)
	m.SetReferencedTaskTag(0x4711)
	r.send(m.BHS(), nil)
	r.wantManaged(m.ITT(), pdu.TMFResponseComplete, "no such task is there")

	for lun, want := range map[uint64]pdu.TaskResponse{0: pdu.TMFResponseFunctionSucceeded, 1 << 48: pdu.TMFResponseComplete} {
		m = r.manage(pdu.TMFQueryTaskSet, true)
		m.SetLUN(lun)
		r.send(m.BHS(), nil)
		r.managed(r.wantEvent(Manage).Task, pdu.TMFResponseComplete)
		r.wantManaged(m.ITT(), want, "of what is in the task set")
	}
	m = r.sendManage(pdu.TMFQueryTaskSet, true)
	r.managed(r.wantEvent(Manage).Task, pdu.TMFResponseLUNDoesNotExist)
	r.wantManaged(m.ITT(), pdu.TMFResponseLUNDoesNotExist, "")

	m = r.sendManage(pdu.TMFQueryAsyncEvent, true)
	q := r.wantEvent(Manage).Task
	q.ManageInfo = [3]byte{0x12, 0x34, 0x56}
	r.managed(q, pdu.TMFResponseFunctionSucceeded)
	check.Equal(t, r.wantManaged(m.ITT(), pdu.TMFResponseFunctionSucceeded, "").AdditionalResponseInformation(), [3]byte{0x12, 0x34, 0x56}, "information")

	m = r.sendManage(pdu.TMFITNexusReset, true)
	r.stop(task)
	r.carryOut(m, "")
	r.wantEvent(Flush)
	r.wantDown()
}

// TARGET COLD RESET: after the response the connections are terminated (11.5.1).
func TestTargetColdReset(t *testing.T) {
	r := newRig(t)
	m := r.sendManage(pdu.TMFTargetColdReset, true)
	r.carryOut(m, "")
	r.wantEvent(Flush)
	r.wantDown()
}

// Another nexus resets the unit: commands of this one end without an answer (TAS=0), those of other LUNs and those that
// wait for data go on.
func TestAbortTasksByHost(t *testing.T) {
	r := newRig(t)
	a, b, w := r.read(512), r.read(512), r.write(4096)
	b.SetLUN(1 << 48)
	r.send(a.BHS(), nil)
	ta := r.wantExecute("")
	r.send(b.BHS(), nil)
	tb := r.wantExecute("")
	r.send(w.BHS(), nil)
	r2t := r.wantR2T(w.ITT(), 0, 0, 4096, "")
	r.abortTasks(func(t *Task) bool { return t.LUN == 0 })
	r.stop(ta)
	r.completeGood(b, tb, "another LUN's task goes on")
	r.wantIdle("aborted tasks are not answered")
	r.send(r.dataOut(w.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 4096))
	r.serveWrite(w, 4096, "it was not in the task set yet")
	r.wantNoTasks()
}

// A function's own Manage often comes back as AbortTasks: the commands after it in CmdSN order, which wait for it to be
// over, are not affected.
func TestAbortTasksDuringFunction(t *testing.T) {
	r := newRig(t)
	m := r.sendManage(pdu.TMFLogicalUnitReset, true)
	manage := r.wantEvent(Manage).Task
	after, data := r.read(0), r.write(512)
	r.send(after.BHS(), nil)
	r.send(data.BHS(), nil)
	r2t := r.wantR2T(data.ITT(), 0, 0, 512, "")
	r.conn.AbortTasks(r.now, func(*Task) bool { return true })
	r.managed(manage, pdu.TMFResponseComplete)
	r.wantManaged(m.ITT(), pdu.TMFResponseComplete, "")
	r.serve(after, "it comes after the reset")
	r.send(r.dataOut(data.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 512))
	r.wantWritten(data.ITT(), 512)
}
