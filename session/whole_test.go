package session

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// loginBytes returns a Login Request that asks for full feature phase directly.
func (r *loginRig) loginBytes(keys ...string) []byte {
	var text []byte
	for i := 0; i < len(keys); i += 2 {
		text = pdu.AppendText(text, keys[i], keys[i+1])
	}
	return r.encode(r.loginHeader(toFull), text)
}

// An initiator must not send commands before the final Login Response (4.2.4), but nothing stops it. A command that arrives with
// the Login Request is processed before the host has taken an event. The host must know the nexus before it executes it.
func TestCommandsBehindALogin(t *testing.T) {
	for _, join := range []bool{false, true} {
		t.Run(fmt.Sprintf("join %v", join), func(t *testing.T) {
			m := newMCS(t, 1)
			r, want := m.dial(1), SessionJoined
			if !join {
				r, want = newLogin(t, m.node), SessionUp
				r.isid[5]++
			}
			r.packed = true
			in := r.loginBytes(names()...)
			a, b := r.read(512), r.read(512)
			a.SetCmdSN(1)
			b.SetCmdSN(2)
			in = append(in, r.encode(a.BHS(), nil)...)
			r.feed(append(in, r.encode(b.BHS(), nil)...))
			ev := r.wantEvent(want)
			if ev.Session == nil || ev.Session != r.conn.Session() {
				t.Fatalf("the event is of session %v", ev.Session)
			}
			for _, h := range []*pdu.SCSICommand{a, b} {
				r.wantStart(h, "full feature phase has begun")
			}
			r.wantGranted("the login is answered")
		})
	}
}

// The other connection's loop may hand over a command before the joining connection has taken its first event.
func TestHandedOverBehindAJoin(t *testing.T) {
	m := newMCS(t, 1)
	r := m.dial(1)
	r.packed = true
	h := r.read(512)
	h.SetCmdSN(2)
	f := r.conn.Framer()
	for in := append(r.loginBytes(names()...), r.encode(h.BHS(), nil)...); len(in) > 0; {
		n, st, err := f.Feed(in)
		if in = in[n:]; err != nil {
			t.Fatal(err)
		}
		switch {
		case st == pdu.PDUReady:
			r.conn.Payload(r.now, true)
		case st == pdu.HeaderReady && f.Header().DataLen() > 0:
			f.Payload(r.conn.Header(r.now))
		case st == pdu.HeaderReady:
			r.conn.Header(r.now)
			r.conn.Payload(r.now, true)
		}
	}
	m.conns[0].readAt(1)
	r.pump()
	r.wantEvent(SessionJoined)
	r.wantExecute("CmdSN 1 has been delivered")
}

// A session can be found only once it has its nexus (4.4.2): a join with a guessed TSIH must not execute anything without one.
func TestSessionIsFoundWhole(t *testing.T) {
	n := newNodeWith(NodeConfig{}, plainTarget())
	r := newLogin(t, n)
	asked := 0
	r.host.onNexus = func(s *Session) {
		asked++
		check.That(t, len(n.reg.sessions) == 0 && len(n.reg.nexuses) == 0, "the session can be found before it has its nexus")
	}
	r.up()
	if asked != 1 {
		t.Fatalf("the host was asked for a nexus %d times", asked)
	}
}

// A joining login waits for the connection that has its CID (6.3.4), and is a member meanwhile. If its own connection goes away
// as the last member, the session ends, although that connection was never in full feature phase.
func TestJoinThatGoesAway(t *testing.T) {
	m := newMCS(t, 1)
	old, next := m.conns[0], m.dial(0)
	s := m.session()
	next.ask(toFull, names()...)
	old.turn()
	old.gone()
	next.gone() // reset by the initiator before it learns that the old one is gone
	check.Equal(t, next.wantEvent(SessionDown).Session, s, "the session that went down")
	m.settle()
	old.wantEvent(Close)
	old.wantIdle("the session went down with the other one")
	check.That(t, len(m.node.Sessions()) == 0 && old.conn.Over() && next.conn.Over(), "the session is known, or a connection is kept")
}

