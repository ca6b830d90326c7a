package fullfeature

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// others has the cases of functions that end tasks of other sessions (RFC 7143, 4.2.3.3 to 4.2.3.5).
func others() []conform.Case {
	tmf := []conform.Group{conform.TMF}
	return []conform.Case{{
		ID: "rfc7143/4.2.3.3/9", Title: "LOGICAL UNIT RESET while another session has a gap", Needs: writing, Groups: tmf, Level: conform.Should,
		Rule: "The target does not wait for new commands of other sessions.",
		Run: func(t *conform.T) {
			a, b := open(t), open(t)
			gap := b.gap()
			h := b.scsi(testUnitReady, 0, 0)
			b.Send(h.BHS(), nil)
			a.outcome("Function complete", a.manage(a.tmf(pdu.TMFLogicalUnitReset, true)), pdu.TMFResponseComplete)
			b.answer(b.fill(gap), pdu.OpNOPIn, "the ping echo")
			if r := b.finish(h, nil); r.Status != 0 {
				b.attention(r)
			}
		},
	}, {
		ID: "rfc7143/4.2.3.3/12", Title: "LOGICAL UNIT RESET and a response that another session has not acknowledged", Needs: writing | conform.Several, Groups: tmf,
		Rule: "The first response in another session comes after all responses before it were acknowledged on all its connections.",
		Run: func(t *conform.T) {
			b := several(t, 2, "TaskReporting", "ResponseFence,RFC3720")
			b[0].negotiated("TaskReporting", "ResponseFence")
			a := open(t)
			b[1].good(b[1].run(testUnitReady, 0)) // b[1] does not acknowledge
			a.outcome("Function complete", a.manage(a.tmf(pdu.TMFLogicalUnitReset, true)), pdu.TMFResponseComplete)
			h := b[0].scsi(testUnitReady, 0, 0)
			b[0].Send(h.BHS(), nil)
			b[0].still("no unit attention before the other connection has acknowledged what it got")
			b[0].acknowledge()
			b[0].attention(b[0].finish(h, nil))
		},
	}, {
		ID: "rfc7143/4.2.3.4/12b", Title: "FastAbort tells other sessions", Needs: writing, Groups: tmf, Also: []string{"rfc7143/4.2.3.4/14"},
		Rule: "With TaskReporting=FastAbort in both sessions, one that has an affected task gets an Asynchronous Message with event 5.",
		Run:  func(t *conform.T) { terminated(t, "FastAbort,ResponseFence,RFC3720") },
	}, {
		ID: "rfc7143/4.2.3.5/1", Title: "a session without FastAbort ends tasks of one with it", Needs: writing, Groups: tmf, Level: conform.Should,
		Rule: "A session with FastAbort gets an Asynchronous Message with event 5 and the LUN of the unit.", Also: []string{"rfc7143/4.2.3.5/2"},
		Run: func(t *conform.T) { terminated(t, "RFC3720,ResponseFence") },
	}, {
		ID: "rfc7143/4.2.3.5/3", Title: "a session with FastAbort ends tasks of one without it", Needs: writing, Groups: tmf, Also: []string{"rfc7143/11.9.1/7"},
		Rule: "A session without FastAbort gets no Asynchronous Message with event 5.",
		Run: func(t *conform.T) {
			a, b := open(t, reporting("FastAbort,ResponseFence,RFC3720")...), solicited(t, reporting("RFC3720,ResponseFence")...)
			a.negotiated("TaskReporting", "FastAbort")
			h := b.write(0, 1)
			b.Send(h.BHS(), nil)
			r2t := b.r2t(h)
			a.acknowledge()
			f := a.tmf(pdu.TMFLogicalUnitReset, true)
			a.Send(f.BHS(), nil)
			b.still("no response of the write before its data, if at all")
			b.serve(h, r2t, b.pattern(b.unit().Block)) // the target may wait for it
			a.outcome("Function complete", a.answer(f.BHS(), pdu.OpTaskManagementResponse, "the response to LOGICAL UNIT RESET"), pdu.TMFResponseComplete)
			for _, m := range t.Async() {
				t.Want(m.Async().AsyncEvent() != pdu.AsyncEventTasksTerminated, "no event 5", "%v", m)
			}
		},
	}}
}

// reporting are the keys of a session with TaskReporting, of one connection: among several a unit attention is fenced (4.2.2.3.4).
func reporting(value string) []string { return []string{"TaskReporting", value, "MaxConnections", "1"} }

// terminated resets the unit while a session with FastAbort has a write that waits for data. issuing is the other session's
// TaskReporting.
func terminated(t *conform.T, issuing string) {
	a, b := open(t, reporting(issuing)...), solicited(t, reporting("FastAbort,ResponseFence,RFC3720")...)
	b.negotiated("TaskReporting", "FastAbort")
	h := b.write(0, 1)
	b.Send(h.BHS(), nil)
	b.r2t(h)
	a.acknowledge()
	f := a.tmf(pdu.TMFLogicalUnitReset, true)
	a.Send(f.BHS(), nil)
	b.acknowledgeEnd(b.async(pdu.AsyncEventTasksTerminated))
	a.outcome("Function complete", a.answer(f.BHS(), pdu.OpTaskManagementResponse, "the response to LOGICAL UNIT RESET"), pdu.TMFResponseComplete)
	b.attention(b.run(testUnitReady, 0))
}

// acknowledgeEnd answers an Asynchronous Message of task termination (RFC 7143, 11.9.1).
func (l *link) acknowledgeEnd(m *conform.PDU) {
	l.t.Want(m.Async().LUN() == l.t.Target.LUN, fmt.Sprintf("LUN 0x%016x", l.t.Target.LUN), "0x%016x", m.Async().LUN())
	n := l.nop(true)
	n.SetITT(pdu.ReservedTag)
	n.SetLUN(m.Async().LUN())
	l.Send(n, nil)
}

// attention expects the unit attention of a reset.
func (l *link) attention(r *result) {
	k, asc := r.code()
	l.t.Want(r.Status == 2 && k == 6 && asc>>8 == 0x29, "CHECK CONDITION with sense 6/29", "%v", r)
}
