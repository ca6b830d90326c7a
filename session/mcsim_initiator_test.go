package session

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// What the simulated initiator sends and how it takes the answers.

// newCmd makes a request with the next number on c. It is the caller who sends it.
func (s *mcSim) newCmd(kind mcKind, c *mcConn, op pdu.Opcode, immediate bool) *mcCmd {
	itt := s.itt
	if n := len(s.free); kind <= mcTest && n > 0 && s.rng.IntN(3) == 0 {
		itt = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		s.itt++
	}
	s.id++
	cmd := &mcCmd{id: s.id, kind: kind, conn: c, issued: s.step, h: c.header(op, itt, immediate)}
	c.sess.cmds[itt] = cmd
	if !cmd.scsi() {
		s.ctl[itt] = cmd
	}
	return cmd
}

// scsi makes a SCSI command on blocks, and its header.
func (s *mcSim) scsi(kind mcKind, c *mcConn, r mcRange, immediate bool) *mcCmd {
	cmd := s.newCmd(kind, c, pdu.OpSCSICommand, immediate)
	cmd.lun, cmd.lba, cmd.n = r.lun, r.lba, r.n
	cmd.fill()
	s.cmds[cmd.id] = cmd
	cmd.prompt = kind != mcWrite
	s.model.issued(cmd)
	return cmd
}

// fill completes the header of a SCSI command.
func (cmd *mcCmd) fill() {
	h := (*pdu.SCSICommand)(&cmd.h)
	cmd.h.SetLUN(cmd.lun)
	h.SetAttr(pdu.TaskAttrSimple)
	h.SetRead(cmd.kind == mcRead)
	h.SetWrite(cmd.kind == mcWrite)
	h.SetExpectedDataTransferLength(uint32(cmd.n * mcBlockLen))
	b := h.CDB()
	b[0] = byte(cmd.kind)
	b[8], b[9], b[10], b[11] = byte(cmd.id>>24), byte(cmd.id>>16), byte(cmd.id>>8), byte(cmd.id)
}

// request makes a request, if the command window is open.
func (s *mcSim) request() bool {
	ss := s.sess
	if s.ending || ss == nil || !ss.up || ss.over || pdu.SNLess(ss.max, ss.cmdSN) {
		return false
	}
	c := s.anyConn()
	if c == nil || len(c.queue) > 5 {
		return false
	}
	if s.left == 0 {
		// Everything is read at the end, when nothing is under way.
		if len(s.verify) == 0 || len(ss.cmds) > 0 || len(s.holes) > 0 {
			return false
		}
		r := s.verify[0]
		s.verify = s.verify[1:]
		s.queue(s.scsi(mcRead, c, r, false), nil)
		return true
	}
	s.left--
	r := mcRange{uint64(s.rng.IntN(mcUnits)), s.rng.IntN(mcBlocks), s.rng.IntN(13)}
	r.n = min(r.n, mcBlocks-r.lba)
	switch s.rng.IntN(8) {
	case 0, 1, 2:
		s.queue(s.scsi(mcRead, c, r, s.rng.IntN(10) == 0), nil)
	case 3, 4, 5:
		s.write(c, r)
	case 6:
		r.n = 0
		s.queue(s.scsi(mcTest, c, r, s.rng.IntN(4) == 0), nil)
	case 7:
		cmd := s.newCmd(mcPing, c, pdu.OpNOPOut, s.rng.IntN(2) == 0)
		(*pdu.NOPOut)(&cmd.h).SetTTT(pdu.ReservedTag)
		cmd.ping = pattern(int(cmd.id), s.rng.IntN(400))
		s.queue(cmd, cmd.ping)
	}
	return true
}

func (s *mcSim) write(c *mcConn, r mcRange) {
	p := c.sess.params
	cmd := s.scsi(mcWrite, c, r, false)
	total := r.n * mcBlockLen
	first := min(total, int(p.FirstBurstLength))
	h := (*pdu.SCSICommand)(&cmd.h)
	if p.ImmediateData && s.rng.IntN(3) > 0 {
		cmd.imm = s.rng.IntN(first + 1)
		if s.rng.IntN(2) == 0 {
			cmd.imm = first
		}
	}
	if !p.InitialR2T && s.rng.IntN(2) == 0 {
		h.SetFinal(false)
	}
	cmd.prompt = h.Final() && cmd.imm == total
	data := cmd.data()
	x := s.queue(cmd, data[:cmd.imm])
	if !h.Final() {
		s.data(x, cmd, pdu.ReservedTag, cmd.imm, first)
	}
}

// queue has a request sent.
func (s *mcSim) queue(cmd *mcCmd, data []byte) *mcSender {
	x := &mcSender{cmd: cmd, pdus: [][]byte{cmd.conn.encode(&cmd.h, data)}}
	cmd.conn.queue = append(cmd.conn.queue, x)
	s.remember(cmd, x.pdus[0])
	s.logf("%v: queues %v", cmd.conn, cmd)
	return x
}

