package session

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// management is the connection's task-management functions under way (RFC 7143, 4.2.3, 11.5).
//
// A function over a task set goes: its turn in CmdSN order, the session's own tasks that it affects are stopped, all of
// them have ended, the host carries it out (Manage), the response. Commands that come after it are held back until then.
type management struct {
	waiting taskList // functions that wait for their CmdSN or for tasks to end
	barred  taskList // commands that wait for a function to be over
	active  []*Task  // functions over task sets that are not over, at most as many as may be unanswered
}

// bars says that a function which is not over holds command r back.
func (m *management) bars(r *Task) bool {
	for _, t := range m.active {
		if t.spans(r) {
			return true
		}
	}
	return false
}

// tmfState is a function's own part of taskState.
type tmfState struct {
	begun bool // its tasks were stopped
}

// manage is the turn of a task-management function.
func (c *Conn) manage(t *Task) {
	switch t.Manage {
	case pdu.TMFAbortTask:
		c.abortTask(t)
	case pdu.TMFAbortTaskSet, pdu.TMFClearTaskSet, pdu.TMFLogicalUnitReset, pdu.TMFTargetWarmReset, pdu.TMFTargetColdReset:
		c.manageSet(t)
	case pdu.TMFTaskReassign:
		// Needs ErrorRecoveryLevel 2, which is not offered (11.6.1).
		c.managed(t, pdu.TMFResponseReassignNotSupported)
	case pdu.TMFQueryTask, pdu.TMFQueryTaskSet, pdu.TMFITNexusReset, pdu.TMFQueryAsyncEvent:
		switch {
		case c.sess.Params.ProtocolLevel < 2: // RFC 7144
			c.managed(t, pdu.TMFResponseFunctionNotSupported)
		case t.Manage == pdu.TMFQueryTask:
			c.queryTask(t)
		case t.Manage == pdu.TMFITNexusReset:
			c.manageSet(t)
		default:
			c.toHost(t)
		}
	default: // CLEAR ACA among them: NormACA is not supported
		c.managed(t, pdu.TMFResponseFunctionNotSupported)
	}
}

// referenced finds the command that a function names, nil when there is none such.
func (c *Conn) referenced(t *Task) *Task {
	r := c.tags.find((*pdu.TaskManagementRequest)(&t.st.ctl.h).ReferencedTaskTag())
	if r == nil || r.st.kind != kindCommand || r.LUN != t.LUN || r.st.phase == phaseAnswer {
		return nil // when its answer is queued it is over; that goes out first
	}
	return r
}

// abortTask is ABORT TASK. Where there is no such task, but RefCmdSN is in the command window and before the function's own
// CmdSN, that CmdSN counts as received and the function is complete; else the task does not exist (11.6.1).
func (c *Conn) abortTask(t *Task) {
	if r := c.referenced(t); r != nil {
		c.stop(r)
		c.tm.waiting.push(t)
		t.st.tmf.begun = true
		c.manageProgress()
		return
	}
	ref := (*pdu.TaskManagementRequest)(&t.st.ctl.h).RefCmdSN()
	if pdu.SNLess(ref, t.CmdSN) && c.plug(ref) {
		c.managed(t, pdu.TMFResponseComplete)
		return
	}
	c.managed(t, pdu.TMFResponseTaskDoesNotExist)
}

// queryTask is QUERY TASK (RFC 7144): is the task there?
func (c *Conn) queryTask(t *Task) {
	if c.referenced(t) != nil {
		c.managed(t, pdu.TMFResponseFunctionSucceeded)
		return
	}
	c.managed(t, pdu.TMFResponseComplete)
}

// manageSet begins a function over many tasks.
func (c *Conn) manageSet(t *Task) {
	if pdu.SNLess(c.sess.window.MaxCmdSN()+1, t.CmdSN) {
		t.CmdSN = c.sess.window.ExpCmdSN() // no CmdSN that could ever come: do not wait for it
	}
	c.tm.waiting.push(t)
	c.tm.active = append(c.tm.active, t)
	c.manageProgress()
}

