package fullfeature

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// writing is what the cases of this file need.
const writing = conform.Unit | conform.Writes

// transfer is how a case of a right write sends its data.
type transfer struct {
	initialR2T, immediateData bool
	first, burst, most        int // FirstBurstLength, MaxBurstLength, bytes in each Data-Out
	length                    int // of the data
	immediate                 int // bytes of immediate data, at most
	r2ts                      int // MaxOutstandingR2T
}

// writes has the cases of right writes (RFC 7143, 4.2.5.2, 11.7, 11.8).
func writes() (cases []conform.Case) {
	for i, c := range []transfer{
		{true, false, 512, 4096, 512, 16 << 10, 0, 1},
		{true, false, 4096, 4096, 4096, 4096, 0, 1},
		{true, false, 65536, 262144, 8192, 64 << 10, 0, 1},
		{true, false, 512, 512, 512, 8 << 10, 0, 1},
		{true, false, 512, 4096, 300, 16 << 10, 0, 1},
		{true, false, 512, 2048, 512, 32 << 10, 0, 4},
		{true, false, 512, 1000, 512, 8 << 10, 0, 2},
		{true, true, 4096, 4096, 512, 4096, 4096, 1},
		{true, true, 4096, 8192, 4096, 16 << 10, 4096, 1},
		{true, true, 4096, 8192, 4096, 16 << 10, 512, 1},
		{true, true, 65536, 65536, 8192, 8 << 10, 0, 1},
		{false, true, 4096, 8192, 4096, 4096, 4096, 1},
		{false, true, 4096, 8192, 1024, 16 << 10, 512, 1},
		{false, true, 4096, 8192, 4096, 16 << 10, 0, 1},
		{false, true, 65536, 262144, 8192, 64 << 10, 8192, 1},
		{false, true, 8192, 8192, 1000, 8 << 10, 1000, 1},
		{false, false, 4096, 8192, 2048, 16 << 10, 0, 1},
		{false, false, 4096, 4096, 512, 2048, 0, 1},
		{false, false, 1000, 3000, 700, 16 << 10, 0, 3},
	} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/4.2.5.2/1" + conform.Letters(i), Needs: writing,
			Title: fmt.Sprintf("%d KiB, InitialR2T %s, immediate %s %d, bursts %d/%d, PDU %d, R2Ts %d", c.length>>10, yes(c.initialR2T),
				yes(c.immediateData), c.immediate, c.first, c.burst, c.most, c.r2ts),
			Rule: "Data that was not sent unsolicited is solicited: R2Ts ask for all of it, in order, without gaps.",
			Also: []string{"rfc7143/11.8/9", "rfc7143/11.8.4/1", "rfc7143/11.8.4/2", "rfc7143/11.8.5/1", "rfc7143/13.10/0", "rfc7143/13.17/0", "rfc7143/4.2.5.3/2", "rfc7143/13.19/1"},
			Run:  c.run,
		})
	}
	return append(cases, writeFields()...)
}

func yes(b bool) string { return map[bool]string{true: "Yes", false: "No"}[b] }

// keys negotiates the transfer.
func (c *transfer) keys() []string {
	return []string{
		"InitialR2T", yes(c.initialR2T), "ImmediateData", yes(c.immediateData),
		"FirstBurstLength", strconv.Itoa(c.first), "MaxBurstLength", strconv.Itoa(c.burst), "MaxOutstandingR2T", strconv.Itoa(c.r2ts),
	}
}

func (c transfer) run(t *conform.T) {
	l := open(t, c.keys()...)
	if l.yes("InitialR2T") != c.initialR2T || l.yes("ImmediateData") != c.immediateData {
		t.Skip("the target makes it InitialR2T=%s, ImmediateData=%s", l.Session.Params["InitialR2T"], l.Session.Params["ImmediateData"])
	}
	blocks := l.blocks(c.length)
	data := l.pattern(blocks * l.unit().Block)
	h := l.write(0, blocks)
	l.good(c.send(l, h, data))
	l.holds(0, data)
}

