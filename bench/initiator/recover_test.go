package initiator

import (
	"errors"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// recovery runs Recover while the script plays the target.
func recovery(t *testing.T, s *Session, cid uint16, o RecoverOptions) <-chan recovered {
	t.Helper()
	o.NoWait = true
	ch := make(chan recovered, 1)
	go func() {
		again, err := s.Recover(t.Context(), cid, o)
		ch <- recovered{again, err}
	}()
	return ch
}

type recovered struct {
	again []*Command
	err   error
}

// wantPlug takes an ABORT TASK for a CmdSN and answers it; what follows states that the CmdSN was received (RFC 7143, 11.6.1).
func (p *peer) wantPlug(itt, cmdSN uint32, exp uint32) {
	p.t.Helper()
	m := p.want(pdu.OpTaskManagementRequest, "lost CmdSNs are plugged (11.6.1)")
	r := (*pdu.TaskManagementRequest)(&m.h)
	if r.Function() != pdu.TMFAbortTask || !r.Immediate() || r.RefCmdSN() != cmdSN || r.ReferencedTaskTag() != itt {
		p.t.Fatalf("function %d, immediate %v, RefCmdSN %d, tag %#x; want ABORT TASK of %d, %#x (11.5.5)", r.Function(), r.Immediate(), r.RefCmdSN(), r.ReferencedTaskTag(), cmdSN, itt)
	}
	if !pdu.SNLess(cmdSN, r.CmdSN()) {
		p.t.Errorf("RefCmdSN %d is not below the function's CmdSN %d (11.6.1)", cmdSN, r.CmdSN())
	}
	p.exp = exp
	p.tmfComplete(r.ITT(), pdu.TMFResponseComplete)
}

// twoConnectionsOneLost leaves connection 1 dead after CmdSN 11, 12 and 14, of which the
// target got 11; 10 and 13 went over connection 0 and 13 waits for 12.
func twoConnectionsOneLost(t *testing.T, s *Session, target *script, p []*peer) (lost [3]*Command, itts [3]uint32, held <-chan *Command, heldITT uint32) {
	t.Helper()
	var ends [3]<-chan *Command
	a := start(t, s, testUnitReady(0))
	c := p[0].wantCommand(10, "it is the first")
	for i := range 2 {
		lost[i] = testUnitReady(1)
		ends[i] = start(t, s, lost[i])
		itts[i] = p[1].wantCommand(11+uint32(i), "it is next").ITT()
	}
	held = start(t, s, testUnitReady(0))
	heldITT = p[0].wantCommand(13, "it is next").ITT()
	lost[2] = testUnitReady(1)
	ends[2] = start(t, s, lost[2])
	itts[2] = p[1].wantCommand(14, "it is next").ITT()
	target.exp = 12
	p[0].good(c.ITT(), 0)
	wantOver(t, a, nil)
	if err := s.Kill(1, false); err != nil {
		t.Fatal(err)
	}
	p[1].wantClosed("it was killed")
	for i := range ends {
		wantOver(t, ends[i], ErrConnLost)
	}
	if err := s.Submit(testUnitReady(1)); !errors.Is(err, ErrConnLost) {
		t.Errorf("Submit on a lost connection returns %v", err)
	}
	return lost, itts, held, heldITT
}

// RFC 7143, 6.3.4, 7.2.1: the CID is reinstated by a login with the session's TSIH; then the CmdSNs that ExpCmdSN has not
// passed, and only those, are plugged over the new connection, lowest first.
func TestRecoverByReinstatement(t *testing.T) {
	target, cfg := newScript(t, 10, 16)
	s, p := connected(t, target, cfg, 2)
	lost, itts, held, heldITT := twoConnectionsOneLost(t, s, target, p)
	ch := recovery(t, s, 1, RecoverOptions{})
	n := target.dial()
	if n.login.TSIH() != 0x77 || n.login.CID() != 1 || n.login.CmdSN() != 15 {
		t.Errorf("TSIH %#x, CID %d, CmdSN %d; want 0x77, 1, 15 (6.3.4)", n.login.TSIH(), n.login.CID(), n.login.CmdSN())
	}
	if n.login.ExpStatSN() != p[1].statSN {
		t.Errorf("ExpStatSN %d, the old connection's is %d (11.12.9)", n.login.ExpStatSN(), p[1].statSN)
	}
	n.wantPlug(itts[1], 12, 14) // 13 had waited for it
	n.wantPlug(itts[2], 14, 15)
	r := <-ch
	if r.err != nil || len(r.again) != 3 || r.again[0] != lost[0] || r.again[1] != lost[1] || r.again[2] != lost[2] {
		t.Fatalf("Recover returns %d commands, %v; want the three that were lost", len(r.again), r.err)
	}
	p[0].good(heldITT, 0)
	wantOver(t, held, nil)
	done := start(t, s, r.again[1])
	c := n.wantCommand(15, "it is issued again with a CmdSN of its own")
	if c.ITT() == itts[1] {
		t.Error("the command comes again with its old Initiator Task Tag")
	}
	n.good(c.ITT(), 0)
	wantOver(t, done, nil)
	sound(t, s)
}

// The other way: the connection is left out. "A Logout for a CID may be performed on a different transport connection" (11.14).
func TestRecoverByLogout(t *testing.T) {
	target, cfg := newScript(t, 10, 16)
	s, p := connected(t, target, cfg, 2)
	lost, itts, _, _ := twoConnectionsOneLost(t, s, target, p)
	ch := recovery(t, s, 1, RecoverOptions{LeaveOut: true, Over: 0})
	m := p[0].want(pdu.OpLogoutRequest, "the CID is cleaned up first")
	l := (*pdu.LogoutRequest)(&m.h)
	if l.Reason() != pdu.LogoutCloseConnection || l.CID() != 1 {
		t.Errorf("reason %d, CID %d; want 1, 1", l.Reason(), l.CID())
	}
	var h pdu.BHS
	h.Init(pdu.OpLogoutResponse)
	(*pdu.LogoutResponse)(&h).SetITT(l.ITT())
	p[0].send(&h, nil)
	p[0].wantPlug(itts[1], 12, 14)
	p[0].wantPlug(itts[2], 14, 15)
	if r := <-ch; r.err != nil || len(r.again) != 3 || r.again[0] != lost[0] {
		t.Fatalf("Recover returns %d commands, %v", len(r.again), r.err)
	}
	if ids := s.CIDs(); len(ids) != 1 || ids[0] != 0 {
		t.Errorf("connections %v, want 0 alone", ids)
	}
	start(t, s, testUnitReady(0))
	p[0].wantCommand(15, "the session goes on")
	sound(t, s)
}

// 6.3.6: with its last connection lost, a session can be continued by a login
// with its TSIH, until the target forgets it: 0x020a.
func TestSessionLost(t *testing.T) {
	target, cfg := newScript(t, 10, 16)
	s, p := connected(t, target, cfg, 1)
	done := start(t, s, testUnitReady(0))
	p[0].wantCommand(10, "it is the first")
	_ = p[0].nc.Close()
	wantOver(t, done, ErrConnLost)
	ch := recovery(t, s, 0, RecoverOptions{})
	target.accept().refuse(pdu.LoginSessionDoesNotExist)
	if r := <-ch; !errors.Is(r.err, ErrSessionLost) {
		t.Fatalf("Recover returns %v", r.err)
	}
	// It may be tried again: nothing was forgotten.
	ch = recovery(t, s, 0, RecoverOptions{})
	n := target.dial()
	m := n.want(pdu.OpTaskManagementRequest, "CmdSN 10 was lost")
	target.exp = 11
	n.tmfComplete((*pdu.TaskManagementRequest)(&m.h).ITT(), pdu.TMFResponseComplete)
	if r := <-ch; r.err != nil || len(r.again) != 1 {
		t.Fatalf("Recover returns %d commands, %v", len(r.again), r.err)
	}
	sound(t, s)
}

// 6.3.4: a login with a CID that is up reinstates the connection: the old one
// is over, whatever the target has done with it meanwhile.
func TestReinstatementOfALiveConnection(t *testing.T) {
	target, cfg := newScript(t, 10, 16)
	s, p := connected(t, target, cfg, 2)
	done := start(t, s, testUnitReady(1))
	p[1].wantCommand(10, "it is the first")
	joined := make(chan error, 1)
	go func() { joined <- s.Join(t.Context(), 1, "") }()
	n := target.dial()
	if err := <-joined; err != nil {
		t.Fatal(err)
	}
	p[1].wantClosed("it was reinstated")
	wantOver(t, done, ErrConnLost)
	ch := recovery(t, s, 1, RecoverOptions{})
	m := n.want(pdu.OpTaskManagementRequest, "CmdSN 10 may be lost")
	target.exp = 11
	n.tmfComplete((*pdu.TaskManagementRequest)(&m.h).ITT(), pdu.TMFResponseComplete)
	if r := <-ch; r.err != nil || len(r.again) != 1 {
		t.Fatalf("Recover returns %d commands, %v", len(r.again), r.err)
	}
	sound(t, s)
}
