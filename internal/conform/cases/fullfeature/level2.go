package fullfeature

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// level2 has the cases of RFC 7144.
func level2() (cases []conform.Case) {
	for _, c := range []struct {
		id    string
		fn    pdu.TaskFunction
		title string
		want  []pdu.TaskResponse
		make  func(l *link, h *pdu.TaskManagementRequest)
	}{
		{"rfc7144/6.4.2/0a", pdu.TMFQueryTask, "of a command that has ended", []pdu.TaskResponse{pdu.TMFResponseComplete}, func(l *link, h *pdu.TaskManagementRequest) {
			h.SetReferencedTaskTag(l.Session.ITT + 1000)
			h.SetRefCmdSN(l.Session.CmdSN - 1)
		}},
		{"rfc7144/6.4.2/0b", pdu.TMFQueryTaskSet, "of an empty task set", []pdu.TaskResponse{pdu.TMFResponseComplete}, nil},
		{"rfc7144/6.4.2/0c", pdu.TMFQueryAsyncEvent, "without a unit attention", []pdu.TaskResponse{pdu.TMFResponseComplete}, nil},
	} {
		cases = append(cases, conform.Case{
			ID: c.id, Title: functionNames[c.fn] + " " + c.title, Needs: conform.Unit | conform.Level2, Also: []string{"rfc7144/6.3/3", "rfc7144/4.1/2"},
			Rule: "If nothing is there, the response is Function complete.",
			Run: func(t *conform.T) {
				l := level(t, 2)
				h := l.tmf(c.fn, true)
				if c.make != nil {
					c.make(l, h)
				}
				l.supported(l.manage(h), c.want...)
			},
		})
	}
	for i, fn := range []pdu.TaskFunction{pdu.TMFQueryTask, pdu.TMFQueryTaskSet, pdu.TMFQueryAsyncEvent} {
		cases = append(cases, conform.Case{
			ID: "rfc7144/4.1/2" + conform.Letters(i), Title: functionNames[fn] + " is not rejected", Needs: conform.Unit | conform.Level2,
			Rule: "At iSCSIProtocolLevel 2 the functions of RFC 7144 get a response, not a Reject.", Also: []string{"rfc7144/6.3/3"},
			Run: func(t *conform.T) {
				l := level(t, 2)
				for _, immediate := range []bool{true, false} {
					l.manage(l.tmf(fn, immediate))
				}
			},
		}, conform.Case{
			ID: "rfc7144/6.3/1" + conform.Letters(i), Title: functionNames[fn] + " at iSCSIProtocolLevel 1", Needs: conform.Unit, Level: conform.Should,
			Rule: "The functions of RFC 7144 are unassigned below level 2: they do not succeed, and do no harm.", Also: []string{"rfc7143/11/3", "rfc7144/4.1/1"},
			Run: func(t *conform.T) { level(t, 1).unassigned(fn) },
		})
	}
	cases = append(cases, conform.Case{
		ID: "rfc7144/7.1.1/1", Title: "QUERY TASK where iSCSIProtocolLevel was not negotiated", Needs: conform.Unit,
		Rule: "Without an answer to iSCSIProtocolLevel the features of RFC 7144 are not used.",
		Run:  func(t *conform.T) { open(t).unassigned(pdu.TMFQueryTask) },
	})
	return append(append(cases, queries()...), fields()...)
}

// unassigned sends a task management function that the session does not have.
func (l *link) unassigned(fn pdu.TaskFunction) {
	l.Send(l.tmf(fn, true).BHS(), nil)
	l.refused("a Reject, a response that is no success, or the end of the connection", func(p *conform.PDU) bool {
		return p.Opcode() == pdu.OpTaskManagementResponse && p.TMF().Response() > pdu.TMFResponseTaskDoesNotExist &&
			p.TMF().Response() != pdu.TMFResponseFunctionSucceeded
	})
}

