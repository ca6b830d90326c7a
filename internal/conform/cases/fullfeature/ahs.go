package fullfeature

import (
	"bytes"
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// ahs has the cases of additional header segments and of lengths and flags that contradict each other (RFC 7143, 11.2.2, 7.7).
func ahs() (cases []conform.Case) {
	for i, n := range []int{17, 20, 24, 32, 64, 260} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/11.2.2.3/0" + conform.Letters(i), Title: fmt.Sprintf("a CDB of %d bytes", n), Needs: conform.Unit, Also: []string{"rfc7143/11.3.5/0"},
			Rule: "What a CDB has after 16 bytes is in an additional header segment; the device server answers for the operation code.",
			Run: func(t *conform.T) {
				l := open(t)
				h := l.scsi(unassigned, 0, 0)
				l.SendWith(conform.Options{AHS: pdu.AppendExtendedCDB(nil, make([]byte, n-16))}, h.BHS(), nil)
				o := l.refused("CHECK CONDITION: the operation code is of no command; or a Reject of a CDB so long", failed)
				t.Want(!o.Closed, "an answer", "%v", o)
				l.Session.CmdSN = l.ping().ExpCmdSN() // that of a rejected command is free
				l.good(l.run(testUnitReady, 0))
			},
		})
	}
	for i, c := range []struct {
		title string
		ahs   []byte
	}{
		{"AHSType 0", []byte{0, 5, 0, 0, 0, 0, 0, 0}},
		{"AHSType 3", []byte{0, 5, 3, 0, 0, 0, 0, 0}},
		{"AHSType 63", []byte{0, 5, 63, 0, 0, 0, 0, 0}},
	} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/11/3" + conform.Letters(50+i), Title: "an additional header segment with the reserved " + c.title, Needs: conform.Unit,
			Rule: "A reserved code value in a defined field is reported as a protocol error.", Also: []string{"rfc7143/11.2.2.1/0"},
			Run: func(t *conform.T) {
				l := open(t)
				h := l.scsi(testUnitReady, 0, 0)
				l.SendWith(conform.Options{AHS: c.ahs}, h.BHS(), nil)
				l.refused("a Reject, CHECK CONDITION, or the end of the connection", failed)
			},
		})
	}
	for i, c := range []struct {
		title string
		ahs   []byte
	}{
		{"AHSLength beyond TotalAHSLength", []byte{0xff, 0xff, 1, 0, 0, 0, 0, 0}},
		{"AHSLength 0", []byte{0, 0, 1, 0}},
		{"a word that is too short for a segment", []byte{0, 2, 1, 0, 0, 0, 0, 0}},
		{"two segments of one type", pdu.AppendExtendedCDB(pdu.AppendExtendedCDB(nil, make([]byte, 16)), make([]byte, 16))},
		{"TotalAHSLength 255 full of ones", bytes.Repeat([]byte{0xff}, 1020)},
		{"TotalAHSLength 255 full of zeros", make([]byte, 1020)},
		{"a bidirectional length of 1 byte", []byte{0, 2, 2, 0, 0, 0, 0, 0}},
	} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/7.7/1" + conform.Letters(i), Title: "an additional header segment with " + c.title, Needs: conform.Unit, Level: conform.Should,
			Rule: "A format error is not carried out; the target lives on.", Groups: []conform.Group{conform.Robustness},
			Run: func(t *conform.T) {
				l := open(t)
				h := l.scsi(unassigned, 0, 0)
				l.SendWith(conform.Options{AHS: c.ahs}, h.BHS(), nil)
				l.refused("a Reject, CHECK CONDITION, or the end of the connection", failed)
			},
		})
	}
	n := len(cases)
	return append(cases, []conform.Case{{
		ID: "rfc7143/11/3" + conform.Letters(60), Title: "the reserved task attributes 5 to 7", Needs: conform.Unit, Level: conform.Should,
		Rule: "A reserved code value in a defined field is reported as a protocol error.", Also: []string{"rfc7143/11.3.1/0"},
		Run: func(t *conform.T) {
			for attr := pdu.TaskAttr(5); attr < 8; attr++ {
				l := open(t)
				h := l.scsi(testUnitReady, 0, 0)
				h.SetAttr(attr)
				l.Send(h.BHS(), nil)
				l.refused("a Reject, CHECK CONDITION, or the end of the connection", failed)
			}
		},
	}, {
		ID: "rfc7143/11.3.1/1", Title: "a command with neither W nor F", Needs: conform.Unit, Level: conform.Should,
		Rule: "At least one of the W and F bits is set.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.scsi(testUnitReady, 0, 0)
			h.BHS().SetFinal(false)
			l.Send(h.BHS(), nil)
			l.refused("a Reject, CHECK CONDITION, or the end of the connection", failed)
		},
	}, {
		ID: "rfc7143/11.3.4/1", Title: "R and W without the bidirectional length", Needs: conform.Unit, Level: conform.Should,
		Rule: "A bidirectional command has an additional header segment with its read length.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.scsi(unassigned, 512, 0)
			h.SetWrite(true)
			l.Send(h.BHS(), nil)
			l.refused("a Reject, CHECK CONDITION, the end of the connection, or an R2T", func(p *conform.PDU) bool {
				return failed(p) || p.Opcode() == pdu.OpR2T
			})
		},
	}, {
		ID: "rfc7143/11.2.2.4/0", Title: "a bidirectional command that does not exist", Needs: conform.Unit,
		Rule: "The read length of a bidirectional command is in an additional header segment; the command ends in one response.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.scsi(unassigned, 512, 0)
			h.SetWrite(true)
			l.SendWith(conform.Options{AHS: pdu.AppendBidiReadLength(nil, 512)}, h.BHS(), nil)
			r := l.finish(h, l.pattern(512))
			l.t.Want(r.Status == 2, "CHECK CONDITION", "%v", r)
			l.good(l.run(testUnitReady, 0))
		},
	}, {
		ID: "rfc7143/7.7/1" + conform.Letters(n), Title: "an additional header segment on a ping", Level: conform.Should,
		Rule: "Only SCSI commands have additional header segments; the target lives on.", Also: []string{"rfc7143/11.2.1.5/1"},
		Run: func(t *conform.T) {
			l := open(t)
			h := l.nop(true)
			l.SendWith(conform.Options{AHS: make([]byte, 8)}, h, nil)
			l.refused("a Reject, the end of the connection, or the echo", func(p *conform.PDU) bool { return p.Opcode() == pdu.OpNOPIn })
		},
	}, {
		ID: "rfc7143/7.7/1" + conform.Letters(n+1), Title: "a data segment on a task management function", Needs: conform.Unit, Level: conform.Should,
		Rule: "A task management function has no data segment; the target lives on.", Also: []string{"rfc7143/11.5.2/1"},
		Run: func(t *conform.T) {
			l := open(t)
			h := l.abort(l.nextITT(), l.Session.CmdSN-1)
			l.Send(h.BHS(), make([]byte, 16))
			l.refused("a Reject, the end of the connection, or a response", func(p *conform.PDU) bool { return p.Opcode() == pdu.OpTaskManagementResponse })
		},
	}, {
		ID: "rfc7143/7.7/1" + conform.Letters(n+2), Title: "a command with the reserved tag", Needs: conform.Unit, Level: conform.Should,
		Rule: "0xffffffff names no task; a command that has it is not carried out.", Also: []string{"rfc7143/11.2.1.8/2"},
		Run: func(t *conform.T) {
			l := open(t)
			h := l.scsi(testUnitReady, 0, 0)
			h.BHS().SetITT(pdu.ReservedTag)
			l.Send(h.BHS(), nil)
			l.refused("a Reject, CHECK CONDITION, or the end of the connection", failed)
		},
	}}...)
}

// failed accepts a SCSI Response that is not GOOD.
func failed(p *conform.PDU) bool {
	return p.Opcode() == pdu.OpSCSIResponse && (p.Response().Status() != 0 || p.Response().Response() != pdu.ServiceResponseCompleted)
}
