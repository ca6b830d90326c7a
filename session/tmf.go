package session

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// management is task management on one connection (RFC 7143, 4.2.3, 11.5): the functions that arrived on it, and its part in
// those of its session (barrier.go, part.go, fence.go).
//
// A function over a task set takes these steps: its turn in CmdSN order comes; the tasks of its session that it affects are
// stopped on all connections; all of them end; the host carries out the function (Manage); the response is sent. Commands that
// follow it are held back until the host has carried it out.
type management struct {
	conn      tmConn
	diverts   bool     // divert must see every answer before it is queued
	waiting   taskList // functions of this connection that wait for their CmdSN, for tasks to end, or for other connections
	parts     []*part  // barriers that are not over, at most as many as the session may have unanswered functions
	barred    taskList // commands that wait for a function to be carried out
	held      taskList // answers that wait for a fence
	alert     bool     // attend has something to do
	scheduled bool     // progress has to run
	orders    int      // how many of parts belong to ORDERED commands
	moved     moves    // events that those may wait for
	begun     int      // this connection's functions that count toward maxFunctions
	stopped   int      // stopped commands that are not freed yet
}

// tmfState is what taskState has for a task management function.
type tmfState struct {
	barrier *barrier
	stage   functionStage
	counts  bool // it counts toward maxFunctions
	owes    bool // of a marker: a report is owed
}

// functionStage is the progress of a task management function. Its task is in phaseData, except while the host carries it out.
type functionStage uint8

const (
	functionWaits   functionStage = iota // it waits for the requests before it in CmdSN order
	functionAsks                         // it waits for reports: tasks have ended, or a task was found or not
	functionAsksRef                      // the same; RefCmdSN had not been received when the search began
	functionPassed                       // the host has carried it out; it waits for the second round (fence.go)
)

// begin is called when a task management function has its turn in CmdSN order.
func (m *management) begin(t *Task) {
	switch {
	case !t.st.tmf.counts:
		m.managed(t, pdu.TMFResponseRejected)
	case t.overSet(m.conn.session()):
		m.beginSet(t)
	case t.Manage == pdu.TMFAbortTask:
		m.search(t)
	case t.Manage == pdu.TMFTaskReassign:
		// Needs ErrorRecoveryLevel 2, which is not offered (11.6.1).
		m.managed(t, pdu.TMFResponseReassignNotSupported)
	case m.conn.session().Params.ProtocolLevel < 2: // RFC 7144; and CLEAR ACA: NormACA is not supported
		m.managed(t, pdu.TMFResponseFunctionNotSupported)
	case t.Manage == pdu.TMFQueryTask, t.Manage == pdu.TMFQueryTaskSet:
		m.search(t)
	case t.Manage == pdu.TMFQueryAsyncEvent:
		m.conn.toHost(t)
	default:
		m.managed(t, pdu.TMFResponseFunctionNotSupported)
	}
}

// search begins a function that looks for tasks. A tag belongs to one connection (11.2.1.8), so a task that is found here is
// not searched for on others.
func (m *management) search(t *Task) {
	b := newBarrier(t)
	t.st.tmf.stage = functionAsks
	m.waiting.push(t)
	if !m.find(b) {
		if m.conn.session().window.Welcome(t.refCmdSN()) {
			t.st.tmf.stage = functionAsksRef
		}
		m.conn.session().ask(b, messageFind)
	}
	m.schedule()
}

// findFor searches a connection other than the origin.
func (m *management) findFor(b *barrier) {
	m.find(b)
	m.schedule()
}

// find looks for the function's task on this connection and reports to the origin: at once, or when a task that has to be
// aborted has ended.
func (m *management) find(b *barrier) bool {
	found := false
	if b.fn == pdu.TMFQueryTaskSet {
		m.conn.each(func(r *Task) {
			found = found || r.st.kind == kindCommand && b.spans(r) && !phasesUnreceived.has(r.st.phase)
		})
	} else if r := m.conn.find(b.tag); r != nil && r.st.kind == kindManagement {
		b.barred.Store(true)
	} else if r != nil && m.refersTo(b, r) {
		found = true
		if b.fn == pdu.TMFAbortTask {
			m.addPart(&part{b: b, stage: partStops})
			r.stop()
		}
	}
	if found {
		b.found.Store(true)
	}
	if !found || b.fn != pdu.TMFAbortTask {
		m.report(b)
	}
	return found
}

// refersTo reports whether the function names command r. A command whose answer is queued has ended. One whose PDU is not
// complete does not exist yet, because its CmdSN has not been received.
func (m *management) refersTo(b *barrier, r *Task) bool {
	return r.st.kind == kindCommand && r.LUN == b.lun && r.st.phase != phaseArriving && r.st.phase != phaseAnswer
}

