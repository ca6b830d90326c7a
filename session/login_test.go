package session

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// RFC 7143, 4.2.4: at a PDU other than a login request before login the target "MUST immediately terminate the connection".
func TestPDUBeforeLoginEndsTheConnection(t *testing.T) {
	for _, op := range []pdu.Opcode{pdu.OpNOPOut, pdu.OpSCSICommand, pdu.OpTextRequest, pdu.OpDataOut, pdu.OpLogoutRequest, 0x3f} {
		r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
		var b pdu.BHS
		b.Init(op)
		r.send(&b, nil)
		r.wantEvent(Close)
		r.wantIdle("nothing is said to who does not log in")
	}
}

// 4.2.4, 11.13.5: once login began such a PDU is answered "invalid during login", then the connection ends.
func TestPDUDuringLoginIsInvalid(t *testing.T) {
	r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
	r.ok(security, names("AuthMethod", "None")...)
	var b pdu.BHS
	b.Init(pdu.OpSCSICommand)
	(*pdu.SCSICommand)(&b).SetITT(9)
	r.send(&b, nil)
	r.wantRefused(pdu.LoginInvalidDuringLogin, "4.2.4")
}

// 11.13.5: what is wrong with a first request, and the status for it.
func TestLoginStatuses(t *testing.T) {
	closed := plainTarget()
	closed.Name += ".closed"
	closed.ACL.Initiators = []string{"iqn.2026-11.io.example:somebody"}
	far := plainTarget()
	far.Name += ".far"
	far.ACL.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	elsewhere := plainTarget()
	elsewhere.Name += ".elsewhere"
	elsewhere.Portals = []Portal{{Addr: "10.1.1.1:3260", TPGT: 2}}
	locked := plainTarget()
	locked.Name += ".locked"
	locked.Auth.Accounts = []Account{{User: "u", Secret: []byte("secretsecret")}}
	n := newNodeWith(NodeConfig{}, plainTarget(), closed, far, elsewhere, locked)
	to := func(name string) []string {
		return []string{"InitiatorName", testInitiator, "TargetName", testTarget + name}
	}
	for _, c := range []struct {
		name   string
		status pdu.LoginStatus
		f      loginFlags
		keys   []string
	}{
		{"no name", pdu.LoginMissingParameter, toFull, []string{"TargetName", testTarget}},
		{"no target", pdu.LoginMissingParameter, toFull, []string{"InitiatorName", testInitiator}},
		{"unknown target", pdu.LoginNotFound, toFull, to(".not")},
		{"not at this portal", pdu.LoginNotFound, toFull, to(".elsewhere")},
		{"not on the list of initiators", pdu.LoginNotFound, toFull, to(".closed")},
		{"not on the list of networks", pdu.LoginNotFound, toFull, to(".far")},
		{"security skipped", pdu.LoginAuthenticationFailure, toFull, to(".locked")},
		{"None offered where CHAP is wanted", pdu.LoginAuthenticationFailure, securityNext, append(to(".locked"), "AuthMethod", "None")},
		{"CHAP only where None is wanted", pdu.LoginAuthenticationFailure, securityNext, append(to(""), "AuthMethod", "CHAP")},
		{"security ended without a word", pdu.LoginAuthenticationFailure, securityNext, to(".locked")},
		{"session type", pdu.LoginSessionTypeNotSupported, toFull, append(to(""), "SessionType", "Odd")},
		{"TSIH of no session", pdu.LoginSessionDoesNotExist, loginFlags{csg: 1, nsg: 3, t: true, change: func(h *pdu.LoginRequest) { h.SetTSIH(999) }}, to("")},
		{"version", pdu.LoginUnsupportedVersion, loginFlags{csg: 1, nsg: 3, t: true, change: func(h *pdu.LoginRequest) { h.SetVersionMin(1); h.SetVersionMax(1) }}, to("")},
		{"T and C", pdu.LoginInitiatorError, loginFlags{csg: 1, nsg: 3, t: true, c: true}, to("")},
		{"stage 2", pdu.LoginInitiatorError, loginFlags{csg: 2, nsg: 3, t: true}, to("")},
		{"stage 3", pdu.LoginInitiatorError, loginFlags{csg: 3, nsg: 3}, to("")},
		{"next stage 2", pdu.LoginInitiatorError, loginFlags{csg: 1, nsg: 2, t: true}, to("")},
		{"next stage is this one", pdu.LoginInitiatorError, loginFlags{csg: 1, nsg: 1, t: true}, to("")},
		{"back a stage", pdu.LoginInitiatorError, loginFlags{csg: 1, nsg: 0, t: true}, to("")},
		{"key twice", pdu.LoginInitiatorError, toFull, append(to(""), "MaxBurstLength", "1024", "MaxBurstLength", "1024")},
		{"AuthMethod in the operational stage", pdu.LoginInitiatorError, toFull, append(to(""), "AuthMethod", "None")},
		{"HeaderDigest in the security stage", pdu.LoginInitiatorError, securityNext, append(to(""), "HeaderDigest", "None")},
	} {
		t.Run(c.name, func(t *testing.T) {
			newLogin(t, n).refused(c.status, "11.13.5", c.f, c.keys...)
		})
	}
}

