package session

import (
	"errors"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// twoHosts is a rig whose target has an account for each of two hosts.
func twoHosts() *Target {
	t := plainTarget()
	t.Auth.Accounts = []Account{{User: "a", Secret: []byte("host a's own secret")}, {User: "b", Secret: []byte("host b's own secret")}}
	return t
}

// proof runs a CHAP login up to the request with the response to the challenge.
func (r *loginRig) proof(user string) []string {
	r.Helper()
	alg, id, challenge := r.challenged("7")
	return []string{"CHAP_N", user, "CHAP_R", pdu.EncodeHex(sum(alg, id, "host "+user+"'s own secret", challenge))}
}

// prove runs a CHAP login up to the request that asks for full feature phase.
func (r *loginRig) prove(user string, keys ...string) {
	r.Helper()
	r.ok(securityNext, r.proof(user)...)
	r.ask(toFull, keys...)
}

// An initiator chooses its own name. When host b logs in with its own account under a's name, it must neither join a's session
// nor replace it or one of its connections, and a must not notice.
func TestSessionIsItsAccounts(t *testing.T) {
	n := newNodeWith(NodeConfig{}, twoHosts())
	a := newLogin(t, n)
	a.prove("a", "MaxConnections", "4", "DefaultTime2Retain", "20")
	a.answer("a has its secret")
	a.wantEvent(SessionUp)
	s := a.conn.Session()
	check.Equal(t, s.Account, "a", "the session's account")
	for _, c := range []struct {
		name   string
		tsih   uint16
		cid    uint16
		status pdu.LoginStatus
	}{
		{"joins", s.TSIH, 9, pdu.LoginSessionDoesNotExist},
		{"replaces the connection", s.TSIH, a.cid, pdu.LoginSessionDoesNotExist},
		{"replaces the session", 0, a.cid, pdu.LoginAuthorizationFailure},
	} {
		b := newLogin(t, n)
		b.tsih, b.cid = c.tsih, c.cid
		b.refused(c.status, c.name, securityFull, b.proof("b")...)
		b.gone()
		a.turn()
		a.wantIdle("it is none of a's business")
		if len(s.Conns()) != 1 || len(n.Sessions()) != 1 {
			t.Fatalf("%s: the session has %d connections, the node %d sessions", c.name, len(s.Conns()), len(n.Sessions()))
		}
	}
	a.gone()
	a.wantIdle("the session waits for a connection")
	b := newLogin(t, n)
	b.prove("b")
	b.wantRefused(pdu.LoginAuthorizationFailure, "the session that waits is a's")
	next := newLogin(t, n)
	next.tsih = s.TSIH
	next.prove("a")
	next.wantGranted("a continues its session")
	next.wantEvent(SessionJoined)
	again := newLogin(t, n)
	again.prove("a")
	next.turn()
	next.wantEvent(Close) // a replaces its own session
}

// A session's negotiated values are not disclosed to another account either.
func TestForeignJoinIsToldNothing(t *testing.T) {
	n := newNodeWith(NodeConfig{}, twoHosts())
	a := newLogin(t, n)
	a.prove("a", "MaxConnections", "4")
	b := newLogin(t, n)
	b.tsih, b.cid = a.conn.Session().TSIH, 9
	if m := b.refused(pdu.LoginSessionDoesNotExist, "it is a's", securityNext, b.proof("b")...); len(m) > 0 {
		t.Errorf("it is told %v", m)
	}
}

// An account that lists initiators admits no others.
func TestAccountNamesInitiators(t *testing.T) {
	for _, c := range []struct {
		initiators []string
		ok         bool
	}{
		{nil, true},
		{[]string{testInitiator}, true},
		{[]string{"iqn.2026-11.io.example:other", "IQN.2026-11.io.example:h*"}, true},
		{[]string{"iqn.2026-11.io.example:other"}, false},
		{[]string{"iqn.2026-11.io.example:host.*"}, false},
	} {
		tg := twoHosts()
		tg.Auth.Accounts[0].Initiators = c.initiators
		r := newLogin(t, newNodeWith(NodeConfig{}, tg))
		if keys := r.proof("a"); c.ok {
			r.ok(securityNext, keys...)
		} else {
			r.refused(pdu.LoginAuthorizationFailure, "the account is for others", securityNext, keys...)
		}
	}
}

// The host knows what outlives sessions: if it refuses to make the nexus, the login fails.
func TestHostRefusesANexus(t *testing.T) {
	n := newNodeWith(NodeConfig{}, plainTarget())
	r := newLogin(t, n)
	r.host.foreign = errors.New("registered by another account")
	r.refused(pdu.LoginAuthorizationFailure, "the host says so", toFull, names()...)
	r.gone()
	must.Be(t, len(n.Sessions()) == 0 && len(n.reg.nexuses) == 0 && r.conn.Over(), "something of it is left")
	again := newLogin(t, n)
	again.up()
}

// "the same CHAP secret is not used for authentication in both directions" (9.2.1), whatever the configuration says.
func TestOneSecretForBothDirections(t *testing.T) {
	tg := twoHosts()
	tg.Auth.Mutual = &Account{User: "target", Secret: tg.Auth.Accounts[0].Secret}
	r := newLogin(t, newNodeWith(NodeConfig{}, tg))
	r.refused(pdu.LoginAuthenticationFailure, "we would have answered so ourselves", securityNext, r.proof("a")...)
}

// The session checks the account itself, whatever the login has checked before.
func TestJoinLooksAtTheAccount(t *testing.T) {
	m := newMCS(t, 1)
	r := m.dial(7)
	if _, err := m.session().join(r.conn, "b"); err == nil || err.Status != pdu.LoginSessionDoesNotExist {
		t.Fatalf("account b joins a session that was logged in without one: %v", err)
	}
	must.Be(t, len(m.session().Conns()) == 1 && r.conn.sess == nil, "it is a member")
}
