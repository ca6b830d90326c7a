package proto

import "github.com/ringtgt/ringtgt/pdu"

// Fill encodes into s what can be sent now and says why it stopped. Numbers and tags are given here and not in Submit, so that
// "the iSCSI initiator MUST send the commands in increasing order of CmdSN" on every connection (RFC 7143, 4.2.2.1), whichever
// thread submits.
//
// The order is: answers to the target and what passes the window, data that the target waits for, new commands.
func (c *Conn) Fill(s *Sink) Progress {
	if c.ended {
		return Idle
	}
	for len(c.replies) > 0 {
		if !s.fits(0) {
			return Full
		}
		c.putReply(s, c.replies[0])
		c.replies = c.replies[:copy(c.replies, c.replies[1:])]
	}
	for cmd := c.now.head; cmd != nil && !c.quiet; cmd = c.now.head {
		if c.tags.full() {
			break
		}
		if !c.canPut(s, cmd) {
			return Full
		}
		sn := c.n.CmdSN() // of an immediate request: the next, not advanced
		if cmd.Numbered {
			sn = cmd.CmdSN
		}
		c.now.pop()
		c.put(s, cmd, sn)
	}
	if !c.fillData(s) {
		return Full
	}
	for cmd := c.cmds.head; cmd != nil && !c.quiet; cmd = c.cmds.head {
		if c.tags.full() {
			return Tags
		}
		if !c.canPut(s, cmd) {
			return Full
		}
		sn, ok := c.n.Take()
		if !ok {
			if c.waiting {
				c.windowClosed++
				return Window
			}
			c.waiting = c.n.Wait()
			continue
		}
		c.cmds.pop()
		c.put(s, cmd, sn)
		if !c.fillData(s) {
			return Full
		}
	}
	if c.waiting {
		c.waiting = false
		c.n.Waited()
	}
	return Idle
}

// canPut reports whether the request fits into the sink. Immediate data is cut
// to what fits, if the sink is empty enough for a good part of it.
func (c *Conn) canPut(s *Sink, cmd *Command) bool {
	switch cmd.Kind {
	case KindText, KindPing:
		return s.fits(c.textLen(cmd))
	case KindSCSI:
		want := c.immediateLen(cmd)
		got := s.room(want)
		return got == want || got > 0 && s.pdus == 0
	}
	return s.fits(0)
}

// textLen is how much of cmd.Text goes: one data segment's worth.
func (c *Conn) textLen(cmd *Command) int {
	return min(len(cmd.Text), int(c.p.Conn.MaxSendDataSegmentLength))
}

// immediateLen is how much data goes in the command's own PDU: what ImmediateData, FirstBurstLength and the target's data
// segments allow (13.11, 13.14).
func (c *Conn) immediateLen(cmd *Command) int {
	if cmd.Out == nil || !c.p.ImmediateData {
		return 0
	}
	return min(int(edtl(cmd)), int(c.p.FirstBurstLength), int(c.p.Conn.MaxSendDataSegmentLength))
}

func edtl(cmd *Command) uint32 {
	if cmd.Expect != 0 {
		return cmd.Expect
	}
	return uint32(len(cmd.In) + len(cmd.Out)) // one of them is empty
}