func (t *Task) refCmdSN() uint32 { return (*pdu.TaskManagementRequest)(&t.st.ctl.h).RefCmdSN() }

// abortOver ends ABORT TASK. Where there is no such task, but RefCmdSN is in the command window and before the function's own
// CmdSN, that CmdSN counts as received and the function is complete; else the task does not exist (11.6.1).
func (m *management) abortOver(t *Task) {
	ref := t.refCmdSN()
	switch {
	case t.st.tmf.barrier.barred.Load():
		// "An ABORT TASK function MUST NOT be executed on a task management request" (11.5.1).
		m.managed(t, pdu.TMFResponseRejected)
	case t.st.tmf.barrier.found.Load():
		m.managed(t, pdu.TMFResponseComplete)
	case pdu.SNLess(ref, t.CmdSN) && m.conn.plug(ref):
		if t.st.phase == phaseData { // unless a request that the plug delivered has ended the connection
			m.managed(t, pdu.TMFResponseComplete)
		}
	case t.st.tmf.stage == functionAsksRef:
		// No connection had the task, but its CmdSN cannot be plugged: it arrived in between.
		t.st.tmf.stage = functionAsks
		b := t.st.tmf.barrier
		b.missing.Store(1)
		m.waiting.push(t)
		if !m.find(b) {
			m.conn.session().ask(b, messageFind)
		}
	default:
		m.managed(t, pdu.TMFResponseTaskDoesNotExist)
	}
}

// beginSet begins a function over a set of tasks. An immediate one may arrive before its CmdSN is reached.
func (m *management) beginSet(t *Task) {
	w := &m.conn.session().window
	if t.Immediate {
		if pdu.SNLess(w.MaxCmdSN()+1, t.CmdSN) {
			t.CmdSN = w.ExpCmdSN() // that CmdSN cannot arrive: do not wait for it
		}
		newBarrier(t) // for others delivery has made one
	}
	m.waiting.push(t)
	m.addPart(&part{b: t.st.tmf.barrier})
	m.schedule()
}

// schedule has progress run once before the next event.
func (m *management) schedule() { m.alert, m.scheduled = true, true }

// progress advances the connection's parts and its own functions as far as possible.
func (m *management) progress() {
	moved := m.moved
	m.moved = moves{}
	for _, p := range slices.Clone(m.parts) {
		if p.b.fn != orderOnly || moved.on(p.b.lun) {
			m.partProgress(p)
		}
	}
	for again := true; again; {
		for t := m.movable(); t != nil; t = m.movable() {
			m.moveOn(t)
		}
		// ExpCmdSN may have moved after it was read and before other loops began to wake this connection.
		again = m.conn.session().Params.MaxConnections > 1 && m.conn.watch(m.expecting())
	}
}

// tooManyFunctions reports whether another function must be refused. "An iSCSI target MUST be able to handle at least one
// immediate task management command ... per connection at any time" (RFC 7143, 4.2.2.1).
func (m *management) tooManyFunctions() bool {
	return m.begun > 0 && m.conn.session().functions.Load() >= maxFunctions
}

// functionBegins counts function t. A non-immediate function over the limit cannot be rejected: it is answered in its turn
// (11.6.1, "Function rejected") and has no effect before that.
func (m *management) functionBegins(t *Task) {
	if m.tooManyFunctions() {
		return
	}
	t.st.tmf.counts = true
	m.begun++
	m.conn.session().functions.Add(1)
}

// functionOver is called when a function, or the barrier that outlives it, is over.
func (m *management) functionOver(counted bool) {
	if counted {
		m.begun--
		m.conn.session().functions.Add(-1)
	}
}

// expecting reports whether a function waits for commands that may arrive on other connections.
func (m *management) expecting() bool {
	for t := m.waiting.head; t != nil; t = t.next {
		if t.st.tmf.stage == functionWaits {
			return true
		}
	}
	return false
}

// movable returns a function that has no more to wait for, nil if there is none.
func (m *management) movable() *Task {
	for t := m.waiting.head; t != nil; t = t.next {
		if t.st.tmf.stage == functionWaits {
			// "MUST wait ... for all commands of the affected tasks to be received based on the CmdSN ordering" (4.2.3.3, b). A
			// target reset could instead plug the missing CmdSNs, but then a NOP-Out or Text Request that is in flight on another
			// connection would never be answered.
			if !pdu.SNLess(m.conn.session().window.ExpCmdSN(), t.CmdSN) {
				return t
			}
		} else if t.st.tmf.barrier.missing.Load() == 0 {
			return t
		}
	}
	return nil
}

