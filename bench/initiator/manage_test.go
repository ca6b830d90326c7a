package initiator

import (
	"errors"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// RFC 7143, 11.6.1: once ABORT TASK is complete no answer to the task comes;
// here the task is over with ErrAborted, and its data stops.
func TestAbortTask(t *testing.T) {
	target, cfg := newScript(t, 1, 16)
	s, p := connected(t, target, cfg, 1, "ImmediateData=No", "InitialR2T=Yes")
	cmd := &Command{LUN: LUN(3), CDB: rw16(0x8a, 0, 1), Out: make([]byte, 4096)}
	done := start(t, s, cmd)
	c := p[0].wantCommand(1, "it begins")
	res := make(chan pdu.TaskResponse, 1)
	go func() {
		r, err := s.Abort(t.Context(), cmd)
		if err != nil {
			t.Error(err)
		}
		res <- r
	}()
	m := p[0].want(pdu.OpTaskManagementRequest, "the task is to be aborted")
	f := (*pdu.TaskManagementRequest)(&m.h)
	if f.ReferencedTaskTag() != c.ITT() || f.RefCmdSN() != 1 || f.LUN() != LUN(3) || f.CmdSN() != 2 || !f.Immediate() {
		t.Errorf("tag %#x, RefCmdSN %d, LUN %#x, CmdSN %d (11.5.4, 11.5.5)", f.ReferencedTaskTag(), f.RefCmdSN(), f.LUN(), f.CmdSN())
	}
	p[0].tmfComplete(f.ITT(), pdu.TMFResponseComplete)
	wantOver(t, done, ErrAborted)
	if r := <-res; r != pdu.TMFResponseComplete {
		t.Errorf("response %d", r)
	}
	p[0].good(c.ITT(), 0)
	p[0].wantNothing("the task is over")
	if v := s.Violations(); len(v) != 1 {
		t.Errorf("an answer after ABORT TASK was complete gives the violations %v, want one (11.6.1)", v)
	}
}

// LOGICAL UNIT RESET ends the tasks of that unit on every connection, those that came before it only (4.2.3.2, 11.5.1).
func TestResetEndsTasksEverywhere(t *testing.T) {
	target, cfg := newScript(t, 1, 16)
	s, p := connected(t, target, cfg, 2)
	a := start(t, s, &Command{Conn: 0, LUN: LUN(1), CDB: make([]byte, 6)})
	p[0].wantCommand(1, "")
	b := start(t, s, &Command{Conn: 1, LUN: LUN(1), CDB: make([]byte, 6)})
	bITT := p[1].wantCommand(2, "").ITT()
	other := start(t, s, &Command{Conn: 1, LUN: LUN(2), CDB: make([]byte, 6)})
	otherITT := p[1].wantCommand(3, "").ITT()
	go func() { _, _ = s.TMF(t.Context(), 0, pdu.TMFLogicalUnitReset, LUN(1), pdu.ReservedTag, 0, false) }()
	m := p[0].want(pdu.OpTaskManagementRequest, "")
	if f := (*pdu.TaskManagementRequest)(&m.h); f.CmdSN() != 4 || f.Immediate() || f.ReferencedTaskTag() != pdu.ReservedTag {
		t.Errorf("CmdSN %d, immediate %v, tag %#x", f.CmdSN(), f.Immediate(), f.ReferencedTaskTag())
	}
	late := start(t, s, &Command{Conn: 1, LUN: LUN(1), CDB: make([]byte, 6)})
	lateITT := p[1].wantCommand(5, "").ITT()
	p[0].tmfComplete((*pdu.TaskManagementRequest)(&m.h).ITT(), pdu.TMFResponseComplete)
	wantOver(t, a, ErrAborted)
	wantOver(t, b, ErrAborted)
	p[1].dataIn(bITT, 0, 0, nil, true, false) // was under way on the other connection
	p[1].good(otherITT, 0)
	p[1].good(lateITT, 0)
	wantOver(t, other, nil)
	wantOver(t, late, nil)
	sound(t, s)
}

// 11.9.1, event 5 (FastAbort): Data-Out of the unit stops on that connection,
// then a NOP-Out with the reserved tag and the LUN acknowledges.
func TestTasksTerminated(t *testing.T) {
	target, cfg := newScript(t, 1, 16)
	cfg.Keys.TaskReporting = "FastAbort"
	var seen []Async
	told := make(chan struct{}, 1)
	cfg.OnAsync = func(a Async) { seen = append(seen, a); told <- struct{}{} }
	s, p := connected(t, target, cfg, 1, "TaskReporting=FastAbort", "ImmediateData=No", "InitialR2T=Yes")
	if s.Params().TaskReporting != "FastAbort" {
		t.Errorf("TaskReporting %q", s.Params().TaskReporting)
	}
	a := start(t, s, &Command{LUN: LUN(1), CDB: rw16(0x8a, 0, 1), Out: make([]byte, 4096)})
	aITT := p[0].wantCommand(1, "").ITT()
	b := start(t, s, &Command{LUN: LUN(2), CDB: rw16(0x8a, 0, 1), Out: make([]byte, 4096)})
	bITT := p[0].wantCommand(2, "").ITT()
	var h pdu.BHS
	h.Init(pdu.OpAsyncMessage)
	m := (*pdu.AsyncMessage)(&h)
	m.SetAsyncEvent(pdu.AsyncEventTasksTerminated)
	m.SetLUN(LUN(1))
	p[0].send(&h, nil)
	p[0].r2t(LUN(1), aITT, 5, 0, 0, 4096) // crosses the message: nothing may be sent for it
	p[0].r2t(LUN(2), bITT, 6, 0, 0, 4096)
	wantOver(t, a, ErrTerminated)
	n := p[0].want(pdu.OpNOPOut, "event 5 is acknowledged (11.9.1)")
	o := (*pdu.NOPOut)(&n.h)
	if o.ITT() != pdu.ReservedTag || o.TTT() != pdu.ReservedTag || o.LUN() != LUN(1) || o.ExpStatSN() != p[0].statSN || !o.Immediate() {
		t.Errorf("ITT %#x, TTT %#x, LUN %#x, ExpStatSN %d, want the reserved tags, LUN 1 and %d", o.ITT(), o.TTT(), o.LUN(), o.ExpStatSN(), p[0].statSN)
	}
	p[0].wantData(make([]byte, 4096), bITT, 6, 0, 4096)
	p[0].good(bITT, 1)
	wantOver(t, b, nil)
	<-told
	if len(seen) != 1 || seen[0].CID != 0 || seen[0].Message.LUN() != LUN(1) {
		t.Errorf("OnAsync was told %v", seen)
	}
	sound(t, s)
}

func (p *peer) event(e pdu.AsyncEvent, p1, p2, p3 uint16) {
	p.t.Helper()
	var h pdu.BHS
	h.Init(pdu.OpAsyncMessage)
	m := (*pdu.AsyncMessage)(&h)
	m.SetAsyncEvent(e)
	m.SetParameter1(p1)
	m.SetParameter2(p2)
	m.SetParameter3(p3)
	p.send(&h, nil)
}

// 11.9.1, events 1 to 4.
func TestAsyncDuties(t *testing.T) {
	target, cfg := newScript(t, 1, 16)
	s, p := connected(t, target, cfg, 4)
	// 4: negotiate.
	p[0].event(pdu.AsyncEventNegotiationRequest, 0, 0, 5)
	m := p[0].want(pdu.OpTextRequest, "event 4 asks for a Text Request")
	var h pdu.BHS
	h.Init(pdu.OpTextResponse)
	x := (*pdu.TextResponse)(&h)
	x.SetITT((*pdu.TextRequest)(&m.h).ITT())
	x.SetTTT(pdu.ReservedTag)
	x.SetFinal(true)
	p[0].send(&h, nil)
	// 1: log out of this connection.
	p[1].event(pdu.AsyncEventLogoutRequest, 0, 0, 5)
	m = p[1].want(pdu.OpLogoutRequest, "event 1 asks for a logout")
	l := (*pdu.LogoutRequest)(&m.h)
	if l.Reason() != pdu.LogoutCloseConnection || l.CID() != 1 {
		t.Errorf("reason %d, CID %d", l.Reason(), l.CID())
	}
	h.Init(pdu.OpLogoutResponse)
	(*pdu.LogoutResponse)(&h).SetITT(l.ITT())
	p[1].send(&h, nil)
	p[1].wantClosed("it is logged out")
	// 2: the connection of Parameter1 is dropped.
	done := start(t, s, testUnitReady(3))
	p[3].wantCommand(1, "")
	p[0].event(pdu.AsyncEventDropConnection, 3, 0, 20)
	p[3].wantClosed("the target said that it drops CID 3")
	wantOver(t, done, ErrConnLost)
	// 3: all are.
	p[2].event(pdu.AsyncEventDropAllConnections, 0, 0, 20)
	p[0].wantClosed("the target said that it drops all")
	p[2].wantClosed("the target said that it drops all")
	if ids := s.CIDs(); len(ids) != 0 {
		t.Errorf("connections %v are up", ids)
	}
	sound(t, s)
}

// 11.14: a logout of the session ends all its connections.
func TestSessionLogout(t *testing.T) {
	target, cfg := newScript(t, 1, 16)
	s, p := connected(t, target, cfg, 2)
	done := start(t, s, testUnitReady(1))
	p[1].wantCommand(1, "")
	over := make(chan error, 1)
	go func() { over <- s.Logout(t.Context()) }()
	m := p[0].want(pdu.OpLogoutRequest, "the session is to end")
	_ = p[1].nc.Close() // before the response: that is no loss
	wantOver(t, done, ErrLoggedOut)
	var h pdu.BHS
	h.Init(pdu.OpLogoutResponse)
	(*pdu.LogoutResponse)(&h).SetITT((*pdu.LogoutRequest)(&m.h).ITT())
	p[0].send(&h, nil)
	if err := <-over; err != nil {
		t.Error(err)
	}
	p[0].wantClosed("the session is over")
	if _, err := s.Recover(t.Context(), 1, RecoverOptions{}); !errors.Is(err, ErrNoConn) {
		t.Errorf("Recover after a logout returns %v", err)
	}
	sound(t, s)
}

// 11.14: "After sending the Logout Request PDU, an initiator MUST NOT send any new iSCSI requests on the closing connection."
func TestNothingFollowsALogout(t *testing.T) {
	target, cfg := newScript(t, 1, 16)
	s, p := connected(t, target, cfg, 2)
	over := make(chan error, 1)
	go func() { over <- s.LogoutConn(t.Context(), 1, 1) }()
	m := p[1].want(pdu.OpLogoutRequest, "connection 1 is to end")
	done := start(t, s, testUnitReady(1))
	p[1].wantNothing("a logout was sent on this connection")
	start(t, s, testUnitReady(0))
	p[0].wantCommand(1, "the other connection goes on, and no number was spent on the first")
	var h pdu.BHS
	h.Init(pdu.OpLogoutResponse)
	(*pdu.LogoutResponse)(&h).SetITT((*pdu.LogoutRequest)(&m.h).ITT())
	p[1].send(&h, nil)
	if err := <-over; err != nil {
		t.Error(err)
	}
	if c := wantOver(t, done, ErrLoggedOut); c.Result.Sent {
		t.Error("the command says that it was sent")
	}
	sound(t, s)
}

// 11.17, 7.3: a rejected request was not taken; its CmdSN has to be plugged.
func TestReject(t *testing.T) {
	target, cfg := newScript(t, 1, 16)
	s, p := connected(t, target, cfg, 1)
	done := start(t, s, testUnitReady(0))
	c := p[0].wantCommand(1, "")
	var h pdu.BHS
	h.Init(pdu.OpReject)
	(*pdu.Reject)(&h).SetReason(pdu.RejectInvalidPDUField)
	p[0].send(&h, c.BHS()[:])
	cmd := wait(t, done)
	var e *RejectError
	if !errors.As(cmd.Result.Err, &e) || e.Reason != pdu.RejectInvalidPDUField {
		t.Fatalf("the command ends with %v", cmd.Result.Err)
	}
	over := make(chan error, 1)
	go func() { over <- s.Plug(t.Context(), 0, cmd.Result, 0) }()
	p[0].wantPlug(c.ITT(), 1, 2)
	if err := <-over; err != nil {
		t.Error(err)
	}
	sound(t, s)
}