// put encodes a request, which fits, and gives it its tag and number.
func (c *Conn) put(s *Sink, cmd *Command, cmdSN uint32) {
	c.queued--
	cmd.state = stateSent
	itt := c.tags.take(cmd)
	cmd.task = task{itt: itt}
	r := &cmd.Result
	r.ITT, r.CmdSN, r.Sent = itt, cmdSN, true
	var h pdu.BHS
	var data []byte
	switch cmd.Kind {
	case KindSCSI:
		c.putSCSI(s, cmd, cmdSN)
		return
	case KindTMF:
		h.Init(pdu.OpTaskManagementRequest)
		t := (*pdu.TaskManagementRequest)(&h)
		t.SetFunction(cmd.Function)
		t.SetLUN(cmd.LUN)
		t.SetReferencedTaskTag(cmd.RefITT)
		t.SetRefCmdSN(cmd.RefCmdSN)
	case KindPing:
		h.Init(pdu.OpNOPOut)
		(*pdu.NOPOut)(&h).SetLUN(cmd.LUN)
		(*pdu.NOPOut)(&h).SetTTT(pdu.ReservedTag)
		data = cmd.Text[:c.textLen(cmd)]
	case KindText:
		h.Init(pdu.OpTextRequest)
		t := (*pdu.TextRequest)(&h)
		t.SetFinal(true)
		t.SetLUN(cmd.LUN)
		t.SetTTT(cmd.TTT)
		data = cmd.Text[:c.textLen(cmd)]
	case KindLogout:
		h.Init(pdu.OpLogoutRequest)
		l := (*pdu.LogoutRequest)(&h)
		l.SetReason(cmd.Reason)
		if cmd.Reason != pdu.LogoutCloseSession {
			l.SetCID(cmd.CID)
		}
		// "After sending the Logout Request PDU, an initiator MUST NOT send
		// any new iSCSI requests on the closing connection" (11.14).
		c.quiet = cmd.Reason == pdu.LogoutCloseSession || cmd.CID == cmd.Conn
	}
	h.SetITT(itt)
	c.putRequest(s, &h, nil, data, cmd.Immediate, cmdSN)
}

// putRequest stamps what every request but Data-Out carries in the same place: CmdSN and ExpStatSN (11.3.2, 11.3.3).
func (c *Conn) putRequest(s *Sink, h *pdu.BHS, ahs, data []byte, immediate bool, cmdSN uint32) {
	r := (*pdu.SCSICommand)(h)
	h.SetImmediate(immediate)
	r.SetCmdSN(cmdSN)
	r.SetExpStatSN(c.expStatSN)
	s.put(h, ahs, data, c.p.Conn.HeaderDigest, c.p.Conn.DataDigest)
}

// putSCSI encodes a SCSI Command with its immediate data, and queues the rest of what may go unsolicited (11.3, 4.2.5.2).
func (c *Conn) putSCSI(s *Sink, cmd *Command, cmdSN uint32) {
	t := &cmd.task
	t.edtl = edtl(cmd)
	t.write = cmd.Out != nil
	t.read = !t.write && t.edtl > 0
	var h pdu.BHS
	h.Init(pdu.OpSCSICommand)
	r := (*pdu.SCSICommand)(&h)
	r.SetRead(t.read)
	r.SetWrite(t.write)
	r.SetAttr(cmd.Attr)
	r.SetLUN(cmd.LUN)
	r.SetITT(t.itt)
	r.SetExpectedDataTransferLength(t.edtl)
	n := copy(r.CDB()[:], cmd.CDB)
	var ahs []byte
	var room [264]byte
	if n < len(cmd.CDB) {
		ahs = pdu.AppendExtendedCDB(room[:0], cmd.CDB[n:])
	}
	var data []byte
	unsolicited := uint32(0)
	if t.write {
		t.granted = 0
		if k := s.room(c.immediateLen(cmd)); k > 0 {
			data = cmd.Out[:k]
			t.out = uint32(k)
		}
		// Immediate data counts against FirstBurstLength (13.14).
		first := min(t.edtl, c.p.FirstBurstLength)
		if !c.p.InitialR2T && first > t.out {
			unsolicited = first - t.out
		}
		t.granted = t.out + unsolicited
	}
	r.SetFinal(unsolicited == 0) // 11.3.1: F is 0 when unsolicited Data-Out follows
	c.putRequest(s, &h, ahs, data, cmd.Immediate, cmdSN)
	if unsolicited > 0 {
		c.bursts.push(burst{cmd: cmd, ttt: pdu.ReservedTag, lun: cmd.LUN, at: t.out, left: unsolicited})
	}
}

// putReply encodes a NOP-Out that has no tag: an answer to a ping of the
// target's, or the acknowledgement that event 5 asks for (11.9.1, 11.18).
func (c *Conn) putReply(s *Sink, r reply) {
	var h pdu.BHS
	h.Init(pdu.OpNOPOut)
	o := (*pdu.NOPOut)(&h)
	o.SetLUN(r.lun)
	o.SetITT(pdu.ReservedTag)
	o.SetTTT(r.ttt)
	c.putRequest(s, &h, nil, nil, true, c.n.CmdSN()) // 11.18.1: "the I bit MUST be set"
}
