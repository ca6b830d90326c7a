package session

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// isClosed reports whether a channel is closed.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// wantAsync takes an Asynchronous Message.
func (r *loginRig) wantAsync(event pdu.AsyncEvent, because string) *pdu.AsyncMessage {
	r.Helper()
	w := r.want(pdu.OpAsyncMessage, because)
	m := (*pdu.AsyncMessage)(&w.h)
	must.Be(r, m.AsyncEvent() == event, "event %d; want %d, because %s", m.AsyncEvent(), event, because)
	return m
}

// logOutSession sends a Logout Request for the whole session.
func (r *rig) logOutSession() {
	q := (*pdu.LogoutRequest)(r.request(pdu.OpLogoutRequest, r.nextITT()))
	q.SetReason(pdu.LogoutCloseSession)
	r.immediate(q.BHS())
	r.cmdSN++
	r.send(q.BHS(), nil)
}

// An initiator that is asked to log out gets the time it has, and its logout ends the session (11.9.1, event 1). No connection joins
// meanwhile, and one that was about to join is closed.
func TestLogOutAsks(t *testing.T) {
	m := newMCS(t, 2)
	s := m.session()
	waits := m.dial(1) // takes over the CID of a connection, and waits for its end
	waits.ask(toFull, names()...)
	over := s.LogOut(false, nil)
	for _, r := range m.conns {
		r.turn()
	}
	check.Equal(t, m.conns[0].wantAsync(pdu.AsyncEventLogoutRequest, "it is asked").Parameter3(), 3, "seconds to log out")
	late := m.dial(5)
	late.refused(pdu.LoginSessionDoesNotExist, "the session is about to end", toFull, names()...)
	late.gone()
	waits.wantEvent(Close)
	waits.gone()
	must.Be(t, !isClosed(over), "the session is over before the logout")

	m.conns[0].logOutSession()
	for range 4 {
		m.settle()
	}
	for _, r := range m.conns[:2] {
		r.gone()
	}
	m.settle()
	must.Be(t, isClosed(over) && s.phase == sessionGone && len(m.node.Sessions()) == 0, "the session is %v after the logout", s.phase)
	must.Be(t, isClosed(s.LogOut(false, nil)), "a session that is gone is not over")
}

// An initiator that does not log out loses its connections after the grace period (event 3), and the session is not kept.
func TestLogOutCloses(t *testing.T) {
	m := newMCS(t, 2, "DefaultTime2Retain", "20")
	over := m.session().LogOut(false, nil)
	m.settle()
	for _, r := range m.conns {
		r.wantAsync(pdu.AsyncEventLogoutRequest, "it is asked")
		r.now += shutdownGrace - 1
		r.turn()
		r.wantIdle("there is time left")
		r.now++
		r.turn()
		r.wantAsync(pdu.AsyncEventDropAllConnections, "the time is over")
		check.Equal(t, r.wantEvent(Flush).Reason, errShutdown, "the reason")
		check.Equal(t, ending(r), EndClosed, "how it ended")
	}
	m.conns[0].gone()
	must.Be(t, !isClosed(over), "a connection is left")
	m.conns[1].gone()
	m.conns[1].wantEvent(SessionDown)
	m.settle()
	must.Be(t, isClosed(over), "the session is not over")
}

func ending(r *loginRig) Ending { e, _ := r.conn.Ending(); return e }

// With force nothing is sent and nothing is waited for.
func TestLogOutForced(t *testing.T) {
	m := newMCS(t, 2, "DefaultTime2Retain", "20")
	over := m.session().LogOut(true, nil)
	m.settle()
	for _, r := range m.conns {
		check.Equal(t, r.wantEvent(Close).Reason, errShutdown, "the reason")
		r.gone()
	}
	m.conns[1].wantEvent(SessionDown)
	m.settle()
	must.Be(t, isClosed(over), "the session is not over")
}

// A session that waits for a connection ends at once, and no connection continues it.
func TestLogOutOfAKeptSession(t *testing.T) {
	for _, force := range []bool{false, true} {
		n := newNodeWith(NodeConfig{}, plainTarget())
		r := keeper(t, n, testInitiator, 1)
		s := n.Sessions()[0]
		ms := s.Members()
		must.Be(t, len(ms) == 1 && ms[0].Lost && ms[0].Remote == r.conn.Remote(), "members %+v", ms)
		over := s.LogOut(force, nil)
		next := newLogin(t, n)
		next.isid, next.tsih = r.isid, s.TSIH
		next.refused(pdu.LoginSessionDoesNotExist, "the session ends", toFull, names()...)
		r.turn()
		r.wantEvent(SessionDown)
		r.turn()
		must.Be(t, isClosed(over) && r.conn.Over() && len(n.reg.kept) == 0, "force %v: the session is %v", force, s.phase)
	}
}

// One connection of a session is asked alone. If it stays, it is closed, and all connections know which (11.9.1, event 2).
func TestLogOutOfOneConnection(t *testing.T) {
	for _, force := range []bool{false, true} {
		m := newMCS(t, 2)
		r := m.conns[1]
		members := m.session().Members()
		must.Be(t, len(members) == 2 && members[1].CID == 1 && members[1].Loop == 1, "members %+v", members)
		other := members[1]
		other.CID = 9
		must.Be(t, m.session().LogOutMember(other, force) == nil, "a connection that does not exist was asked")
		left := m.session().LogOutMember(members[1], force)
		m.settle()
		m.conns[0].wantIdle("it is not concerned")
		if force {
			r.wantEvent(Close)
		} else {
			r.wantAsync(pdu.AsyncEventLogoutRequest, "it is asked")
			m.join(7)
			r.now += shutdownGrace
			r.turn()
			check.Equal(t, r.wantAsync(pdu.AsyncEventDropConnection, "it is closed, and no other").Parameter1(), 1, "CID")
			r.wantEvent(Flush)
		}
		check.Equal(t, ending(r), EndClosed, "how it ended")
		r.gone()
		m.settle()
		must.Be(t, isClosed(left), "force %v: the connection has not left", force)
		check.Equal(t, m.conns[0].wantAsync(pdu.AsyncEventDropConnection, "another connection was closed").Parameter1(), 1, "CID")
		m.join(1)
	}
}

// A session whose last connection is lost before it hears that it has to log out is not kept either.
func TestLogOutOfALostConnection(t *testing.T) {
	m := newMCS(t, 1, "DefaultTime2Retain", "20")
	over := m.session().LogOut(false, nil)
	m.conns[0].gone()
	m.conns[0].wantEvent(SessionDown)
	m.settle()
	must.Be(t, isClosed(over) && m.conns[0].conn.Over(), "the session waits for a connection")
}