// send carries out a write, and checks each R2T.
func (c *transfer) send(l *link, h *pdu.SCSICommand, data []byte) *result {
	first, burst := min(l.param("FirstBurstLength"), len(data)), l.param("MaxBurstLength")
	most := min(c.most, l.param("MaxRecvDataSegmentLength"))
	now := min(c.immediate, first, l.param("MaxRecvDataSegmentLength"))
	unsolicited := !c.initialR2T && now < first
	h.BHS().SetFinal(!unsolicited)
	l.Send(h.BHS(), data[:now])
	asked := now
	if unsolicited {
		l.sequence(h, pdu.ReservedTag, data[:first], now, most)
		asked = first
	}
	r := new(result)
	var open []*conform.PDU // R2Ts that are not answered
	var echo *pdu.BHS       // the ping that shows that no more R2Ts are on their way; nil: none
	for r.End == nil {
		p := l.Recv("the end of the write")
		switch {
		case p.Opcode() == pdu.OpR2T && p.ITT() == h.ITT():
			l.r2tIsSound(h, p, len(r.R2T), asked, burst, len(data))
			asked += int(p.R2T().DesiredDataTransferLength())
			r.R2T, open = append(r.R2T, p), append(open, p)
			l.t.Want(len(open) <= l.param("MaxOutstandingR2T"), fmt.Sprintf("at most %d outstanding R2Ts (RFC 7143, 13.17)", l.param("MaxOutstandingR2T")),
				"%d", len(open))
		case echo != nil && p.Opcode() == pdu.OpNOPIn && p.ITT() == echo.ITT():
			q := open[0].R2T()
			from := int(q.BufferOffset())
			l.sequence(h, q.TTT(), data[:from+int(q.DesiredDataTransferLength())], from, most)
			open, echo = open[1:], nil
		default:
			l.t.Want(p.ITT() == h.ITT(), fmt.Sprintf("the end of the write with ITT 0x%08x", h.ITT()), "%v", p)
			l.take(r, p, nil)
		}
		if len(open) > 0 && echo == nil {
			echo = l.nop(true)
			l.Send(echo, nil)
		}
	}
	l.equal("bytes that were sent or solicited", uint32(asked), uint32(len(data)))
	return r
}

// r2tIsSound checks the R2T with index i of a command, of whose data the first asked bytes were sent or solicited.
func (l *link) r2tIsSound(h *pdu.SCSICommand, p *conform.PDU, i, asked, burst, length int) {
	r := p.R2T()
	l.equal("R2TSN", r.R2TSN(), uint32(i))
	l.equal("Buffer Offset of the R2T", r.BufferOffset(), uint32(asked))
	n := r.DesiredDataTransferLength()
	l.t.Want(n > 0 && n <= uint32(burst), fmt.Sprintf("a Desired Data Transfer Length from 1 to MaxBurstLength, %d", burst), "%d", n)
	l.t.Want(asked+int(n) <= length, fmt.Sprintf("R2Ts for %d bytes", length), "one for %d bytes at %d", n, asked)
	l.t.Want(r.TTT() != pdu.ReservedTag, "a Target Transfer Tag", "0xffffffff")
	l.t.Want(r.LUN() == h.LUN(), fmt.Sprintf("LUN 0x%016x", h.LUN()), "0x%016x", r.LUN())
}

// sequence sends data from an offset on as a sequence of Data-Out PDUs, the last with the F bit.
func (l *link) sequence(h *pdu.SCSICommand, ttt uint32, data []byte, from, most int) {
	for sn := uint32(0); from < len(data) || sn == 0; sn++ {
		n := min(most, len(data)-from)
		l.Send(l.dataOut(h, ttt, sn, from, from+n == len(data)), data[from:from+n])
		from += n
	}
}

