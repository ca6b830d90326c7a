package session

// stop ends a task without an answer, as far as its phase lets it: at once, or by an Abort event when the host has it. A
// task whose answer is under way is left to end by itself; Closed frees it.
func (c *Conn) stop(t *Task) {
	switch t.st.phase {
	case phaseHeld:
		if !c.sess.window.Withdraw(t.CmdSN) {
			t.st.aborted = true // it is being delivered to us: see deliver
			return
		}
		t.st.credit = false // goes with the plug
		t.st.phase = phaseData
		c.redeliver = true // the plug may have its turn; not here, where many are being stopped
		c.free(t)
	case phaseArriving, phaseData, phaseBarred, phaseReady:
		c.free(t)
	case phaseRunning:
		t.st.aborted = true
		if t.st.kind == kindCommand {
			t.st.phase = phaseStop
			c.todo.push(t)
		}
		// Else it is a Manage, which cannot be called off: the task is freed when Managed comes.
	}
}

// stopAll stops every task but one.
func (c *Conn) stopAll(but *Task) {
	c.tags.each(func(t *Task) {
		if t != but {
			c.stop(t)
		}
	})
}

// Aborted is the host's answer to Abort: the backend is done with the task's buffers, or detached from them.
func (c *Conn) Aborted(now int64, t *Task) {
	if t.st.phase != phaseStopping {
		panic("session: Aborted of a task without Abort")
	}
	c.free(t)
	c.settle()
}

// AbortTasks ends the commands that match, of those whose turn to be executed has come, without an answer (TAS=0: SAM-5,
// 5.6): the host calls it when a logical unit is reset or its task set cleared. Commands that wait for data, or for a
// task-management function of this connection, are not in the unit's task set yet: they are executed after the reset.
// Those that are answered are not in it any more, and whether their initiator fetches the answer is nobody else's business.
func (c *Conn) AbortTasks(now int64, match func(*Task) bool) {
	c.tags.each(func(t *Task) {
		if t.st.kind != kindCommand {
			return
		}
		switch t.st.phase {
		case phaseReady, phaseRunning, phaseStop, phaseStopping:
			if match(t) {
				c.stop(t)
			}
		}
	})
	c.settle()
}

// settle is called when tasks ended without an answer: others may have waited for that.
func (c *Conn) settle() {
	if c.tm.waiting.head != nil {
		c.manageProgress()
	}
	if c.out.task != nil || len(c.out.quiet) > 0 {
		c.logoutProgress()
	}
	if c.end.closed {
		c.end.eventful = true
		return
	}
	c.tellWindow()
}
