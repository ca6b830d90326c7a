package session

import (
	"fmt"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/pdu"
)

// loginWalks leads a login through every legal transition, by what an initiator, a host or another connection really does. A
// phase is reached by the first row that ends in it.
var loginWalks = []struct {
	from, to loginPhase
	act      func(m *mcs, r *loginRig)
}{
	{loginNew, loginServes, func(m *mcs, r *loginRig) { r.ok(operational, names()...) }},
	{loginNew, loginOver, func(m *mcs, r *loginRig) { r.gone() }},
	{loginServes, loginDelays, func(m *mcs, r *loginRig) {
		x := loginExchange{l: r.conn.login, now: r.now, at: r.now + guessGap}
		x.say(loginAnswer{resp: loginResponse((*pdu.LoginRequest)(r.loginHeader(operational)))})
	}},
	{loginServes, loginMoves, func(m *mcs, r *loginRig) {
		r.host.place = r.conn.cfg.Loop + 1
		r.conn.login.complete(r.now, loginResponse((*pdu.LoginRequest)(r.loginHeader(toFull))), nil)
	}},
	{loginServes, loginWaits, func(m *mcs, r *loginRig) {
		r.conn.login.placed = true
		r.ask(toFull)
	}},
	{loginServes, loginOver, func(m *mcs, r *loginRig) { r.refused(pdu.LoginInitiatorError, "wrong stage", security) }},
	{loginDelays, loginServes, func(m *mcs, r *loginRig) { r.now += guessGap; r.conn.Advance(r.now) }},
	{loginDelays, loginOver, func(m *mcs, r *loginRig) { r.gone() }},
	{loginMoves, loginMoving, func(m *mcs, r *loginRig) { r.pump() }},
	{loginMoves, loginOver, func(m *mcs, r *loginRig) { r.gone() }},
	{loginMoving, loginServes, func(m *mcs, r *loginRig) {
		r.conn.sess.conns = []*Conn{r.conn} // the connection that it replaces ends meanwhile
		l := r.conn.login
		r.conn.Moved(r.now, l.loop)
		r.conn.login = l
	}},
	{loginMoving, loginOver, func(m *mcs, r *loginRig) { r.gone() }},
	{loginWaits, loginResumes, func(m *mcs, r *loginRig) { r.conn.Receive(r.now, Message{kind: messageResumeLogin}) }},
	{loginWaits, loginOver, func(m *mcs, r *loginRig) { r.gone() }},
	{loginResumes, loginServes, func(m *mcs, r *loginRig) {
		r.conn.sess.conns = []*Conn{r.conn} // the connection that it replaces has ended
		l := r.conn.login
		r.conn.Advance(r.now)
		r.conn.login = l
	}},
	{loginResumes, loginOver, func(m *mcs, r *loginRig) { r.gone() }},
}

// walkLogin brings a login that takes over the CID of a session's connection to a phase.
func walkLogin(t *testing.T, to loginPhase) (*mcs, *loginRig) {
	if to == loginNew {
		m := newMCS(t, 1)
		return m, m.dial(0)
	}
	for _, w := range loginWalks {
		if w.to == to {
			m, r := walkLogin(t, w.from)
			w.act(m, r)
			return m, r
		}
	}
	t.Fatalf("nothing leads to %v", to)
	return nil, nil
}

// Every legal transition happens, and every other one is caught.
func TestLoginPhases(t *testing.T) {
	walked := map[[2]loginPhase]bool{}
	for _, w := range loginWalks {
		walked[[2]loginPhase{w.from, w.to}] = true
		t.Run(fmt.Sprintf("%v to %v", w.from, w.to), func(t *testing.T) {
			m, r := walkLogin(t, w.from)
			l := r.conn.login
			check.Equal(t, l.phase, w.from, "the phase it begins in")
			w.act(m, r)
			check.Equal(t, l.phase, w.to, "the phase it ends in")
		})
	}
	checkPhases(t, loginPhases, walked, func(from, to loginPhase) bool { return loginNext[from]>>to&1 != 0 },
		func(from, to loginPhase) (loginPhase, string) {
			l := login{phase: from}
			why := panics(func() { l.move(to) })
			return l.phase, why
		})
}
