package initiator

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// RFC 7143, 4.2.1, 11.12.6, 11.12.7: the leading login has TSIH 0 and states the first CmdSN; a join has the session's TSIH,
// the same ISID and a CID of its own, and negotiates what is a connection's only (13, "Use").
func TestJoins(t *testing.T) {
	target, cfg := newScript(t, 0xfffffffe, 16)
	cfg.Keys.HeaderDigest = false
	s, peers := connected(t, target, cfg, 3)
	if s.Granted != 3 || s.TSIH() != 0x77 {
		t.Errorf("Granted %d, TSIH %#x", s.Granted, s.TSIH())
	}
	for i, p := range peers {
		wantTSIH := uint16(0)
		if i > 0 {
			wantTSIH = 0x77
		}
		l := p.login
		if l.TSIH() != wantTSIH || l.CID() != uint16(i) || l.ISID() != cfg.ISID || l.CmdSN() != 0xfffffffe || !l.Immediate() {
			t.Errorf("login %d: TSIH %#x, CID %d, ISID %x, CmdSN %#x, immediate %v", i, l.TSIH(), l.CID(), l.ISID(), l.CmdSN(), l.Immediate())
		}
		for _, key := range []string{"MaxConnections=3", "SessionType=Normal", "MaxBurstLength=", "ErrorRecoveryLevel=0"} {
			if strings.Contains(p.text, key) != (i == 0) {
				t.Errorf("login %d: %s in %q (13: leading only)", i, key, p.text)
			}
		}
		for _, key := range []string{"InitiatorName=", "TargetName=", "MaxRecvDataSegmentLength=", "HeaderDigest=None"} {
			if !strings.Contains(p.text, key) {
				t.Errorf("login %d lacks %s: %q", i, key, p.text)
			}
		}
	}
	sound(t, s)
}

// 13.2: the target's MaxConnections is the result; Dial makes no more.
func TestFewerConnectionsGranted(t *testing.T) {
	target, cfg := newScript(t, 1, 16)
	cfg.Connections = 8
	s := dialed(t, cfg, func() {
		target.dial("MaxConnections=2")
		target.dial()
	})
	if s.Granted != 2 || len(s.CIDs()) != 2 {
		t.Errorf("Granted %d, connections %v, want 2", s.Granted, s.CIDs())
	}
}

// 11.13.5: a refused login says why.
func TestLoginRefused(t *testing.T) {
	for _, status := range []pdu.LoginStatus{pdu.LoginAuthenticationFailure, pdu.LoginNotFound, pdu.LoginTooManyConnections, pdu.LoginOutOfResources} {
		target, cfg := newScript(t, 1, 16)
		go func() { target.accept().refuse(status) }()
		_, err := Dial(t.Context(), cfg)
		var e *LoginError
		if !errors.As(err, &e) || e.Status != status {
			t.Errorf("status %04x: Dial returns %v", uint16(status), err)
		}
	}
}

// The numbers of a session go in order, whichever connection carries them
// (4.2.2.1), across the wrap; an immediate one does not advance them.
func TestOneCmdSN(t *testing.T) {
	target, cfg := newScript(t, 0xfffffffe, 16)
	s, p := connected(t, target, cfg, 2)
	for i := range uint32(4) {
		cid := i % 2
		done := start(t, s, testUnitReady(uint16(cid)))
		c := p[cid].wantCommand(0xfffffffe+i, "CmdSN is the session's (4.2.2.1)")
		target.exp, target.max = target.exp+1, target.max+1
		p[cid].good(c.ITT(), 0)
		if r := wantOver(t, done, nil).Result; r.CmdSN != 0xfffffffe+i {
			t.Errorf("Result.CmdSN %#x", r.CmdSN)
		}
	}
	immediate := testUnitReady(1)
	immediate.Immediate = true
	done := start(t, s, immediate)
	c := p[1].wantCommand(2, "an immediate command carries the next CmdSN (4.2.2.1)")
	p[1].good(c.ITT(), 0)
	wantOver(t, done, nil)
	start(t, s, testUnitReady(0))
	p[0].wantCommand(2, "and does not advance it (4.2.2.1)")
	sound(t, s)
}

