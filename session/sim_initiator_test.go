package session

import (
	"bytes"

	"github.com/ringtgt/ringtgt/pdu"
)

// The initiator of a simulated session: its requests, its data, and what it makes of the target's PDUs.

// request makes a request, if the command window is open (RFC 7143, 4.2.2.1).
func (s *sim) request() bool {
	if s.left == 0 || pdu.SNLess(s.maxCmdSN, s.cmdSN) || len(s.senders) > 6 {
		return false
	}
	s.left--
	p := &s.conn.sess.Params
	c := &simCmd{kind: simKind(s.rng.IntN(4)), key: s.rng.IntN(1 << 20)}
	switch c.kind {
	case simRead:
		c.n = s.rng.IntN(6000)
		h := s.read(uint32(c.n))
		c.h = *h.BHS()
		s.queue(s.encode(&c.h, nil))
	case simWrite:
		c.n = s.rng.IntN(6000)
		h := s.write(uint32(c.n))
		unsolicited := 0
		first := min(c.n, int(p.FirstBurstLength))
		if !p.InitialR2T && s.rng.IntN(2) == 0 {
			unsolicited = first
			h.SetFinal(false)
		}
		imm := 0
		if p.ImmediateData {
			imm = s.rng.IntN(first + 1)
		}
		c.h, c.imm = *h.BHS(), imm
		b := s.encode(&c.h, pattern(c.key, imm))
		if s.dd && imm > 0 && h.Final() && s.rng.IntN(10) == 0 {
			b[len(b)-1] ^= 4
			s.senders = append(s.senders, &simSender{pdus: [][]byte{b}})
			s.stats["rejected"]++
			break
		}
		sender := s.queue(b)
		if !h.Final() {
			s.data(sender, c, pdu.ReservedTag, imm, unsolicited)
		}
	case simTest:
		h := s.read(0)
		c.kind = simRead
		if s.rng.IntN(4) == 0 {
			s.immediate(h.BHS())
		}
		c.h = *h.BHS()
		s.queue(s.encode(&c.h, nil))
	case simPing:
		h := s.nopOut(s.nextITT(), pdu.ReservedTag, s.rng.IntN(2) == 0)
		c.h, c.n = *h, s.rng.IntN(512)
		s.queue(s.encode(&c.h, pattern(c.key, c.n)))
	}
	s.cmds[c.h.ITT()] = c
	s.logf("request %#x kind %d CmdSN %d n %d", c.h.ITT(), c.kind, (*pdu.SCSICommand)(&c.h).CmdSN(), c.n)
	return true
}

// queue adds a sender with one PDU.
func (s *sim) queue(b []byte) *simSender {
	if b[0]&0x40 == 0 && b[1]&0x80 != 0 {
		s.sent = append(s.sent, b)
	}
	x := &simSender{pdus: [][]byte{b}}
	s.senders = append(s.senders, x)
	return x
}

// data adds the Data-Out PDUs of a sequence, in pieces of any size.
func (s *sim) data(x *simSender, c *simCmd, ttt uint32, off, end int) {
	if off == end {
		h := s.dataOut(c.h.ITT(), ttt, 0, uint32(off), true)
		x.pdus = append(x.pdus, s.encode(h.BHS(), nil))
		return
	}
	for sn := uint32(0); off < end; sn++ {
		n := 1 + s.rng.IntN(min(end-off, 2000))
		h := s.dataOut(c.h.ITT(), ttt, sn, uint32(off), off+n == end)
		b := s.encode(h.BHS(), pattern(c.key+off, n))
		if s.dd && s.rng.IntN(60) == 0 {
			b[len(b)-1] ^= 0x40
			c.spoiled = true
			s.stats["spoiled"]++
		}
		x.pdus = append(x.pdus, b)
		off += n
	}
}

// transmit puts the next PDU of a sender on the wire: mostly the oldest, so that CmdSNs leave out of order at times.
func (s *sim) transmit() bool {
	if len(s.senders) == 0 {
		return false
	}
	i := 0
	if s.rng.IntN(3) == 0 {
		i = s.rng.IntN(len(s.senders))
	}
	x := s.senders[i]
	s.toTarget = append(s.toTarget, x.pdus[0]...)
	if x.pdus = x.pdus[1:]; len(x.pdus) == 0 {
		s.senders = append(s.senders[:i], s.senders[i+1:]...)
	}
	return true
}

// waits says that PDUs of c have not left. An initiator has to send what it announced before it aborts (or the target
// discards it), and no request may be lost but by the wire.
func (s *sim) waits(c *simCmd) bool { return s.sender(c) != nil }

// sender is the one that has PDUs of c, nil if all have left.
func (s *sim) sender(c *simCmd) *simSender {
	for _, x := range s.senders {
		if (*pdu.BHS)(x.pdus[0][:48]).ITT() == c.h.ITT() {
			return x
		}
	}
	return nil
}

