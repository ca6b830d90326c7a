package session

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/pdu"
)

// A log line never contains a control character from a peer, nor more of its text than a name may have.
func TestRefusalsArePrintable(t *testing.T) {
	evil := "\x1b]0;owned\x07\r\n\u202e" + strings.Repeat("A", 4000)
	for _, keys := range [][]string{
		{"InitiatorName", evil, "TargetName", testTarget},
		{"InitiatorName", "iqn.2026-11.io.example:" + evil, "TargetName", testTarget},
		{"InitiatorName", testInitiator, "TargetName", evil},
		{"InitiatorName", testInitiator, "TargetName", testTarget, "SessionType", evil},
		names("AuthMethod", evil),
		{"InitiatorName", testInitiator, "SessionType", evil, "InitiatorAlias", evil[:200]},
	} {
		r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
		r.ask(security, keys...)
		r.answer("it is refused")
		ev := r.wantEvent(Flush)
		say := ev.Reason.Error()
		if strings.ContainsFunc(say, func(r rune) bool { return r < ' ' || r > '~' }) || len(say) > 2000 {
			t.Errorf("the log says %d bytes: %q", len(say), say)
		}
	}
}

// To an initiator that its access list does not admit, a target is indistinguishable from an unknown one, byte for byte.
func TestHiddenTargetIsUnknown(t *testing.T) {
	for name, acl := range map[string]ACL{
		"initiators": {Initiators: []string{"iqn.2026-11.io.example:another"}},
		"networks":   {Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
	} {
		for _, stage := range []loginFlags{security, securityNext, toFull} {
			var got [2]wire
			for i := range got {
				hidden := plainTarget()
				hidden.ACL = acl
				hidden.Alias = "secret"
				if i == 1 {
					hidden.Name = "iqn.2026-11.io.ringtgt:disk1"
				}
				r := newLogin(t, newNodeWith(NodeConfig{}, hidden))
				r.ask(stage, names("AuthMethod", "CHAP,None")[:4+2*int(1-stage.csg)]...)
				got[i] = r.want(pdu.OpLoginResponse, "it is refused")
				check.Equal(t, (*pdu.LoginResponse)(&got[i].h).Status(), pdu.LoginNotFound, "%s: the status", name)
			}
			if got[0].h != got[1].h || !bytes.Equal(got[0].data, got[1].data) {
				t.Errorf("%s: a hidden target answers %v, an unknown one %v", name, got[0], got[1])
			}
		}
	}
}