// A second request has to be of the same login: ISID, TSIH, CID and the stage that was agreed on (11.12).
func TestLoginRequestsBelongTogether(t *testing.T) {
	for name, change := range map[string]func(*pdu.LoginRequest){
		"ISID":  func(h *pdu.LoginRequest) { h.SetISID([6]byte{1}) },
		"TSIH":  func(h *pdu.LoginRequest) { h.SetTSIH(4) },
		"CID":   func(h *pdu.LoginRequest) { h.SetCID(99) },
		"stage": func(h *pdu.LoginRequest) { h.SetCSG(0); h.SetNSG(3) },
	} {
		r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
		r.ok(securityNext, names("AuthMethod", "None")...)
		f := toFull
		f.change = change
		r.ask(f)
		r.wantRefused(pdu.LoginInitiatorError, name+" changed")
	}
}

// Keys are negotiated once in a login (6.3), over all its requests.
func TestKeyInALaterRequestAgain(t *testing.T) {
	r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
	r.ok(operational, names("MaxBurstLength", "8192")...)
	r.refused(pdu.LoginInitiatorError, "6.3", toFull, "MaxBurstLength", "4096")
}

// All ways through the stages (6.3): 0 to 1 to 3, 0 to 3, 1 to 3, several requests in a stage.
func TestStages(t *testing.T) {
	for _, way := range [][]loginFlags{
		{securityNext, toFull}, {securityFull}, {toFull}, {security, security, securityNext, operational, operational, toFull},
	} {
		r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
		keys := names()
		for i, f := range way {
			r.ask(f, keys...)
			keys = nil
			h, m := r.answer("every request is answered")
			must.Be(t, h.Status() == 0 && h.Transit() == f.t, "request %d of %v: status %#x", i, way, uint16(h.Status()))
			if last := i == len(way)-1; (h.TSIH() != 0) != last {
				t.Errorf("request %d: TSIH %d; only the last response has one (11.13.3)", i, h.TSIH())
			}
			if _, has := m["TargetPortalGroupTag"]; has != (i == 0) {
				t.Errorf("request %d: TargetPortalGroupTag %v; the first response has it (13.9)", i, has)
			}
			check.That(t, h.VersionMax() == 0 && h.VersionActive() == 0, "another version than 0")
		}
		r.wantEvent(SessionUp)
		r.wantIdle("the login is over")
		if s := r.conn.Session(); s.TSIH == 0 || s.InitiatorName != testInitiator || s.ISID != r.isid || s.TPGT != 1 {
			t.Errorf("session %+v", s)
		}
	}
}

// A login request in full feature phase is a protocol error: a connection has one login phase (4.2.4).
func TestSecondLoginOnAConnection(t *testing.T) {
	r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
	r.up()
	r.ask(toFull, names()...)
	for _, w := range r.got {
		must.Be(t, w.h.Opcode() != pdu.OpLoginResponse, "a second login is answered")
	}
	if len(r.events) == 0 || r.events[0].Kind != Close && r.events[0].Kind != Flush {
		t.Fatal("the connection goes on")
	}
}

