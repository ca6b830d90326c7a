package session

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"unicode"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/pdu"
)

// Names by RFC 7143, 4.2.7, and RFC 3722.
func TestCanonicalName(t *testing.T) {
	long := "iqn.2026-11.io.example:" + strings.Repeat("x", maxName-23)
	for name, want := range map[string]string{
		"iqn.2001-04.com.example:storage:diskarrays-sn-a8675309": "iqn.2001-04.com.example:storage:diskarrays-sn-a8675309",
		"IQN.1991-05.com.Microsoft:HOST-1":                       "iqn.1991-05.com.microsoft:host-1",
		"eui.02004567A425678D":                                   "eui.02004567a425678d",
		"naa.52004567BA64678D":                                   "naa.52004567ba64678d",
		"naa.62004567BA64678D0123456789ABCDEF":                   "naa.62004567ba64678d0123456789abcdef",
		"iqn.2026-11.e:e":                                        "iqn.2026-11.e:e",
		"iqn.2008-11.org.linux-kvm":                              "iqn.2008-11.org.linux-kvm",
		long:                                                     long,
		"iqn.2001-04.com.example:Grüße":                          "iqn.2001-04.com.example:grüsse", // B.2
		"iqn.2001-04.com.example:ＡＢ１":                            "iqn.2001-04.com.example:ab1",    // KC
		"iqn.2001-04.com.example:a\u00adb":                       "iqn.2001-04.com.example:ab",     // B.1: a soft hyphen maps to nothing
	} {
		if got, err := canonicalName(name); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]error{
		"":                                errNameType,
		"disk0":                           errNameType,
		"iqn.":                            errNameType,
		"iqn.2001-04":                     errNameType,
		"iqn.2001-04.:x":                  errNameType,
		"iqn.20a1-04.com.example":         errNameType,
		"xyz.2001-04.com.example":         errNameType,
		"eui.02004567A425678":             errNameType,
		"naa.52004567BA64678G":            errNameType,
		long + "x":                        errNameLong,
		"iqn.2001-04.com.example:a b":     errNameChar,
		"iqn.2001-04.com.example:a_b":     errNameChar,
		"iqn.2001-04.com.example:a/b":     errNameChar,
		"iqn.2001-04.com.example:\x1b[2J": errNameChar,
		"iqn.2001-04.com.example:a\nb":    errNameChar,
		"iqn.2001-04.com.example:\x7f":    errNameChar,
		"iqn.2001-04.com.example:\u0085":  errNameChar, // C.2.2
		"iqn.2001-04.com.example:\u00a0":  errNameChar, // C.1.2, a space by KC
		"iqn.2001-04.com.example:\u202e":  errNameChar, // C.8: right-to-left override
		"iqn.2001-04.com.example:\u3002":  errNameChar, // 6.1
		"iqn.2001-04.com.example:\ue000":  errNameChar, // C.3: private use
		"iqn.2001-04.com.example:\ufffd":  errNameChar, // C.6
		"iqn.2001-04.com.example:\uff0f":  errNameChar, // a fullwidth slash becomes one
		"iqn.2001-04.com.example:\u0221":  errNameChar, // A.1: not in Unicode 3.2
		"iqn.2001-04.com.example:\u05d0":  errNameChar, // section 7: right-to-left text in a left-to-right string
		"iqn.2001-04.com.example:\xff":    errNameChar,
	} {
		if got, err := canonicalName(name); err != want {
			t.Errorf("%q: %q, %v; want %v", name, got, err, want)
		}
	}
}

// For any input the result is printable, and preparing it again changes nothing.
func FuzzCanonicalName(f *testing.F) {
	f.Add("iqn.2001-04.com.example:a")
	f.Add("iqn.2001-04.com.example:\u1e9b\u0323\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		name, err := canonicalName(s)
		if err != nil {
			return
		}
		for _, r := range name {
			if r < 0x80 && !nameASCII(byte(r)) || unicode.IsControl(r) || unicode.IsSpace(r) {
				t.Fatalf("%q becomes %q", s, name)
			}
		}
		if again, err := canonicalName(name); err != nil || again != name {
			t.Fatalf("%q becomes %q, and that %q, %v", s, name, again, err)
		}
	})
}

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