// A test may send numbers in any order across connections: Reserve.
func TestReservedNumbersInReverse(t *testing.T) {
	target, cfg := newScript(t, 100, 16)
	s, p := connected(t, target, cfg, 4)
	first := s.Reserve(4)
	if first != 100 {
		t.Fatalf("Reserve gives %d", first)
	}
	var ends []<-chan *Command
	var itts []uint32
	for i := 3; i >= 0; i-- {
		cmd := testUnitReady(uint16(i))
		cmd.Numbered, cmd.CmdSN = true, first+uint32(i)
		ends = append(ends, start(t, s, cmd))
		itts = append(itts, p[i].wantCommand(first+uint32(i), "it was reserved").ITT())
	}
	target.exp += 4
	target.max += 4
	seen := map[uint32]bool{}
	for k, i := 0, 3; i >= 0; k, i = k+1, i-1 {
		if seen[itts[k]] {
			t.Errorf("Initiator Task Tag %#x is used twice in the session (11.2.1.8)", itts[k])
		}
		seen[itts[k]] = true
		p[i].good(itts[k], 0)
		wantOver(t, ends[k], nil)
	}
	start(t, s, testUnitReady(2))
	p[2].wantCommand(104, "the reserved numbers are gone")
	sound(t, s)
}

// 4.2.2.1: no CmdSN above MaxCmdSN is sent; what any connection says opens the window for all, and nothing closes it again.
func TestWindow(t *testing.T) {
	target, cfg := newScript(t, 1, 2)
	s, p := connected(t, target, cfg, 2)
	var ends [4]<-chan *Command
	for i := range ends {
		ends[i] = start(t, s, testUnitReady(0))
	}
	a := p[0].wantCommand(1, "the window has two places")
	p[0].wantCommand(2, "the window has two places")
	p[0].wantNothing("CmdSN 3 is above MaxCmdSN 2 (4.2.2.1)")
	if s.CmdSN() != 3 {
		t.Errorf("CmdSN %d was taken by a command that waits", s.CmdSN()-1)
	}

	ping := &Command{Kind: KindPing, Conn: 1, Immediate: true, Text: []byte("are you there")}
	done := start(t, s, ping)
	m := p[1].want(pdu.OpNOPOut, "immediate requests pass a closed window (4.2.2.1)")
	target.exp, target.max = 2, 3
	var h pdu.BHS
	h.Init(pdu.OpNOPIn)
	(*pdu.NOPIn)(&h).SetITT((*pdu.NOPOut)(&m.h).ITT())
	(*pdu.NOPIn)(&h).SetTTT(pdu.ReservedTag)
	p[1].send(&h, m.data)
	wantOver(t, done, nil)
	p[0].wantCommand(3, "connection 1 said that MaxCmdSN is 3")

	target.exp, target.max = 1, 2
	p[0].good(a.ITT(), 0)
	wantOver(t, ends[0], nil)
	if s.MaxCmdSN() != 3 || s.ExpCmdSN() != 2 {
		t.Errorf("MaxCmdSN %d, ExpCmdSN %d: an older PDU took them back (4.2.2.1)", s.MaxCmdSN(), s.ExpCmdSN())
	}
	p[0].wantNothing("CmdSN 4 is above MaxCmdSN 3")
	target.exp, target.max = 2, 4
	p[1].wantNothing("nothing is to be said on connection 1")
	p[0].wantCommand(4, "the window opened once more")
	sound(t, s)
}

// Exec gives a command that still waits back when its context ends.
func TestWithdrawn(t *testing.T) {
	target, cfg := newScript(t, 1, 0)
	s, p := connected(t, target, cfg, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cmd := testUnitReady(0)
	over := make(chan error, 1)
	go func() { over <- s.Exec(ctx, cmd) }()
	p[0].wantNothing("the window is closed")
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("Exec returns %v", err)
	}
	target.max++
	p[0].wantNothing("the command was withdrawn")
	sound(t, s)
}