// moveOn carries out a function's next step.
func (m *management) moveOn(t *Task) {
	b := t.st.tmf.barrier
	switch {
	case t.st.tmf.stage == functionWaits:
		t.st.tmf.stage = functionAsks
		if t.Immediate {
			m.conn.session().raise(b, m.conn.loop()) // otherwise delivery did
		}
		p := m.part(b)
		p.stage = partStops
		m.stopFor(p)
		m.partProgress(p)
		return
	case t.st.tmf.stage == functionPassed:
		t.unlist()
		if !m.conn.session().fences() {
			m.managedOver(t)
		}
		t.answer()
		return
	}
	t.unlist()
	switch {
	case t.Manage == pdu.TMFAbortTask:
		m.abortOver(t)
	case t.Manage != pdu.TMFQueryTask:
		m.conn.toHost(t)
	case b.barred.Load(): // RFC 7144, 6.3
		m.managed(t, pdu.TMFResponseRejected)
	case b.found.Load():
		m.managed(t, pdu.TMFResponseFunctionSucceeded)
	default:
		m.managed(t, pdu.TMFResponseComplete)
	}
}

// Managed is the host's answer to Manage: a response code of RFC 7143, 11.6.1.
func (c *Conn) Managed(now int64, t *Task, resp byte) {
	if t.st.kind != kindManagement || t.st.phase != phaseRunning && t.st.phase != phaseUnwanted {
		panic("session: Managed of a task without Manage")
	}
	if t.st.phase == phaseUnwanted || c.end.closed() {
		t.free()
		c.tasksEnded()
		return
	}
	r := pdu.TaskResponse(resp)
	if t.Manage == pdu.TMFQueryTaskSet && r == pdu.TMFResponseComplete && t.st.tmf.barrier.found.Load() {
		r = pdu.TMFResponseFunctionSucceeded // the host knows whether the unit exists, the session whether it has the task
	}
	c.tm.managed(t, r)
}

// managed handles a function's result: commands that were held back continue, and the response is queued.
func (m *management) managed(t *Task, r pdu.TaskResponse) {
	t.unlist()
	t.st.ctl.response = byte(r)
	if b := t.st.tmf.barrier; b != nil && t.overSet(m.conn.session()) && m.pass(b) {
		t.move(phaseData)
		t.st.tmf.stage = functionPassed
		m.waiting.push(t)
		m.schedule()
		return
	}
	m.managedOver(t)
	t.answer()
}

// managedOver continues whatever function t held back.
func (m *management) managedOver(t *Task) {
	if b := t.st.tmf.barrier; b != nil {
		t.st.tmf.barrier = nil
		m.lower(b)
	}
}

// lower ends a barrier of this connection's.
func (m *management) lower(b *barrier) {
	if b.stage.Load() != barrierOver {
		m.conn.session().lower(b)
	}
	m.dropPart(b)
}

// endsSession returns why the session ends with the response to function t, nil if it does not. After TARGET COLD RESET the target
// "MUST then close all of its TCP connections to all initiators" (11.6.1); the host closes those of other sessions. I_T NEXUS RESET "MUST
// drop all connections in the session" (RFC 7144, 6.3).
func (t *Task) endsSession() error {
	switch {
	case pdu.TaskResponse(t.st.ctl.response) != pdu.TMFResponseComplete:
	case t.Manage == pdu.TMFTargetColdReset:
		return errColdReset
	case t.Manage == pdu.TMFITNexusReset:
		return errNexusReset
	}
	return nil
}

// response builds the Task Management Function Response (11.6).
func (m *management) response(now int64, t *Task, ev *Event) {
	ev.Kind = Send
	h := (*pdu.TaskManagementResponse)(&ev.Header)
	h.BHS().Init(pdu.OpTaskManagementResponse)
	h.SetResponse(pdu.TaskResponse(t.st.ctl.response))
	h.SetITT(t.ITT)
	if t.Manage == pdu.TMFQueryAsyncEvent && pdu.TaskResponse(t.st.ctl.response) == pdu.TMFResponseFunctionSucceeded {
		h.SetAdditionalResponseInformation(t.ManageInfo)
	}
	end := t.endsSession()
	t.last(ev)
	m.responseSent(t)
	if end != nil {
		m.conn.session().close()
		m.conn.session().each(m.conn.self(), Message{kind: messageFinish, reason: end})
		m.conn.finish(now, end)
	}
}
