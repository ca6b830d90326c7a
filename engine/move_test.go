package engine

import (
	"crypto/md5"
	"fmt"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// chapLogin logs in by CHAP (RFC 7143, 12.1.3). It goes to nsg with the answer to the challenge; the keys are sent with that.
// The result is the status, and the TSIH if the login is complete.
func (r *rig) chapLogin(secret string, isid byte, tsih, cid uint16, nsg pdu.Stage, keys ...string) (*initiator, pdu.LoginStatus) {
	r.t.Helper()
	i := r.dial()
	ask := func(transit bool, text ...string) (*pdu.LoginResponse, string) {
		r.t.Helper()
		l := rawclient.Login{
			CSG: pdu.StageSecurityNegotiation, Transit: transit, ISID: [6]byte{0x80, 0, 0, 0, 0, isid},
			TSIH: tsih, CID: cid, CmdSN: i.CmdSN, ExpStatSN: i.ExpStatSN,
		}
		if transit {
			l.NSG = nsg
		}
		p := must.Get(i.LogIn(l, rawclient.Text(text...)))(r.t)
		return p, string(i.Data)
	}
	ask(false, "InitiatorName", fmt.Sprintf("iqn.2026-11.test:%d", isid), "TargetName", testTarget, "SessionType", "Normal", "AuthMethod", "CHAP")
	_, text := ask(false, "CHAP_A", "5")
	pairs := must.Get(pdu.ParseText([]byte(text), 16))(r.t)
	var id, challenge string
	for _, kv := range pairs {
		switch kv.Key {
		case "CHAP_I":
			id = kv.Value
		case "CHAP_C":
			challenge = kv.Value
		}
	}
	n, _ := pdu.ParseNumber(id, 0, 255)
	c := must.Get(pdu.DecodeBinary(challenge, 1024))(r.t)
	sum := md5.Sum(append(append([]byte{byte(n)}, secret...), c...))
	p, _ := ask(true, append([]string{"CHAP_N", "user", "CHAP_R", pdu.EncodeHex(sum[:])}, keys...)...)
	return i, p.Status()
}

// A delayed answer to a right secret may be the final Login Response of a connection that joins. While it waits, a receive is
// with the kernel, so the connection stays on the loop where it was accepted: its next bytes come there.
func TestDelayedLoginStaysOnItsLoop(t *testing.T) {
	r := newRig(t, 2, memory(t, 1<<20))
	const secret = "a secret of the initiator"
	r.e.cfg.Node.SetTargets([]*session.Target{{
		Name: testTarget, Portals: []session.Portal{{Addr: r.addr, TPGT: 1}},
		Auth: session.Auth{Accounts: []session.Account{{User: "user", Secret: []byte(secret)}}},
	}})
	for range 3 {
		if _, s := r.chapLogin("not the secret at all", 1, 0, 0, pdu.StageLoginOperationalNegotiation); s != pdu.LoginAuthenticationFailure {
			t.Fatalf("a wrong secret is answered %#x", uint16(s))
		}
	}
	lead, s := r.chapLogin(secret, 1, 0, 0, pdu.StageLoginOperationalNegotiation)
	must.Be(t, s == pdu.LoginSuccess, "the leading login: %#x", uint16(s))
	tsih := lead.operational(1, pdu.AppendText(nil, "MaxConnections", "8"))
	// More connections of one session on two loops: those that were accepted where most are would move. The steering gives an
	// initiator's connections to the loops in turn; the idle ones make it give most of these to one.
	for cid := uint16(1); cid <= 6; cid++ {
		r.dial()
		c, s := r.chapLogin(secret, 1, tsih, cid, pdu.StageFullFeaturePhase)
		must.Be(t, s == pdu.LoginSuccess, "connection %d: %#x", cid, uint16(s))
		c.CmdSN = lead.CmdSN
		c.ping()
	}
}
