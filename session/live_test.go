package session

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// changes are what an administrator may do to a target, and how a login of testInitiator with account a, on the portal
// 127.0.0.1:3260, is answered from then on; stays reports whether a session that is up may remain.
var changes = []struct {
	name   string
	change func(*Target)
	status pdu.LoginStatus
	reason Refusal
	stays  bool
}{
	{"nothing", func(*Target) {}, pdu.LoginSuccess, 0, true},
	{"alias and limits", func(t *Target) { t.Alias, t.Limits = "new", Limits{Window: 5, MaxConnections: 2, MaxBurstLength: 8192} },
		pdu.LoginSuccess, 0, true},
	{"the access list admits it", func(t *Target) { t.ACL.Initiators = []string{"iqn.2026-11.io.example:*"} }, pdu.LoginSuccess, 0, true},
	{"the access list admits others", func(t *Target) { t.ACL.Initiators = []string{"iqn.2026-11.io.example:other"} },
		pdu.LoginNotFound, RefusedACL, false},
	{"another network", func(t *Target) { t.ACL.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} },
		pdu.LoginNotFound, RefusedACL, false},
	{"another portal", func(t *Target) { t.Portals = []Portal{{Addr: "127.0.0.2:3260", TPGT: 1}} },
		pdu.LoginNotFound, RefusedNotFound, false},
	{"another portal group", func(t *Target) { t.Portals[0].TPGT = 2 }, pdu.LoginNotFound, RefusedNotFound, false},
	{"a redirection", func(t *Target) { t.Redirect = &Redirect{Addr: "10.0.0.1:3260,1", Permanent: true} },
		pdu.LoginTargetMovedPermanently, RefusedRedirected, true},
	{"another account besides", func(t *Target) {
		t.Auth.Accounts = append([]Account{{User: "c", Secret: []byte("c")}}, t.Auth.Accounts...)
	}, pdu.LoginSuccess, 0, true},
	{"a new secret", func(t *Target) { t.Auth.Accounts[0].Secret = []byte("host a's new secret") },
		pdu.LoginAuthenticationFailure, RefusedAuthentication, true},
	{"without the account", func(t *Target) { t.Auth.Accounts = t.Auth.Accounts[1:] },
		pdu.LoginAuthenticationFailure, RefusedAuthentication, false},
	{"an account for others", func(t *Target) { t.Auth.Accounts[0].Initiators = []string{"iqn.2026-11.io.example:other"} },
		pdu.LoginAuthorizationFailure, RefusedAuthorization, false},
	{"no CHAP any more", func(t *Target) { t.Auth = Auth{} }, pdu.LoginSuccess, 0, true},
}

// A login that has proved its secret and is not complete is judged by the target as it is at the end. It keeps what it was offered.
func TestTargetChangesDuringLogin(t *testing.T) {
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			old := twoHosts()
			n := newNodeWith(NodeConfig{}, old)
			r := newLogin(t, n)
			r.ok(securityNext, r.proof("a")...)
			changed := twoHosts()
			c.change(changed)
			n.SetTargets([]*Target{changed})
			if c.status == pdu.LoginSuccess {
				r.ok(toFull)
				r.wantEvent(SessionUp)
				s := r.conn.Session()
				must.Be(t, s.Target == old && s.Account == "a", "the session has target %p", s.Target)
				return
			}
			r.ask(toFull)
			w := r.want(pdu.OpLoginResponse, "it is answered")
			resp := (*pdu.LoginResponse)(&w.h)
			check.Equal(t, resp.Status(), c.status, "status")
			if c.reason == RefusedRedirected {
				check.Equal(t, string(w.data), "TargetAddress=10.0.0.1:3260\x00", "where it is sent")
			}
			var e *LoginError
			must.Be(t, errors.As(r.wantEvent(Flush).Reason, &e), "no reason")
			if e.Reason != c.reason || e.Initiator != testInitiator || e.Target != testTarget || e.User != "a" || RefusalOf(e) != c.reason {
				t.Errorf("%+v; want %v", e, c.reason)
			}
			check.Equal(t, ending(r), EndRefused, "how it ended")
			must.Be(t, len(n.Sessions()) == 0, "it has a session")
		})
	}
}

