package fullfeature

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// link is a connection in full feature phase.
type link struct {
	*conform.Conn
	t *conform.T
}

// open begins a session, and takes the unit attentions of its nexus if the case needs a unit. Keys go before those of the run.
func open(t *conform.T, keys ...string) *link {
	if t.Case.Needs&conform.Unit == 0 {
		return &link{t.LogIn(keys...), t}
	}
	return &link{t.Ready(keys...), t}
}

// openAt begins a session whose first login carries a CmdSN.
func openAt(t *conform.T, first uint32, keys ...string) *link {
	t.FirstCmdSN = first
	return open(t, keys...)
}

// join adds a connection to the session.
func (l *link) join(keys ...string) *link { return &link{l.Join(keys...), l.t} }

// several begins a session with n connections.
func several(t *conform.T, n int, keys ...string) (links []*link) {
	a := open(t, append([]string{"MaxConnections", fmt.Sprint(n)}, keys...)...)
	if got := a.Session.Params.Number("MaxConnections"); got < n {
		t.Skip("the target grants %d connections", got)
	}
	for links = []*link{a}; len(links) < n; {
		links = append(links, a.join())
	}
	return links
}

// Checks.

func (l *link) equal(what string, got, want uint32) {
	l.t.Want(got == want, fmt.Sprintf("%s %d", what, want), "%d", got)
}

func (l *link) same(what string, got, want []byte) {
	if bytes.Equal(got, want) {
		return
	}
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	l.t.Fail(fmt.Sprintf("%s: %d bytes", what, len(want)), "%d bytes, different from byte %d on", len(got), i)
}

// needs skips the case unless ok.
func (l *link) needs(ok bool, why string) {
	if !ok {
		l.t.Skip("%s", why)
	}
}

// takes skips the case unless both sides take data segments of n bytes.
func (l *link) takes(n int) {
	l.needs(l.Session.Params.Number("MaxRecvDataSegmentLength") >= n, fmt.Sprintf("the target takes no data segment of %d bytes", n))
}

// param is a negotiated number.
func (l *link) param(key string) int { return l.Session.Params.Number(key) }

// yes is a negotiated boolean.
func (l *link) yes(key string) bool { return l.Session.Params.Yes(key) }

// negotiated skips the case unless keys, in pairs with values, came out so.
func (l *link) negotiated(keys ...string) {
	for i := 0; i < len(keys); i += 2 {
		got := l.Session.Params[keys[i]]
		l.needs(got == keys[i+1], fmt.Sprintf("the target makes it %s=%s", keys[i], got))
	}
}

// atERL0 skips the case if the session recovers.
func (l *link) atERL0() {
	l.needs(l.param("ErrorRecoveryLevel") == 0, "the session has ErrorRecoveryLevel 1 or 2")
}

// Requests.

// nextITT returns a tag that no request has.
func (l *link) nextITT() uint32 {
	l.Session.ITT++
	return l.Session.ITT
}

func (l *link) nop(immediate bool) *pdu.BHS { return l.New(pdu.OpNOPOut, immediate) }

func (l *link) textRequest() *pdu.BHS { return l.New(pdu.OpTextRequest, false) }

func (l *link) tmf(f pdu.TaskFunction, immediate bool) *pdu.TaskManagementRequest {
	h := (*pdu.TaskManagementRequest)(l.New(pdu.OpTaskManagementRequest, immediate))
	h.SetFunction(f)
	h.SetLUN(l.t.Target.LUN)
	h.SetReferencedTaskTag(pdu.ReservedTag)
	return h
}

// abort is an immediate ABORT TASK.
func (l *link) abort(itt, refCmdSN uint32) *pdu.TaskManagementRequest {
	h := l.tmf(pdu.TMFAbortTask, true)
	h.SetReferencedTaskTag(itt)
	h.SetRefCmdSN(refCmdSN)
	return h
}

func (l *link) logout(r pdu.LogoutReason, cid uint16) *pdu.BHS {
	h := (*pdu.LogoutRequest)(l.New(pdu.OpLogoutRequest, false))
	h.SetReason(r)
	h.SetCID(cid)
	return h.BHS()
}

// snack is a SNACK of everything that is not acknowledged.
func (l *link) snack(typ pdu.SNACKType) *pdu.BHS {
	h := new(pdu.BHS)
	h.Init(pdu.OpSNACKRequest)
	h.SetFinal(true)
	h.SetITT(pdu.ReservedTag)
	s := (*pdu.SNACKRequest)(h)
	s.SetType(typ)
	s.SetTTT(pdu.ReservedTag)
	s.SetExpStatSN(l.ExpStatSN)
	return h
}

// acknowledge confirms what came on the other connections of the session, by a NOP-Out that asks for no answer (RFC 7143, 11.18).
// What l sends next confirms what came on its own.
func (l *link) acknowledge() {
	for _, c := range l.Session.Conns {
		if c == l.Conn {
			continue
		}
		h := c.New(pdu.OpNOPOut, true)
		h.SetITT(pdu.ReservedTag)
		c.Send(h, nil)
	}
}

