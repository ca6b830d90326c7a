package session

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/pdu"
)

// storm sends n functions on each connection, after a gap in CmdSN, and returns how many of them wait.
func (m *tmfRig) storm(n int, f pdu.TaskFunction, immediate bool) (missing *pdu.BHS, wait int) {
	m.Helper()
	missing = m.conns[0].nopOut(m.conns[0].nextITT(), pdu.ReservedTag, false)
	m.number(missing)
	for i, r := range m.conns {
		for range n {
			h := m.manage(i, f, immediate, 0)
			m.settle()
			if len(r.got) == 0 {
				wait++
				continue
			}
			r.wantReject(pdu.RejectImmediateCommand, h.BHS(), "the session has as many functions as it may")
		}
	}
	return missing, wait
}

// finishFunctions lets the host complete every function, and counts the responses.
func (m *tmfRig) finishFunctions() map[pdu.TaskResponse]int {
	m.Helper()
	answers := map[pdu.TaskResponse]int{}
	for more := true; more; {
		more = false
		m.settle()
		for _, r := range m.conns {
			for len(r.events) > 0 && r.events[0].Kind == Manage {
				r.managed(r.wantEvent(Manage).Task, pdu.TMFResponseComplete)
				more = true
			}
			for len(r.got) > 0 {
				w := r.want(pdu.OpTaskManagementResponse, "")
				answers[(*pdu.TaskManagementResponse)(&w.h).Response()]++
				more = true
			}
		}
	}
	return answers
}

// "An iSCSI target MAY reject immediate commands, e.g., due to lack of resources ... MUST be able to handle at least one
// immediate task management command ... per connection at any time" (RFC 7143, 4.2.2.1). The cost of functions grows with the
// square of their number, so a session may have a bounded number of them.
func TestImmediateFunctionsAreBounded(t *testing.T) {
	for _, f := range []pdu.TaskFunction{pdu.TMFAbortTaskSet, pdu.TMFLogicalUnitReset, pdu.TMFTargetWarmReset} {
		const conns, each = 16, 8
		m := newTMF(t, conns)
		missing, wait := m.storm(each, f, true)
		if want := maxFunctions + conns - maxFunctions/each; wait != want {
			t.Fatalf("%d functions wait, want %d: %d of the session, and one of each other connection", wait, want, maxFunctions)
		}
		a := m.conns[0]
		a.send(missing, nil)
		a.want(pdu.OpNOPIn, "the gap is closed")
		if got := m.finishFunctions(); got[pdu.TMFResponseComplete] != wait || len(got) != 1 {
			t.Fatalf("answers %v, want %d times complete", got, wait)
		}
		check.Equal(t, m.session().functions.Load(), 0, "functions that count when all are over")
		m.manage(3, f, true, 0)
		check.Equal(t, m.finishFunctions()[pdu.TMFResponseComplete], 1, "functions answered after the storm")
	}
}

// A non-immediate function over the limit cannot be rejected: it gets the answer "Function rejected" (11.6.1) and has no effect
// before that.
func TestNumberedFunctionsAreBounded(t *testing.T) {
	const conns, each = 8, 12
	m := newTMF(t, conns)
	missing, wait := m.storm(each, pdu.TMFLogicalUnitReset, false)
	check.Equal(t, wait, conns*each, "functions that wait for their CmdSN")
	task := m.read(1, 0)
	a := m.conns[0]
	a.send(missing, nil)
	a.want(pdu.OpNOPIn, "the gap is closed")
	got := m.finishFunctions()
	if n := got[pdu.TMFResponseComplete]; n < maxFunctions || n > maxFunctions+conns || n+got[pdu.TMFResponseRejected] != wait {
		t.Fatalf("answers %v to %d functions, want %d to %d complete", got, wait, maxFunctions, maxFunctions+conns)
	}
	b := m.conns[1]
	b.serve(task, "it comes behind all functions")
	m.clean()
}

// A response that waits for the initiator's acknowledgement (4.2.2.3.3) counts as long as it waits: an initiator that
// acknowledges nothing cannot have more of them than functions.
func TestUnacknowledgedFunctionsCount(t *testing.T) {
	m := newTMF(t, 2, "TaskReporting", "ResponseFence")
	a := m.conns[0]
	before, refused := a.expStatSN, 0
	for range maxFunctions + 8 {
		h := m.function(0, pdu.TMFAbortTaskSet, true, 0)
		h.SetExpStatSN(before)
		a.send(h.BHS(), nil)
		m.settle()
		for len(a.events) > 0 {
			a.managed(a.wantEvent(Manage).Task, pdu.TMFResponseComplete)
			m.settle()
		}
		m.ack(1) // the other connection acknowledges its responses
		m.settle()
		for len(a.got) > 0 {
			if a.got[0].h.Opcode() == pdu.OpReject {
				refused++
			}
			a.got = a.got[1:]
		}
	}
	if n := len(a.conn.tm.parts); n != maxFunctions || refused != 8 {
		t.Fatalf("%d functions wait for an acknowledgement, %d were rejected; want %d and 8", n, refused, maxFunctions)
	}
}