// A session that is up stays as it is, whatever its target becomes; StillAdmits tells which sessions the new target would refuse.
func TestTargetChangesUnderSessions(t *testing.T) {
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			old := twoHosts()
			n := newNodeWith(NodeConfig{}, old)
			r := newLogin(t, n)
			r.prove("a", "MaxConnections", "4", "MaxBurstLength", "262144")
			r.answer("it logs in")
			r.wantEvent(SessionUp)
			s := r.conn.Session()
			changed := twoHosts()
			c.change(changed)
			n.SetTargets([]*Target{changed})
			r.turn()
			r.wantIdle("it is not concerned")
			must.Be(t, s.Target == old && s.window.MaxCmdSN()-s.window.ExpCmdSN()+1 == DefaultWindow && s.Params.MaxBurstLength == 262144, "the session has changed")
			check.Equal(t, changed.StillAdmits(s, s.Members()[0]), c.stays, "it is still admitted")

			// Another connection of it is a login like any other.
			next := newLogin(t, n)
			next.tsih, next.cid = s.TSIH, 9
			switch {
			case c.status == pdu.LoginSuccess && changed.Auth.Required():
				next.prove("a")
				next.wantGranted("it joins")
				next.wantEvent(SessionJoined)
				again := newLogin(t, n) // and so is one that replaces it
				again.prove("a", "MaxBurstLength", "262144")
				r.turn()
				r.wantEvent(Close)
				r.gone()
				next.turn()
				next.wantEvent(Close)
				next.gone()
				again.turn()
				again.wantGranted("it replaces the session")
				again.wantEvent(SessionUp)
				must.Be(t, again.conn.Session().Target == changed, "the new session has the old target")
			case c.name == "another portal group":
				next.refused(pdu.LoginCannotIncludeInSession, "a session has one portal group", security, names("AuthMethod", "CHAP,None")...)
			case c.status == pdu.LoginNotFound || c.reason == RefusedRedirected:
				next.refused(c.status, "the target is not for it", security, names("AuthMethod", "CHAP,None")...)
			case c.status == pdu.LoginSuccess: // without CHAP now
				next.refused(pdu.LoginSessionDoesNotExist, "the session is account a's", toFull, names()...)
			default:
				next.refused(c.status, c.name, securityNext, next.proof("a")...)
			}
		})
	}
}

// New limits hold for new sessions. Those of SendTargets' list are the targets as they are.
func TestNewTargetsAreListed(t *testing.T) {
	n := newNodeWith(NodeConfig{}, plainTarget())
	d := newLogin(t, n)
	d.ok(toFull, "InitiatorName", testInitiator, "SessionType", "Discovery")
	d.wantEvent(DiscoveryUp)
	list := func() string { return d.textAnswer("SendTargets=All\x00") }
	check.Equal(t, list(), "TargetName="+testTarget+"\x00TargetAddress=127.0.0.1:3260,1\x00", "before")
	other := plainTarget()
	other.Name, other.Portals = testTarget+"2", []Portal{{Addr: "127.0.0.1:3260", TPGT: 1}, {Addr: "10.0.0.1:3260", TPGT: 2}}
	hidden := plainTarget()
	hidden.ACL.Initiators = []string{"iqn.2026-11.io.example:other"}
	n.SetTargets([]*Target{hidden, other})
	check.Equal(t, list(), "TargetName="+testTarget+"2\x00TargetAddress=127.0.0.1:3260,1\x00TargetAddress=10.0.0.1:3260,2\x00", "after")
	n.SetTargets(nil)
	check.Equal(t, list(), "", "without targets")
	must.Be(t, n.Target(testTarget) == nil, "a target that was removed is found")
	d.wantIdle("the discovery session stays")
}

// A removed target is not found, at once: neither for a new session, nor for a connection that joins one, nor for a login that is
// complete but for the end of an older session.
func TestRemovedTarget(t *testing.T) {
	n := newNodeWith(NodeConfig{}, plainTarget())
	up := newLogin(t, n)
	up.up()
	waits := newLogin(t, n)
	waits.ask(toFull, names()...)
	waits.wantIdle("it waits for the older session's end")
	joins := newLogin(t, n)
	joins.tsih, joins.cid = up.conn.Session().TSIH, 9
	joins.ok(operational, names()...)
	n.SetTargets(nil)
	joins.refused(pdu.LoginNotFound, "the target was removed meanwhile", toFull)
	fresh := newLogin(t, n)
	fresh.isid[5]++
	fresh.refused(pdu.LoginNotFound, "there is no such target", toFull, names()...)
	up.turn()
	up.wantEvent(Close)
	up.gone()
	waits.turn()
	waits.wantRefused(pdu.LoginNotFound, "the target was removed while it waited")
	waits.gone()
	must.Be(t, len(n.Sessions()) == 0 && waits.conn.Over(), "sessions %v", n.Sessions())
}

