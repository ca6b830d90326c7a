package session

import "slices"

// stop ends a task without an answer: at once, or with an Abort event if the host has it. A task whose answer is queued or being
// sent ends by itself, or in Closed.
func (t *Task) stop() {
	c := t.Conn
	switch t.st.phase {
	case phaseHeld, phaseHeldDraining:
		switch {
		case c.sess.window.Withdraw(t.CmdSN):
			t.st.place = placeNone // the plug that replaces it releases its place
			t.free()
		case t.st.phase == phaseHeld:
			t.callOff(phaseHeldStopped) // the window is delivering it: see deliver
		}
	case phaseArriving, phaseData, phaseDraining, phaseBarred, phaseReady, phaseFenced:
		t.free()
	case phaseDeferred, phaseRunning:
		if t.st.kind != kindCommand {
			t.callOff(phaseUnwanted) // the host cannot interrupt a function
			return
		}
		t.callOff(phaseStop)
		c.todo.push(t)
	}
}

// callOff moves t to a stopped phase: no answer will be sent. The task stays until the host, the window or its data releases it.
func (t *Task) callOff(to taskPhase) {
	c := t.Conn
	t.move(to)
	if t.st.kind == kindCommand {
		c.tm.stopped++
	}
}

// drain stops a write that still expects data, and keeps it until that data has arrived and been discarded. It reports whether data
// is expected: the rest of announced unsolicited data, or of what R2Ts requested.
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
	t.spoil(senseDataPhase) // the data is discarded from now on
	return true
}

// drained is called when no more data is expected for a stopped task, and frees it.
func (t *Task) drained() {
	c := t.Conn
	if t.st.out.pending() && !c.end.deaf() {
		return
	}
	t.free()
	c.tasksEnded()
}

// stopAll stops all tasks except one: the connection ends.
func (c *Conn) stopAll(but *Task) {
	c.tags.each(func(t *Task) {
		if t != but {
			if t.st.kind == kindCommand && phasesActive.has(t.st.phase) {
				t.Terminated = true
			}
			t.stop()
		}
	})
}

// Aborted is the host's answer to Abort: the backend no longer uses the task's buffers, or has been detached from them.
func (c *Conn) Aborted(now int64, t *Task) {
	if t.st.phase != phaseStopping {
		panic("session: Aborted of a task without Abort")
	}
	t.free()
	c.tasksEnded()
}

// AbortTasks ends matching commands without an answer (TAS=0: SAM-5, 5.6). The host calls it when a logical unit is reset or its
// task set cleared. It affects commands that are in the unit's task set: those that are ready or with the host. Commands that wait
// for data or for a task management function of this session are not in it yet, and are executed after the reset. With FastAbort,
// however, the initiator learns that all tasks of the unit are terminated, and sends no more data for them (4.2.3.4, d and 11.9.1,
// event 5), so those that wait for data end as well. Answered commands have left the task set.
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
		case phaseReady, phaseDeferred, phaseRunning, phaseStop, phaseStopping:
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
	c.tasksEnded()
}

// tasksEnded is called when tasks have ended without an answer: task management or a logout may wait for that.
func (c *Conn) tasksEnded() {
	if len(c.tm.parts) > 0 {
		c.tm.schedule()
	}
	c.out.progress()
	if c.end.closed() {
		return
	}
	c.tellWindow()
}
