package fullfeature

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// bits are reserved bits of a PDU: a mask for each byte from Byte to End.
type bits struct {
	Byte, End int
	Mask      byte
}

// at is one byte.
func at(n int, mask byte) bits { return bits{n, n, mask} }

func (b bits) String() string {
	if b.Byte == b.End {
		return fmt.Sprintf("bits %02xh of byte %d", b.Mask, b.Byte)
	}
	return fmt.Sprintf("bytes %d to %d", b.Byte, b.End)
}

func (b bits) set(h *pdu.BHS) {
	for i := b.Byte; i <= b.End; i++ {
		h[i] |= b.Mask
	}
}

// find returns the first byte of h with one of the bits set, -1 if there is none.
func (b bits) find(h *pdu.BHS) int {
	for i := b.Byte; i <= b.End; i++ {
		if h[i]&b.Mask != 0 {
			return i
		}
	}
	return -1
}

// ignored has the cases of reserved bits that a target must ignore (RFC 7143, 11).
func ignored() (cases []conform.Case) {
	for _, r := range []struct {
		name   string
		fields []bits
		needs  conform.Needs
		try    func(l *link, b bits)
	}{
		{"NOP-Out", []bits{at(0, 0x80), at(1, 0x7f), {2, 3, 0xff}, {32, 47, 0xff}}, 0, func(l *link, b bits) {
			h := l.nop(false)
			b.set(h)
			l.Send(h, nil)
			l.answer(h, pdu.OpNOPIn, "the ping echo")
		}},
		{"SCSI Command", []bits{at(0, 0x80), at(1, 0x18), at(2, 0x0f), at(3, 0xff)}, conform.Unit, func(l *link, b bits) {
			h := l.scsi(testUnitReady, 0, 0)
			b.set(h.BHS())
			l.Send(h.BHS(), nil)
			l.good(l.finish(h, nil))
		}},
		{"Task Management Function Request", []bits{at(0, 0x80), {2, 3, 0xff}, {36, 47, 0xff}}, conform.Unit, func(l *link, b bits) {
			h := l.abort(l.nextITT(), l.Session.CmdSN-1)
			b.set(h.BHS())
			l.outcome("Task does not exist", l.manage(h), pdu.TMFResponseTaskDoesNotExist)
		}},
		{"Text Request", []bits{at(0, 0x80), at(1, 0x3f), {2, 3, 0xff}, {8, 15, 0xff}, {32, 47, 0xff}}, 0, func(l *link, b bits) {
			h := l.textRequest()
			b.set(h)
			l.Send(h, []byte("X-ringtgt.conform=1\x00"))
			l.answer(h, pdu.OpTextResponse, "the Text Response")
		}},
		{"Logout Request", []bits{at(0, 0x80), {2, 3, 0xff}, {8, 15, 0xff}, {22, 23, 0xff}, {32, 47, 0xff}}, 0, func(l *link, b bits) {
			h := l.logout(pdu.LogoutCloseConnection, l.CID)
			b.set(h)
			l.Send(h, nil)
			p := l.answer(h, pdu.OpLogoutResponse, "the Logout Response")
			l.equal("response", uint32(p.Logout().Response()), uint32(pdu.LogoutResponseSuccess))
		}},
		{"Data-Out", []bits{at(0, 0xc0), at(1, 0x7f), {2, 3, 0xff}, {24, 27, 0xff}, {32, 35, 0xff}, {44, 47, 0xff}}, conform.Unit | conform.Writes,
			func(l *link, b bits) {
				h := l.write(0, 1)
				l.Send(h.BHS(), nil)
				data := l.pattern(l.unit().Block)
				r := l.r2t(h)
				d := l.dataOut(h, r.R2T().TTT(), 0, 0, true)
				b.set(d)
				l.Send(d, data)
				l.good(l.finish(h, data))
				l.holds(0, data)
			}},
	} {
		for _, b := range r.fields {
			cases = append(cases, conform.Case{
				ID: "rfc7143/11/2" + conform.Letters(len(cases)), Title: fmt.Sprintf("%s with reserved %v set", r.name, b), Needs: r.needs,
				Rule: "A receiver ignores bits that are not defined, and all reserved fields.",
				Run: func(t *conform.T) {
					keys := []string{}
					if r.name == "Data-Out" {
						keys = []string{"InitialR2T", "Yes", "ImmediateData", "No"}
					}
					r.try(open(t, keys...), b)
				},
			})
		}
	}
	return cases
}

