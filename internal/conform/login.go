package conform

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// Stages of a login, for short.
const (
	Security    = pdu.StageSecurityNegotiation
	Operational = pdu.StageLoginOperationalNegotiation
	FullFeature = pdu.StageFullFeaturePhase
)

// Answer is a Login Response, or several that the C bit joins, with its keys.
type Answer struct {
	*pdu.LoginResponse
	Keys []pdu.KeyValue
}

// Value returns the value of a key, "" if it is not there.
func (a *Answer) Value(key string) string {
	for _, kv := range a.Keys {
		if kv.Key == key {
			return kv.Value
		}
	}
	return ""
}

// Has reports whether the target says anything about a key.
func (a *Answer) Has(key string) bool {
	for _, kv := range a.Keys {
		if kv.Key == key {
			return true
		}
	}
	return false
}

// Who returns the keys that the first request of a login needs (RFC 7143, 13.4, 13.5, 13.21), with more in place of theirs; an empty
// value takes a key out.
func (t *T) Who(more ...string) []string {
	return override([]string{"InitiatorName", t.Target.Initiator, "SessionType", "Normal", "TargetName", t.Target.Name}, more...)
}

// Request returns a Login Request of this connection, to be changed by the case. nsg other than csg asks for it with the T bit.
func (c *Conn) Request(csg, nsg pdu.Stage) rawclient.Login {
	s := c.Session
	l := rawclient.Login{CSG: csg, ISID: s.ISID, TSIH: s.TSIH, CID: c.CID, ITT: 1, CmdSN: s.CmdSN, ExpStatSN: c.ExpStatSN}
	if nsg != csg {
		l.NSG, l.Transit = nsg, true
	}
	return l
}

// SendLogin sends a Login Request with keys and values, which alternate.
func (c *Conn) SendLogin(l rawclient.Login, keys ...string) {
	c.Send(l.Header(), rawclient.Text(keys...))
}

// RecvLogin returns the answer to a Login Request. Any other outcome fails the case.
func (c *Conn) RecvLogin(due string) *Answer {
	p := c.Expect(pdu.OpLoginResponse, due)
	a := &Answer{LoginResponse: p.Login()}
	text := p.Data
	for round := 0; a.Continue(); round++ {
		c.t.Want(round < maxRounds && !a.Transit(), "a Login Response without the C bit at last (RFC 7143, 11.13.6)", "one with the C bit after %d", round)
		c.SendLogin(c.Request(a.CSG(), a.CSG()))
		p = c.Expect(pdu.OpLoginResponse, due)
		a.LoginResponse, text = p.Login(), append(text, p.Data...)
	}
	var err error
	if a.Keys, err = pdu.ParseText(text, maxKeys); err != nil {
		c.t.Fail("well-formed keys (RFC 7143, 6.1)", "%v in %q", err, text)
	}
	return a
}

// Exchange sends a Login Request and returns its answer.
func (c *Conn) Exchange(l rawclient.Login, keys ...string) *Answer {
	c.SendLogin(l, keys...)
	return c.RecvLogin("a Login Response")
}

// Secure returns a new connection that is past SecurityNegotiation, with CHAP if the user gave a name: what follows is a request in
// LoginOperationalNegotiation. Its session is a normal one unless who says otherwise. If the target can be logged in to without
// CHAP, nothing has been sent; first are the keys that the next request has to begin with.
func (t *T) Secure(who ...string) (c *Conn, first []string) {
	c = t.Dial()
	return c, t.secure(c, who)
}

func (t *T) secure(c *Conn, who []string) (first []string) {
	all := t.Who(who...)
	if t.Target.User == "" {
		return all
	}
	if err := c.authenticate(all); err != nil {
		t.broken("login: %v", err)
	}
	return nil
}

// Negotiate sends keys in one request of LoginOperationalNegotiation that asks for full feature phase, on a new connection that is
// past SecurityNegotiation, and returns the answer.
func (t *T) Negotiate(keys ...string) (*Conn, *Answer) {
	c, first := t.Secure()
	return c, c.Exchange(c.Request(Operational, FullFeature), append(first, keys...)...)
}