// Text of the initiator's over several PDUs: each but the last is answered by an empty response (6.2, 11.12.2).
func TestContinuedRequest(t *testing.T) {
	r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
	var text []byte
	for i := 0; i < len(names()); i += 2 {
		text = pdu.AppendText(text, names()[i], names()[i+1])
	}
	text = pdu.AppendText(text, "MaxBurstLength", "4096")
	text = pdu.AppendText(text, "DefaultTime2Retain", "0") // the session goes with its connection
	for cut := 1; cut < len(text); cut += 37 {
		r := newLogin(t, r.node)
		f := operational
		f.c = true
		r.askText(f, text[:cut])
		if h, m := r.answer("6.2"); h.Status() != 0 || h.Transit() || len(m) != 0 {
			t.Fatalf("cut at %d: answered %v with status %#x", cut, m, uint16(h.Status()))
		}
		r.askText(toFull, text[cut:])
		if h, m := r.answer("6.2"); h.Status() != 0 || m["MaxBurstLength"] != "4096" {
			t.Fatalf("cut at %d: %v", cut, m)
		}
		r.gone()
	}
	// Without an end it is too much.
	f := operational
	f.c = true
	for range 3 {
		r.askText(f, []byte("X-a="+strings.Repeat("b", 4000)))
	}
	for len(r.got) > 1 {
		r.got = r.got[1:]
	}
	r.wantRefused(pdu.LoginInitiatorError, "text is bounded")
}

// An answer longer than the initiator takes in a login PDU (8192) comes in pieces (6.2): C bit, no T bit, the transition
// with the last.
func TestContinuedAnswer(t *testing.T) {
	long := plainTarget()
	r := newLogin(t, newNodeWith(NodeConfig{}, long))
	keys := names()
	for i := range 59 {
		keys = append(keys, fmt.Sprintf("X-%02d%s", i, strings.Repeat("k", 55)), "1")
	}
	r.ask(toFull, keys...)
	// 59 keys of 60 bytes with NotUnderstood fit into one PDU; what is tested here is that they do and are all there.
	h, m := r.answer("6.2")
	must.Be(t, h.Status() == 0 && h.Transit() && len(m) >= 59, "%d keys answered, status %#x", len(m), uint16(h.Status()))
	// The same through the machinery for pieces.
	r = newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
	r.ok(operational, names()...)
	var b pdu.BHS
	b.Init(pdu.OpLoginResponse)
	resp := (*pdu.LoginResponse)(&b)
	resp.SetCSG(1)
	resp.SetTransit(true)
	resp.SetNSG(3)
	r.conn.login.send(r.now, loginAnswer{resp: resp, text: []byte(strings.Repeat("x", 20000))})
	r.pump()
	got := 0
	for i := range 3 {
		w := r.want(pdu.OpLoginResponse, "a piece")
		p := (*pdu.LoginResponse)(&w.h)
		got += len(w.data)
		if last := i == 2; p.Continue() == last || p.Transit() != last {
			t.Fatalf("piece %d: C %v T %v", i, p.Continue(), p.Transit())
		}
		if i < 2 {
			r.ask(toFull)
		}
	}
	check.Equal(t, got, 20000, "bytes in all pieces")
	r.wantEvent(SessionUp)
}

// 6.2: keys that are not understood, and values that are not a key's.
func TestNotUnderstoodAndReject(t *testing.T) {
	r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
	m := r.ok(toFull, names("X-com.example.k", "1", "MaxBurstLength", "12", "HeaderDigest", "MD5", "ImmediateData", "maybe",
		"TargetAlias", "mine", "SendTargets", "All")...)
	for k, want := range map[string]string{"X-com.example.k": "NotUnderstood", "MaxBurstLength": "Reject", "HeaderDigest": "Reject",
		"ImmediateData": "Reject", "TargetAlias": "Reject", "SendTargets": "Reject"} {
		check.Equal(t, m[k], want, "%s", k)
	}
	if p := r.conn.Session().Params; p.MaxBurstLength != 262144 || !p.ImmediateData {
		t.Errorf("rejected keys changed something: %+v", p)
	}
}

// A PDU longer than the 8192 bytes that hold during login (13.12) is refused before a byte of it is taken.
func TestLoginPDUTooLong(t *testing.T) {
	r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
	var b pdu.BHS
	b.Init(pdu.OpLoginRequest)
	b.SetDataLen(8193)
	(*pdu.LoginRequest)(&b).SetExpStatSN(r.expStatSN)
	r.feed(b[:])
	r.wantRefused(pdu.LoginInitiatorError, "13.12")
}