// manageProgress moves the functions that wait.
func (c *Conn) manageProgress() {
	for t := c.tm.waiting.head; t != nil; {
		next := t.next
		if !t.st.tmf.begun && !pdu.SNLess(c.sess.window.ExpCmdSN(), t.CmdSN) {
			// "MUST wait ... for all commands of the affected tasks to be received, based on the CmdSN ordering" (4.2.3.3).
			// That an initiator goes on to answer R2Ts of the affected tasks is not waited for: their tags are not used
			// again, and what comes for them is discarded.
			t.st.tmf.begun = true
			c.tags.each(func(r *Task) {
				if t.covers(r) && r.st.phase != phaseArriving {
					c.stop(r)
				}
			})
		}
		if t.st.tmf.begun && !c.ending(t) {
			t.unlist()
			if t.Manage == pdu.TMFAbortTask {
				c.managed(t, pdu.TMFResponseComplete)
			} else {
				c.toHost(t)
			}
		}
		t = next
	}
}

// covers says that function t affects command r: in its task set and before it in CmdSN order (11.5.1).
func (t *Task) covers(r *Task) bool {
	if r.st.kind != kindCommand {
		return false
	}
	if t.Manage == pdu.TMFAbortTask {
		return r.ITT == (*pdu.TaskManagementRequest)(&t.st.ctl.h).ReferencedTaskTag()
	}
	// An immediate command carries the next CmdSN without taking it: with the function's own it came before.
	if pdu.SNLess(t.CmdSN, r.CmdSN) || r.CmdSN == t.CmdSN && !r.Immediate {
		return false
	}
	return t.spans(r)
}

// spans says that r's task set is one that function t is about.
func (t *Task) spans(r *Task) bool {
	switch t.Manage {
	case pdu.TMFAbortTaskSet, pdu.TMFClearTaskSet, pdu.TMFLogicalUnitReset:
		return r.LUN == t.LUN
	}
	return true
}

// ending says that tasks which function t stopped are still with the host.
func (c *Conn) ending(t *Task) bool {
	found := false
	c.tags.each(func(r *Task) { found = found || r.st.aborted && t.covers(r) })
	return found
}

// toHost asks the host to carry a function out.
func (c *Conn) toHost(t *Task) {
	t.st.phase = phaseReady
	c.todo.push(t)
}

// Managed is the host's answer to Manage: a response code of RFC 7143, 11.6.1.
func (c *Conn) Managed(now int64, t *Task, resp byte) {
	if t.st.kind != kindManagement || t.st.phase != phaseRunning {
		panic("session: Managed of a task without Manage")
	}
	if t.st.aborted || c.end.closed {
		c.free(t)
		c.settle()
		return
	}
	r := pdu.TaskResponse(resp)
	if t.Manage == pdu.TMFQueryTaskSet && r == pdu.TMFResponseComplete {
		c.tags.each(func(o *Task) {
			if o.st.kind == kindCommand && o.LUN == t.LUN && o.st.phase != phaseArriving && o.st.phase != phaseHeld {
				r = pdu.TMFResponseFunctionSucceeded
			}
		})
	}
	c.managed(t, r)
}

// managed queues a function's response; held-back commands go on.
func (c *Conn) managed(t *Task, r pdu.TaskResponse) {
	t.unlist()
	t.st.ctl.response = byte(r)
	c.managedOver(t)
	c.answer(t)
}

// managedOver ends what function t held back.
func (c *Conn) managedOver(t *Task) {
	m := &c.tm
	i := slices.Index(m.active, t)
	if i < 0 {
		return
	}
	m.active = slices.Delete(m.active, i, i+1)
	for r := m.barred.head; r != nil; {
		next := r.next
		if !m.bars(r) {
			r.unlist()
			c.ready(r)
		}
		r = next
	}
}

// manageResponse makes the Task Management Function Response (11.6).
func (c *Conn) manageResponse(now int64, t *Task, ev *Event) {
	ev.Kind = Send
	h := (*pdu.TaskManagementResponse)(&ev.Header)
	h.BHS().Init(pdu.OpTaskManagementResponse)
	h.SetResponse(pdu.TaskResponse(t.st.ctl.response))
	h.SetITT(t.ITT)
	if t.Manage == pdu.TMFQueryAsyncEvent && pdu.TaskResponse(t.st.ctl.response) == pdu.TMFResponseFunctionSucceeded {
		h.SetAdditionalResponseInformation(t.ManageInfo)
	}
	cold := t.Manage == pdu.TMFTargetColdReset && pdu.TaskResponse(t.st.ctl.response) == pdu.TMFResponseComplete
	c.last(t, ev)
	if cold {
		// The target "then MUST terminate all of its TCP connections to all initiators" (11.5.1).
		c.finish(now, errColdReset)
	}
}