// data adds the Data-Out PDUs of a sequence, in pieces of any size.
func (s *mcSim) data(x *mcSender, cmd *mcCmd, ttt uint32, off, end int) {
	c, all := cmd.conn, cmd.data()
	for sn := uint32(0); ; sn++ {
		n := min(end-off, 1+s.rng.IntN(2000))
		var b pdu.BHS
		b.Init(pdu.OpDataOut)
		h := (*pdu.DataOut)(&b)
		h.SetFinal(off+n == end)
		h.SetITT(cmd.h.ITT())
		h.SetTTT(ttt)
		if ttt != pdu.ReservedTag {
			h.SetLUN(cmd.lun)
		}
		h.SetDataSN(sn)
		h.SetBufferOffset(uint32(off))
		x.pdus = append(x.pdus, c.encode(&b, all[off:off+n]))
		if off += n; off == end {
			return
		}
	}
}

// transmit puts a PDU on the wire: mostly the oldest of its connection.
func (s *mcSim) transmit() bool {
	ss := s.sess
	if ss == nil {
		return false
	}
	at := s.rng.IntN(max(len(ss.conns), 1))
	for i := range ss.conns {
		c := ss.conns[(at+i)%len(ss.conns)]
		if len(c.queue) == 0 || c.state != mcFull && c.state != mcLeaving || c.sock.reset {
			continue
		}
		i := 0
		if s.rng.IntN(6) == 0 {
			i = s.rng.IntN(len(c.queue))
		}
		x := c.queue[i]
		c.transmit(c.stamped(x.pdus[0]))
		h := (*pdu.BHS)(x.pdus[0][:pdu.BHSLen])
		s.logf("%v: %v ITT %#x CmdSN %d TTT %#x data %d", c, h.Opcode(), h.ITT(), (*pdu.SCSICommand)(h).CmdSN(), (*pdu.DataOut)(h).TTT(), h.DataLen())
		if x.pdus = x.pdus[1:]; len(x.pdus) == 0 {
			c.queue = slices.Delete(c.queue, i, i+1)
		}
		return true
	}
	return false
}

// receive has a connection read.
func (s *mcSim) receive() bool {
	for _, ss := range []*mcSession{s.sess, s.past} {
		if ss == nil {
			continue
		}
		at := s.rng.IntN(max(len(ss.conns), 1))
		for i := range ss.conns {
			if ss.conns[(at+i)%len(ss.conns)].read() {
				return true
			}
		}
	}
	return false
}

// anyConn is a connection on which requests may be sent, nil when there is none.
func (s *mcSim) anyConn() *mcConn {
	if s.sess == nil || s.sess.over {
		return nil
	}
	at := s.rng.IntN(max(len(s.sess.conns), 1))
	for i := range s.sess.conns {
		if c := s.sess.conns[(at+i)%len(s.sess.conns)]; c.live() {
			return c
		}
	}
	return nil
}

// waiting is the sender that has PDUs of cmd, nil when all have left.
func (c *mcConn) waiting(cmd *mcCmd) *mcSender {
	for _, x := range c.queue {
		if x.cmd == cmd {
			return x
		}
	}
	return nil
}

// unsent says that the request itself has not left.
func (c *mcConn) unsent(cmd *mcCmd) bool {
	x := c.waiting(cmd)
	return x != nil && (*pdu.BHS)(x.pdus[0][:pdu.BHSLen]).Opcode() != pdu.OpDataOut
}

// forget drops what is still to be sent of cmd.
func (c *mcConn) forget(cmd *mcCmd) {
	c.queue = slices.DeleteFunc(c.queue, func(o *mcSender) bool { return o.cmd == cmd })
}

// done is the end of a request, as the initiator sees it.
func (s *mcSim) done(cmd *mcCmd) {
	delete(cmd.conn.sess.cmds, cmd.h.ITT())
	cmd.over = s.step
	cmd.conn.forget(cmd)
	s.moved = s.now
}

// take is a PDU of the target's.
func (s *mcSim) take(c *mcConn, x wire) {
	itt := x.h.ITT()
	cmd := c.sess.cmds[itt]
	switch op := x.h.Opcode(); {
	case op == pdu.OpLoginResponse:
		s.loggedIn(c)
	case op == pdu.OpReject:
		s.rejected(c, x)
	case op == pdu.OpAsyncMessage:
		s.async(c, (*pdu.AsyncMessage)(&x.h))
	case op == pdu.OpNOPIn && itt == pdu.ReservedTag:
		s.pong(c, (*pdu.NOPIn)(&x.h))
	case cmd == nil:
		// Its end was reported on another connection, while this was under way: the oracle looks at when it was sent.
	case cmd.conn != c && !cmd.roaming:
		s.Fatalf("%v: %v is answered, which was sent on %v", c, cmd, cmd.conn)
	case op == pdu.OpR2T:
		s.r2t(c, cmd, (*pdu.R2T)(&x.h))
	case op == pdu.OpDataIn:
		if cmd.dataIn(c, x) {
			s.answered(cmd)
		}
	case op == pdu.OpSCSIResponse:
		cmd.response(c, x)
		s.answered(cmd)
	case op == pdu.OpNOPIn:
		if want := cmd.ping[:min(len(cmd.ping), int(c.sock.target.s.cp.MaxXmitDataSegmentLength))]; string(x.data) != string(want) {
			s.Fatalf("%v: %v: %d bytes came back", c, cmd, len(x.data))
		}
		s.done(cmd)
	case op == pdu.OpTaskManagementResponse:
		s.managed(cmd, (*pdu.TaskManagementResponse)(&x.h).Response())
	case op == pdu.OpLogoutResponse:
		s.loggedOut(cmd, (*pdu.LogoutResponse)(&x.h).Response())
	default:
		s.Fatalf("%v: %v", c, x)
	}
}