// A login that does not get anywhere is given up.
func TestLoginTimeout(t *testing.T) {
	r := newLogin(t, newNodeWith(NodeConfig{LoginTimeout: 1000}, plainTarget()))
	r.ok(operational, names()...)
	check.Equal(t, r.conn.Timer(), r.now+1000, "the timer")
	r.tick(1000)
	r.wantEnd(Close, errLoginTimeout)
}

// 11.13.5, class 1: the target is somewhere else.
func TestRedirection(t *testing.T) {
	for permanent, status := range map[bool]pdu.LoginStatus{false: pdu.LoginTargetMovedTemporarily, true: pdu.LoginTargetMovedPermanently} {
		moved := plainTarget()
		moved.Redirect = &Redirect{Addr: "10.0.0.9:3260,2", Permanent: permanent}
		r := newLogin(t, newNodeWith(NodeConfig{}, moved))
		// "The comma and portal-group-tag MUST be omitted" (13.8).
		check.Equal(t, r.refused(status, "class 1", securityNext, names("AuthMethod", "None")...)["TargetAddress"], "10.0.0.9:3260", "TargetAddress")
	}
}

// Names are compared without regard to case (4.2.7.2: stringprep folds it).
func TestNamesFoldCase(t *testing.T) {
	n := newNodeWith(NodeConfig{}, plainTarget())
	r := newLogin(t, n)
	r.ok(toFull, "InitiatorName", strings.ToUpper(testInitiator), "TargetName", strings.ToUpper(testTarget))
	if r.conn.Session().InitiatorName != testInitiator {
		t.Error(r.conn.Session().InitiatorName)
	}
}

// Lists of initiators and networks: each has to let the initiator.
func TestAccessList(t *testing.T) {
	nets := []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fd00::/8")}
	a := ACL{Initiators: []string{"iqn.a:one", "iqn.b:*"}, Networks: nets}
	for _, c := range []struct {
		name, addr string
		want       bool
	}{
		{"iqn.a:one", "192.168.3.4", true}, {"iqn.a:one", "::ffff:192.168.3.4", true}, {"iqn.b:anything", "fd00::1", true},
		{"iqn.a:one2", "192.168.3.4", false}, {"iqn.a:one", "193.168.3.4", false}, {"iqn.c:x", "10.0.0.1", false},
	} {
		check.Equal(t, a.Admits(c.name, netip.MustParseAddr(c.addr)), c.want, "%s from %s", c.name, c.addr)
	}
	check.That(t, (&ACL{}).Admits("iqn.x", netip.MustParseAddr("1.2.3.4")), "empty lists let everybody")
}