// receive takes the next PDU of the target's.
func (s *sim) receive() bool {
	if len(s.inbox) == 0 {
		return false
	}
	w := s.inbox[0]
	s.inbox = s.inbox[1:]
	if pdu.SNLess(s.cmdSN, (*pdu.SCSIResponse)(&w.h).ExpCmdSN()) {
		s.Fatalf("%v: ExpCmdSN is beyond what was sent, %d", w, s.cmdSN)
	}
	itt := w.h.ITT()
	c := s.cmds[itt]
	switch op := w.h.Opcode(); {
	case op == pdu.OpReject:
		s.rejected(w)
	case op == pdu.OpNOPIn && itt == pdu.ReservedTag:
	case c == nil:
		s.Fatalf("%v is for no request that waits, or for one whose abort was answered", w)
	case op == pdu.OpR2T:
		h := (*pdu.R2T)(&w.h)
		x := s.sender(c) // sequences keep the order of their R2Ts (13.19)
		if x == nil {
			x = &simSender{}
			s.senders = append(s.senders, x)
		}
		s.data(x, c, h.TTT(), int(h.BufferOffset()), int(h.BufferOffset()+h.DesiredDataTransferLength()))
	case op == pdu.OpDataIn:
		s.dataIn(c, w)
	case op == pdu.OpSCSIResponse:
		s.response(c, w)
	case op == pdu.OpNOPIn:
		if !bytes.Equal(w.data, pattern(c.key, c.n)) {
			s.Fatalf("ping %#x: %d bytes came back", itt, len(w.data))
		}
		delete(s.cmds, itt)
	case op == pdu.OpTaskManagementResponse:
		for k, d := range s.cmds {
			if d.doomed == c {
				delete(s.cmds, k) // nothing of it may come any more
			}
		}
		delete(s.cmds, itt)
	default:
		s.Fatalf("%v", w)
	}
	return true
}

// rejected is a Reject of a PDU whose data digest was wrong. A command is sent again, with its CmdSN (7.3), unless it is to
// be aborted.
func (s *sim) rejected(w wire) {
	bad := (*pdu.BHS)(w.data)
	if reason := (*pdu.Reject)(&w.h).Reason(); reason != pdu.RejectDataDigestError {
		s.Fatalf("Reject %#x of %v %x", reason, bad.Opcode(), bad[:])
	}
	switch bad.Opcode() {
	case pdu.OpDataOut:
	case pdu.OpSCSICommand:
		if c := s.cmds[bad.ITT()]; c != nil && (c.doomed == nil || c.doomed.target != c) {
			delete(s.refused, bad.ITT())
			s.queue(s.encode(&c.h, pattern(c.key, c.imm)))
		}
	default:
		s.Fatalf("Reject of %v %x", bad.Opcode(), bad[:])
	}
}

func (s *sim) dataIn(c *simCmd, w wire) {
	h := (*pdu.DataIn)(&w.h)
	p := &s.conn.sess.Params
	if h.DataSN() != c.dataSN || int(h.BufferOffset()) != len(c.got) {
		s.Fatalf("%v: DataSN %d offset %d; want %d, %d", w, h.DataSN(), h.BufferOffset(), c.dataSN, len(c.got))
	}
	c.dataSN++
	c.got = append(c.got, w.data...)
	if c.burst += uint32(len(w.data)); c.burst > p.MaxBurstLength || len(w.data) > int(s.conn.cp.MaxXmitDataSegmentLength) {
		s.Fatalf("%v: burst of %d", w, c.burst)
	}
	if h.Final() {
		c.burst = 0
	}
	if !h.StatusPresent() {
		return
	}
	if h.Status() != statusGood || !bytes.Equal(c.got, pattern(c.key, c.n)) {
		s.Fatalf("read %#x: status %#x, %d bytes of %d", c.h.ITT(), h.Status(), len(c.got), c.n)
	}
	delete(s.cmds, c.h.ITT())
}

func (s *sim) response(c *simCmd, w wire) {
	h := (*pdu.SCSIResponse)(&w.h)
	switch status := h.Status(); {
	case status == statusGood && !c.spoiled && !s.refused[c.h.ITT()]:
		if c.kind == simRead && c.n > 0 {
			s.Fatalf("read %#x is GOOD without data", c.h.ITT())
		}
	case status == statusTaskSetFull && s.refused[c.h.ITT()]:
	case status == statusCheckCondition && c.spoiled && w.data[4] == 0x0b && w.data[14] == 0x47 && w.data[15] == 5:
	default:
		s.Fatalf("%#x kind %d spoiled %v: status %#x, sense %x", c.h.ITT(), c.kind, c.spoiled, status, w.data)
	}
	delete(s.cmds, c.h.ITT())
}
