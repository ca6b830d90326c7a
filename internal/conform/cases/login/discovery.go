package login

import (
	"fmt"
	"net"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

var discoveryGroup = []conform.Group{conform.Login, conform.Discovery}

func discover(t *conform.T) *conform.Conn {
	anonymous(t)
	return t.LogIn("SessionType", "Discovery", "TargetName", "")
}

// anonymous skips cases of discovery where a name was given: discovery may have another.
func anonymous(t *conform.T) {
	if t.Target.User != "" {
		t.Skip("the CHAP name of the URL is for the target, and may not be for discovery")
	}
}

// targets asks by SendTargets and returns the records that came.
func targets(t *conform.T, c *conform.Conn, value string) (keys []pdu.KeyValue) {
	h := c.New(pdu.OpTextRequest, false)
	q := (*pdu.TextRequest)(h)
	q.SetFinal(true)
	q.SetTTT(pdu.ReservedTag)
	data := rawclient.Text("SendTargets", value)
	for range 64 {
		c.Send(h, data)
		p := c.Expect(pdu.OpTextResponse, "a Text Response")
		t.Want(p.ITT() == h.ITT(), "the request's tag", "0x%08x", p.ITT())
		more, err := p.Keys()
		t.Want(err == nil, "whole keys in each response to this short list", "%q", p.Data)
		keys = append(keys, more...)
		if p.Text().Final() {
			t.Want(p.Text().TTT() == pdu.ReservedTag, "Target Transfer Tag 0xffffffff with the F bit (11.11.1)", "0x%08x", p.Text().TTT())
			return keys
		}
		t.Want(p.Text().TTT() != pdu.ReservedTag, "a Target Transfer Tag without the F bit (11.11.1)", "0xffffffff")
		itt := h.ITT()
		h = c.New(pdu.OpTextRequest, false)
		n := (*pdu.TextRequest)(h)
		n.SetITT(itt)
		n.SetFinal(true)
		n.SetTTT(p.Text().TTT())
		n.SetLUN(p.Text().LUN())
		data = nil
	}
	t.Fail("an end of the list", "64 responses without one")
	return nil
}

// listed reports whether a list names a target, and fails the case on a list that is not well-formed.
func listed(t *conform.T, keys []pdu.KeyValue, name string) (found bool, names int) {
	for i, kv := range keys {
		switch kv.Key {
		case "TargetName":
			names++
			found = found || kv.Value == name
		case "TargetAddress":
			t.Want(i > 0, "TargetName first", "TargetAddress=%s", kv.Value)
			address(t, kv.Value)
		default:
			t.Fail("no keys but TargetName and TargetAddress", "%s=%s", kv.Key, kv.Value)
		}
	}
	return found, names
}

// address checks host[:port],group.
func address(t *conform.T, v string) {
	at := strings.LastIndexByte(v, ',')
	t.Want(at > 0, "a portal group tag after a comma (13.8)", "TargetAddress=%s", v)
	_, err := pdu.ParseNumber(v[at+1:], 0, 65535)
	t.Want(err == nil, "a portal group tag of 16 bits", "TargetAddress=%s", v)
	host := v[:at]
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		t.Want(end > 0 && net.ParseIP(host[1:end]) != nil, "an IPv6 address in brackets", "TargetAddress=%s", v)
		host = "h" + host[end+1:]
	}
	if name, port, ok := strings.Cut(host, ":"); ok {
		_, err := pdu.ParseNumber(port, 1, 65535)
		t.Want(name != "" && err == nil, "HOST:PORT", "TargetAddress=%s", v)
	}
}

// discovery are the cases of discovery sessions and of SendTargets (Appendix C).
func discovery() (all []conform.Case) {
	ask := func(title, value string, find bool) row {
		return row{title, func(t *conform.T) {
			if value == "NAME" {
				value = t.Target.Name
			}
			found, _ := listed(t, targets(t, discover(t), value), t.Target.Name)
			t.Want(found == find, fmt.Sprintf("the target in the list: %v", find), "%v", found)
		}}
	}
	all = table(conform.Case{ID: "rfc7143/4.3/1", Groups: discoveryGroup, Also: []string{"rfc7143/13.8/2", "rfc7143/4.2.7.1/1", "rfc7143/7.4.3/1"},
		Rule: "A discovery session answers SendTargets with records of TargetName and TargetAddress."}, []row{
		ask("SendTargets=All lists the target", "All", true),
		ask("SendTargets=NAME lists the target", "NAME", true),
		ask("SendTargets of an unknown name does not list the target", "iqn.1999-01.com.example:no.such.target", false),
		{"SendTargets twice in a session", func(t *conform.T) {
			c := discover(t)
			_, n := listed(t, targets(t, c, "All"), "")
			_, m := listed(t, targets(t, c, "All"), "")
			t.Want(n == m, fmt.Sprintf("%d targets again", n), "%d", m)
		}},
		{"the logout that closes a discovery session", func(t *conform.T) {
			c := discover(t)
			h := c.New(pdu.OpLogoutRequest, false)
			(*pdu.LogoutRequest)(h).SetReason(pdu.LogoutCloseSession)
			c.Send(h, nil)
			p := c.Expect(pdu.OpLogoutResponse, "a Logout Response")
			t.Want(p.Logout().Response() == 0, "response 0", "%d", p.Logout().Response())
		}},
	})
	var rows []row
	for _, op := range []pdu.Opcode{pdu.OpNOPOut, pdu.OpSCSICommand, pdu.OpTaskManagementRequest, pdu.OpSNACKRequest} {
		rows = append(rows, row{fmt.Sprintf("opcode 0x%02x in a discovery session", byte(op)), func(t *conform.T) {
			c := discover(t)
			c.Send(c.New(op, false), nil)
			o := c.Outcome()
			t.Want(o.Closed || o.PDU != nil && o.PDU.Opcode() == pdu.OpReject, "a Reject or the connection's end", "%v", o)
		}})
	}
	all = append(all, table(conform.Case{ID: "rfc7143/4.3/2", Groups: discoveryGroup,
		Rule: "A discovery session rejects everything but SendTargets and the logout that closes it."}, rows)...)
	return append(all, sessions()...)
}