// fill sends a ping with a CmdSN that was left out.
func (l *link) fill(sn uint32) *pdu.BHS {
	h := l.nop(true)
	h.SetImmediate(false)
	(*pdu.NOPOut)(h).SetCmdSN(sn)
	if sn == l.Session.CmdSN {
		l.Session.CmdSN++
	}
	l.Send(h, nil)
	return h
}

// gap leaves out a CmdSN.
func (l *link) gap() (sn uint32) {
	l.Session.CmdSN++
	return l.Session.CmdSN - 1
}

// window is how many of n numbered commands fit into the window.
func (l *link) window(n int) int {
	p := l.ping()
	return max(1, min(n, int(p.MaxCmdSN()-p.ExpCmdSN()+1)))
}

// Answers.

// answer waits for the answer to a request.
func (l *link) answer(h *pdu.BHS, op pdu.Opcode, due string) *conform.PDU {
	p := l.Recv(due)
	l.t.Want(p.Opcode() == op && p.ITT() == h.ITT(), fmt.Sprintf("%s, with ITT 0x%08x", due, h.ITT()), "%v", p)
	return p
}

// ping sends an immediate ping and waits for its echo.
func (l *link) ping() *conform.PDU { return l.quiet("the ping echo") }

// quiet is a ping that also shows that nothing else was answered before it. due is what should have happened.
func (l *link) quiet(due string) *conform.PDU {
	h := l.nop(true)
	l.Send(h, nil)
	return l.answer(h, pdu.OpNOPIn, due)
}

// still is quiet for what a target may be slow to do wrong: several pings.
func (l *link) still(due string) {
	for range 5 {
		l.quiet(due)
	}
}

// all waits for the answers to requests, in any order.
func (l *link) all(due string, sent ...*pdu.BHS) (got []*conform.PDU) {
	want := map[uint32]bool{}
	for _, h := range sent {
		want[h.ITT()] = true
	}
	for range sent {
		p := l.Recv(due)
		l.t.Want(p.Opcode() != pdu.OpReject && want[p.ITT()], due, "%v", p)
		delete(want, p.ITT())
		got = append(got, p)
	}
	return got
}

// inOrder waits for the ping echoes of requests in their order.
func (l *link) inOrder(due string, sent ...*pdu.BHS) {
	for _, h := range sent {
		l.answer(h, pdu.OpNOPIn, due)
	}
}

// manage sends a task management function and waits for its response. Other connections confirm what they got before.
func (l *link) manage(h *pdu.TaskManagementRequest) *conform.PDU {
	l.acknowledge()
	l.Send(h.BHS(), nil)
	return l.answer(h.BHS(), pdu.OpTaskManagementResponse, "the Task Management Function Response")
}

// outcome expects one of some responses to a task management function.
func (l *link) outcome(due string, p *conform.PDU, want ...pdu.TaskResponse) {
	l.t.Want(slices.Contains(want, p.TMF().Response()), due, "%v", p)
}

// text sends a whole text and waits for the response.
func (l *link) text(keys string) *conform.PDU {
	h := l.textRequest()
	l.Send(h, []byte(keys))
	return l.answer(h, pdu.OpTextResponse, "the Text Response")
}

// refused expects a Reject, or that the target closes the connection, or whatever else is accepted.
func (l *link) refused(due string, accept func(*conform.PDU) bool) (o conform.Outcome) {
	o = l.Outcome()
	ok := o.Closed || o.PDU != nil && (o.PDU.Opcode() == pdu.OpReject || accept(o.PDU))
	l.t.Want(ok, due, "%v", o)
	return o
}

// mustRefuse expects a Reject, or that the target closes the connection. A ping ends the wait for a target that ignores the PDU.
func (l *link) mustRefuse(due string) conform.Outcome { return l.ignoredOr(due, false, nothing) }

// mayIgnore accepts that the PDU is ignored, too.
func (l *link) mayIgnore(due string) conform.Outcome { return l.ignoredOr(due, true, nothing) }

func nothing(*conform.PDU) bool { return false }

// rejected sends a SNACK, which is rejected at ErrorRecoveryLevel 0. A target may also close the connection then: that skips the case.
func (l *link) rejected() (h *pdu.BHS, p *conform.PDU) {
	l.atERL0()
	h = l.snack(pdu.SNACKStatus)
	l.Send(h, nil)
	o := l.refused("a Reject of a SNACK at ErrorRecoveryLevel 0", nothing)
	l.needs(!o.Closed, "the target closes the connection where it might send a Reject")
	return h, o.PDU
}

func (l *link) ignoredOr(due string, ignored bool, accept func(*conform.PDU) bool) conform.Outcome {
	h := l.nop(true)
	l.Send(h, nil)
	echo := func(p *conform.PDU) bool { return p.Opcode() == pdu.OpNOPIn && p.ITT() == h.ITT() }
	o := l.refused(due, func(p *conform.PDU) bool { return ignored && echo(p) || accept(p) })
	if o.PDU != nil && !echo(o.PDU) {
		if p := l.Outcome(); !p.Closed {
			l.t.Want(p.PDU != nil && echo(p.PDU), "the echo of a ping after that, or the end of the connection", "%v", p)
		}
	}
	return o
}