// A member whose login is not answered yet gets none of the session's messages: only Login Responses may be sent (4.2.4).
func TestMemberInLoginIsToldNothing(t *testing.T) {
	m := newMCS(t, 2, "TaskReporting", "ResponseFence")
	a, b, next := m.conns[0], m.conns[1], m.dial(0)
	next.ask(toFull, names()...)
	a.turn()
	a.wantEvent(Close)
	h := b.manage(pdu.TMFLogicalUnitReset, true)
	h.SetCmdSN(1)
	b.send(h.BHS(), nil)
	m.settle()
	ev := b.wantEvent(Manage)
	b.conn.Managed(b.now, ev.Task, byte(pdu.TMFResponseComplete))
	b.pump()
	next.turn()
	next.wantIdle("its login waits")
	a.gone()
	b.terminate(errNoPong)
	b.gone()
	for len(next.host.posts) > 0 { // before its timers run: it is still in the login phase
		next.receive()
	}
	next.pump()
	next.wantIdle("its login waits still")
	next.turn()
	next.wantGranted("what it waited for is gone")
}

// Random events while logins wait to join a session: members come and go on different loops, functions and logouts reach all of
// them, and in the end the session goes down exactly once and leaves nothing behind.
func TestMembersInLogin(t *testing.T) {
	for seed := range uint64(1000) {
		membersInLogin(t, seed)
		must.Be(t, !t.Failed(), "seed %d", seed)
	}
}

func membersInLogin(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("seed %d", seed)
			panic(p)
		}
	}()
	retain := []string{"0", "20"}[rng.IntN(2)]
	m := newMCS(t, 1+rng.IntN(2), "DefaultTime2Retain", retain, "TaskReporting", []string{"RFC3720", "ResponseFence", "FastAbort"}[rng.IntN(3)])
	if rng.IntN(4) == 0 {
		m.session().Params.MaxConnections = 2
	}
	lead, up, down := m.conns[0], 1, 0
	tasks, in := map[*Task]*loginRig{}, map[*loginRig]bool{}
	for _, r := range m.conns {
		in[r] = true
	}
	drain := func(r *loginRig) {
		for _, w := range r.got {
			if w.h.Opcode() == pdu.OpLoginResponse {
				in[r] = (*pdu.LoginResponse)(&w.h).Transit()
			} else if !in[r] {
				t.Errorf("%v in the login phase (RFC 7143, 4.2.4)", w)
			}
		}
		for i := 0; i < len(r.events); i++ { // more come meanwhile
			switch ev := r.events[i]; ev.Kind {
			case Execute:
				tasks[ev.Task] = r
			case Abort:
				delete(tasks, ev.Task)
				r.conn.Aborted(r.now, ev.Task)
			case Manage:
				r.conn.Managed(r.now, ev.Task, 0)
			case SessionUp:
				up++
			case SessionDown:
				down++
			case Close, Flush:
				if rng.IntN(2) == 0 {
					r.closeNow()
				}
			}
		}
		r.events, r.got = nil, nil
	}
	for range 40 {
		r := m.conns[rng.IntN(len(m.conns))]
		switch rng.IntN(14) {
		case 0, 1:
			r = m.dial(uint16(rng.IntN(2)))
			if rng.IntN(6) == 0 {
				r.tsih = 0
			}
			r.isid = lead.isid
			r.packed = true
			in := r.loginBytes(names("MaxConnections", "8")...)
			for range rng.IntN(3) {
				h := r.read(512)
				h.SetCmdSN(1 + uint32(rng.IntN(6)))
				in = append(in, r.encode(h.BHS(), nil)...)
			}
			r.feed(in)
		case 2:
			r.closeNow()
		case 3:
			if s := r.conn.Session(); s != nil && !r.host.closed {
				f := []pdu.TaskFunction{pdu.TMFLogicalUnitReset, pdu.TMFAbortTaskSet, pdu.TMFTargetColdReset, pdu.TMFAbortTask, pdu.TMFQueryTaskSet}[rng.IntN(5)]
				h := r.manage(f, true)
				h.SetCmdSN(s.window.ExpCmdSN())
				r.send(h.BHS(), nil)
			}
		case 4:
			if s := r.conn.Session(); s != nil && !r.host.closed {
				h := r.logout(pdu.LogoutReason(rng.IntN(3)), uint16(rng.IntN(2)))
				h.SetImmediate(true)
				h.SetCmdSN(s.window.ExpCmdSN())
				r.send(h.BHS(), nil)
			}
		case 5:
			r.conn.Shutdown(r.now)
		case 6:
			r.conn.Terminate(r.now, errNoPong)
		case 7:
			m.session0(lead).Resize(1 + rng.IntN(16))
		case 8:
			r.now += 3e9
		case 9:
			for task, o := range tasks {
				delete(tasks, task)
				o.complete(task, Result{})
				break
			}
		default:
			if len(r.host.posts) > 0 {
				r.receive()
			}
		}
		r.pump()
		drain(r)
	}
	for _, r := range m.conns {
		r.closeNow()
	}
	for range 12 {
		for _, r := range m.conns {
			r.turn()
			drain(r)
			if at := r.conn.Timer(); at > r.now {
				r.now = at
			}
		}
	}
	if n := len(m.node.Sessions()); n != 0 || up != down {
		t.Errorf("%d sessions are known; %d came up, %d went down", n, up, down)
	}
	for i, r := range m.conns {
		if !r.conn.Over() || len(r.host.live) > 0 {
			t.Errorf("connection %d: over %v, %d tasks", i, r.conn.Over(), len(r.host.live))
		}
	}
}

