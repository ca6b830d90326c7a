package fullfeature

import (
	"bytes"
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// nop has the cases of NOP-Out and NOP-In (RFC 7143, 11.18, 11.19).
func nop() (cases []conform.Case) {
	for i, n := range []int{0, 1, 2, 3, 4, 5, 511, 512, 513, 4096, 8191, 8192} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/11.19/2" + conform.Letters(i), Title: fmt.Sprintf("a ping with %d bytes", n),
			Rule: "The answer to a ping duplicates its data, up to the initiator's MaxRecvDataSegmentLength.",
			Run: func(t *conform.T) {
				l := open(t)
				l.takes(n)
				h, data := l.nop(false), l.pattern(n)
				l.Send(h, data)
				p := l.answer(h, pdu.OpNOPIn, "the ping echo")
				l.same("the echoed data", p.Data, data)
			},
		})
	}
	return append(cases, []conform.Case{{
		ID: "rfc7143/11.19/1", Title: "the tag of a ping", Also: []string{"rfc7143/11.18.1/3"},
		Rule: "A NOP-Out with a valid Initiator Task Tag is answered by a NOP-In with the same tag.",
		Run: func(t *conform.T) {
			l := open(t)
			for _, itt := range []uint32{0, 1, 0x7fffffff, 0x80000000, 0xfffffffe} {
				h := l.nop(true)
				h.SetITT(itt)
				l.Send(h, nil)
				l.answer(h, pdu.OpNOPIn, "the ping echo with the ping's tag")
			}
		},
	}, {
		ID: "rfc7143/11.19/3", Title: "the Target Transfer Tag of a ping echo", Also: []string{"rfc7143/11.19.1/0"},
		Rule: "The Target Transfer Tag of the answer to a ping is 0xffffffff.",
		Run: func(t *conform.T) {
			l := open(t)
			l.equal("Target Transfer Tag", l.ping().NOPIn().TTT(), pdu.ReservedTag)
		},
	}, {
		ID: "rfc7143/11.18.3/0", Title: "a ping longer than the initiator takes",
		Rule: "The length of the reflected data is limited to MaxRecvDataSegmentLength.",
		Run: func(t *conform.T) {
			l := open(t, "MaxRecvDataSegmentLength", "512")
			l.takes(4096)
			h, data := l.nop(false), l.pattern(4096)
			l.Send(h, data)
			p := l.answer(h, pdu.OpNOPIn, "the ping echo")
			l.same("the first 512 bytes of the ping data", p.Data, data[:512])
		},
	}, {
		ID: "rfc7143/11.19/4", Title: "a NOP-Out that is no ping", Level: conform.Should,
		Rule: "The target does not answer a NOP-Out whose Initiator Task Tag is reserved.",
		Run: func(t *conform.T) {
			l := open(t)
			want := l.ExpStatSN
			for range 4 {
				h := l.nop(true)
				h.SetITT(pdu.ReservedTag)
				l.Send(h, nil)
			}
			// A ping of the target's own may come meanwhile, but hardly four.
			echo := l.nop(true)
			l.Send(echo, nil)
			p, pings := l.past(echo)
			l.t.Want(pings < 4, "no NOP-In in answer to a NOP-Out without a tag", "%d", pings)
			l.equal("StatSN", p.StatSN(), want)
			l.equal("ExpCmdSN", p.ExpCmdSN(), l.Session.CmdSN)
		},
	}, {
		ID: "rfc7143/11.18/0a", Title: "an answer to a NOP-In that was never sent", Level: conform.Should,
		Rule: "A target lives with a NOP-Out whose Target Transfer Tag it did not give.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.nop(true)
			h.SetITT(pdu.ReservedTag)
			(*pdu.NOPOut)(h).SetTTT(0x12345678)
			l.Send(h, nil)
			l.mayIgnore("a Reject, the end of the connection, or no answer")
		},
	}, {
		ID: "rfc7143/11.18/0b", Title: "a ping for a logical unit that does not exist", Needs: conform.Unit,
		Rule: "The LUN of a ping is reserved without a Target Transfer Tag, and ignored.", Also: []string{"rfc7143/11/2"},
		Run: func(t *conform.T) {
			l := open(t)
			h := l.nop(false)
			h.SetLUN(absentLUN)
			l.Send(h, nil)
			l.answer(h, pdu.OpNOPIn, "the ping echo")
		},
	}, {
		ID: "rfc7143/11.18/0c", Title: "many pings at once",
		Rule: "Each ping is answered, in the order of CmdSN.", Also: []string{"rfc7143/4.2.2.1/6"},
		Run: func(t *conform.T) {
			l := open(t)
			var sent []*pdu.BHS
			var wire []byte
			for range l.window(64) {
				h := l.nop(false)
				sent = append(sent, h)
				wire = l.Digests.Append(wire, h, nil)
			}
			l.SendRaw(wire)
			l.inOrder("the ping echoes in CmdSN order", sent...)
		},
	}, {
		ID: "rfc7143/4.2.2.1/0b", Title: "a flood of immediate pings",
		Rule: "The target answers immediate commands, or rejects them for lack of resources.",
		Run: func(t *conform.T) {
			l := open(t)
			open := map[uint32]bool{}
			for range 256 {
				h := l.nop(true)
				open[h.ITT()] = true
				l.Send(h, nil)
			}
			for len(open) > 0 {
				p := l.Recv("an answer to each immediate ping")
				itt := p.ITT()
				if p.Opcode() == pdu.OpReject && len(p.Data) >= pdu.BHSLen {
					itt = (*pdu.BHS)(p.Data[:pdu.BHSLen]).ITT()
				} else if p.Opcode() != pdu.OpNOPIn {
					t.Fail("a ping echo or a Reject", "%v", p)
				}
				if !open[itt] {
					t.Fail("one answer to each ping", "a second answer to ITT 0x%08x", itt)
				}
				delete(open, itt)
			}
		},
	}, {
		ID: "rfc7143/11.1/1", Title: "the padding of a ping echo", Level: conform.Should, Also: []string{"rfc7143/11.2/1"},
		Rule: "Padding bytes are sent as 0.",
		Run: func(t *conform.T) {
			l := open(t)
			for n := 1; n < 4; n++ {
				h := l.nop(false)
				l.SendWith(conform.Options{Padding: 0xff}, h, l.pattern(n))
				p := l.answer(h, pdu.OpNOPIn, "the ping echo")
				if !bytes.Equal(p.Pad, make([]byte, len(p.Pad))) {
					t.Fail("padding of zeros", "% x", p.Pad)
				}
			}
		},
	}, {
		ID: "rfc7143/11.1/0", Title: "padding that is not zero",
		Rule: "Padding bytes should be sent as 0, but a receiver does not depend on it.",
		Run: func(t *conform.T) {
			l := open(t)
			for n := 1; n < 4; n++ {
				h, data := l.nop(false), l.pattern(n)
				l.SendWith(conform.Options{Padding: 0xa5}, h, data)
				l.same("the echoed data", l.answer(h, pdu.OpNOPIn, "the ping echo").Data, data)
			}
		},
	}}...)
}

// past returns the echo of a ping, and how many NOP-Ins came before it that are no echo.
func (l *link) past(h *pdu.BHS) (echo *conform.PDU, pings int) {
	const due = "the ping echo"
	for {
		o := l.Next()
		l.t.Want(o.PDU != nil && o.PDU.Opcode() == pdu.OpNOPIn, due, "%v", o)
		if o.PDU.ITT() == h.ITT() {
			return o.PDU, pings
		}
		l.t.Want(o.PDU.ITT() == pdu.ReservedTag, due, "%v", o)
		pings++
	}
}
