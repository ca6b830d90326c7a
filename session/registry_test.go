package session

import (
	"encoding/binary"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// 6.3.5: a login with the ISID of a living session replaces it. The old one ends first, its tasks with it, and only then is
// the login answered.
func TestSessionReinstatement(t *testing.T) {
	n := newNodeWith(NodeConfig{}, plainTarget())
	old, next := newLogin(t, n), newLogin(t, n)
	old.up()
	_, task := old.started(512)

	next.ask(toFull, names()...)
	next.wantIdle("the old session lives")
	old.turn()
	old.wantAbort(task)
	old.wantEvent(Close)
	old.gone()
	next.turn()
	next.wantIdle("the old session's task is still with the backend")
	old.aborted(task)
	old.wantEvent(SessionDown)
	next.turn()
	next.turn()
	resp, _ := next.answer("the old session is gone")
	must.Be(t, resp.Status() == 0 && resp.Transit() && resp.TSIH() != 0, "status %#x", uint16(resp.Status()))
	next.wantEvent(SessionUp)
	old.wantNoTasks()
}

// A third login while the second waits: one of them gets the session last, and none is forgotten.
func TestReinstatementOfTheOneThatWaits(t *testing.T) {
	n := newNodeWith(NodeConfig{}, plainTarget())
	a, b, c := newLogin(t, n), newLogin(t, n), newLogin(t, n)
	a.up()
	b.ask(toFull, names()...)
	c.ask(toFull, names()...)
	for range 6 {
		for _, r := range []*loginRig{a, b, c} {
			r.turn()
			for len(r.events) > 0 {
				if ev := r.events[0]; ev.Kind == Close {
					r.gone()
				}
				r.events = r.events[1:]
			}
		}
	}
	up := 0
	for _, r := range []*loginRig{b, c} {
		if len(r.got) > 0 {
			up++
		}
	}
	if up != 2 || len(n.Sessions()) != 1 {
		t.Fatalf("%d logins answered, %d sessions; want both answered, the last one up", up, len(n.Sessions()))
	}
}

// A connection that dies while its login waits leaves nothing behind.
func TestWaitingLoginDies(t *testing.T) {
	n := newNodeWith(NodeConfig{}, plainTarget())
	old, next := newLogin(t, n), newLogin(t, n)
	old.up()
	next.ask(toFull, names()...)
	next.gone()
	old.turn()
	old.wantEvent(Close)
	old.gone()
	old.wantEvent(SessionDown)
	next.turn()
	next.wantIdle("it is gone")
	check.Equal(t, len(n.Sessions()), 0, "sessions without a connection")
	again := newLogin(t, n)
	again.up()
}

// "300 sessions from one initiator name with distinct ISIDs live side by side".
func TestManySessionsOfOneInitiator(t *testing.T) {
	n := newNodeWith(NodeConfig{}, plainTarget())
	seen := map[uint16]bool{}
	for i := range 300 {
		r := newLogin(t, n)
		r.isid = [6]byte{0x80, 0, 0, 0, byte(i >> 8), byte(i)}
		r.up()
		s := r.conn.Session()
		must.Be(t, !seen[s.TSIH] && s.TSIH != 0, "TSIH %d", s.TSIH)
		seen[s.TSIH] = true
	}
	check.Equal(t, len(n.Sessions()), 300, "sessions")
}

// A TSIH comes from the node's random source; it is never 0 (11.12.6) and never that of a live session.
func TestTSIHIsDrawn(t *testing.T) {
	n := newNodeWith(NodeConfig{}, plainTarget())
	draw := func(isid byte, random uint16) uint16 {
		t.Helper()
		r := newLogin(t, n)
		r.isid[5] = isid
		r.conn.cfg.Rand = func(b []byte) { binary.BigEndian.PutUint16(b, random) }
		r.up()
		return r.conn.Session().TSIH
	}
	for i, c := range []struct{ random, want uint16 }{
		{0xffff, 0xffff}, {0x1234, 0x1234}, {0x1234, 0x1235}, {0, 1}, {0xffff, 2},
	} {
		check.Equal(t, draw(byte(i), c.random), c.want, "%d: drawn %#x: TSIH", i, c.random)
	}
}
