package session

import (
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// mcs is a session of several connections, each on a loop of its own: what one posts to another happens at settle.
type mcs struct {
	testing.TB
	node  *Node
	conns []*loginRig
}

// newMCS makes a session of n connections with CIDs 0 to n-1.
func newMCS(t testing.TB, n int, keys ...string) *mcs {
	t.Helper()
	m := &mcs{TB: t, node: newNodeWith(NodeConfig{}, plainTarget())}
	lead := m.dial(0)
	if !slices.Contains(keys, "DefaultTime2Retain") {
		keys = append(keys, "DefaultTime2Retain", "0")
	}
	lead.ok(toFull, names(append(keys, "MaxConnections", "16")...)...)
	lead.wantEvent(SessionUp)
	for i := 1; i < n; i++ {
		m.join(uint16(i))
	}
	return m
}

// dial makes a connection that has not logged in.
func (m *mcs) dial(cid uint16) *loginRig {
	r := newLogin(m, m.node)
	r.cid = cid
	r.host.place = len(m.conns)
	r.conn.cfg.Loop, r.conn.at = len(m.conns), len(m.conns)
	if len(m.conns) > 0 {
		r.tsih = m.conns[0].conn.Session().TSIH
	}
	m.conns = append(m.conns, r)
	return r
}

func (m *mcs) join(cid uint16) *loginRig {
	m.Helper()
	r := m.dial(cid)
	r.ok(toFull, names()...)
	r.wantEvent(SessionJoined)
	return r
}

// settle lets everything that was posted or handed over happen.
func (m *mcs) settle() {
	for range 8 {
		for _, r := range m.conns {
			r.turn()
		}
	}
}

func (m *mcs) session() *Session { return m.conns[0].conn.Session() }

// A connection joins by ISID and TSIH with a CID of its own, and answers with the session's TSIH (RFC 7143, 6.3.1, 11.12.6).
func TestJoin(t *testing.T) {
	m := newMCS(t, 1)
	r := m.dial(9)
	r.ask(toFull, names()...)
	resp, _ := r.answer("there is room in the session")
	if resp.Status() != pdu.LoginSuccess || resp.TSIH() != m.session().TSIH {
		t.Fatalf("status %#x TSIH %d", uint16(resp.Status()), resp.TSIH())
	}
	r.wantEvent(SessionJoined)
	must.Be(t, r.conn.Session() == m.session() && len(m.session().Conns()) == 2, "the connection is not in the session")
	if want := []int{-1, 0}; !slices.Equal(r.host.placed, want) {
		t.Errorf("the host was told %v; want %v: the CID is new, the other connection is on loop 0", r.host.placed, want)
	}
}

// Every reason for which a join is refused has its status (11.13.5).
func TestJoinRefused(t *testing.T) {
	other := &Target{Name: "iqn.2026-11.io.ringtgt:other", Portals: []Portal{{Addr: "127.0.0.1:3260", TPGT: 1}}}
	for _, c := range []struct {
		name   string
		status pdu.LoginStatus
		change func(m *mcs, r *loginRig)
		keys   []string
	}{
		{"no such TSIH", pdu.LoginSessionDoesNotExist, func(m *mcs, r *loginRig) { r.tsih += 7 }, names()},
		{"another ISID", pdu.LoginSessionDoesNotExist, func(m *mcs, r *loginRig) { r.isid[5]++ }, names()},
		{"another initiator", pdu.LoginSessionDoesNotExist, nil, []string{"InitiatorName", "iqn.2026-11.io.example:thief", "TargetName", testTarget}},
		{"another target", pdu.LoginCannotIncludeInSession, func(m *mcs, r *loginRig) { m.node.SetTargets(append(m.node.Targets(), other)) },
			[]string{"InitiatorName", testInitiator, "TargetName", other.Name}},
		{"another portal group", pdu.LoginCannotIncludeInSession, func(m *mcs, r *loginRig) {
			tg := plainTarget()
			tg.Portals[0].TPGT = 2
			m.node.SetTargets([]*Target{tg})
		}, names()},
		{"one connection too many", pdu.LoginTooManyConnections, func(m *mcs, r *loginRig) { m.session().Params.MaxConnections = 1 }, names()},
		{"a discovery session", pdu.LoginCannotIncludeInSession, nil, []string{"InitiatorName", testInitiator, "SessionType", "Discovery"}},
		{"no TargetName", pdu.LoginMissingParameter, nil, []string{"InitiatorName", testInitiator}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMCS(t, 1)
			r := m.dial(1)
			if c.change != nil {
				c.change(m, r)
			}
			r.refused(c.status, c.name, toFull, c.keys...)
			r.gone()
			m.settle()
			m.conns[0].wantIdle("a join that was refused is none of the session's business")
			check.Equal(t, len(m.session().Conns()), 1, "members of the session")
		})
	}
}