// LogIn makes a session and returns its last connection; with --connections 1 that is the only one. keys replace what is offered by
// default; an empty value takes a key out. MaxConnections among keys sets nothing but the key: the session has one connection
// then. A login that fails ends the case with an error.
func (t *T) LogIn(keys ...string) *Conn {
	conns := max(t.variant.Connections, 1)
	for i := 0; i < len(keys); i += 2 {
		if keys[i] == "MaxConnections" || keys[i] == "SessionType" {
			conns = 1
		}
	}
	c := t.lead(keys)
	for i := 1; i < min(conns, c.Session.Params.Number("MaxConnections")); i++ {
		c = c.Session.Conns[0].Join(keys...)
	}
	return c
}

func (t *T) lead(keys []string) *Conn {
	c := t.Dial()
	who, offer := split(keys)
	first := t.secure(c, who)
	all := override(t.variant.keys(), offer...)
	if t.discovery(who) {
		all = override([]string{"MaxRecvDataSegmentLength", fmt.Sprint(ourDataSegment)}, offer...)
	}
	t.operational(c, append(first, all...))
	return c
}

func (t *T) discovery(who []string) bool {
	for i := 0; i+1 < len(who); i += 2 {
		if who[i] == "SessionType" && who[i+1] == "Discovery" {
			return true
		}
	}
	return false
}

// split parts the keys that say who logs in from those that are negotiated.
func split(keys []string) (who, offer []string) {
	for i := 0; i+1 < len(keys); i += 2 {
		switch keys[i] {
		case "InitiatorName", "SessionType", "TargetName", "InitiatorAlias":
			who = append(who, keys[i], keys[i+1])
		default:
			offer = append(offer, keys[i], keys[i+1])
		}
	}
	return who, offer
}

// Join adds a connection to the session, with the next CID. keys replace the connection's own keys.
func (c *Conn) Join(keys ...string) *Conn {
	t, s := c.t, c.Session
	n := t.Dial()
	n.Session, n.CID = s, uint16(len(s.Conns))
	who, own := split(keys)
	first := t.secure(n, who)
	var offer []string
	all := override(t.variant.keys(), own...)
	for i := 0; i < len(all); i += 2 {
		if !leadingOnly[all[i]] {
			offer = append(offer, all[i], all[i+1])
		}
	}
	t.operational(n, append(first, offer...))
	return n
}

// operational ends the login of c with the keys of text.
func (t *T) operational(c *Conn, keys []string) {
	for round := 0; ; round++ {
		a := c.Exchange(c.Request(Operational, FullFeature), keys...)
		if s := a.Status(); s != pdu.LoginSuccess {
			t.broken("login: status 0x%04x", uint16(s))
		}
		c.Session.Params.take(a.Keys)
		if a.Transit() && a.NSG() == FullFeature {
			c.begin(a, keys)
			return
		}
		if round == maxRounds {
			t.broken("login: the target does not go to full feature phase in %d requests", round)
		}
		keys = c.refuse(a, keys)
	}
}

// refuse answers what the target offers by itself and we do not know.
func (c *Conn) refuse(a *Answer, offered []string) (keys []string) {
	known := defaults()
	for _, kv := range a.Keys {
		if known[kv.Key] == "" && kv.Key != "TargetPortalGroupTag" && kv.Key != "TargetAlias" && kv.Key != "TargetAddress" {
			keys = append(keys, kv.Key, "NotUnderstood")
		}
	}
	return keys
}

// begin is the first moment of full feature phase.
func (c *Conn) begin(a *Answer, offered []string) {
	s := c.Session
	s.TSIH = a.TSIH()
	s.Conns = append(s.Conns, c)
	c.Digests = rawclient.Digests{Header: a.Value("HeaderDigest") == "CRC32C", Data: a.Value("DataDigest") == "CRC32C"}
	for i := 0; i+1 < len(offered); i += 2 {
		if offered[i] == "MaxRecvDataSegmentLength" {
			c.MaxRecv = Params{"n": offered[i+1]}.Number("n")
		}
	}
	if len(s.Conns) == 1 {
		s.CmdSN = a.ExpCmdSN()
	}
}
