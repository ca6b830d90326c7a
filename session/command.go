package session

import "github.com/ringtgt/ringtgt/pdu"

// commandHeader handles the header of a SCSI Command (RFC 7143, 11.3). A fault of the PDU itself is answered with a Reject, a fault
// of the command's data with CHECK CONDITION when the command has its turn.
func (c *Conn) commandHeader(h *pdu.SCSICommand) {
	if c.sess.Discovery {
		c.refuse(pdu.RejectCommandNotSupported) // 4.3: SendTargets and logout only
		return
	}
	// "At least one of the W and F bits MUST be set to 1" (11.3.1).
	if !h.Write() && !h.Final() {
		c.refuse(pdu.RejectProtocolError)
		return
	}
	var ahs pdu.AHS
	if h.BHS().AHSLen() > 0 {
		var err error
		if ahs, err = pdu.ParseAHS(c.framer.AHS()); err != nil {
			c.refuse(pdu.RejectInvalidPDUField)
			return
		}
	}
	t := c.newTask(h.BHS(), kindCommand)
	if t == nil {
		if c.rx.act == actReject && c.rx.reason == pdu.RejectLongOperation {
			c.rx.act = actFull // a command has a better answer
		}
		return
	}
	t.LUN = h.LUN()
	t.CDB = *h.CDB()
	t.LongCDB = ahs.ExtendedCDB != nil
	t.Attr = uint8(h.Attr())
	t.Read, t.Write = h.Read(), h.Write()
	t.EDTL = h.ExpectedDataTransferLength()
	t.st.final = h.Final()
	t.Times.Header = c.now
	t.st.raises = t.orders()
	c.rx.act, c.rx.task = actCommand, t

	n := uint32(h.BHS().DataLen())
	t.st.out.fault = c.unsolicitedFault(t, n)
	if t.st.out.fault != 0 {
		t.st.out.unsolicited = !t.st.final
		return // the data segment is discarded
	}
	t.st.out.memory = c.host.DataOut(t, n == 0 && t.st.final)
	if t.st.out.memory == OutRefused {
		t.st.out.unsolicited = !t.st.final
		return
	}
	t.Received = 0
	if !t.Write {
		t.Out = nil
		return
	}
	if uint64(len(t.Out)) > uint64(t.EDTL) {
		t.Out = t.Out[:t.EDTL]
	}
	if !t.st.final {
		t.st.out.unsolicited = true
		c.data.wanted(t, c.now)
		t.st.out.first = sequence{end: min(c.sess.Params.FirstBurstLength, t.EDTL)}
	}
	if n > 0 {
		c.land(t, 0, n)
		t.st.out.first.next = n
	}
}

// unsolicitedFault checks a command's flags and its immediate data of n bytes, and returns the sense code of the fault, or 0.
func (c *Conn) unsolicitedFault(t *Task, n uint32) senseCode {
	p := &c.sess.Params
	switch {
	case t.Read && t.Write:
		return senseInvalidField // no bidirectional command is supported
	case !t.Write && n > 0:
		return senseUnexpectedData
	case n > 0 && !p.ImmediateData:
		// "Unexpected unsolicited data" (11.4.7.2); 13.11.
		return senseUnexpectedData
	case !t.st.final && p.InitialR2T:
		return senseUnexpectedData // 13.10
	case n > min(p.FirstBurstLength, t.EDTL):
		return senseIncorrectAmount // 13.14, 11.3.4
	}
	return 0
}

// newTask begins a request whose header is h: it checks its tag, the command window, and the limits. If it returns nil, c.rx says
// how to handle the PDU.
func (c *Conn) newTask(h *pdu.BHS, kind taskKind) *Task {
	immediate := h.Immediate()
	sn := (*pdu.SCSICommand)(h).CmdSN() // at the same offset in every request (11.3.2)
	if !immediate && !c.sess.window.Welcome(sn) {
		return nil // silently (4.2.2.1)
	}
	switch itt := h.ITT(); {
	case itt == pdu.ReservedTag:
		c.refuse(pdu.RejectInvalidPDUField)
		return nil
	case c.tags.find(itt) != nil:
		c.refuse(pdu.RejectTaskInProgress)
		return nil
	case immediate && c.immediates >= MaxImmediate,
		immediate && kind == kindManagement && c.tm.tooManyFunctions():
		c.refuse(pdu.RejectImmediateCommand)
		return nil
	}
	t := c.host.NewTask(c)
	if t == nil {
		c.refuse(noMemory(h))
		return nil
	}
	c.live++
	t.Conn = c
	t.ITT, t.CmdSN, t.Immediate = h.ITT(), sn, immediate
	t.st.kind = kind
	if kind == kindManagement {
		c.tm.functionBegins(t)
	}
	c.tags.add(t)
	if immediate {
		t.st.place = placeImmediate
		c.immediates++
	}
	return t
}

// commandPayload handles a SCSI Command whose immediate data is complete.
func (c *Conn) commandPayload(t *Task, rx *rxState) {
	t.landed(rx)
	t.offer()
}

// taskSetFull answers a command for which the host has no task.
func (c *Conn) taskSetFull(h *pdu.BHS) {
	cmd := (*pdu.SCSICommand)(h)
	if !cmd.BHS().Immediate() && !c.turns.plug(cmd.CmdSN()) {
		return
	}
	var r pdu.BHS
	r.Init(pdu.OpSCSIResponse)
	resp := (*pdu.SCSIResponse)(&r)
	resp.SetITT(cmd.ITT())
	resp.SetStatus(statusTaskSetFull)
	if n := cmd.ExpectedDataTransferLength(); n > 0 {
		resp.SetUnderflow(true)
		resp.SetResidualCount(n)
	}
	c.reply(&r, nil)
}