// Session-wide keys are negotiated by the leading connection only (13, "LO"). If an initiator offers one again, the answer is
// the value in force, so that both sides agree.
func TestJoinKeys(t *testing.T) {
	m := newMCS(t, 1, "ImmediateData", "No", "InitialR2T", "No", "MaxBurstLength", "131072", "FirstBurstLength", "8192",
		"MaxOutstandingR2T", "2", "TaskReporting", "FastAbort", "iSCSIProtocolLevel", "2", "DefaultTime2Wait", "3")
	before := m.session().Params
	r := m.dial(1)
	keys := r.ok(toFull, names("ImmediateData", "Yes", "InitialR2T", "Yes", "MaxConnections", "3", "HeaderDigest", "CRC32C",
		"MaxBurstLength", "16777215", "FirstBurstLength", "65536", "MaxOutstandingR2T", "1", "TaskReporting", "RFC3720",
		"iSCSIProtocolLevel", "1", "DefaultTime2Wait", "2", "DefaultTime2Retain", "20", "DataPDUInOrder", "No",
		"DataSequenceInOrder", "Yes", "ErrorRecoveryLevel", "2")...)
	for k, want := range map[string]string{"ImmediateData": "No", "InitialR2T": "No", "MaxConnections": "16", "HeaderDigest": "CRC32C",
		"MaxBurstLength": "131072", "FirstBurstLength": "8192", "MaxOutstandingR2T": "2", "TaskReporting": "FastAbort",
		"iSCSIProtocolLevel": "2", "DefaultTime2Wait": "3", "DefaultTime2Retain": "0", "DataPDUInOrder": "Yes",
		"DataSequenceInOrder": "Yes", "ErrorRecoveryLevel": "0"} {
		check.Equal(t, keys[k], want, "%s", k)
	}
	if p := m.session().Params; p != before || !r.conn.Params().HeaderDigest {
		t.Errorf("%+v; before it was %+v", p, before)
	}
}

// This holds for every session-wide key.
func TestKeysInForce(t *testing.T) {
	n := negotiation{params: defaultParams()}
	for i := range keyTable {
		if row := &keyTable[i]; row.leads && n.inForce(row) == "" {
			t.Errorf("%s: no answer", row.name)
		}
	}
}

// 6.3.4: a login with the CID of a living connection replaces it: "all the tasks that were active on the old CID must be
// immediately terminated", then the login is answered, and the session goes on.
func TestConnectionReinstatement(t *testing.T) {
	m := newMCS(t, 2)
	old := m.conns[1]
	old.readAt(1)
	task := old.wantExecute("a read is executed")
	next := m.dial(1)
	next.ask(toFull, names()...)
	m.settle()
	next.wantIdle("the old connection's task is still with the backend")
	old.wantAbort(task)
	old.wantEvent(Close)
	old.gone()
	old.aborted(task)
	m.settle()
	old.wantIdle("the session goes on: no SessionDown")
	next.wantGranted("the old connection is gone")
	next.wantEvent(SessionJoined)
	m.conns[0].wantIdle("a connection that was replaced was not lost")
	if want := []int{1, 0, 1}; !slices.Equal(next.host.placed, want) {
		t.Errorf("the host was told %v; want %v: the CID was on loop 1", next.host.placed, want)
	}
	old.wantNoTasks()
}

// Even where it is the only connection of its session: the nexus stays.
func TestReinstatementOfTheOnlyConnection(t *testing.T) {
	m := newMCS(t, 1)
	old, next := m.conns[0], m.dial(0)
	next.ask(toFull, names()...)
	m.settle()
	old.wantEvent(Close)
	m.dies(old)
	old.wantIdle("the session goes on: no SessionDown")
	next.answer("the old connection is gone")
	next.wantEvent(SessionJoined)
	check.Equal(t, len(m.node.Sessions()), 1, "sessions")
}

