package session

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
)

// Every legal transition of a session happens, by what its connections really do; every other one is caught.
func TestSessionPhases(t *testing.T) {
	retain := names("MaxConnections", "4")
	lead := func() *loginRig {
		r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
		r.ok(toFull, retain...)
		return r
	}
	walked := map[[2]sessionPhase]bool{}
	walk := func(s *Session, to sessionPhase, act func()) {
		t.Helper()
		from := s.phase
		act()
		must.Be(t, s.phase == to, "from %v to %v; want %v", from, s.phase, to)
		walked[[2]sessionPhase{from, to}] = true
	}

	r := lead()
	s := (&login{target: r.conn.sess.Target}).newSession()
	walk(s, sessionUp, func() { s.enroll(r.conn) })

	s = lead().conn.sess
	old := s.conns[0]
	r = newLogin(t, old.node)
	r.tsih, r.conn.cfg.Remote = s.TSIH, old.cfg.Remote
	walk(s, sessionKept, func() {
		old.Closed(0)
		for old.Next(0, true, new(Event)) {
		}
	})
	walk(s, sessionUp, func() { r.ok(toFull, names()...) })
	walk(s, sessionEnding, func() { s.replace() })
	walk(s, sessionGone, func() { r.turn(); r.gone() })

	r = lead()
	s = r.conn.sess
	walk(s, sessionKept, func() { r.gone() })
	walk(s, sessionEnding, func() { r.conn.Advance(r.conn.Timer()) })
	walk(s, sessionGone, func() { r.pump() })

	r = lead()
	s = r.conn.sess
	walk(s, sessionAsked, func() { s.LogOut(false, nil) })
	walk(s, sessionEnding, func() { s.LogOut(true, nil) })

	r = lead()
	s = r.conn.sess
	r.gone()
	walk(s, sessionAsked, func() { s.LogOut(false, nil) })
	walk(s, sessionEnding, func() { r.receive() })

	checkPhases(t, sessionPhases, walked, func(from, to sessionPhase) bool { return sessionNext[from]>>to&1 != 0 },
		func(from, to sessionPhase) (sessionPhase, string) {
			m := members{phase: from}
			why := panics(func() { m.move(to) })
			return m.phase, why
		})
}