// An account that was removed protects its sessions no more: the host that used it may log in with its new one.
func TestNewAccountReplacesTheOldOnesSession(t *testing.T) {
	n := newNodeWith(NodeConfig{}, twoHosts())
	a := newLogin(t, n)
	a.prove("a")
	a.answer("it logs in")
	a.wantEvent(SessionUp)
	changed := twoHosts()
	changed.Auth.Accounts = changed.Auth.Accounts[1:]
	n.SetTargets([]*Target{changed})
	b := newLogin(t, n)
	b.prove("b")
	a.turn()
	a.wantEvent(Close)
	a.gone()
	b.turn()
	b.wantGranted("account a is gone")
	check.Equal(t, b.conn.Session().Account, "b", "account")
}

// The accounts for discovery change as those of targets do.
func TestDiscoveryAccountsChange(t *testing.T) {
	auth := func(secret string) NodeConfig {
		return NodeConfig{DiscoveryAuth: Auth{Accounts: []Account{{User: "a", Secret: []byte(secret)}}}}
	}
	for _, c := range []struct {
		name   string
		cfg    NodeConfig
		status pdu.LoginStatus
	}{
		{"a new interval", NodeConfig{NOPInterval: 1}, pdu.LoginSuccess},
		{"CHAP is required", auth("secret"), pdu.LoginAuthenticationFailure},
	} {
		n := newNodeWith(NodeConfig{}, plainTarget())
		up := newLogin(t, n)
		up.ok(toFull, "InitiatorName", testInitiator, "SessionType", "Discovery")
		up.wantEvent(DiscoveryUp)
		r := newLogin(t, n)
		r.isid[5]++ // another initiator port, or it would end the session (7.4.2.1)
		r.ok(securityNext, "InitiatorName", testInitiator, "SessionType", "Discovery", "AuthMethod", "None")
		n.Configure(c.cfg)
		if r.ask(toFull); c.status == pdu.LoginSuccess {
			r.wantGranted(c.name)
		} else {
			r.wantRefused(c.status, c.name)
		}
		up.turn()
		up.wantIdle("it stays")
	}
	n := newNodeWith(auth("old secret of a"), plainTarget())
	n.Configure(auth("host a's own secret"))
	r := newLogin(t, n)
	r.ok(security, "InitiatorName", testInitiator, "SessionType", "Discovery", "AuthMethod", "CHAP")
	m := r.ok(security, "CHAP_A", "7")
	challenge := must.Get(pdu.DecodeBinary(m["CHAP_C"], 1024))(t)
	var id byte
	fmt.Sscan(m["CHAP_I"], &id)
	r.ok(securityFull, "CHAP_N", "a", "CHAP_R", pdu.EncodeHex(sum("7", id, "host a's own secret", challenge)))
	r.wantEvent(DiscoveryUp)
}

// Connections take the node's new times, and those that log in later have them from the start.
func TestConfigureTimes(t *testing.T) {
	m := newMCS(t, 2)
	r := m.conns[0]
	check.Equal(t, r.conn.Timer()-r.now, nopInterval, "the default interval")
	m.node.Configure(NodeConfig{NOPInterval: int64(time.Second), NOPTimeout: int64(2 * time.Second)})
	m.settle()
	for _, r := range append(slices.Clone(m.conns), m.join(7)) {
		r.now += int64(time.Second)
		r.turn()
		r.want(pdu.OpNOPIn, "it was silent for the new interval")
		check.Equal(t, r.conn.Timer()-r.now, int64(2*time.Second), "the new timeout")
	}
	// A longer timeout saves a connection that owes an answer, and a shorter one gives it that time from now on.
	m.node.Configure(NodeConfig{NOPInterval: int64(time.Minute), NOPTimeout: int64(time.Second)})
	r.now += int64(2*time.Second) - 1
	r.receive()
	check.Equal(t, r.conn.Timer()-r.now, int64(time.Second), "from now on")
	m.node.Configure(NodeConfig{NOPInterval: -1})
	r.turn()
	check.Equal(t, r.conn.Timer(), 0, "no NOP-Ins")
	m.node.Configure(NodeConfig{NOPInterval: int64(time.Minute), NOPTimeout: 1})
	r.now += int64(time.Minute)
	r.receive()
	r.turn()
	r.want(pdu.OpNOPIn, "it is asked first")
	r.now++
	r.turn()
	check.Equal(t, r.wantEvent(Close).Reason, errNoPong, "the reason")
	check.Equal(t, ending(r), EndLost, "how it ended")
}

