package login

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// declared are the keys of a target's that need no answer (RFC 7143, 13).
var declared = map[string]bool{
	"TargetAlias": true, "TargetPortalGroupTag": true, "TargetAddress": true, "MaxRecvDataSegmentLength": true, "X#NodeArchitecture": true,
}

// transition is a Login Request that asks for a next stage.
type transition struct {
	csg, nsg pdu.Stage
}

// stages are the cases of stages and of the T bit.
func stages() (all []conform.Case) {
	var first, later, still []row
	for _, x := range []transition{{0, 0}, {1, 0}, {1, 1}, {0, 2}, {1, 2}} {
		first = append(first, row{fmt.Sprintf("from stage %d to %d in the first request", x.csg, x.nsg), func(t *conform.T) {
			c := t.Dial()
			illegal(t, c, x, t.Who())
		}})
	}
	for _, x := range []transition{{1, 0}, {1, 1}, {1, 2}} {
		later = append(later, row{fmt.Sprintf("from stage %d to %d in a later request", x.csg, x.nsg), func(t *conform.T) {
			illegal(t, started(t), x, nil)
		}})
	}
	for _, x := range []transition{{2, 3}, {3, 3}, {2, 1}} {
		first = append(first, row{fmt.Sprintf("a first request of stage %d", x.csg), func(t *conform.T) {
			c := t.Dial()
			l := c.Request(x.csg, x.nsg)
			l.Transit, l.NSG = true, x.nsg
			c.SendLogin(l, t.Who()...)
			refused(t, c, "a refused login")
		}})
	}
	for nsg := pdu.Stage(0); nsg < 4; nsg++ {
		still = append(still, row{fmt.Sprintf("NSG %d without the T bit", nsg), func(t *conform.T) {
			c, keys := t.Secure()
			l := c.Request(conform.Operational, conform.Operational)
			l.NSG = nsg
			a := c.Exchange(l, keys...)
			good(t, a)
			t.Want(!a.Transit(), "a response without the T bit", "one with it, NSG %d", a.NSG())
		}})
	}
	all = table(conform.Case{ID: "rfc7143/6.3/0", Groups: loginGroup, Also: []string{"rfc7143/6.3/4"},
		Rule: "Stages go from security to operational negotiation or full feature phase, and from operational to full feature; reserved stages are errors."},
		append(first, later...))
	all = append(all, table(conform.Case{ID: "rfc7143/11.13.6/2", Groups: loginGroup, Also: []string{"rfc7143/11.12.3/0"},
		Rule: "NSG means nothing without the T bit, and the target never sets T in answer to a request without it."}, still)...)
	return append(all, stageCases()...)
}

// illegal sends a request for a transition that is not in the table of 6.3. A target may stay where it is.
func illegal(t *conform.T, c *conform.Conn, x transition, keys []string) {
	l := c.Request(x.csg, x.csg)
	l.Transit, l.NSG = true, x.nsg
	c.SendLogin(l, keys...)
	o := c.Outcome()
	t.Want(o.PDU != nil || o.Closed, "an answer", "%v", o)
	if o.PDU == nil || o.PDU.Opcode() != pdu.OpLoginResponse || o.PDU.Login().Status() != pdu.LoginSuccess {
		return
	}
	t.Want(!o.PDU.Login().Transit(), "a refused login, or a response without the T bit", "a transition to stage %d", o.PDU.Login().NSG())
}

