package proto

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// burst is a Data-Out sequence: unsolicited, or what an R2T asks for.
type burst struct {
	cmd    *Command
	ttt    uint32
	lun    uint64
	at     uint32 // offset of the next PDU in cmd.Out
	left   uint32 // bytes, not 0
	dataSN uint32
}

// bursts is a FIFO that keeps its memory. Sequences are sent one after the other: unsolicited data goes out in the order of its
// commands (RFC 7143, 4.2.5.2), R2Ts are fulfilled in their order (4.2.5.2, DataSequenceInOrder).
type bursts struct {
	list []burst
	head int
}

func (b *bursts) push(x burst) {
	if b.head > 0 && len(b.list) == cap(b.list) {
		b.list, b.head = slices.Delete(b.list, 0, b.head), 0
	}
	b.list = append(b.list, x)
}

func (b *bursts) front() *burst {
	if b.head == len(b.list) {
		return nil
	}
	return &b.list[b.head]
}

func (b *bursts) pop() {
	b.list[b.head] = burst{}
	b.head++
	if b.head == len(b.list) {
		b.list, b.head = b.list[:0], 0
	}
}

// drop takes out what a command that is over still had to send.
func (b *bursts) drop(cmd *Command) {
	left := slices.DeleteFunc(b.list[b.head:], func(x burst) bool { return x.cmd == cmd })
	b.list = b.list[:b.head+len(left)]
	if b.head == len(b.list) {
		b.list, b.head = b.list[:0], 0
	}
}

// fillData sends Data-Out until nothing is left, and reports that; false: the sink is full.
func (c *Conn) fillData(s *Sink) bool {
	if c.hold {
		return true
	}
	for b := c.bursts.front(); b != nil; b = c.bursts.front() {
		want := int(min(b.left, c.p.Conn.MaxSendDataSegmentLength))
		n := s.room(want)
		if n < want && (n <= 0 || s.pdus > 0) {
			return false // PDUs are cut shorter only where the whole sink is too small for one
		}
		if uint32(n) < b.left {
			n &^= 3 // all but the last are whole words: no padding in the middle
		}
		if n <= 0 {
			return false
		}
		var h pdu.BHS
		h.Init(pdu.OpDataOut)
		o := (*pdu.DataOut)(&h)
		o.SetFinal(uint32(n) == b.left)
		o.SetLUN(b.lun)
		o.SetITT(b.cmd.task.itt)
		o.SetTTT(b.ttt)
		o.SetExpStatSN(c.expStatSN)
		o.SetDataSN(b.dataSN)
		o.SetBufferOffset(b.at)
		s.put(&h, nil, b.cmd.Out[b.at:b.at+uint32(n)], c.p.Conn.HeaderDigest, c.p.Conn.DataDigest)
		b.cmd.task.out += uint32(n)
		b.dataSN++
		b.at += uint32(n)
		b.left -= uint32(n)
		if b.left == 0 {
			if b.ttt != pdu.ReservedTag {
				b.cmd.task.r2ts--
			}
			c.bursts.pop()
		}
	}
	return true
}

// r2t takes a request for data (11.8).
func (c *Conn) r2t(h *pdu.BHS) {
	r := (*pdu.R2T)(h)
	cmd := c.expect(h)
	if r.StatSN() != c.expStatSN {
		c.violation("R2T has StatSN %d, want the next, %d (11.8.3)", r.StatSN(), c.expStatSN)
	}
	if cmd == nil {
		return
	}
	t := &cmd.task
	at, n := r.BufferOffset(), r.DesiredDataTransferLength()
	switch {
	case !t.write:
		c.violation("R2T for a command that writes nothing (11.8)")
		return
	case n == 0 || n > c.p.MaxBurstLength:
		c.violation("R2T asks for %d bytes, MaxBurstLength is %d (11.8.4)", n, c.p.MaxBurstLength)
		if n == 0 {
			return
		}
	case r.TTT() == pdu.ReservedTag:
		c.violation("R2T with the reserved Target Transfer Tag (11.8.5)")
		return
	}
	if uint64(at)+uint64(n) > uint64(t.edtl) {
		c.violation("R2T asks for bytes %d to %d of %d (11.8.4)", at, uint64(at)+uint64(n), t.edtl)
		return
	}
	if r.R2TSN() != t.r2tSN {
		c.violation("R2T has R2TSN %d, want %d (11.8.2)", r.R2TSN(), t.r2tSN)
	}
	if at != t.granted {
		c.violation("R2T asks for offset %d, the next byte in order is %d (13.19)", at, t.granted)
	}
	if t.r2ts >= c.p.MaxOutstandingR2T {
		c.violation("R2T beyond MaxOutstandingR2T %d (13.17)", c.p.MaxOutstandingR2T)
		return
	}
	if r.LUN() != cmd.LUN {
		c.violation("R2T has LUN %#x, the command %#x (4.2.5.3)", r.LUN(), cmd.LUN)
	}
	t.r2tSN = r.R2TSN() + 1
	t.r2ts++
	t.granted = max(t.granted, at+n)
	cmd.Result.R2Ts++
	c.bursts.push(burst{cmd: cmd, ttt: r.TTT(), lun: r.LUN(), at: at, left: n})
}
