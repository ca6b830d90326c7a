package session

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// management is the connection's part in task management (RFC 7143, 4.2.3, 11.5): the functions that came on it, and those
// of its session that it has to do with (barrier.go, fence.go).
//
// A function over a task set goes: its turn in CmdSN order, the session's own tasks that it affects are stopped on all
// connections, all of them have ended, the host carries it out (Manage), the response. Commands that come after it are held
// back until then.
type management struct {
	waiting taskList // functions of this connection that wait for their CmdSN, for tasks to end, or for other connections
	visits  []*visit // barriers that are not over, at most as many as the session may have unanswered functions
	barred  taskList // commands that wait for a function to be carried out
	held    taskList // answers that wait for a fence
	alert   bool     // attend has something to look at
	due     bool     // manageProgress has to run
	orders  int      // visits of ORDERED commands' barriers
	moved   moves    // what those may have waited for
	begun   int      // this connection's functions that count towards maxFunctions
	stopped int      // commands that were called off and are not over
}

// tmfState is a function's own part of taskState.
type tmfState struct {
	barrier *barrier
	stage   functionStage
	counts  bool // towards maxFunctions
	owes    bool // of a marker: a report is owed
}

// functionStage is how far a task management function is. Its task is in phaseData but while the host carries it out.
type functionStage uint8

const (
	functionWaits   functionStage = iota // for the requests before it in CmdSN order
	functionAsks                         // for what the connections report: tasks have ended, or were found or not
	functionAsksRef                      // the same, and RefCmdSN had not been received when its task was looked for
	functionPassed                       // the host carried it out; it waits for the second round (fence.go)
)

// manage is the turn of a task-management function.
func (c *Conn) manage(t *Task) {
	switch {
	case !t.st.tmf.counts:
		c.managed(t, pdu.TMFResponseRejected)
	case t.overSet(c.sess):
		c.manageSet(t)
	case t.Manage == pdu.TMFAbortTask:
		c.refer(t)
	case t.Manage == pdu.TMFTaskReassign:
		// Needs ErrorRecoveryLevel 2, which is not offered (11.6.1).
		c.managed(t, pdu.TMFResponseReassignNotSupported)
	case c.sess.Params.ProtocolLevel < 2: // RFC 7144; and CLEAR ACA: NormACA is not supported
		c.managed(t, pdu.TMFResponseFunctionNotSupported)
	case t.Manage == pdu.TMFQueryTask, t.Manage == pdu.TMFQueryTaskSet:
		c.refer(t)
	case t.Manage == pdu.TMFQueryAsyncEvent:
		c.toHost(t)
	default:
		c.managed(t, pdu.TMFResponseFunctionNotSupported)
	}
}

// refer begins a function that looks for tasks. A tag is of one connection only (11.2.1.8): what is found here is not
// looked for on others.
func (c *Conn) refer(t *Task) {
	b := newBarrier(t)
	t.st.tmf.stage = functionAsks
	c.tm.waiting.push(t)
	if !c.find(b) {
		if c.sess.window.Welcome(t.refCmdSN()) {
			t.st.tmf.stage = functionAsksRef
		}
		c.sess.ask(b, messageFind)
	}
	c.manageSoon()
}

// findFor is the part of another connection.
func (c *Conn) findFor(b *barrier) {
	c.find(b)
	c.manageSoon()
}

// find looks for the function's task among the connection's own, and reports to its origin: at once, but where the task
// is to be aborted when it has ended.
func (c *Conn) find(b *barrier) bool {
	found := false
	if b.fn == pdu.TMFQueryTaskSet {
		c.tags.each(func(r *Task) {
			found = found || r.st.kind == kindCommand && b.spans(r) && !phasesUnreceived.has(r.st.phase)
		})
	} else if r := c.tags.find(b.tag); r != nil && c.refersTo(b, r) {
		found = true
		if b.fn == pdu.TMFAbortTask {
			c.welcome(&visit{b: b, stage: visitStops})
			c.stop(r)
		}
	}
	if found {
		b.found.Store(true)
	}
	if !found || b.fn != pdu.TMFAbortTask {
		c.report(b)
	}
	return found
}