// zeros has the cases of reserved fields that a target must send as 0 (RFC 7143, 11).
func zeros() (cases []conform.Case) {
	for i, r := range []struct {
		name   string
		fields []bits
		needs  conform.Needs
		keys   []string
		get    func(l *link) *conform.PDU
	}{
		{"NOP-In", []bits{at(0, 0xc0), at(1, 0x7f), {2, 3, 0xff}, {36, 47, 0xff}}, 0, nil, (*link).ping},
		{"SCSI Response", []bits{at(0, 0xc0), at(1, 0x61), {8, 15, 0xff}, {20, 23, 0xff}}, conform.Unit, nil,
			func(l *link) *conform.PDU { return l.run(unassigned, 0).response(l) }},
		{"SCSI Response without bidirectional residual", []bits{{40, 43, 0xff}}, conform.Unit, nil,
			func(l *link) *conform.PDU { return l.run(testUnitReady, 0).response(l) }},
		{"Data-In", []bits{at(0, 0xc0), at(1, 0x38), at(2, 0xff)}, conform.Unit, nil,
			func(l *link) *conform.PDU { return l.run(inquiry(36), 36).In[0] }},
		{"Task Management Function Response", []bits{at(0, 0xc0), at(1, 0x7f), at(3, 0xff), {4, 15, 0xff}, {20, 23, 0xff}, {36, 47, 0xff}}, conform.Unit,
			nil, func(l *link) *conform.PDU { return l.manage(l.abort(l.nextITT(), l.Session.CmdSN-1)) }},
		{"Text Response", []bits{at(0, 0xc0), at(1, 0x3f), {2, 3, 0xff}, {36, 47, 0xff}}, 0, nil,
			func(l *link) *conform.PDU { return l.text("X-ringtgt.conform=1\x00") }},
		{"Logout Response", []bits{at(0, 0xc0), at(1, 0x7f), at(3, 0xff), {4, 15, 0xff}, {20, 23, 0xff}, {36, 39, 0xff}, {44, 47, 0xff}}, 0, nil,
			func(l *link) *conform.PDU {
				h := l.logout(pdu.LogoutCloseConnection, l.CID)
				l.Send(h, nil)
				return l.answer(h, pdu.OpLogoutResponse, "the Logout Response")
			}},
		{"Reject", []bits{at(0, 0xc0), at(1, 0x7f), at(3, 0xff), {8, 15, 0xff}, {20, 23, 0xff}, {40, 47, 0xff}}, 0, nil,
			func(l *link) *conform.PDU {
				_, p := l.rejected()
				return p
			}},
		{"R2T", []bits{at(0, 0xc0), at(1, 0x7f), {2, 3, 0xff}, {4, 7, 0xff}}, conform.Unit | conform.Writes, []string{"InitialR2T", "Yes", "ImmediateData", "No"},
			func(l *link) *conform.PDU {
				h := l.write(0, 1)
				l.Send(h.BHS(), nil)
				r := l.r2t(h)
				l.serve(h, r, l.pattern(l.unit().Block))
				l.good(l.finish(h, nil))
				return r
			}},
	} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/11/1" + conform.Letters(i), Title: "the reserved fields of a " + r.name, Needs: r.needs,
			Rule: "A sender sets all bits that are not defined, and all reserved fields, to 0.",
			Also: []string{"rfc7143/11.2.1.2/2", "rfc7143/11.2.1.5/1"},
			Run: func(t *conform.T) {
				l := open(t, append([]string{"iSCSIProtocolLevel", "1"}, r.keys...)...)
				p := r.get(l)
				for _, b := range r.fields {
					if i := b.find(&p.BHS); i >= 0 {
						t.Fail(fmt.Sprintf("%v of a %s are 0", b, r.name), "byte %d is 0x%02x", i, p.BHS[i])
					}
				}
				if p.AHSLen() != 0 {
					t.Fail("no additional header segment in a response (RFC 7143, 11.2)", "TotalAHSLength is %d", p.AHSLen()/4)
				}
			},
		})
	}
	return append(cases, conform.Case{
		ID: "rfc7143/11/1" + conform.Letters(len(cases)), Title: "bit 0 of byte 1, where the figure shows 1", Needs: conform.Unit,
		Rule: "The F bit of responses that are no sequence is a constant 1.", Also: []string{"rfc7143/11.2.1.3/0"},
		Run: func(t *conform.T) {
			l := open(t)
			for _, p := range []*conform.PDU{l.ping(), l.run(unassigned, 0).End, l.manage(l.abort(l.nextITT(), l.Session.CmdSN-1))} {
				if !p.Final() {
					t.Fail("bit 0 of byte 1 set", "it is 0 in %v", p)
				}
			}
		},
	})
}

// opcodes has the cases of opcodes that no initiator may send.
func opcodes() (cases []conform.Case) {
	for i, op := range []pdu.Opcode{0x07, 0x08, 0x0f, 0x11, 0x15, 0x1b, 0x1f, 0x27, 0x30, 0x33, 0x3b} {
		cases = append(cases, reported("rfc7143/11/3"+conform.Letters(i), fmt.Sprintf("the unassigned opcode 0x%02x", byte(op)), op))
	}
	for i, op := range []pdu.Opcode{pdu.OpNOPIn, pdu.OpSCSIResponse, pdu.OpTaskManagementResponse, pdu.OpLoginResponse, pdu.OpTextResponse,
		pdu.OpDataIn, pdu.OpLogoutResponse, pdu.OpR2T, pdu.OpAsyncMessage, pdu.OpReject} {
		cases = append(cases, reported("rfc7143/11.2.1.2/1"+conform.Letters(i), "an initiator that sends a "+op.String(), op))
	}
	return cases
}

// reported is the case of an opcode that must be reported as a protocol error.
func reported(id, title string, op pdu.Opcode) conform.Case {
	return conform.Case{
		ID: id, Title: title, Also: []string{"rfc7143/7.13/0"},
		Rule: "A reserved code value in a defined field is reported as a protocol error; an initiator has opcodes of its own.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.New(op, true)
			l.Send(h, nil)
			l.mustRefuse("a Reject, or the end of the connection")
		},
	}
}