// Each key: what is offered, what is answered, what comes of it (13).
func TestKeyTable(t *testing.T) {
	limits := (&Target{}).limits()
	for _, c := range []struct {
		key, offer, answer string
		holds              func(n *negotiation) bool
	}{
		{"HeaderDigest", "None", "None", func(n *negotiation) bool { return !n.conn.HeaderDigest }},
		{"HeaderDigest", "CRC32C,None", "CRC32C", func(n *negotiation) bool { return n.conn.HeaderDigest }},
		{"HeaderDigest", "None,CRC32C", "None", func(n *negotiation) bool { return !n.conn.HeaderDigest }},
		{"DataDigest", "X-foo,CRC32C", "CRC32C", func(n *negotiation) bool { return n.conn.DataDigest }},
		{"DataDigest", "X-foo", "Reject", nil},
		{"MaxConnections", "8", "8", func(n *negotiation) bool { return n.params.MaxConnections == 8 }},
		{"MaxConnections", "65535", "64", func(n *negotiation) bool { return n.params.MaxConnections == 64 }},
		{"MaxConnections", "0", "Reject", nil},
		{"MaxConnections", "65536", "Reject", nil},
		{"InitialR2T", "Yes", "Yes", func(n *negotiation) bool { return n.params.InitialR2T }},
		{"InitialR2T", "No", "No", func(n *negotiation) bool { return !n.params.InitialR2T }},
		{"InitialR2T", "no", "Reject", nil},
		{"ImmediateData", "Yes", "Yes", func(n *negotiation) bool { return n.params.ImmediateData }},
		{"ImmediateData", "No", "No", func(n *negotiation) bool { return !n.params.ImmediateData }},
		{"MaxRecvDataSegmentLength", "512", "", func(n *negotiation) bool { return n.conn.MaxXmitDataSegmentLength == 512 }},
		{"MaxRecvDataSegmentLength", "0x10000", "", func(n *negotiation) bool { return n.conn.MaxXmitDataSegmentLength == 65536 }},
		{"MaxRecvDataSegmentLength", "511", "Reject", nil},
		{"MaxRecvDataSegmentLength", "16777216", "Reject", nil},
		{"MaxBurstLength", "512", "512", func(n *negotiation) bool { return n.params.MaxBurstLength == 512 }},
		{"MaxBurstLength", "16776192", "1048576", func(n *negotiation) bool { return n.params.MaxBurstLength == 1<<20 }},
		{"FirstBurstLength", "65536", "65536", func(n *negotiation) bool { return n.params.FirstBurstLength == 65536 }},
		{"FirstBurstLength", "16777215", "262144", func(n *negotiation) bool { return n.params.FirstBurstLength == 262144 }},
		{"DefaultTime2Wait", "2", "2", func(n *negotiation) bool { return n.params.DefaultTime2Wait == 2 }},
		{"DefaultTime2Wait", "3601", "Reject", nil},
		{"DefaultTime2Retain", "60", "18", func(n *negotiation) bool { return n.params.DefaultTime2Retain == 18 }},
		{"MaxOutstandingR2T", "1", "1", func(n *negotiation) bool { return n.params.MaxOutstandingR2T == 1 }},
		{"MaxOutstandingR2T", "65535", "4", func(n *negotiation) bool { return n.params.MaxOutstandingR2T == 4 }},
		{"DataPDUInOrder", "No", "Yes", nil},
		{"DataSequenceInOrder", "No", "Yes", nil},
		{"ErrorRecoveryLevel", "2", "0", func(n *negotiation) bool { return n.params.ErrorRecoveryLevel == 0 }},
		{"ErrorRecoveryLevel", "3", "Reject", nil},
		{"TaskReporting", "RFC3720,FastAbort", "RFC3720", nil},
		{"TaskReporting", "ResponseFence,RFC3720", "ResponseFence", func(n *negotiation) bool { return n.params.TaskReporting == ReportFence }},
		{"TaskReporting", "Later,FastAbort,RFC3720", "FastAbort", func(n *negotiation) bool { return n.params.TaskReporting == ReportFastAbort }},
		{"TaskReporting", "Later", "Reject", nil},
		{"iSCSIProtocolLevel", "1", "1", func(n *negotiation) bool { return n.params.ProtocolLevel == 1 }},
		{"iSCSIProtocolLevel", "31", "2", func(n *negotiation) bool { return n.params.ProtocolLevel == 2 }},
		{"IFMarker", "Yes", "No", nil},
		{"OFMarkInt", "2048~8192", "Reject", nil}, // 13.25
		{"InitiatorAlias", "box", "", nil},
	} {
		n := negotiation{limits: limits, params: defaultParams()}
		check.Equal(t, n.answer(findKey(c.key), c.offer), c.answer, "%s=%s: the answer", c.key, c.offer)
		check.That(t, c.holds == nil || c.holds(&n), "%s=%s: %+v %+v", c.key, c.offer, n.params, n.conn)
		if c.answer == answerReject && (n.params != defaultParams() || n.conn != ConnParams{}) {
			t.Errorf("%s=%s was rejected and changed something", c.key, c.offer)
		}
	}
}

// A target's own preferences: OR and AND make them hold whatever is offered (13.10, 13.11), and bursts never exceed them.
func TestTargetPreferences(t *testing.T) {
	strict := plainTarget()
	strict.Limits = Limits{InitialR2T: true, NoImmediateData: true, MaxBurstLength: 65536, FirstBurstLength: 262144, MaxRecvDataSegmentLength: 16384}
	r := newLogin(t, newNodeWith(NodeConfig{}, strict))
	m := r.ok(toFull, names("InitialR2T", "No", "ImmediateData", "Yes", "MaxBurstLength", "1048576", "FirstBurstLength", "262144")...)
	if m["InitialR2T"] != "Yes" || m["ImmediateData"] != "No" || m["MaxBurstLength"] != "65536" || m["MaxRecvDataSegmentLength"] != "16384" {
		t.Errorf("%v", m)
	}
	if p := r.conn.Session().Params; p.FirstBurstLength > p.MaxBurstLength {
		t.Errorf("FirstBurstLength %d above MaxBurstLength %d (13.14)", p.FirstBurstLength, p.MaxBurstLength)
	}
}

