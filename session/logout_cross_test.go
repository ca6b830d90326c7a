package session

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// Two connections may each receive a logout of the session before either learns of the other's. The session ends all the same
// (RFC 7143, 11.14): one of the logouts is answered, and both connections are closed. The connection that logs the session out
// may also end before the other one learns of it.
func TestLogoutOfTheSessionOnTwoConnections(t *testing.T) {
	for _, survives := range []bool{true, false} {
		m := newMCS(t, 2)
		a, b := m.conns[0], m.conns[1]
		first := a.sendLogout(pdu.LogoutCloseSession, 0) // carried out before the other connection's message arrives, as is the next
		second := b.logout(pdu.LogoutCloseSession, 0)
		second.SetCmdSN(first.CmdSN() + 1)
		b.send(second.BHS(), nil)
		if !survives {
			m.dies(a)
			b.wantEvent(Close)
			continue
		}
		m.settle()
		a.wantLogout(first.ITT(), pdu.LogoutResponseSuccess)
		a.wantEvent(Flush)
		b.wantEvent(Flush)
		a.gone()
		m.dies(b)
		b.wantEvent(SessionDown)
		b.wantNoTasks()
	}
}

// The message that the connection with the logout has left may arrive before the one that announces the logout, while the
// receiver moves to another loop.
func TestLogoutOfTheSessionIsHeardOfLate(t *testing.T) {
	m := newMCS(t, 2)
	a, b := m.conns[0], m.conns[1]
	a.sendLogout(pdu.LogoutCloseSession, 0)
	a.gone()
	posts := b.host.posts
	b.host.posts = nil
	for i := range posts { // the latest first
		b.conn.Receive(b.now, posts[len(posts)-1-i])
	}
	b.pump()
	b.wantEvent(Close)
}

// A connection whose input is ignored because of a logout elsewhere has a deadline, whatever becomes of that logout.
func TestQuietEnds(t *testing.T) {
	m := newMCS(t, 2)
	a, b := m.conns[0], m.conns[1]
	a.sendRead(512)
	a.wantExecute("") // the host never gives it up
	a.sendLogout(pdu.LogoutCloseSession, 0)
	m.settle()
	at := b.conn.Timer()
	must.Be(t, at != 0, "no deadline")
	b.conn.Advance(at - 1)
	b.pump()
	b.wantIdle("the logout may still end")
	b.conn.Advance(at)
	b.pump()
	b.wantEnd(Close, errLogoutTimeout)
}