// write is a WRITE(10).
func (l *link) write(lba, blocks int) *pdu.SCSICommand {
	return l.scsi(rw10(true, lba, blocks), 0, blocks*l.unit().Block)
}

// dataOut is the header of a Data-Out PDU.
func (l *link) dataOut(h *pdu.SCSICommand, ttt, sn uint32, offset int, final bool) *pdu.BHS {
	d := l.DataOut(h.ITT(), ttt, sn, offset, final)
	if ttt == pdu.ReservedTag {
		d.SetLUN(0) // reserved then (11.7.4)
	}
	return d.BHS()
}

// r2t waits for an R2T of a write.
func (l *link) r2t(h *pdu.SCSICommand) *conform.PDU {
	return l.answer(h.BHS(), pdu.OpR2T, "an R2T for the data of the write")
}

// serve sends what an R2T asks for.
func (l *link) serve(_ *pdu.SCSICommand, r2t *conform.PDU, data []byte) { l.Solicited(r2t, data) }

// holds expects that the unit has data at a block.
func (l *link) holds(lba int, data []byte) {
	r := l.read(lba, len(data)/l.unit().Block)
	l.good(r)
	l.same("the blocks as they were written", r.Data, data)
}

// pattern is n bytes that no other call returns.
func (l *link) pattern(n int) []byte {
	isid := l.Session.ISID
	g := rand.New(rand.NewPCG(uint64(l.nextITT()), uint64(isid[3])<<16|uint64(isid[4])<<8|uint64(isid[5])))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

// solicited begins a session in which all data is solicited.
func solicited(t *conform.T, keys ...string) *link {
	l := open(t, append([]string{"InitialR2T", "Yes", "ImmediateData", "No"}, keys...)...)
	l.negotiated("InitialR2T", "Yes", "ImmediateData", "No")
	return l
}

// unsolicited begins a session in which data may come unsolicited.
func unsolicited(t *conform.T, keys ...string) *link {
	l := open(t, append([]string{"InitialR2T", "No", "ImmediateData", "Yes"}, keys...)...)
	l.negotiated("InitialR2T", "No", "ImmediateData", "Yes")
	return l
}

// writeFields has the cases of single rules of right writes.
func writeFields() []conform.Case {
	return []conform.Case{{
		ID: "rfc7143/11.7.7/1", Title: "Data-Out without data", Needs: writing,
		Rule: "Data segments of length 0 are received properly.",
		Run: func(t *conform.T) {
			l := solicited(t)
			data := l.pattern(l.unit().Block)
			h := l.write(0, 1)
			l.Send(h.BHS(), nil)
			ttt, half := l.r2t(h).R2T().TTT(), len(data)/2
			l.Send(l.dataOut(h, ttt, 0, 0, false), nil)
			l.Send(l.dataOut(h, ttt, 1, 0, false), data[:half])
			l.Send(l.dataOut(h, ttt, 2, half, false), nil)
			l.Send(l.dataOut(h, ttt, 3, half, false), data[half:])
			l.Send(l.dataOut(h, ttt, 4, len(data), true), nil)
			l.good(l.finish(h, nil))
			l.holds(0, data)
		},
	}, {
		ID: "rfc7143/4.2.5.2/7", Title: "unsolicited data of interleaved commands", Needs: writing, Also: []string{"rfc7143/4.2.5.2/8"},
		Rule: "Commands may go before the unsolicited data of earlier ones, if the data keeps the order of the commands.",
		Run: func(t *conform.T) {
			l := unsolicited(t)
			var sent []*pdu.SCSICommand
			data := l.pattern(4 * l.unit().Block)
			b := l.unit().Block
			for i := range min(4, l.window(4)) {
				h := l.write(i, 1)
				h.BHS().SetFinal(false)
				l.Send(h.BHS(), nil)
				sent = append(sent, h)
			}
			for i, h := range sent {
				l.sequence(h, pdu.ReservedTag, data[i*b:(i+1)*b], 0, b/2)
			}
			for _, r := range l.finishAll(sent...) {
				l.good(r)
			}
			l.holds(0, data[:len(sent)*b])
		},
	}, {
		ID: "rfc7143/11.4.2/1", Title: "an error while unsolicited data is expected", Needs: writing, Also: []string{"rfc7143/11.17.1/5"},
		Rule: "If an error is detected while data is still expected, the target waits for the F bit of the last sequence before it responds.",
		Run: func(t *conform.T) {
			l := unsolicited(t)
			u := l.unit()
			l.needs(u.Blocks < 1<<32, "WRITE(10) reaches no block beyond the end")
			h := l.write(int(u.Blocks), 1)
			h.BHS().SetFinal(false)
			data := l.pattern(u.Block)
			l.Send(h.BHS(), data[:u.Block/2])
			l.quiet("no response before the last Data-Out")
			l.Send(l.dataOut(h, pdu.ReservedTag, 0, u.Block/2, true), data[u.Block/2:])
			l.sense(l.finish(h, data), "LOGICAL BLOCK ADDRESS OUT OF RANGE", 5, 0x2100)
			l.quiet("one response")
		},
	}, {
		ID: "rfc7143/4.2.2.4/1c", Title: "writes side by side", Needs: writing,
		Rule: "R2Ts are sequenced for each command.",
		Run: func(t *conform.T) {
			l := solicited(t, "MaxBurstLength", "1024", "FirstBurstLength", "512")
			n := l.blocks(4096)
			b := l.unit().Block
			data := l.pattern(4 * n * b)
			open := map[uint32][]byte{}
			count := map[uint32]uint32{}
			for i := range min(4, l.window(4)) {
				h := l.write(i*n, n)
				open[h.ITT()] = data[i*n*b : (i+1)*n*b]
				l.Send(h.BHS(), nil)
			}
			for len(open) > 0 {
				p := l.Recv("the R2Ts and responses of the writes")
				mine := open[p.ITT()]
				l.t.Want(mine != nil, "a PDU of a write that has not ended", "%v", p)
				if p.Opcode() == pdu.OpR2T {
					l.equal("R2TSN", p.R2T().R2TSN(), count[p.ITT()])
					count[p.ITT()]++
					l.Solicited(p, mine)
					continue
				}
				l.t.Want(p.Opcode() == pdu.OpSCSIResponse && p.Response().Status() == 0, "GOOD status", "%v", p)
				delete(open, p.ITT())
			}
		},
	}, {
		ID: "rfc7143/4.2.2.1/6z", Title: "an ORDERED write before its turn", Needs: writing,
		Rule: "A command that arrived early is executed in the order of CmdSN, with its data.",
		Run: func(t *conform.T) {
			l := unsolicited(t)
			b := l.unit().Block
			data, later := l.pattern(b), l.pattern(b)
			one, two := l.write(0, 1), l.write(0, 1)
			one.SetAttr(pdu.TaskAttrOrdered)
			two.SetAttr(pdu.TaskAttrOrdered)
			l.Send(two.BHS(), later)
			l.Send(one.BHS(), data)
			for _, r := range l.finishAll(one, two) {
				l.good(r)
			}
			l.holds(0, later)
		},
	}, {
		ID: "rfc7143/11.3.4/2", Title: "immediate data that is all", Needs: writing,
		Rule: "If the immediate data is as long as the transfer, no more data is expected.",
		Run: func(t *conform.T) {
			l := unsolicited(t)
			data := l.pattern(l.unit().Block)
			h := l.write(0, 1)
			l.Send(h.BHS(), data)
			r := l.finish(h, nil)
			l.good(r)
			l.equal("R2Ts", uint32(len(r.R2T)), 0)
			l.holds(0, data)
		},
	}}
}
