package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// The requests that the simulated initiator sends, and how it processes the answers.

// newCmd returns a request on c with the next CmdSN. The caller sends it.
func (s *simulation) newCmd(kind simKind, c *simConn, op pdu.Opcode, immediate bool) *simCmd {
	itt := s.itt
	if n := len(s.free); kind <= simUnmap && n > 0 && s.rng.IntN(3) == 0 {
		itt = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		s.itt++
	}
	s.id++
	cmd := &simCmd{id: s.id, kind: kind, conn: c, issued: s.step, h: c.header(op, itt, immediate)}
	c.sess.cmds[itt] = cmd
	if !cmd.scsi() {
		s.ctl[itt] = cmd
	}
	return cmd
}

// scsi returns a SCSI command on a range of blocks, and its header.
func (s *simulation) scsi(kind simKind, c *simConn, r simRange, immediate bool) *simCmd {
	cmd := s.newCmd(kind, c, pdu.OpSCSICommand, immediate)
	cmd.lun, cmd.lba, cmd.n = r.lun, r.lba, r.n
	cmd.fill()
	s.cmds[cmd.id] = cmd
	cmd.prompt = !cmd.writes()
	s.model.issued(cmd)
	return cmd
}

// fill completes the header of a SCSI command.
func (cmd *simCmd) fill() {
	h := (*pdu.SCSICommand)(&cmd.h)
	cmd.h.SetLUN(cmd.lun << 48)
	h.SetAttr(pdu.TaskAttrSimple)
	h.SetRead(cmd.kind == simRead)
	h.SetWrite(cmd.writes())
	h.SetExpectedDataTransferLength(uint32(cmd.bytes()))
	b := h.CDB()
	switch cmd.kind {
	case simRead, simWrite: // READ(10), WRITE(10)
		b[0] = 0x28
		if cmd.kind == simWrite {
			b[0] = 0x2a
		}
		if cmd.fua {
			b[1] = 0x08
		}
		binary.BigEndian.PutUint32(b[2:], uint32(cmd.lba))
		binary.BigEndian.PutUint16(b[7:], uint16(cmd.n))
	case simTest: // VERIFY(10)
		b[0] = 0x2f
		binary.BigEndian.PutUint32(b[2:], uint32(cmd.lba))
		b[8] = 1
	case simSync: // SYNCHRONIZE CACHE(10)
		b[0] = 0x35
	case simUnmap:
		b[0] = 0x42
		binary.BigEndian.PutUint16(b[7:], uint16(cmd.bytes()))
	}
}

// writes reports whether the command has data-out.
func (cmd *simCmd) writes() bool { return cmd.kind == simWrite || cmd.kind == simUnmap }

// bytes returns the length of the command's data.
func (cmd *simCmd) bytes() int {
	switch cmd.kind {
	case simRead, simWrite:
		return cmd.n * simBlockLen
	case simUnmap:
		return 24
	}
	return 0
}

// data returns the command's data-out: the blocks of a write, or the parameter list of UNMAP (SBC-4 5.35).
func (cmd *simCmd) data() []byte {
	switch cmd.kind {
	case simWrite:
		return simData(cmd.id, cmd.lun, cmd.lba, cmd.n)
	case simUnmap:
		b := make([]byte, 24)
		binary.BigEndian.PutUint16(b[0:], 22)
		binary.BigEndian.PutUint16(b[2:], 16)
		binary.BigEndian.PutUint64(b[8:], uint64(cmd.lba))
		binary.BigEndian.PutUint32(b[16:], uint32(cmd.n))
		return b
	}
	return nil
}

// request sends a random request if the command window is open.
func (s *simulation) request() bool {
	ss := s.sess
	if s.ending || ss == nil || !ss.up || ss.over || pdu.SNLess(ss.max, ss.cmdSN) {
		return false
	}
	c := s.anyConn()
	if c == nil || len(c.queue) > 5 {
		return false
	}
	if s.left == 0 {
		// At the end, with nothing under way, every block is read.
		if len(s.verify) == 0 || len(ss.cmds) > 0 || len(s.holes) > 0 {
			return false
		}
		r := s.verify[0]
		s.verify = s.verify[1:]
		s.queue(s.scsi(simRead, c, r, false), nil)
		return true
	}
	s.left--
	r := simRange{uint64(s.rng.IntN(simUnits)), s.rng.IntN(simBlocks), s.rng.IntN(13)}
	if s.rng.IntN(8) == 0 {
		r.n = s.rng.IntN(simBlocks)
	}
	r.n = min(r.n, simBlocks-r.lba)
	switch s.rng.IntN(11) {
	case 0, 1, 2:
		s.queue(s.scsi(simRead, c, r, s.rng.IntN(10) == 0), nil)
	case 3, 4, 5:
		s.write(c, r)
	case 6:
		r.n = 0
		s.queue(s.scsi(simTest, c, r, s.rng.IntN(4) == 0), nil)
	case 7:
		cmd := s.newCmd(simPing, c, pdu.OpNOPOut, s.rng.IntN(2) == 0)
		(*pdu.NOPOut)(&cmd.h).SetTTT(pdu.ReservedTag)
		cmd.ping = pattern(int(cmd.id), s.rng.IntN(400))
		s.queue(cmd, cmd.ping)
	case 8:
		r.n = 0
		s.queue(s.scsi(simSync, c, r, false), nil)
	case 9, 10:
		cmd := s.scsi(simUnmap, c, r, false)
		cmd.imm = 0
		if c.sess.params.ImmediateData {
			cmd.imm = 24
			cmd.prompt = true
		}
		s.queue(cmd, cmd.data()[:cmd.imm])
	}
	return true
}