// session0 is the session that r led, alive or not.
func (m *mcs) session0(r *loginRig) *Session { return r.conn.sess }

// The header of a PDU may arrive while a login waits for the end of the session that it replaces, and its last byte after the
// login was granted. No PDU may be sent then (4.2.4), so the connection ends.
func TestRequestThatOutlastsALogin(t *testing.T) {
	for _, op := range []pdu.Opcode{pdu.OpLoginRequest, pdu.OpSCSICommand, pdu.OpTextRequest} {
		t.Run(op.String(), func(t *testing.T) {
			m := newMCS(t, 1)
			r := m.dial(0)
			r.tsih = 0 // the same I_T nexus again (6.3.5)
			r.feed(r.loginBytes(names()...))
			next := r.loginBytes(names()...)
			if op != pdu.OpLoginRequest {
				h := r.write(512)
				h.BHS().SetOpcode(op)
				next = r.encode(h.BHS(), pattern(0, 512))
			}
			r.feed(next[:pdu.BHSLen+8])
			old := m.conns[0]
			old.turn()
			old.events = nil
			m.dies(old)
			r.feed(next[pdu.BHSLen+8:])
			m.settle()
			for _, ev := range r.events {
				check.That(t, ev.Kind != Execute, "the command is executed")
			}
			check.That(t, r.conn.end.deaf(), "the connection goes on")
		})
	}
}

// A login that ends while it waits for a session or a connection to end leaves nothing behind: what it waits for may take long,
// and an initiator tries again and again.
func TestWaitingLoginsThatEnd(t *testing.T) {
	for _, tt := range []struct {
		name string
		join bool // connection reinstatement (6.3.4), else session reinstatement (6.3.5)
	}{{"reinstated session", false}, {"reinstated connection", true}} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMCS(t, 1)
			old, s := m.conns[0], m.session()
			for range 10 {
				r := m.dial(0)
				if !tt.join {
					r.tsih = 0
				}
				r.ask(toFull, names()...)
				r.gone()
			}
			check.Equal(t, len(s.waiters)+len(s.ended), 0, "logins remembered when all have ended")
			old.turn()
			old.wantEvent(Close)
			m.dies(old)
		})
	}
}

// A login that is refused after a wait is answered for its own request, not for a later one that has partly arrived.
func TestRefusalAfterAWait(t *testing.T) {
	m := newMCS(t, 1)
	old, r := m.conns[0], m.dial(0)
	r.tsih = 0 // the same I_T nexus again (6.3.5)
	r.host.foreign = errors.New("registered by another account")
	h := r.loginHeader(toFull)
	r.feed(r.encode(h, pdu.AppendText(pdu.AppendText(nil, "InitiatorName", testInitiator), "TargetName", testTarget)))
	next := r.nopOut(^h.ITT(), pdu.ReservedTag, true)
	next.SetLUN(^uint64(0)) // the bytes where a Login Request has ISID and TSIH
	r.feed(next[:pdu.BHSLen-1])
	old.turn()
	old.wantEvent(Close)
	m.dies(old)
	resp, _ := r.answer("the host makes no nexus")
	want := (*pdu.LoginRequest)(h)
	if resp.Status() != pdu.LoginAuthorizationFailure || resp.ITT() != h.ITT() || resp.ISID() != want.ISID() || resp.CSG() != want.CSG() || resp.Transit() {
		t.Errorf("refused by %v, the request was %v", resp, want)
	}
}