// wellNamed checks the characters of a name. ASCII is all that it knows of RFC 3722, with upper case beyond it.
func wellNamed(t *conform.T, name string) {
	t.Want(len(name) <= 223 && utf8.ValidString(name), "at most 223 bytes of UTF-8", "%q, %d bytes", name, len(name))
	for _, r := range name {
		ascii := r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-.:", r)
		t.Want(ascii || r > 0x7f && r != 0x3002 && !unicode.IsUpper(r), "a character that a name may have", "%q in %q", r, name)
	}
}

func sessions() []conform.Case {
	return []conform.Case{
		{
			ID: "rfc7143/7.4.1/1", Title: "ErrorRecoveryLevel=2 in a discovery session", Groups: discoveryGroup, Also: []string{"rfc7143/7.4.1/2", "rfc7143/13.21/1", "rfc7143/13.22/2"},
			Rule: "ErrorRecoveryLevel of a discovery session is answered with 0; vendor-specific keys do not belong there.",
			Run: func(t *conform.T) {
				anonymous(t)
				c, first := t.Secure("SessionType", "Discovery", "TargetName", "")
				a := c.Exchange(c.Request(conform.Operational, conform.FullFeature), append(first, "ErrorRecoveryLevel", "2")...)
				good(t, a)
				t.Want(a.Value("ErrorRecoveryLevel") == "0", "ErrorRecoveryLevel=0", "ErrorRecoveryLevel=%s", a.Value("ErrorRecoveryLevel"))
				for _, kv := range a.Keys {
					t.Want(!strings.HasPrefix(kv.Key, "X-"), "no vendor-specific key of the target's in a discovery session", "%s=%s", kv.Key, kv.Value)
				}
			},
		},
		{
			ID: "rfc7143/7.4.2.1/5", Title: "two unnamed discovery sessions with one ISID", Groups: discoveryGroup, Also: []string{"rfc7143/7.4.2.1/1"},
			Rule: "An unnamed discovery session reinstates the one of the same initiator port at the same portal.",
			Run: func(t *conform.T) {
				c := discover(t)
				n, first := t.Secure("SessionType", "Discovery", "TargetName", "")
				n.Session.ISID = c.Session.ISID
				good(t, n.Exchange(n.Request(conform.Operational, conform.FullFeature), first...))
				dead(t, c)
			},
		},
		{
			ID: "rfc7143/4.2.7.2/1", Title: "the names that SendTargets lists", Groups: []conform.Group{conform.Discovery, conform.Names},
			Rule: "A name is UTF-8 of at most 223 bytes, without upper case and the characters that RFC 3722, 6.2, prohibits.",
			Run: func(t *conform.T) {
				for _, kv := range targets(t, discover(t), "All") {
					if kv.Key == "TargetName" {
						wellNamed(t, kv.Value)
					}
				}
			},
		},
		{
			ID: "rfc7143/C/0a", Title: "SendTargets without a value in a normal session", Groups: discoveryGroup,
			Rule: "In a normal session SendTargets without a value lists the session's own target and no other .",
			Run: func(t *conform.T) {
				found, n := listed(t, targets(t, t.LogIn(), ""), t.Target.Name)
				t.Want(found && n == 1, "the session's target alone", "%d targets, it among them: %v", n, found)
			},
		},
		{
			ID: "rfc7143/C/0b", Title: "SendTargets=All in a normal session", Groups: discoveryGroup,
			Rule: "SendTargets=All is not supported in a normal session.",
			Run: func(t *conform.T) {
				c := t.LogIn()
				h := c.New(pdu.OpTextRequest, false)
				(*pdu.TextRequest)(h).SetFinal(true)
				(*pdu.TextRequest)(h).SetTTT(pdu.ReservedTag)
				c.Send(h, rawclient.Text("SendTargets", "All"))
				o := c.Outcome()
				t.Want(o.PDU != nil || o.Closed, "an answer", "%v", o)
				if o.PDU != nil && o.PDU.Opcode() == pdu.OpTextResponse {
					keys, _ := o.PDU.Keys()
					n := 0
					for _, kv := range keys {
						if kv.Key == "TargetName" {
							n++
						}
					}
					t.Want(n == 0, "no list of targets", "%d targets", n)
				}
			},
		},
	}
}