// level begins a session with an iSCSIProtocolLevel.
func level(t *conform.T, n int, keys ...string) *link {
	l := open(t, append([]string{"iSCSIProtocolLevel", fmt.Sprint(n)}, keys...)...)
	l.needs(l.param("iSCSIProtocolLevel") == n, fmt.Sprintf("the target makes it iSCSIProtocolLevel=%s", l.Session.Params["iSCSIProtocolLevel"]))
	return l
}

// supported expects one of some responses; a function that is not supported skips the case (4.1).
func (l *link) supported(p *conform.PDU, want ...pdu.TaskResponse) {
	got := p.TMF().Response()
	l.needs(got != pdu.TMFResponseFunctionNotSupported, "the function is not supported")
	l.t.Want(slices.Contains(want, got), fmt.Sprintf("response %d", want), "%v", p)
}

// queries has the cases of functions that find something.
func queries() []conform.Case {
	return []conform.Case{{
		ID: "rfc7144/6.4.2/0d", Title: "QUERY TASK and QUERY TASK SET of a write that waits for data", Needs: writing | conform.Level2,
		Rule: "If the task is there, or any, the response is Function succeeded; the task goes on.", Also: []string{"rfc7144/6.3/4"},
		Run: func(t *conform.T) {
			l := level(t, 2, "InitialR2T", "Yes", "ImmediateData", "No")
			l.negotiated("InitialR2T", "Yes", "ImmediateData", "No")
			h := l.write(0, 1)
			l.Send(h.BHS(), nil)
			r2t := l.r2t(h)
			q := l.tmf(pdu.TMFQueryTask, true)
			q.SetReferencedTaskTag(h.ITT())
			q.SetRefCmdSN(h.CmdSN())
			l.supported(l.manage(q), pdu.TMFResponseFunctionSucceeded)
			l.supported(l.manage(l.tmf(pdu.TMFQueryTaskSet, true)), pdu.TMFResponseFunctionSucceeded)
			data := l.pattern(l.unit().Block)
			l.serve(h, r2t, data)
			l.good(l.finish(h, data))
			l.holds(0, data)
		},
	}, {
		ID: "rfc7144/6.4.2/0e", Title: "QUERY ASYNCHRONOUS EVENT with a unit attention", Needs: writing | conform.Level2,
		Rule: "If a unit attention is pending, the response is Function succeeded, and the attention stays.",
		Run: func(t *conform.T) {
			a, b := open(t), level(t, 2)
			a.outcome("Function complete", a.manage(a.tmf(pdu.TMFLogicalUnitReset, true)), pdu.TMFResponseComplete)
			p := b.manage(b.tmf(pdu.TMFQueryAsyncEvent, true))
			b.supported(p, pdu.TMFResponseFunctionSucceeded)
			r := b.run(testUnitReady, 0)
			k, _ := r.code()
			b.t.Want(r.Status == 2 && k == 6, "the unit attention", "%v", r)
		},
	}, {
		ID: "rfc7144/6.3/8", Title: "QUERY TASK of a task management function", Needs: conform.Unit | conform.Level2, Also: []string{"rfc7144/6.3/9"},
		Rule: "QUERY TASK is not executed on a task management function: the response is Function rejected.",
		Run: func(t *conform.T) {
			l := level(t, 2)
			gap := l.gap()
			set := l.tmf(pdu.TMFAbortTaskSet, true) // waits for the gap
			l.acknowledge()
			l.Send(set.BHS(), nil)
			q := l.tmf(pdu.TMFQueryTask, true)
			q.SetReferencedTaskTag(set.ITT())
			q.SetRefCmdSN(set.CmdSN())
			l.Send(q.BHS(), nil)
			p := l.Recv("the response to QUERY TASK")
			l.needs(p.ITT() == q.ITT(), "ABORT TASK SET does not wait for the commands before it")
			l.supported(p, pdu.TMFResponseRejected)
			l.all("the response to ABORT TASK SET, and the ping echo", set.BHS(), l.fill(gap))
		},
	}, {
		ID: "rfc7144/6.3/12", Title: "I_T NEXUS RESET", Needs: writing | conform.Level2, Also: []string{"rfc7144/6.3/10", "rfc7144/6.3/11", "rfc7144/6.5/1", "rfc7144/6.3/13"},
		Rule: "I_T NEXUS RESET drops all connections of the session.",
		Run: func(t *conform.T) {
			l := level(t, 2)
			l.acknowledge()
			h := l.tmf(pdu.TMFITNexusReset, true)
			l.Send(h.BHS(), nil)
			if o := l.Outcome(); o.PDU != nil {
				l.t.Want(o.PDU.Opcode() == pdu.OpTaskManagementResponse && o.PDU.ITT() == h.ITT(), "the response, or the end of the connection", "%v", o)
				l.supported(o.PDU, pdu.TMFResponseComplete)
				l.Closed("the end of the connection")
			}
		},
	}}
}