// refersTo says that the function is about command r. When its answer is queued a command is over, and when it has not all
// arrived it does not exist yet: its CmdSN has not been received.
func (c *Conn) refersTo(b *barrier, r *Task) bool {
	return r.st.kind == kindCommand && r.LUN == b.lun && r.st.phase != phaseArriving && r.st.phase != phaseAnswer
}

func (t *Task) refCmdSN() uint32 { return (*pdu.TaskManagementRequest)(&t.st.ctl.h).RefCmdSN() }

// abortOver ends ABORT TASK. Where there is no such task, but RefCmdSN is in the command window and before the function's own
// CmdSN, that CmdSN counts as received and the function is complete; else the task does not exist (11.6.1).
func (c *Conn) abortOver(t *Task) {
	ref := t.refCmdSN()
	switch {
	case t.st.tmf.barrier.found.Load():
		c.managed(t, pdu.TMFResponseComplete)
	case pdu.SNLess(ref, t.CmdSN) && c.plug(ref):
		if t.st.phase == phaseData { // else what the plug delivered ended the connection
			c.managed(t, pdu.TMFResponseComplete)
		}
	case t.st.tmf.stage == functionAsksRef:
		// Nobody had the task and now its CmdSN cannot be plugged: it arrived in between.
		t.st.tmf.stage = functionAsks
		b := t.st.tmf.barrier
		b.missing.Store(1)
		c.tm.waiting.push(t)
		if !c.find(b) {
			c.sess.ask(b, messageFind)
		}
	default:
		c.managed(t, pdu.TMFResponseTaskDoesNotExist)
	}
}

// manageSet begins a function over many tasks: an immediate one before its CmdSN may have been reached.
func (c *Conn) manageSet(t *Task) {
	w := &c.sess.window
	if t.Immediate {
		if pdu.SNLess(w.MaxCmdSN()+1, t.CmdSN) {
			t.CmdSN = w.ExpCmdSN() // that CmdSN cannot arrive: do not wait for it
		}
		newBarrier(t) // for others delivery has made one
	}
	c.tm.waiting.push(t)
	c.welcome(&visit{b: t.st.tmf.barrier})
	c.manageSoon()
}

// manageSoon schedules one run of manageProgress before the next event.
func (c *Conn) manageSoon() { c.tm.alert, c.tm.due = true, true }

// manageProgress moves what waits: the connection's part in the barriers of its session, and its own functions.
func (c *Conn) manageProgress() {
	moved := c.tm.moved
	c.tm.moved = moves{}
	for _, v := range slices.Clone(c.tm.visits) {
		if v.b.fn != orderOnly || moved.on(v.b.lun) {
			c.visitProgress(v)
		}
	}
	for again := true; again; {
		for t := c.movable(); t != nil; t = c.movable() {
			c.moveOn(t)
		}
		// ExpCmdSN may have moved between our look at it and the moment from which other loops wake us.
		again = c.sess.Params.MaxConnections > 1 && c.watch(c.expecting())
	}
}

// tooManyFunctions reports whether another function must be refused. "An iSCSI target MUST be able to handle at least one
// immediate task management command ... per connection at any time" (RFC 7143, 4.2.2.1).
func (c *Conn) tooManyFunctions() bool {
	return c.tm.begun > 0 && c.sess.functions.Load() >= maxFunctions
}

// functionBegins counts function t. A non-immediate function over the limit cannot be rejected: it is answered in its turn
// (11.6.1, "Function rejected") and has no effect before that.
func (c *Conn) functionBegins(t *Task) {
	if c.tooManyFunctions() {
		return
	}
	t.st.tmf.counts = true
	c.tm.begun++
	c.sess.functions.Add(1)
}

// functionOver is called when a function, or the barrier that outlives it, is over.
func (c *Conn) functionOver(counted bool) {
	if counted {
		c.tm.begun--
		c.sess.functions.Add(-1)
	}
}