// "FirstBurstLength MUST NOT exceed MaxBurstLength" (13.14), and the answered values are enforced: whichever of the two is
// offered, in any order, in one request or several, whatever the target is configured to offer.
func TestBursts(t *testing.T) {
	type offer []string
	first, most := func(v string) offer { return offer{"FirstBurstLength", v} }, func(v string) offer { return offer{"MaxBurstLength", v} }
	for _, c := range []struct {
		name     string
		limits   Limits
		requests [][]offer
		first    uint32 // the expected result
		most     uint32
	}{
		{"max_burst_length alone", Limits{MaxBurstLength: 65536}, [][]offer{{most("1048576"), first("262144")}}, 65536, 65536},
		{"max_burst_length alone, the other way round", Limits{MaxBurstLength: 65536}, [][]offer{{first("262144"), most("1048576")}}, 65536, 65536},
		{"max_burst_length alone, FirstBurstLength before", Limits{MaxBurstLength: 65536}, [][]offer{{first("262144")}, {most("1048576")}}, 65536, 65536},
		{"max_burst_length alone, MaxBurstLength before", Limits{MaxBurstLength: 65536}, [][]offer{{most("1048576")}, {first("262144")}}, 65536, 65536},
		{"max_burst_length alone, no MaxBurstLength", Limits{MaxBurstLength: 65536}, [][]offer{{first("262144")}}, 65536, 262144},
		{"max_burst_length alone, no FirstBurstLength", Limits{MaxBurstLength: 8192}, [][]offer{{most("1048576")}}, 8192, 8192},
		{"first_burst_length alone", Limits{FirstBurstLength: 4096}, [][]offer{{first("262144"), most("1048576")}}, 4096, 1048576},
		{"the offer crosses", Limits{}, [][]offer{{most("8192"), first("262144")}}, 8192, 8192},
		{"the offer crosses, the other way round", Limits{}, [][]offer{{first("262144"), most("8192")}}, 8192, 8192},
		{"the offer crosses, FirstBurstLength before", Limits{}, [][]offer{{first("262144")}, {most("8192")}}, 262144, 262144},
		{"the offer crosses, MaxBurstLength before", Limits{}, [][]offer{{most("8192")}, {first("262144")}}, 8192, 8192},
		{"no FirstBurstLength below its default", Limits{}, [][]offer{{most("512")}}, 512, 512},
		{"a bad FirstBurstLength", Limits{}, [][]offer{{first("1"), most("8192")}}, 8192, 8192},
		{"a bad MaxBurstLength", Limits{}, [][]offer{{first("262144"), most("1")}}, 262144, 262144},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := plainTarget()
			target.Limits = c.limits
			r := newLogin(t, newNodeWith(NodeConfig{}, target))
			answered := map[string]string{}
			keys := names()
			for i, offers := range c.requests {
				f := operational
				if i == len(c.requests)-1 {
					f = toFull
				}
				for _, o := range offers {
					keys = append(keys, o...)
				}
				for k, v := range r.ok(f, keys...) {
					answered[k] = v
				}
				keys = nil
			}
			p := r.conn.Session().Params
			if p.FirstBurstLength > p.MaxBurstLength || p.FirstBurstLength != c.first || p.MaxBurstLength != c.most {
				t.Errorf("FirstBurstLength %d, MaxBurstLength %d; want %d and %d", p.FirstBurstLength, p.MaxBurstLength, c.first, c.most)
			}
			for key, holds := range map[string]uint32{"FirstBurstLength": p.FirstBurstLength, "MaxBurstLength": p.MaxBurstLength} {
				if a, ok := answered[key]; ok && a != answerReject && a != fmt.Sprint(holds) {
					t.Errorf("%s=%s was answered, %d holds", key, a, holds)
				}
			}
		})
	}
}