// Commands are executed in CmdSN order over all connections, each on its own (4.2.2.1, 4.2.5.1), whatever the order of
// their arrival.
func TestCommandOrderAcrossConnections(t *testing.T) {
	m := newMCS(t, 4)
	for i := 3; i > 0; i-- {
		m.conns[i].readAt(1 + uint32(i))
		m.settle()
		m.conns[i].wantIdle("an earlier CmdSN is missing")
	}
	m.conns[0].readAt(1)
	m.settle()
	for i, r := range m.conns {
		check.Equal(t, r.wantExecute("the gap is closed").CmdSN, 1+uint32(i), "CmdSN executed on connection %d", i)
	}
}

// A connection that we drop is named to its initiator on another one (11.9.1, event 2): it may not know. One that the
// initiator closed is not, as its CID may be in use again when the message arrives.
func TestDroppedConnectionIsNamed(t *testing.T) {
	for _, ours := range []bool{true, false} {
		m := newMCS(t, 2)
		a, b := m.conns[0], m.conns[1]
		if ours {
			b.terminate(errNoPong)
			b.wantEvent(Close)
		}
		m.dies(b)
		if !ours {
			a.wantIdle("the initiator closed it")
			continue
		}
		w := a.want(pdu.OpAsyncMessage, "the initiator may not know")
		if h := (*pdu.AsyncMessage)(&w.h); h.AsyncEvent() != pdu.AsyncEventDropConnection || h.Parameter1() != 1 {
			t.Fatalf("%v", w)
		}
	}
}

// A lost connection of a session with others: its tasks end, its held CmdSNs count as received, and the session goes on.
func TestLostConnection(t *testing.T) {
	m := newMCS(t, 2)
	a, b := m.conns[0], m.conns[1]
	b.readAt(2)
	a.readAt(3)
	m.dies(b)
	b.wantIdle("no SessionDown: the session goes on")
	a.wantIdle("CmdSN 1 is missing")
	a.readAt(1)
	m.settle()
	for _, sn := range []uint32{1, 3} {
		check.Equal(t, a.wantExecute("CmdSN 2 went with its connection").CmdSN, sn, "CmdSN executed")
	}
	b.wantNoTasks()
}

// The session of a last connection that was lost waits Time2Wait and Time2Retain for another (6.3.6); with its end the nexus
// ends.
func TestSessionWaitsForAConnection(t *testing.T) {
	retain := newMCS(t, 1, "DefaultTime2Retain", "20", "DefaultTime2Wait", "2")
	last := retain.conns[0]
	last.gone()
	last.wantIdle("the session waits")
	at := last.conn.Timer()
	if want := last.now + 20e9; at != want {
		t.Fatalf("waits until %d; want %d", at, want)
	}
	next := retain.join(5)
	retain.settle()
	last.wantIdle("its session has a connection again")
	must.Be(t, last.conn.Timer() == 0 && last.conn.Over(), "the lost connection still waits")
	next.gone()
	next.wantIdle("the session waits again")
	next.now = next.conn.Timer()
	next.turn()
	next.wantEvent(SessionDown)
	must.Be(t, len(retain.node.Sessions()) == 0 && next.conn.Over(), "the session is still known")
	late := retain.dial(6)
	late.refused(pdu.LoginSessionDoesNotExist, "the session has ended", toFull, names()...)
}

// A target that is being stopped keeps no session, because no connection could continue it, whether its connection was lost before or since.
func TestShutdownKeepsNoSession(t *testing.T) {
	for _, before := range []bool{true, false} {
		m := newMCS(t, 1, "DefaultTime2Retain", "20")
		last := m.conns[0]
		if before {
			last.gone()
			last.wantIdle("the session waits")
		}
		last.conn.Shutdown(last.now)
		last.turn()
		if !before {
			last.want(pdu.OpAsyncMessage, "the initiator is asked to log out")
			last.gone()
		}
		last.wantEvent(SessionDown)
		check.That(t, len(m.node.Sessions()) == 0 && last.conn.Over(), "lost before the shutdown %v: the session is kept", before)
	}
}