func (s *simulation) write(c *simConn, r simRange) {
	p := c.sess.params
	cmd := s.scsi(simWrite, c, r, false)
	total := r.n * simBlockLen
	cmd.fua = s.rng.IntN(3) == 0
	cmd.fill()
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

// queue queues a request and its data for sending.
func (s *simulation) queue(cmd *simCmd, data []byte) *simSender {
	x := &simSender{cmd: cmd, pdus: [][]byte{cmd.conn.encode(&cmd.h, data)}}
	cmd.conn.queue = append(cmd.conn.queue, x)
	s.remember(cmd, x.pdus[0])
	s.logf("%v: queues %v", cmd.conn, cmd)
	return x
}

// data queues the Data-Out PDUs of a sequence, of random sizes.
func (s *simulation) data(x *simSender, cmd *simCmd, ttt uint32, off, end int) {
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
			h.SetLUN(cmd.lun << 48)
		}
		h.SetDataSN(sn)
		h.SetBufferOffset(uint32(off))
		x.pdus = append(x.pdus, c.encode(&b, all[off:off+n]))
		if off += n; off == end {
			return
		}
	}
}

// transmit sends a queued PDU, in most cases the oldest of its connection.
func (s *simulation) transmit() bool {
	ss := s.sess
	if ss == nil {
		return false
	}
	at := s.rng.IntN(max(len(ss.conns), 1))
	for i := range ss.conns {
		c := ss.conns[(at+i)%len(ss.conns)]
		if len(c.queue) == 0 || c.state != simFull && c.state != simLeaving || c.sock.s.WasReset() {
			continue
		}
		i := 0
		if s.rng.IntN(6) == 0 {
			i = s.rng.IntN(len(c.queue))
		}
		x := c.queue[i]
		c.transmit(c.stamped(x.pdus[0]), x.cmd)
		h := (*pdu.BHS)(x.pdus[0][:pdu.BHSLen])
		s.logf("%v: %v ITT %#x CmdSN %d TTT %#x data %d", c, h.Opcode(), h.ITT(), (*pdu.SCSICommand)(h).CmdSN(), (*pdu.DataOut)(h).TTT(), h.DataLen())
		if x.pdus = x.pdus[1:]; len(x.pdus) == 0 {
			c.queue = slices.Delete(c.queue, i, i+1)
		}
		return true
	}
	return false
}