// answered is a SCSI command with its status.
func (s *mcSim) answered(cmd *mcCmd) {
	s.done(cmd)
	s.stats[mcKinds[cmd.kind]]++
	if !cmd.refused {
		s.model.answered(s.mcWorld, cmd)
	}
	for _, m := range cmd.conn.sess.cmds {
		if m.target == cmd {
			return // a function that is under way names the tag
		}
	}
	s.free = append(s.free, cmd.h.ITT())
	if len(s.free) > 8 {
		s.free = s.free[1:]
	}
}

func (s *mcSim) r2t(c *mcConn, cmd *mcCmd, h *pdu.R2T) {
	if c.state != mcFull {
		return
	}
	cmd.asked = true
	x := c.waiting(cmd)
	if x == nil {
		x = &mcSender{cmd: cmd}
		c.queue = append(c.queue, x)
	}
	s.data(x, cmd, h.TTT(), int(h.BufferOffset()), int(h.BufferOffset()+h.DesiredDataTransferLength()))
}

// dataIn takes data of a read, and reports whether its status came with it.
func (cmd *mcCmd) dataIn(c *mcConn, x wire) bool {
	h := (*pdu.DataIn)(&x.h)
	if h.DataSN() != cmd.dataSN || int(h.BufferOffset()) != len(cmd.got) {
		c.w.Fatalf("%v: %v: DataSN %d offset %d; want %d, %d", c, cmd, h.DataSN(), h.BufferOffset(), cmd.dataSN, len(cmd.got))
	}
	cmd.dataSN++
	cmd.got = append(cmd.got, x.data...)
	if cmd.burst += uint32(len(x.data)); cmd.burst > c.sess.params.MaxBurstLength {
		c.w.Fatalf("%v: %v: burst of %d", c, cmd, cmd.burst)
	}
	if h.Final() {
		cmd.burst = 0
	}
	return h.StatusPresent()
}

func (cmd *mcCmd) response(c *mcConn, x wire) {
	if h := (*pdu.SCSIResponse)(&x.h); h.Status() == statusGood && cmd.kind == mcRead && cmd.n > 0 {
		c.w.Fatalf("%v: %v is GOOD without data", c, cmd)
	}
}

// pong answers a NOP-In that wants an answer.
func (s *mcSim) pong(c *mcConn, h *pdu.NOPIn) {
	if h.TTT() == pdu.ReservedTag || c.state != mcFull {
		return
	}
	b := c.header(pdu.OpNOPOut, pdu.ReservedTag, true)
	(*pdu.NOPOut)(&b).SetTTT(h.TTT())
	c.queue = append([]*mcSender{{pdus: [][]byte{c.encode(&b, nil)}}}, c.queue...)
}

// rejected is a Reject: the host had no task for the request, or too many immediate ones are unanswered.
func (s *mcSim) rejected(c *mcConn, x wire) {
	bad := (*pdu.BHS)(x.data[:pdu.BHSLen])
	reason := (*pdu.Reject)(&x.h).Reason()
	cmd := c.sess.cmds[bad.ITT()]
	s.stats["rejected"]++
	if s.cfg.noTask == 0 || reason != pdu.RejectLongOperation && reason != pdu.RejectImmediateCommand {
		s.Fatalf("%v: Reject %#x of %v %x", c, reason, bad.Opcode(), bad[:])
	}
	if cmd == nil {
		return
	}
	cmd.answered, cmd.rejected = true, true
	s.done(cmd)
	s.failed(cmd)
	for _, o := range c.sess.conns {
		if cmd.kind == mcLogout && o.state == mcLeaving {
			o.die("its logout was rejected")
		}
	}
	if !bad.Immediate() {
		s.holes = append(s.holes, cmd) // a rejected request was not received (7.3)
	}
}

// failed is a function that came to nothing, as far as the initiator knows: what it was about may be over or not.
func (s *mcSim) failed(m *mcCmd) {
	switch {
	case m.kind != mcManage:
	case m.plug && !slices.Contains(s.holes, m.target):
		s.holes = append(s.holes, m.target)
	default:
		for _, r := range m.conn.sess.cmds {
			if m.spans(r) && r.doubtAt == 0 {
				r.doubtAt = s.now
			}
		}
	}
}