// A login without TSIH ends a session that waits, at once.
func TestReinstatementOfAWaitingSession(t *testing.T) {
	m := newMCS(t, 1, "DefaultTime2Retain", "20")
	last := m.conns[0]
	last.gone()
	next := newLogin(t, m.node)
	next.ask(toFull, names()...)
	m.settle()
	last.wantEvent(SessionDown)
	next.turn()
	next.turn()
	next.answer("the old session is gone")
	next.wantEvent(SessionUp)
}

// The session's logout ends all its connections, each once the host has none of its tasks, and the answer says that the
// nexus is free (11.14, reason 0).
func TestLogoutOfTheSession(t *testing.T) {
	m := newMCS(t, 3)
	a, b := m.conns[0], m.conns[1]
	b.readAt(1)
	task := b.wantExecute("")
	out := a.sendLogout(pdu.LogoutCloseSession, 0)
	m.settle()
	a.wantIdle("a task of another connection is with the host")
	b.wantEvent(Abort)
	b.aborted(task)
	m.settle()
	a.wantLogout(out.ITT(), pdu.LogoutResponseSuccess)
	check.That(t, a.wantEvent(Flush).Last, "the session does not end")
	for _, r := range m.conns[1:] {
		r.wantEvent(Flush)
	}
	late := m.dial(9)
	late.refused(pdu.LoginSessionDoesNotExist, "the session has ended", toFull, names()...)
	late.gone()
	for _, r := range m.conns[:3] {
		r.gone()
	}
	m.settle()
	m.conns[2].wantEvent(SessionDown)
	b.wantNoTasks()
}

// A connection is logged out by itself or over another one (11.14, reason 1); the session goes on with the others.
func TestLogoutOfAConnection(t *testing.T) {
	m := newMCS(t, 3)
	a, b, c := m.conns[0], m.conns[1], m.conns[2]
	out := b.sendLogout(pdu.LogoutCloseConnection, 1)
	b.wantLogout(out.ITT(), pdu.LogoutResponseSuccess)
	check.That(t, !b.wantEvent(Flush).Last, "the session ends")
	m.dies(b)
	b.wantIdle("the session goes on")

	out = a.sendLogout(pdu.LogoutCloseConnection, 2)
	m.settle()
	a.wantIdle("connection 2 is not gone yet")
	c.wantEvent(Close)
	m.dies(c)
	a.wantLogout(out.ITT(), pdu.LogoutResponseSuccess)
	a.wantIdle("it was not the connection that logged out")

	out = a.sendLogout(pdu.LogoutCloseConnection, 2)
	a.wantLogout(out.ITT(), pdu.LogoutResponseCIDNotFound)
	out = a.sendLogout(pdu.LogoutRemoveConnectionForRecovery, 0)
	a.wantLogout(out.ITT(), pdu.LogoutResponseRecoveryNotSupported)
}

// A connection that is to live on another loop moves before the final response, with nothing under way.
func TestMove(t *testing.T) {
	m := newMCS(t, 1)
	r := m.dial(1)
	r.host.place = 5
	r.ask(toFull, names()...)
	check.Equal(t, r.wantEvent(Move).Loop, 5, "the loop it moves to")
	r.wantIdle("it has not arrived")
	r.conn.Moved(r.now, 5)
	r.pump()
	r.answer("it is where it belongs")
	r.wantEvent(SessionJoined)
	check.Equal(t, r.conn.Loop(), 5, "its loop")
}

// The other connections may be gone before the response to the session's logout is sent: it is sent all the same. If its own
// connection goes, so do they.
func TestLogoutOfTheSessionIsAnsweredLast(t *testing.T) {
	for _, survives := range []bool{true, false} {
		m := newMCS(t, 3)
		a, b, c := m.conns[0], m.conns[1], m.conns[2]
		b.readAt(1)
		task := b.wantExecute("")
		out := a.sendLogout(pdu.LogoutCloseSession, 0)
		m.settle()
		m.dies(c)
		if survives {
			b.wantEvent(Abort)
			b.aborted(task)
			m.settle()
			a.wantLogout(out.ITT(), pdu.LogoutResponseSuccess)
			b.wantEvent(Flush)
			continue
		}
		m.dies(a)
		b.wantEvent(Abort)
		b.wantEvent(Close)
	}
}