// receive reads from a random connection.
func (s *simulation) receive() bool {
	for _, ss := range []*simSession{s.sess, s.past} {
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

// anyConn returns a random connection on which requests may be sent, nil when there is none.
func (s *simulation) anyConn() *simConn {
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

// waiting returns the queue that still has PDUs of cmd, nil when all are sent.
func (c *simConn) waiting(cmd *simCmd) *simSender {
	for _, x := range c.queue {
		if x.cmd == cmd {
			return x
		}
	}
	return nil
}

// unsent reports whether the request PDU itself is still queued.
func (c *simConn) unsent(cmd *simCmd) bool {
	x := c.waiting(cmd)
	return x != nil && (*pdu.BHS)(x.pdus[0][:pdu.BHSLen]).Opcode() != pdu.OpDataOut
}

// forget drops the queued PDUs of cmd.
func (c *simConn) forget(cmd *simCmd) {
	c.queue = slices.DeleteFunc(c.queue, func(o *simSender) bool { return o.cmd == cmd })
}

// done ends a request from the initiator's point of view.
func (s *simulation) done(cmd *simCmd) {
	delete(cmd.conn.sess.cmds, cmd.h.ITT())
	cmd.over = s.step
	cmd.conn.forget(cmd)
	s.moved = s.now
}

// take processes a PDU from the target.
func (s *simulation) take(c *simConn, x wire) {
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
		// Its end was reported on another connection while this PDU was in flight. The oracle judges by the time of sending.
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
		if want := cmd.ping[:min(len(cmd.ping), int(c.sock.target.c.s.Params().MaxXmitDataSegmentLength))]; string(x.data) != string(want) {
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

// answered processes the status of a SCSI command.
func (s *simulation) answered(cmd *simCmd) {
	s.done(cmd)
	s.stats[simKinds[cmd.kind]]++
	switch {
	case cmd.status == statusGood:
		s.model.answered(s.simWorld, cmd)
	case cmd.harmless:
		s.model.nothing(cmd)
	}
	for _, m := range cmd.conn.sess.cmds {
		if m.target == cmd {
			return // a function under way refers to the tag
		}
	}
	s.free = append(s.free, cmd.h.ITT())
	if len(s.free) > 8 {
		s.free = s.free[1:]
	}
}

func (s *simulation) r2t(c *simConn, cmd *simCmd, h *pdu.R2T) {
	if c.state != simFull {
		return
	}
	cmd.asked = true
	x := c.waiting(cmd)
	if x == nil {
		x = &simSender{cmd: cmd}
		c.queue = append(c.queue, x)
	}
	s.data(x, cmd, h.TTT(), int(h.BufferOffset()), int(h.BufferOffset()+h.DesiredDataTransferLength()))
}

// dataIn processes a Data-In PDU, and reports whether it carried status.
func (cmd *simCmd) dataIn(c *simConn, x wire) bool {
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
	if h.StatusPresent() {
		cmd.status = h.Status()
	}
	return h.StatusPresent()
}

func (cmd *simCmd) response(c *simConn, x wire) {
	h := (*pdu.SCSIResponse)(&x.h)
	cmd.status = h.Status()
	w := c.w
	switch cmd.status {
	case statusGood:
		if cmd.kind == simRead && cmd.n > 0 {
			w.Fatalf("%v: %v is GOOD without data", c, cmd)
		}
	case statusBusy, statusTaskSetFull:
		cmd.harmless = true
	case statusCheckCondition:
		if len(x.data) < 2+8 {
			w.Fatalf("%v: %v: %d bytes of sense data", c, cmd, len(x.data))
		}
		sense := x.data[2:]
		key := sense[2] & 0x0f
		if sense[0]&0x7f >= 0x72 {
			key = sense[1] & 0x0f
		}
		w.stats["sense "+fmt.Sprint(key)]++
		switch {
		case key == 6: // UNIT ATTENTION: the command had no effect
			cmd.harmless = true
		case w.cfg.kernel.DiskError+w.cfg.kernel.Interrupt+w.cfg.kernel.Short == 0:
			w.Fatalf("%v: %v: sense %x, and nothing went wrong", c, cmd, sense)
		case !bytes.Contains([]byte{3, 4, 7, 11}, []byte{key}): // MEDIUM, HARDWARE ERROR, DATA PROTECT (no space), ABORTED COMMAND
			w.Fatalf("%v: %v: sense %x", c, cmd, sense)
		}
	default:
		w.Fatalf("%v: %v: status %#x", c, cmd, cmd.status)
	}
}

// pong answers a NOP-In that asks for an answer.
func (s *simulation) pong(c *simConn, h *pdu.NOPIn) {
	if h.TTT() == pdu.ReservedTag || c.state != simFull {
		return
	}
	b := c.header(pdu.OpNOPOut, pdu.ReservedTag, true)
	(*pdu.NOPOut)(&b).SetTTT(h.TTT())
	c.queue = append([]*simSender{{pdus: [][]byte{c.encode(&b, nil)}}}, c.queue...)
}

// rejected processes a Reject: the host had no task, or too many immediate requests are unanswered.
func (s *simulation) rejected(c *simConn, x wire) {
	bad := (*pdu.BHS)(x.data[:pdu.BHSLen])
	reason := (*pdu.Reject)(&x.h).Reason()
	cmd := c.sess.cmds[bad.ITT()]
	s.stats["rejected"]++
	if s.cfg.noTask+s.cfg.noSlab+s.cfg.arena == 0 || reason != pdu.RejectLongOperation && reason != pdu.RejectImmediateCommand {
		s.Fatalf("%v: Reject %#x of %v %x", c, reason, bad.Opcode(), bad[:])
	}
	if cmd == nil {
		return
	}
	cmd.answered, cmd.rejected = true, true
	s.done(cmd)
	s.failed(cmd)
	for _, o := range c.sess.conns {
		if cmd.kind == simLogout && o.state == simLeaving {
			o.die("its logout was rejected")
		}
	}
	if !bad.Immediate() {
		s.holes = append(s.holes, cmd) // a rejected request counts as not received (RFC 7143, 7.3)
	}
}

// failed processes a function whose outcome is unknown: the tasks it names may be over or not.
func (s *simulation) failed(m *simCmd) {
	switch {
	case m.kind != simManage:
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
