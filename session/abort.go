package session

import "slices"

// stop ends a task without an answer, as far as its phase lets it: at once, or by an Abort event when the host has it. A
// task whose answer is under way is left to end by itself; Closed frees it. One that waits for a fence is not under way.
func (t *Task) stop() {
	c := t.Conn
	switch t.st.phase {
	case phaseHeld, phaseHeldDraining:
		switch {
		case c.sess.window.Withdraw(t.CmdSN):
			t.st.place = placeNone // the plug in its place gives it back
			t.free()
		case t.st.phase == phaseHeld:
			t.callOff(phaseHeldStopped) // it is being delivered to us: see deliver
		}
	case phaseArriving, phaseData, phaseDraining, phaseBarred, phaseReady, phaseFenced:
		t.free()
	case phaseRunning:
		if t.st.kind != kindCommand {
			t.callOff(phaseUnwanted) // the host cannot interrupt a function
			return
		}
		t.callOff(phaseStop)
		c.todo.push(t)
	}
}

// callOff suppresses every further answer of t. The task stays until the host, the window and its data release it.
func (t *Task) callOff(to taskPhase) {
	c := t.Conn
	t.move(to)
	if t.st.kind == kindCommand {
		c.tm.stopped++
	}
}

// drain stops a write for which data is still to come, and has it stay until that has come: it is discarded. It reports
// whether there is such data: the rest of what was announced without an R2T, and of what R2Ts ask for.
func (t *Task) drain() bool {
	c := t.Conn
	if !t.st.out.pending() || c.end.deaf() {
		return false
	}
	switch t.st.phase {
	case phaseDraining, phaseHeldDraining:
		return true // it was stopped by another function
	case phaseData:
		t.callOff(phaseDraining)
	case phaseHeld:
		t.callOff(phaseHeldDraining)
	case phaseHeldStopped:
		t.move(phaseHeldDraining)
	default:
		return false
	}
	t.spoil(senseDataPhase) // nothing lands any more
	return true
}

// drained ends a task that was stopped, once nothing is to come for it.
func (t *Task) drained() {
	c := t.Conn
	if t.st.out.pending() && !c.end.deaf() {
		return
	}
	t.free()
	c.settle()
}

// stopAll stops every task but one.
func (c *Conn) stopAll(but *Task) {
	c.tags.each(func(t *Task) {
		if t != but {
			t.stop()
		}
	})
}

// Aborted is the host's answer to Abort: the backend is done with the task's buffers, or detached from them.
func (c *Conn) Aborted(now int64, t *Task) {
	if t.st.phase != phaseStopping {
		panic("session: Aborted of a task without Abort")
	}
	t.free()
	c.settle()
}

// AbortTasks ends the commands that match, of those whose turn to be executed has come, without an answer (TAS=0: SAM-5,
// 5.6): the host calls it when a logical unit is reset or its task set cleared. Commands that wait for data, or for a
// task-management function of this session, are not in the unit's task set yet: they are executed after the reset. But with
// FastAbort the initiator is told of the end of all tasks of the unit, and sends no more data for them (4.2.3.4, d and 11.9.1,
// event 5): those that wait for data end as well.
// Those that are answered are not in it any more, and whether their initiator fetches the answer is nobody else's business.
func (c *Conn) AbortTasks(now int64, match func(*Task) bool) {
	fast := c.fullFeature() && c.sess.Params.TaskReporting == ReportFastAbort
	var luns []uint64
	c.tags.each(func(t *Task) {
		if t.st.kind != kindCommand {
			return
		}
		switch t.st.phase {
		case phaseData:
			if !fast {
				return
			}
		case phaseReady, phaseRunning, phaseStop, phaseStopping:
		default:
			return
		}
		if match(t) {
			if fast && !slices.Contains(luns, t.LUN) {
				luns = append(luns, t.LUN)
			}
			t.stop()
		}
	})
	for _, lun := range luns {
		tmConn{c}.terminated(lun)
	}
	c.settle()
}

// settle is called when tasks ended without an answer: others may have waited for that.
func (c *Conn) settle() {
	if len(c.tm.parts) > 0 {
		c.tm.schedule()
	}
	c.out.progress()
	if c.end.closed() {
		return
	}
	c.tellWindow()
}
