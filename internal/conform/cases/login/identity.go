package login

import (
	"strings"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// identity are the cases of the keys that say who logs in to what.
func identity() (all []conform.Case) {
	missing := func(title string, statuses []pdu.LoginStatus, who ...string) row {
		return row{title, func(t *conform.T) {
			c := t.Dial()
			c.SendLogin(c.Request(conform.Security, conform.Operational), append(t.Who(who...), "AuthMethod", method(t))...)
			refused(t, c, "a refused login", statuses...)
		}}
	}
	all = table(conform.Case{ID: "rfc7143/11.13.5/0", Groups: loginGroup, Also: []string{"rfc7143/11.13.5/4"},
		Rule: "A login that cannot succeed is refused with the status of its reason."}, []row{
		missing("no InitiatorName: 0x0207", []pdu.LoginStatus{pdu.LoginMissingParameter}, "InitiatorName", ""),
		missing("no TargetName in a normal session: 0x0207", []pdu.LoginStatus{pdu.LoginMissingParameter}, "TargetName", ""),
		missing("no SessionType and no TargetName: 0x0207", []pdu.LoginStatus{pdu.LoginMissingParameter}, "TargetName", "", "SessionType", ""),
		missing("a target that does not exist: 0x0203", []pdu.LoginStatus{pdu.LoginNotFound}, "TargetName", "iqn.1999-01.com.example:no.such.target"),
		missing("a session type that does not exist", nil, "SessionType", "Backup"),
		missing("a session type of another case", nil, "SessionType", "normal"),
	})
	name := "iqn.2026-11.com.example:" + strings.Repeat("n", 223-len("iqn.2026-11.com.example:"))
	accepted := func(title string, who ...string) row {
		return row{title, func(t *conform.T) {
			c := t.Dial()
			a := c.Exchange(c.Request(conform.Security, conform.Operational), append(t.Who(who...), "AuthMethod", method(t))...)
			s := a.Status()
			if s == pdu.LoginAuthorizationFailure || s == pdu.LoginNotFound || s == pdu.LoginAuthenticationFailure {
				t.Skip("the target does not admit initiators of this name: status 0x%04x", uint16(s))
			}
			good(t, a)
		}}
	}
	return append(all, table(conform.Case{ID: "rfc7143/4.2.7.1/3", Groups: []conform.Group{conform.Login, conform.Names},
		Rule: "Names of all three types are taken, with up to 223 bytes."}, []row{
		accepted("an initiator's name of 223 bytes", "InitiatorName", name),
		accepted("an initiator's name of type eui.", "InitiatorName", "eui.02004567a425678d"),
		accepted("an initiator's name of type naa. with 64 bits", "InitiatorName", "naa.52004567ba64678d"),
		accepted("an initiator's name of type naa. with 128 bits", "InitiatorName", "naa.62004567ba64678d0123456789abcdef"),
		accepted("an initiator's name without a part after the domain", "InitiatorName", "iqn.2001-04.com.example"),
		accepted("an initiator's name with letters beyond ASCII", "InitiatorName", "iqn.2001-04.com.example:größe"),
		accepted("no SessionType", "SessionType", ""),
	})...)
}