// fields has the cases of the fields of RFC 7144.
func fields() []conform.Case {
	return []conform.Case{{
		ID: "rfc7144/5.1.1/2", Title: "a command priority at iSCSIProtocolLevel 1", Needs: conform.Unit,
		Rule: "The PRI field is ignored below level 2.",
		Run: func(t *conform.T) {
			l := level(t, 1)
			for pri := range byte(16) {
				h := l.scsi(inquiry(36), 36, 0)
				h.BHS()[2] = pri << 4
				l.Send(h.BHS(), nil)
				l.good(l.finish(h, nil))
			}
		},
	}, {
		ID: "rfc7144/5.1.1/0", Title: "command priorities", Needs: conform.Unit | conform.Level2,
		Rule: "At level 2 each command has a priority from 0 to 15.",
		Run: func(t *conform.T) {
			l := level(t, 2)
			for pri := range byte(16) {
				h := l.scsi(inquiry(36), 36, 0)
				h.BHS()[2] = pri << 4
				l.Send(h.BHS(), nil)
				l.good(l.finish(h, nil))
			}
		},
	}, {
		ID: "rfc7144/5.2.1/1", Title: "the status qualifier at iSCSIProtocolLevel 1", Needs: conform.Unit,
		Rule: "The Status Qualifier is 0 below level 2.",
		Run: func(t *conform.T) {
			l := level(t, 1)
			for _, cdb := range [][]byte{testUnitReady, unassigned} {
				l.equal("Status Qualifier", uint32(l.run(cdb, 0).response(l).Response().StatusQualifier()), 0)
			}
		},
	}, {
		ID: "rfc7144/4.2/1a", Title: "the version descriptor at iSCSIProtocolLevel 1", Needs: conform.Unit | conform.Level2, Rule: versionRule, Run: func(t *conform.T) { descriptor(t, 1) },
	}, {
		ID: "rfc7144/4.2/1b", Title: "the version descriptor at iSCSIProtocolLevel 2", Needs: conform.Unit | conform.Level2, Rule: versionRule,
		Run: func(t *conform.T) { descriptor(t, 2) },
	}}
}

const versionRule = "An iSCSI version descriptor in INQUIRY data is 0960h plus the negotiated iSCSIProtocolLevel."

// descriptor looks for the iSCSI version descriptor in standard INQUIRY data (SPC-4, 6.4.2).
func descriptor(t *conform.T, n int) {
	l := level(t, n)
	data := l.run(inquiry(96), 96).Data
	for at := 58; at+2 <= len(data) && at < 74; at += 2 {
		if v := int(binary.BigEndian.Uint16(data[at:])); v >= 0x960 && v < 0x980 {
			l.t.Want(v == 0x960+n, fmt.Sprintf("version descriptor %04Xh", 0x960+n), "%04Xh", v)
		}
	}
}
