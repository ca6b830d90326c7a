package session

import "github.com/ringtgt/ringtgt/pdu"

// nextAnswer builds the next PDU of the task at the front of Conn.answers.
func (c *Conn) nextAnswer(now int64, ev *Event) {
	t := c.answers.head
	switch t.st.kind {
	case kindCommand:
		in := &t.st.in
		if !in.sized {
			in.sized = true
			if t.Read && !t.Write {
				in.length = uint32(min(uint64(len(t.Result.In)), uint64(t.EDTL)))
			}
		}
		if in.sent < in.length {
			t.nextDataIn(ev)
			return
		}
		t.scsiResponse(ev)
	case kindManagement:
		c.tm.response(now, t, ev)
	case kindNOP:
		pingResponse(t.ITT, t.st.ctl.data, c.cp.MaxXmitDataSegmentLength, ev)
		t.last(ev)
	case kindText:
		c.txt.task = nil
		t.st.ctl.reply.response(t.ITT, ev)
		t.last(ev)
	case kindLogout:
		c.out.response(now, t, ev)
	}
}

// scsiResponse builds a SCSI Response (RFC 7143, 11.4).
func (t *Task) scsiResponse(ev *Event) {
	c := t.Conn
	ev.Kind = Send
	h := (*pdu.SCSIResponse)(&ev.Header)
	h.BHS().Init(pdu.OpSCSIResponse)
	h.SetITT(t.ITT)
	h.SetResponse(pdu.ServiceResponseCompleted)
	h.SetStatus(t.Result.Status)
	// "The number of Data-In (read) PDUs the target has sent for the command" (11.4.8): R2Ts do not count.
	h.SetExpDataSN(t.st.in.dataSN)
	over, under, count := t.residual()
	h.SetOverflow(over)
	h.SetUnderflow(under)
	h.SetResidualCount(count)
	if n := t.putSense(); n > 0 {
		ev.Data, ev.Copy = c.scratch[:n], true
		h.BHS().SetDataLen(n)
	}
	t.last(ev)
}

// putSense writes the data segment of a response, SenseLength and sense data (11.4.7), to c.scratch and returns its length.
func (t *Task) putSense() int {
	c := t.Conn
	n := 0
	switch {
	case t.st.out.fault != 0:
		t.st.out.fault.putFixed(c.scratch[2:])
		n = fixedSenseLen
	case len(t.Result.Sense) > 0:
		n = copy(c.scratch[2:], t.Result.Sense)
	default:
		return 0
	}
	c.scratch[0], c.scratch[1] = byte(n>>8), byte(n)
	return 2 + n
}

// residual compares the transfer's length with the EDTL (RFC 7143, 11.4.5): an overflow counts the bytes for which the EDTL was too
// small, an underflow the bytes of the EDTL that were not used.
func (t *Task) residual() (over, under bool, count uint32) {
	r := &t.Result
	edtl := int64(t.EDTL)
	required, moved := max(r.RequiredIn, r.RequiredOut), int64(0)
	switch {
	case t.Read && t.Write:
		required = 0
	case t.Read:
		required = max(r.RequiredIn, int64(len(r.In)))
		moved = int64(t.st.in.length)
	case t.Write:
		required = r.RequiredOut
		moved = min(required, edtl)
	default:
		edtl = 0
	}
	switch {
	case moved < edtl:
		return false, true, uint32(edtl - moved)
	case required > edtl: // with any status: the initiator has to know that its EDTL was too small
		return true, false, uint32(min(required-edtl, 1<<32-1))
	}
	return false, false, 0
}

// last makes the PDU in ev the task's last. It releases the tag and the place in the command window, and the same PDU already
// carries the MaxCmdSN that results.
func (t *Task) last(ev *Event) {
	c := t.Conn
	c.tags.remove(t)
	t.release()
	t.unlist()
	t.move(phaseSending)
	c.sending.push(t)
	ev.Release = t
	c.stamp(ev, snNext)
}

// release gives back a task's place among the unanswered requests.
func (t *Task) release() {
	c := t.Conn
	switch t.st.place {
	case placeWindow:
		c.sess.window.Release()
	case placeImmediate:
		c.immediates--
	}
	t.st.place = placeNone
}

// Sent reports that the host no longer needs t for the PDU that had it in Release.
func (c *Conn) Sent(now int64, t *Task) {
	if t.st.phase != phaseSending {
		panic("session: Sent of a task that is not being sent")
	}
	t.free()
}

// free ends a task and returns it to the host.
func (t *Task) free() {
	c := t.Conn
	was := t.st.phase
	t.move(phaseFreed)
	if was != phaseSending {
		c.tags.remove(t)
		t.release()
	}
	t.unlist()
	if c.rx.task == t {
		c.rx = rxState{} // data that is still arriving for it is ignored
	}
	c.live--
	switch {
	case t.st.kind == kindManagement:
		c.tm.managedOver(t)
		c.tm.functionOver(t.st.tmf.counts)
	case t.st.kind == kindCommand && was.stopped():
		c.tm.stopped--
	}
	c.tm.orderMovedBy(t)
	if c.out.task == t {
		c.out.task = nil
	}
	if c.txt.task == t {
		c.txt.task = nil
	}
	t.st.ctl.drop(c.host)
	c.host.FreeTask(t)
}