// For every session-wide key (13) the answered value is the one that is enforced.
func TestAnswersHold(t *testing.T) {
	for _, limits := range []Limits{{}, {InitialR2T: true, NoImmediateData: true, MaxConnections: 3, MaxBurstLength: 1, FirstBurstLength: 1,
		MaxRecvDataSegmentLength: 1, Window: 1}} {
		for i := range keyTable {
			row := &keyTable[i]
			if !row.leads {
				continue
			}
			offers := append(slices.Clone(row.list), "Yes", "No", "0", "1", "2", "511", "512", "3600", "65535", "262144", "16777215")
			for _, offer := range offers {
				target := plainTarget()
				target.Limits = limits
				r := newLogin(t, newNodeWith(NodeConfig{}, target))
				m := r.ok(toFull, names(row.name, offer)...)
				n := negotiation{params: r.conn.Session().Params}
				if got := m[row.name]; got != answerReject && got != n.inForce(row) {
					t.Errorf("%s=%s answered %s; %s holds", row.name, offer, got, n.inForce(row))
				}
				check.Equal(t, m["MaxRecvDataSegmentLength"], fmt.Sprint(r.conn.Params().MaxRecvDataSegmentLength), "MaxRecvDataSegmentLength declared, and taken")
			}
		}
	}
	// A discovery session has one connection (13.21), and the answer to MaxConnections says so.
	r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
	check.Equal(t, r.ok(toFull, "InitiatorName", testInitiator, "SessionType", "Discovery", "MaxConnections", "8")["MaxConnections"], "1", "MaxConnections of a discovery session")
}

// shortKeys returns n bytes of key=value pairs with distinct names, each as short as possible.
func shortKeys(n int) []byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var text []byte
	for i := 0; len(text)+5 <= n; i++ {
		text = append(text, letters[i%52], letters[i/52%52], '=')
		text = append(text, "v"[:len(text)%2]...)
		text = append(text, 0)
	}
	return append(text, make([]byte, n-len(text))...)
}

// "Any iSCSI target or initiator MUST support receiving at least 8192 bytes of key=value data" (6.1): in any number of pairs, in
// one request or in pieces of one byte. An answer longer than one PDU is sent with the C bit (6.2).
func TestLoginTextOf8192Bytes(t *testing.T) {
	whole := pdu.AppendText(pdu.AppendText(nil, "InitiatorName", testInitiator), "TargetName", testTarget)
	whole = append(whole, shortKeys(maxText-len(whole))...)
	want, err := pdu.ReadText(whole)
	if err != nil || len(whole) != 8192 {
		t.Fatal(err)
	}
	for _, piece := range []int{len(whole), 4096, 100, 1} {
		r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
		for at := 0; at < len(whole); at += piece {
			f, part := operational, whole[at:min(at+piece, len(whole))]
			if f.c = at+piece < len(whole); !f.c {
				f = toFull
			}
			r.askText(f, part)
			if !f.c {
				break
			}
			if h, m := r.answer("the text goes on"); h.Status() != pdu.LoginSuccess || h.Transit() || len(m) != 0 {
				t.Fatalf("pieces of %d: status %#x at %d, %v", piece, uint16(h.Status()), at, m)
			}
		}
		var all []byte
		pdus := 0
		for more := true; more; pdus++ {
			w := r.want(pdu.OpLoginResponse, "there is more to be answered")
			h := (*pdu.LoginResponse)(&w.h)
			if h.Status() != pdu.LoginSuccess || len(w.data) > DefaultDataSegmentLength || h.Transit() == h.Continue() {
				t.Fatalf("pieces of %d: status %#x, %d bytes, T %v C %v", piece, uint16(h.Status()), len(w.data), h.Transit(), h.Continue())
			}
			all = append(all, w.data...)
			if more = h.Continue(); more {
				r.ask(toFull)
			}
		}
		answers := must.Get(pdu.ReadText(all))(t)
		n := 0
		for kv := range want.Pairs() {
			if v, _ := answers.Get(kv.Key); len(kv.Key) == 2 && v != "NotUnderstood" {
				t.Fatalf("%s=%q", kv.Key, v)
			}
			n++
		}
		check.That(t, n >= 1500 && pdus >= 3, "%d keys, %d responses", n, pdus)
		r.wantEvent(SessionUp)
	}
}

// Repeated keys are detected, however many there were (6.3).
func TestUnknownKeyAgain(t *testing.T) {
	r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
	r.ok(operational, names("X-a", "1", "X-b", "1")...)
	r.refused(pdu.LoginInitiatorError, "6.3", operational, "X-c", "1", "X-a", "1")
}

