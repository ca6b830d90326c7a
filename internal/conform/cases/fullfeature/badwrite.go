package fullfeature

import (
	"fmt"
	"slices"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// Sense data of RFC 7143, 11.4.7.2, all with sense key ABORTED COMMAND.
const (
	unexpectedUnsolicited = 0x0c0c
	incorrectAmount       = 0x0c0d
	protocolCRC           = 0x4705
)

// fault is a write whose data breaks a rule.
type fault struct {
	id, title, rule string
	also            []string
	open            func(t *conform.T, keys ...string) *link
	keys            []string
	blocks          int
	// send sends the command and its data.
	send func(l *link, h *pdu.SCSICommand, data []byte)
	// codes are the additional sense codes that the RFC names for it; none: it names none.
	codes []uint16
}

// badWrites has the cases of data that breaks a rule. The target may answer with CHECK CONDITION, reject the PDU, or close the
// connection; or it asks for the data again, and the unit has it all. Otherwise the write must not end in GOOD status.
func badWrites() (cases []conform.Case) {
	for _, f := range faults {
		cases = append(cases, conform.Case{
			ID: f.id, Title: f.title, Rule: f.rule, Also: f.also, Needs: writing,
			Run: func(t *conform.T) { f.run(t, nil) },
		})
		if f.codes != nil {
			cases = append(cases, conform.Case{
				ID: f.id + "x", Title: f.title + ": the sense data", Also: []string{"rfc7143/11.4.7.2/0"}, Needs: writing, Level: conform.Should,
				Rule: "iSCSI conditions that end a command have sense key ABORTED COMMAND and an additional sense code of their own.",
				Run:  func(t *conform.T) { f.run(t, f.codes) },
			})
		}
	}
	return cases
}

// run tries the fault. Without codes any failure will do.
func (f *fault) run(t *conform.T, codes []uint16) {
	l := f.open(t, f.keys...)
	blocks := l.blocks(max(f.blocks, l.unit().Block))
	data := l.pattern(blocks * l.unit().Block)
	h := l.write(0, blocks)
	f.send(l, h, data)
	for again := false; ; {
		o := l.Outcome()
		switch {
		case o.Closed:
			l.needs(codes == nil, "the target closes the connection")
			return
		case o.PDU == nil:
			l.t.Fail("an answer to the write", "%v", o)
		case o.PDU.Opcode() == pdu.OpReject:
			// The command must end all the same, unless it was itself rejected (7.3).
			if len(o.PDU.Data) >= pdu.BHSLen && (*pdu.BHS)(o.PDU.Data[:pdu.BHSLen]).Opcode() == pdu.OpSCSICommand {
				l.needs(codes == nil, "the target rejects the command")
				return
			}
		case o.PDU.ITT() != h.ITT():
			l.t.Fail("an answer to the write", "%v", o)
		case o.PDU.Opcode() == pdu.OpR2T:
			l.Solicited(o.PDU, data) // it asks for the data again, or for the rest
			again = true
		default:
			r := new(result)
			l.take(r, o.PDU, data)
			if r.Status == 0 && again && codes == nil {
				l.holds(0, data)
				return
			}
			l.t.Want(r.Status != 0, "no GOOD status", "%v", r)
			if codes != nil {
				k, asc := r.code()
				l.t.Want(k == 0x0b && slices.Contains(codes, asc), fmt.Sprintf("CHECK CONDITION with sense B/%04x", codes), "%v", r)
			}
			l.good(l.run(testUnitReady, 0))
			return
		}
	}
}

// faults are the ways in which data can be wrong.
var faults = []fault{{
	id: "rfc7143/13.11/2a", title: "immediate data that was not negotiated", open: solicited, codes: []uint16{unexpectedUnsolicited},
	rule: "With ImmediateData=No and InitialR2T=Yes the target rejects unsolicited data.",
	send: func(l *link, h *pdu.SCSICommand, data []byte) { l.Send(h.BHS(), data) },
}, {
	id: "rfc7143/13.11/2b", title: "unsolicited Data-Out that was not negotiated", open: solicited, codes: []uint16{unexpectedUnsolicited},
	rule: "With ImmediateData=No and InitialR2T=Yes the target rejects unsolicited data.", also: []string{"rfc7143/11.8/1"},
	send: func(l *link, h *pdu.SCSICommand, data []byte) {
		h.BHS().SetFinal(false)
		l.Send(h.BHS(), nil)
		l.sequence(h, pdu.ReservedTag, data, 0, len(data))
	},
}, {
	id: "rfc7143/13.14/0a", title: "more unsolicited data than FirstBurstLength", open: unsolicited, codes: []uint16{incorrectAmount},
	keys: []string{"FirstBurstLength", "1024", "MaxBurstLength", "8192"}, blocks: 4096,
	rule: "It is an error to send more unsolicited data than FirstBurstLength.", also: []string{"rfc7143/11.7.1/2"},
	send: func(l *link, h *pdu.SCSICommand, data []byte) {
		h.BHS().SetFinal(false)
		l.Send(h.BHS(), data[:512])
		l.Send(l.dataOut(h, pdu.ReservedTag, 0, 512, false), data[512:1024])
		l.Send(l.dataOut(h, pdu.ReservedTag, 1, 1024, true), data[1024:1536])
	},
}, {
	id: "rfc7143/13.14/0b", title: "more immediate data than FirstBurstLength", open: unsolicited, codes: []uint16{incorrectAmount, unexpectedUnsolicited},
	keys: []string{"FirstBurstLength", "512", "MaxBurstLength", "8192"}, blocks: 4096,
	rule: "It is an error to send more unsolicited data than FirstBurstLength.",
	send: func(l *link, h *pdu.SCSICommand, data []byte) { l.Send(h.BHS(), data[:1024]) },
}, {
	id: "rfc7143/11.4.7.2/0a", title: "less unsolicited data than FirstBurstLength", open: unsolicited, codes: []uint16{incorrectAmount},
	keys: []string{"FirstBurstLength", "2048", "MaxBurstLength", "8192"}, blocks: 8192,
	rule: "If there is more data than FirstBurstLength, unsolicited Data-Out has to bring it up to FirstBurstLength.", also: []string{"rfc7143/4.2.5.2/2"},
	send: func(l *link, h *pdu.SCSICommand, data []byte) {
		h.BHS().SetFinal(false)
		l.Send(h.BHS(), nil)
		l.Send(l.dataOut(h, pdu.ReservedTag, 0, 0, true), data[:1024])
	},
}, {
	id: "rfc7143/11.4.7.2/0b", title: "less data than an R2T asks for", open: solicited, codes: []uint16{incorrectAmount},
	rule: "The amount of data sent in reply to an R2T matches the amount requested.", also: []string{"rfc7143/11.8/3"},
	send: func(l *link, h *pdu.SCSICommand, data []byte) {
		l.Send(h.BHS(), nil)
		r := l.r2t(h).R2T()
		l.Send(l.dataOut(h, r.TTT(), 0, 0, true), data[:len(data)/2])
	},
}, {
	id: "rfc7143/11.4.7.2/0c", title: "more data than an R2T asks for", open: solicited, codes: []uint16{incorrectAmount},
	keys: []string{"MaxBurstLength", "512", "FirstBurstLength", "512"}, blocks: 4096,
	rule: "The amount of data sent in reply to an R2T matches the amount requested.", also: []string{"rfc7143/11.8/4"},
	send: func(l *link, h *pdu.SCSICommand, data []byte) {
		l.Send(h.BHS(), nil)
		r := l.r2t(h).R2T()
		l.Send(l.dataOut(h, r.TTT(), 0, 0, true), data[:int(r.DesiredDataTransferLength())+512])
	},
}, {
	id: "rfc7143/7.9/2a", title: "a DataSN that was left out", open: solicited, codes: []uint16{protocolCRC},
	rule: "An out-of-order DataSN means that data was lost; it is dealt with like a digest error.",
	send: func(l *link, h *pdu.SCSICommand, data []byte) {
		l.Send(h.BHS(), nil)
		ttt, half := l.r2t(h).R2T().TTT(), len(data)/2
		l.Send(l.dataOut(h, ttt, 0, 0, false), data[:half])
		l.Send(l.dataOut(h, ttt, 2, half, true), data[half:])
	},
}, {
	id: "rfc7143/7.9/2b", title: "a first DataSN of 1", open: solicited, codes: []uint16{protocolCRC},
	rule: "An out-of-order DataSN means that data was lost; it is dealt with like a digest error.",
	send: func(l *link, h *pdu.SCSICommand, data []byte) {
		l.Send(h.BHS(), nil)
		l.Send(l.dataOut(h, l.r2t(h).R2T().TTT(), 1, 0, true), data)
	},
}, {
	id: "rfc7143/11.8/6a", title: "Data-Out that leaves a gap", open: solicited,
	rule: "With DataPDUInOrder=Yes the Data-Out PDUs of a sequence form a continuous range.", also: []string{"rfc7143/11.7.6/0", "rfc7143/4.2.5.2/6"},
	send: func(l *link, h *pdu.SCSICommand, data []byte) {
		l.Send(h.BHS(), nil)
		ttt, q := l.r2t(h).R2T().TTT(), len(data)/4
		l.Send(l.dataOut(h, ttt, 0, 0, false), data[:q])
		l.Send(l.dataOut(h, ttt, 1, 2*q, true), data[2*q:])
	},
}, {
	id: "rfc7143/11.8/6b", title: "Data-Out that overlaps", open: solicited,
	rule: "With DataPDUInOrder=Yes overlays are forbidden.", also: []string{"rfc7143/11.8/7"},
	send: func(l *link, h *pdu.SCSICommand, data []byte) {
		l.Send(h.BHS(), nil)
		ttt, q := l.r2t(h).R2T().TTT(), len(data)/4
		l.Send(l.dataOut(h, ttt, 0, 0, false), data[:2*q])
		l.Send(l.dataOut(h, ttt, 1, q, true), data[q:])
	},
}, {
	id: "rfc7143/11.8/4", title: "Data-Out beyond the transfer", open: solicited,
	rule: "Offset and length of Data-Out are within what the R2T specifies.",
	send: func(l *link, h *pdu.SCSICommand, data []byte) {
		l.Send(h.BHS(), nil)
		l.Send(l.dataOut(h, l.r2t(h).R2T().TTT(), 0, len(data), true), data)
	},
}, {
	id: "rfc7143/11.8/4b", title: "a Buffer Offset of almost 2^32", open: solicited,
	rule: "Offset and length of Data-Out are within what the R2T specifies.",
	send: func(l *link, h *pdu.SCSICommand, data []byte) {
		l.Send(h.BHS(), nil)
		d := l.dataOut(h, l.r2t(h).R2T().TTT(), 0, 0, true)
		(*pdu.DataOut)(d).SetBufferOffset(0xfffffe00)
		l.Send(d, data)
	},
}, {
	id: "rfc7143/4.2.5.3/1c", title: "Data-Out with another LUN", open: solicited,
	rule: "Fields of task-related PDUs are verified to be consistent with the task; inconsistent values are a protocol error.",
	send: func(l *link, h *pdu.SCSICommand, data []byte) {
		l.Send(h.BHS(), nil)
		d := l.dataOut(h, l.r2t(h).R2T().TTT(), 0, 0, true)
		d.SetLUN(absentLUN)
		l.Send(d, data)
	},
}}

// strays has the cases of Data-Out that belongs to no transfer. The write itself goes on.
func strays() []conform.Case {
	return []conform.Case{{
		ID: "rfc7143/7.3/1", Title: "Data-Out with a Target Transfer Tag that was not given", Needs: writing, Also: []string{"rfc7143/11.17.1/0"},
		Rule: "A Reject of a PDU does not end its task: a response follows, or the transfer goes on.",
		Run: func(t *conform.T) {
			l := solicited(t)
			data := l.pattern(l.unit().Block)
			h := l.write(0, 1)
			l.Send(h.BHS(), nil)
			r2t := l.r2t(h)
			d := l.dataOut(h, r2t.R2T().TTT()+0x1000, 0, 0, true)
			l.Send(d, l.pattern(len(data)))
			o := l.ignoredOr("a Reject, an error, the end of the connection, or nothing", true, failed)
			if o.Closed || failed(o.PDU) {
				return
			}
			l.serve(h, r2t, data)
			if r := l.finish(h, data); r.Status == 0 {
				l.holds(0, data)
			}
		},
	}, {
		ID: "rfc7143/11.7/0a", Title: "Data-Out for no task", Needs: writing, Level: conform.Should,
		Rule: "Data for a task that does not exist changes nothing; the target lives on.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.write(0, 1)
			h.BHS().SetITT(l.nextITT())
			l.Session.CmdSN = h.CmdSN()
			l.Send(l.dataOut(h, 1, 0, 0, true), l.pattern(512))
			l.mayIgnore("a Reject, the end of the connection, or nothing")
		},
	}, {
		ID: "rfc7143/11.7/0b", Title: "Data-Out for a read", Needs: writing, Level: conform.Should,
		Rule: "Data for a task that takes none changes nothing; the target lives on.",
		Run: func(t *conform.T) {
			l := open(t)
			gap := l.gap()
			h := l.readCommand(0, 1)
			l.Send(h.BHS(), nil)
			l.Send(l.dataOut(h, pdu.ReservedTag, 0, 0, true), l.pattern(512))
			o := l.ignoredOr("a Reject, an error, the end of the connection, or nothing", true, failed)
			if !o.Closed {
				l.fill(gap)
			}
		},
	}, {
		ID: "rfc7143/11.7/0c", Title: "a second answer to one R2T", Needs: writing, Level: conform.Should,
		Rule: "A Target Transfer Tag is over with the F bit; what comes after it changes nothing.",
		Run: func(t *conform.T) {
			l := solicited(t)
			data := l.pattern(l.unit().Block)
			h := l.write(0, 1)
			l.Send(h.BHS(), nil)
			r2t := l.r2t(h)
			l.serve(h, r2t, data)
			l.good(l.finish(h, data))
			l.Send(l.dataOut(h, r2t.R2T().TTT(), 0, 0, true), l.pattern(len(data)))
			if o := l.mayIgnore("a Reject, the end of the connection, or nothing"); !o.Closed {
				l.holds(0, data)
			}
		},
	}}
}