// expecting says that a function waits for commands that may arrive on other connections.
func (c *Conn) expecting() bool {
	for t := c.tm.waiting.head; t != nil; t = t.next {
		if t.st.tmf.stage == functionWaits {
			return true
		}
	}
	return false
}

// movable finds a function that has what it waited for.
func (c *Conn) movable() *Task {
	for t := c.tm.waiting.head; t != nil; t = t.next {
		if t.st.tmf.stage == functionWaits {
			// "MUST wait ... for all commands of the affected tasks to be received, based on the CmdSN ordering" (4.2.3.3, b). A
			// reset of the target might do without and plug what is missing; but a NOP-Out or a Text Request that is under way
			// on another connection would then never be answered.
			if !pdu.SNLess(c.sess.window.ExpCmdSN(), t.CmdSN) {
				return t
			}
		} else if t.st.tmf.barrier.missing.Load() == 0 {
			return t
		}
	}
	return nil
}

// moveOn is a function's next step.
func (c *Conn) moveOn(t *Task) {
	b := t.st.tmf.barrier
	switch {
	case t.st.tmf.stage == functionWaits:
		t.st.tmf.stage = functionAsks
		if t.Immediate {
			c.sess.raise(b, c.cfg.Loop) // otherwise delivery did
		}
		v := c.tm.visit(b)
		v.stage = visitStops
		c.stopFor(v)
		c.visitProgress(v)
		return
	case t.st.tmf.stage == functionPassed:
		t.unlist()
		if !c.sess.fences() {
			c.managedOver(t)
		}
		c.answer(t)
		return
	}
	t.unlist()
	switch {
	case t.Manage == pdu.TMFAbortTask:
		c.abortOver(t)
	case t.Manage != pdu.TMFQueryTask:
		c.toHost(t)
	case b.found.Load():
		c.managed(t, pdu.TMFResponseFunctionSucceeded)
	default:
		c.managed(t, pdu.TMFResponseComplete)
	}
}

// toHost asks the host to carry a function out.
func (c *Conn) toHost(t *Task) {
	t.move(phaseReady)
	c.todo.push(t)
}

// Managed is the host's answer to Manage: a response code of RFC 7143, 11.6.1.
func (c *Conn) Managed(now int64, t *Task, resp byte) {
	if t.st.kind != kindManagement || t.st.phase != phaseRunning && t.st.phase != phaseUnwanted {
		panic("session: Managed of a task without Manage")
	}
	if t.st.phase == phaseUnwanted || c.end.closed() {
		c.free(t)
		c.settle()
		return
	}
	r := pdu.TaskResponse(resp)
	if t.Manage == pdu.TMFQueryTaskSet && r == pdu.TMFResponseComplete && t.st.tmf.barrier.found.Load() {
		r = pdu.TMFResponseFunctionSucceeded // the host knows whether the unit exists, the session whether it has the task
	}
	c.managed(t, r)
}

// managed is a function's result: held-back commands go on, and the response is queued.
func (c *Conn) managed(t *Task, r pdu.TaskResponse) {
	t.unlist()
	t.st.ctl.response = byte(r)
	if b := t.st.tmf.barrier; b != nil && t.overSet(c.sess) && c.pass(b) {
		t.move(phaseData)
		t.st.tmf.stage = functionPassed
		c.tm.waiting.push(t)
		c.manageSoon()
		return
	}
	c.managedOver(t)
	c.answer(t)
}

// managedOver ends what function t held back.
func (c *Conn) managedOver(t *Task) {
	if b := t.st.tmf.barrier; b != nil {
		t.st.tmf.barrier = nil
		c.lower(b)
	}
}

// lower ends a barrier of this connection's.
func (c *Conn) lower(b *barrier) {
	if b.stage.Load() != barrierOver {
		c.sess.lower(b)
	}
	c.forget(b)
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
	c.responseSent(t)
	if cold {
		// The target "then MUST terminate all of its TCP connections to all initiators" (11.5.1). The host sees to those of
		// other sessions.
		c.sess.close()
		c.sess.each(c, Message{kind: messageFinish, reason: errColdReset})
		c.finish(now, errColdReset)
	}
}