func stageCases() []conform.Case {
	return []conform.Case{
		{
			ID: "rfc7143/6.3/7", Title: "security to operational stage", Needs: conform.Open, Groups: loginGroup,
			Rule: "The stage that the target selects is not beyond the one that the initiator asked for.",
			Run: func(t *conform.T) {
				c := t.Dial()
				a := c.Exchange(c.Request(conform.Security, conform.Operational), t.Who("AuthMethod", "None")...)
				good(t, a)
				t.Want(a.CSG() == conform.Security, "CSG 0, the request's", "CSG %d", a.CSG())
				t.Want(!a.Transit() || a.NSG() == conform.Operational, "NSG 1", "NSG %d", a.NSG())
			},
		},
		{
			ID: "rfc7143/6.3/7a", Title: "security to full feature phase", Needs: conform.Open, Groups: loginGroup, Also: []string{"rfc7143/6.3.2/3"},
			Rule: "From SecurityNegotiation the target goes on to operational negotiation or full feature phase.",
			Run: func(t *conform.T) {
				c := t.Dial()
				a := c.Exchange(c.Request(conform.Security, conform.FullFeature), t.Who("AuthMethod", "None")...)
				good(t, a)
				t.Want(!a.Transit() || a.NSG() == conform.Operational || a.NSG() == conform.FullFeature, "NSG 1 or 3", "NSG %d", a.NSG())
				if a.Transit() && a.NSG() == conform.FullFeature {
					t.Want(a.TSIH() != 0, "a TSIH with the final response (6.3.2)", "TSIH 0")
				}
			},
		},
		{
			ID: "rfc7143/6.3/5", Title: "SecurityNegotiation after LoginOperationalNegotiation", Groups: loginGroup,
			Rule: "SecurityNegotiation comes before LoginOperationalNegotiation, never after it.",
			Run: func(t *conform.T) {
				c := started(t)
				if t.Target.User != "" {
					good(t, c.Exchange(c.Request(conform.Operational, conform.Operational), "MaxConnections", "1"))
				}
				c.SendLogin(c.Request(conform.Security, conform.Security), "AuthMethod", "None")
				refused(t, c, "a refused login")
			},
		},
		{
			ID: "rfc7143/6.3/9", Title: "the final response", Groups: loginGroup, Also: []string{"rfc7143/11.13.3/1"},
			Rule: "The final response has the T bit and NSG FullFeaturePhase like its request, and the TSIH of the new session.",
			Run: func(t *conform.T) {
				_, a := t.Negotiate()
				good(t, a)
				if !a.Transit() {
					t.Skip("the target wants more requests")
				}
				t.Want(a.NSG() == conform.FullFeature && a.TSIH() != 0, "NSG 3 and a TSIH", "NSG %d, TSIH %d", a.NSG(), a.TSIH())
			},
		},
		{
			ID: "rfc7143/6.3/8", Title: "the keys of a response with the T bit", Groups: loginGroup,
			Rule: "A Login Response with the T bit offers nothing that the initiator would have to answer: declarations are all that it adds.",
			Run: func(t *conform.T) {
				_, a := t.Negotiate()
				good(t, a)
				for _, kv := range a.Keys {
					t.Want(!a.Transit() || declared[kv.Key], "declarations only", "%s=%s, which nobody offered", kv.Key, kv.Value)
				}
			},
		},
		{
			ID: "rfc7143/6.3.2/1", Title: "AuthMethod=None,CHAP where neither is demanded", Groups: loginGroup, Needs: conform.Open,
			Rule: "The target answers with the first method of the list that it supports and may use for the initiator.",
			Run: func(t *conform.T) {
				c := t.Dial()
				a := c.Exchange(c.Request(conform.Security, conform.Security), t.Who("AuthMethod", "None,CHAP")...)
				good(t, a)
				t.Want(a.Value("AuthMethod") == "None", "AuthMethod=None", "AuthMethod=%s", a.Value("AuthMethod"))
			},
		},
		{
			ID: "rfc7143/6.3.2/2", Title: "an AuthMethod that nobody supports", Groups: loginGroup, Also: []string{"rfc7143/6.2.1/3"},
			Rule: "A target that supports no method of the list answers Reject, or ends the negotiation.",
			Run: func(t *conform.T) {
				c := t.Dial()
				a := c.Exchange(c.Request(conform.Security, conform.Security), t.Who("AuthMethod", "Z-com.example.ringtgt")...)
				if a.Status() != pdu.LoginSuccess {
					c.Ended("the connection's end after a refused login (RFC 7143, 11.13.5)")
					return
				}
				t.Want(a.Value("AuthMethod") == "Reject", "AuthMethod=Reject, or a refused login", "AuthMethod=%s", a.Value("AuthMethod"))
			},
		},
		{
			ID: "rfc7143/11.13.3/1a", Title: "the TSIH of a response that is not the final one", Groups: loginGroup,
			Rule: "A new session's TSIH comes with the final response only; before that the field is the request's: 0.",
			Run: func(t *conform.T) {
				c, keys := t.Secure()
				a := c.Exchange(c.Request(conform.Operational, conform.Operational), keys...)
				good(t, a)
				t.Want(a.TSIH() == 0, "TSIH 0", "TSIH %d", a.TSIH())
			},
		},
	}
}