// A login cannot go on forever: its text is bounded in total, and requests without text are counted.
func TestLoginIsBounded(t *testing.T) {
	for name, f := range map[string]loginFlags{"empty pieces": {csg: 1, c: true}, "empty requests": operational} {
		r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
		r.ok(operational, names()...)
		n := 0
		for ; len(r.events) == 0; n++ {
			if r.askText(f, nil); n > maxLoginPDUs {
				t.Fatalf("%s: no end after %d", name, n)
			}
		}
		r.wantEvent(Flush)
	}
	r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
	r.ok(operational, names()...)
	for i := 0; len(r.events) == 0; i++ {
		if r.ask(operational, fmt.Sprintf("X-%d", i), "0x"+strings.Repeat("0", 8000)); i > maxLoginText/8000 {
			t.Fatal("text without end")
		}
	}
	r.wantEvent(Flush)
}

// libiscsi repeats its names at the start of the operational stage when it has offered CHAP and got None. Unchanged repeats are
// accepted once each, unless the node is strict (6.3, 13.4, 13.5).
func TestRepeatedDeclarations(t *testing.T) {
	first := names("SessionType", "Normal", "AuthMethod", "CHAP,None")
	for _, c := range []struct {
		name   string
		strict bool
		again  []string
		ok     bool
	}{
		{"all three", false, names("SessionType", "Normal"), true},
		{"one", false, []string{"InitiatorName", testInitiator}, true},
		{"a strict node", true, names("SessionType", "Normal"), false},
		{"another name", false, []string{"InitiatorName", testInitiator + "2"}, false},
		{"the name in capitals", false, []string{"InitiatorName", strings.ToUpper(testInitiator)}, false},
		{"another target", false, []string{"TargetName", testTarget + "2"}, false},
		{"another session type", false, []string{"SessionType", "Discovery"}, false},
		{"twice more", false, []string{"InitiatorName", testInitiator, "InitiatorName", testInitiator}, false},
		{"a key that names nothing", false, []string{"AuthMethod", "CHAP,None"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newLogin(t, newNodeWith(NodeConfig{StrictLogin: c.strict}, plainTarget()))
			r.ok(securityNext, first...)
			if !c.ok {
				r.refused(pdu.LoginInitiatorError, "6.3", toFull, c.again...)
				return
			}
			m := r.ok(toFull, append(c.again, "MaxBurstLength", "8192")...)
			check.Equal(t, m["MaxBurstLength"], "8192", "MaxBurstLength")
			r.wantEvent(SessionUp)
		})
	}
	// Only at the stage change.
	r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
	r.ok(securityNext, first...)
	r.ok(operational)
	r.refused(pdu.LoginInitiatorError, "6.3", toFull, "InitiatorName", testInitiator)
	r = newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
	r.ok(security, first...)
	r.refused(pdu.LoginInitiatorError, "6.3", securityNext, "InitiatorName", testInitiator)
}

// Numbers in text are decimal or hexadecimal constants (6.1), not the other forms of programming languages.
func TestNumbersInText(t *testing.T) {
	for _, v := range []string{"0b10000000000000", "0o20000", "020000", "8_192", "+8192", " 8192", "8192 ", "8.192e3", "0x", "0x2_000", "-1", ""} {
		r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
		m := r.ok(toFull, names("MaxBurstLength", v, "MaxRecvDataSegmentLength", v, "MaxOutstandingR2T", v, "DefaultTime2Wait", v)...)
		for _, k := range []string{"MaxBurstLength", "MaxOutstandingR2T", "DefaultTime2Wait"} {
			check.Equal(t, m[k], answerReject, "%s=%s", k, v)
		}
		check.Equal(t, r.conn.Params().MaxXmitDataSegmentLength, DefaultDataSegmentLength, "MaxXmitDataSegmentLength after MaxRecvDataSegmentLength=%s", v)
	}
	for _, v := range []string{"8192", "0x2000", "0X2000", "0x0002000"} {
		r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
		check.Equal(t, r.ok(toFull, names("MaxBurstLength", v)...)["MaxBurstLength"], "8192", "MaxBurstLength=%s: the answer", v)
	}
}