// A shorter data timeout counts from when the data was asked for.
func TestConfigureDataTimeout(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes", "ImmediateData", "No"))
	r.solicited(4096)
	r.advance(10 * time.Second)
	r.ping("")
	r.node.Configure(NodeConfig{DataTimeout: int64(12 * time.Second)})
	r.receive()
	r.advance(time.Second)
	r.wantIdle("11 s are not too long")
	r.advance(2 * time.Second)
	r.wantEnd(Close, errNoData)
}

// A login keeps the time it had when it began, and the next one has the new time.
func TestConfigureLoginTimeout(t *testing.T) {
	n := newNodeWith(NodeConfig{}, plainTarget())
	r := newLogin(t, n)
	n.Configure(NodeConfig{LoginTimeout: int64(time.Second), StrictLogin: true})
	check.Equal(t, r.conn.Timer()-r.now, loginTimeout, "time left")
	r.conn.Receive(r.now, Message{kind: messageConfigure}) // a login that waits to join a session is a member already
	next := newLogin(t, n)
	check.Equal(t, next.conn.Timer()-next.now, int64(time.Second), "time for the next")
	next.now += int64(time.Second)
	next.turn()
	reason := next.wantEvent(Close).Reason
	check.Equal(t, RefusalOf(reason), RefusedTimeout, "the reason")
	check.Equal(t, ending(next), EndRefused, "how it ended")
}

// Every status that refuses a login counts under a reason, and every reason and ending has a name of its own.
func TestRefusalNames(t *testing.T) {
	seen := map[string]bool{"": true}
	for r := range Refusals {
		check.That(t, !seen[r.String()], "reason %d has the name %q", r, r.String())
		seen[r.String()] = true
	}
	for e := range Endings {
		check.That(t, !seen[e.String()], "ending %d has the name %q", e, e.String())
		seen[e.String()] = true
	}
	for status, want := range map[pdu.LoginStatus]Refusal{
		pdu.LoginTargetMovedTemporarily: RefusedRedirected, pdu.LoginNotFound: RefusedNotFound, pdu.LoginTooManyConnections: RefusedSession,
		pdu.LoginAuthenticationFailure: RefusedAuthentication, pdu.LoginAuthorizationFailure: RefusedAuthorization,
		pdu.LoginOutOfResources: RefusedResources, pdu.LoginTargetError: RefusedUnavailable, pdu.LoginServiceUnavailable: RefusedUnavailable,
		pdu.LoginInitiatorError: RefusedProtocol, pdu.LoginInvalidDuringLogin: RefusedProtocol, pdu.LoginMissingParameter: RefusedProtocol,
	} {
		check.Equal(t, refusalOf(status), want, "status %#04x", uint16(status))
	}
	check.Equal(t, RefusalOf(errShutdown), RefusedShutdown, "a shutdown")
	check.Equal(t, RefusalOf(errNotLogin), RefusedProtocol, "no login at all")
}

// A target without a device is not the initiator's fault, and it may try again (11.13.5). One that redirects needs none.
func TestTargetWithoutDevice(t *testing.T) {
	for redirects, want := range map[bool]pdu.LoginStatus{false: pdu.LoginServiceUnavailable, true: pdu.LoginTargetMovedTemporarily} {
		tg := plainTarget()
		if redirects {
			tg.Redirect = &Redirect{Addr: "10.0.0.1:3260"}
		}
		r := newLogin(t, newNodeWith(NodeConfig{}, tg))
		r.host.foreign = fmt.Errorf("a test: %w", ErrNoDevice)
		r.refused(want, "it is the target's fault", toFull, names()...)
	}
}
