package login

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

var chapGroup = []conform.Group{conform.Login, conform.CHAP}

// proof is the right answer to a challenge.
func proof(t *conform.T, ch conform.Challenge) []byte {
	return conform.CHAPResponse(ch.Algorithm, ch.ID, t.Target.Secret, ch.Bytes)
}

// answer makes a case that answers the challenge with keys, and expects one of the statuses, or success without any.
func answer(title string, make func(t *conform.T, ch conform.Challenge) []string, statuses ...pdu.LoginStatus) row {
	return row{title, func(t *conform.T) {
		c, ch := t.Challenged("5")
		c.SendLogin(c.Request(conform.Security, conform.Operational), make(t, ch)...)
		if len(statuses) > 0 {
			refused(t, c, "a refused login", statuses...)
			return
		}
		a := c.RecvLogin("a Login Response")
		good(t, a)
		t.Want(a.Transit() && a.NSG() == conform.Operational, "the transition to stage 1", "T=%v, NSG %d", a.Transit(), a.NSG())
	}}
}

// chap are the cases of CHAP (12.1.3, 9.2.1).
func chap() (all []conform.Case) {
	all = append(all, algorithms()...)
	all = append(all, responses()...)
	all = append(all, steps()...)
	return append(all, mutual()...)
}

func algorithms() []conform.Case {
	var rows []row
	for _, list := range []string{"5", "6", "7", "8", "7,5", "5,7", "8,7,6,5", "99,5", "0,5", "0x5", "99", "256", "0", "MD5"} {
		rows = append(rows, row{"CHAP_A=" + list, func(t *conform.T) {
			c := t.Dial()
			a := c.Exchange(c.Request(conform.Security, conform.Security), t.Who("AuthMethod", "CHAP")...)
			good(t, a)
			t.Want(a.Value("AuthMethod") == "CHAP", "AuthMethod=CHAP", "AuthMethod=%s", a.Value("AuthMethod"))
			a = c.Exchange(c.Request(conform.Security, conform.Security), "CHAP_A", list)
			if s := a.Status(); s != pdu.LoginSuccess {
				malformed := list == "MD5" || list == "256" // no numbers of algorithms: keys that do not fit the step (9.2)
				fits := s == pdu.LoginAuthenticationFailure || s == pdu.LoginInitiatorError && malformed
				t.Want(fits, "status 0x0201, authentication failure", "status 0x%04x", uint16(s))
				c.Ended("the connection's end after a refused login (RFC 7143, 11.13.5)")
				return
			}
			one := false
			for _, item := range strings.Split(list, ",") {
				offered, err1 := pdu.ParseNumber(item, 0, 255)
				got, err2 := pdu.ParseNumber(a.Value("CHAP_A"), 0, 255)
				one = one || err1 == nil && err2 == nil && offered == got && got >= 5 && got <= 8
			}
			t.Want(one, "one of the algorithms offered, or status 0x0201", "CHAP_A=%s", a.Value("CHAP_A"))
			_, err := pdu.ParseNumber(a.Value("CHAP_I"), 0, 255)
			t.Want(err == nil, "CHAP_I from 0 to 255", "CHAP_I=%s", a.Value("CHAP_I"))
			b, err := pdu.DecodeBinary(a.Value("CHAP_C"), 1024)
			t.Want(err == nil && len(b) > 0, "CHAP_C of 1 to 1024 bytes", "CHAP_C=%s", short(a.Value("CHAP_C")))
		}})
	}
	return append(table(conform.Case{ID: "rfc7143/12.1.3/2", Groups: chapGroup, Needs: conform.Credentials, Also: []string{"rfc7143/12.1.3/7", "rfc7143/6.1/3"},
		Rule: "CHAP_A is answered with one of its algorithms, CHAP_I and CHAP_C, or with authentication failure."}, rows),
		conform.Case{ID: "rfc7143/12.1.3/0", Title: "two challenges", Groups: chapGroup, Needs: conform.Credentials,
			Rule: "Each challenge is new (RFC 1994, 2.3).",
			Run: func(t *conform.T) {
				_, a := t.Challenged("5")
				_, b := t.Challenged("5")
				t.Want(string(a.Bytes) != string(b.Bytes), "two challenges", "the same twice: %x", a.Bytes)
			}})
}

func responses() []conform.Case {
	with := func(change func(r []byte) string) func(t *conform.T, ch conform.Challenge) []string {
		return func(t *conform.T, ch conform.Challenge) []string {
			return []string{"CHAP_N", t.Target.User, "CHAP_R", change(proof(t, ch))}
		}
	}
	fail, wrong := pdu.LoginAuthenticationFailure, pdu.LoginInitiatorError
	right := table(conform.Case{ID: "rfc7143/12.1/3", Groups: chapGroup, Needs: conform.Credentials,
		Rule: "A right response, in any encoding of a binary value, authenticates the initiator."}, []row{
		answer("CHAP_R in hexadecimal", with(pdu.EncodeHex)),
		answer("CHAP_R in capital hexadecimal", with(func(r []byte) string { return "0X" + strings.ToUpper(fmt.Sprintf("%x", r)) })),
		answer("CHAP_R in base64", with(func(r []byte) string { return "0b" + base64.StdEncoding.EncodeToString(r) })),
		answer("CHAP_R in base64 with a capital prefix", with(func(r []byte) string { return "0B" + base64.StdEncoding.EncodeToString(r) })),
	})
	return append(right, table(conform.Case{ID: "rfc7143/12.1.3/4", Groups: chapGroup, Needs: conform.Credentials, Also: []string{"rfc7143/9.2/4"},
		Rule: "A wrong name or response is refused with authentication failure, a malformed one may be an initiator error."}, []row{
		answer("a wrong response", with(func(r []byte) string { r[0] ^= 1; return pdu.EncodeHex(r) }), fail),
		answer("a response of another secret", func(t *conform.T, ch conform.Challenge) []string {
			return []string{"CHAP_N", t.Target.User, "CHAP_R", pdu.EncodeHex(conform.CHAPResponse("5", ch.ID, t.Target.Secret+"x", ch.Bytes))}
		}, fail),
		answer("a response for another identifier", func(t *conform.T, ch conform.Challenge) []string {
			return []string{"CHAP_N", t.Target.User, "CHAP_R", pdu.EncodeHex(conform.CHAPResponse("5", ch.ID+1, t.Target.Secret, ch.Bytes))}
		}, fail),
		answer("a response that is a byte short", with(func(r []byte) string { return pdu.EncodeHex(r[:15]) }), fail, wrong),
		answer("a response that is a byte long", with(func(r []byte) string { return pdu.EncodeHex(append(r, 0)) }), fail, wrong),
		answer("a response of one byte", with(func(r []byte) string { return pdu.EncodeHex(r[:1]) }), fail, wrong),
		answer("a response of 1024 bytes", with(func(r []byte) string { return pdu.EncodeHex(append(r, make([]byte, 1008)...)) }), fail, wrong),
		answer("an empty response", with(func([]byte) string { return "0x" }), fail, wrong),
		answer("a response that is not a binary value", with(func([]byte) string { return "secret" }), fail, wrong),
		answer("another name with the right response", func(t *conform.T, ch conform.Challenge) []string {
			return []string{"CHAP_N", t.Target.User + "x", "CHAP_R", pdu.EncodeHex(proof(t, ch))}
		}, fail),
		answer("an empty name with the right response", func(t *conform.T, ch conform.Challenge) []string {
			return []string{"CHAP_N", "", "CHAP_R", pdu.EncodeHex(proof(t, ch))}
		}, fail, wrong, pdu.LoginMissingParameter),
		{"the response of an earlier login", func(t *conform.T) {
			_, old := t.Challenged("5")
			c, ch := t.Challenged("5")
			if old.ID == ch.ID && string(old.Bytes) == string(ch.Bytes) {
				t.Fail("another challenge", "the same twice")
			}
			c.SendLogin(c.Request(conform.Security, conform.Operational), "CHAP_N", t.Target.User, "CHAP_R", pdu.EncodeHex(proof(t, old)))
			refused(t, c, "status 0x0201, authentication failure", fail)
		}},
	})...)
}

// steps are keys that do not belong to the step, and logins that leave CHAP out.
func steps() []conform.Case {
	wrong, missing := pdu.LoginInitiatorError, pdu.LoginMissingParameter
	all := table(conform.Case{ID: "rfc7143/9.2/3", Groups: chapGroup, Needs: conform.Credentials,
		Rule: "Keys or values that are not those of the step get a Login reject, initiator error or missing parameter."}, []row{
		answer("no CHAP_R", func(t *conform.T, _ conform.Challenge) []string { return []string{"CHAP_N", t.Target.User} }, wrong, missing),
		answer("no CHAP_N", func(t *conform.T, ch conform.Challenge) []string {
			return []string{"CHAP_R", pdu.EncodeHex(proof(t, ch))}
		}, wrong, missing),
		answer("neither CHAP_N nor CHAP_R, but a challenge", func(_ *conform.T, ch conform.Challenge) []string {
			return []string{"CHAP_I", "1", "CHAP_C", pdu.EncodeHex(ch.Bytes)}
		}, wrong, missing),
		answer("CHAP_A once more", func(*conform.T, conform.Challenge) []string { return []string{"CHAP_A", "5"} }, wrong, missing),
		{"CHAP_N and CHAP_R in place of CHAP_A", func(t *conform.T) {
			c := t.Dial()
			good(t, c.Exchange(c.Request(conform.Security, conform.Security), t.Who("AuthMethod", "CHAP")...))
			c.SendLogin(c.Request(conform.Security, conform.Security), "CHAP_N", t.Target.User, "CHAP_R", "0x00112233445566778899aabbccddeeff")
			refused(t, c, "status 0x0200, initiator error, or 0x0207, missing parameter", wrong, missing)
		}},
	})
	past := func(id, title string, first func(c *conform.Conn, t *conform.T)) conform.Case {
		return conform.Case{ID: id, Title: title, Groups: chapGroup, Needs: conform.Credentials,
			Rule: "Where CHAP is demanded, no login gets past it without it; the target says so in a Login Response.",
			Run: func(t *conform.T) {
				if t.Target.Grants.Open {
					t.Skip("the target can be logged in to without CHAP")
				}
				c := t.Dial()
				first(c, t)
				o := c.Outcome()
				t.Want(o.PDU != nil && o.PDU.Opcode() == pdu.OpLoginResponse, "a Login Response", "%v", o)
				if o.PDU.Login().Status() == pdu.LoginSuccess {
					t.Want(!o.PDU.Login().Transit(), "a refused login, or no transition", "a transition to stage %d", o.PDU.Login().NSG())
				}
			}}
	}
	methods := func(list string) func(c *conform.Conn, t *conform.T) {
		return func(c *conform.Conn, t *conform.T) {
			c.SendLogin(c.Request(conform.Security, conform.FullFeature), t.Who("AuthMethod", list)...)
		}
	}
	all = append(all, choice())
	return append(all,
		past("rfc7143/6.3.2/4a", "AuthMethod=None where CHAP is demanded", methods("None")),
		past("rfc7143/6.3.2/4b", "AuthMethod=None,CHAP where CHAP is demanded", methods("None,CHAP")),
		past("rfc7143/6.3.2/4c", "AuthMethod=KRB5 where CHAP is demanded", methods("KRB5")),
		past("rfc7143/6.3.2/4d", "no AuthMethod where CHAP is demanded", methods("")),
		past("rfc7143/6.3.2/4e", "LoginOperationalNegotiation where CHAP is demanded", func(c *conform.Conn, t *conform.T) {
			c.SendLogin(c.Request(conform.Operational, conform.FullFeature), t.Who()...)
		}),
		past("rfc7143/6.3.2/4f", "LoginOperationalNegotiation after AuthMethod=CHAP", func(c *conform.Conn, t *conform.T) {
			good(t, c.Exchange(c.Request(conform.Security, conform.Security), t.Who("AuthMethod", "CHAP")...))
			c.SendLogin(c.Request(conform.Operational, conform.FullFeature), "MaxConnections", "1")
		}),
		past("rfc7143/6.3.2/4g", "the T bit with CHAP_A", func(c *conform.Conn, t *conform.T) {
			good(t, c.Exchange(c.Request(conform.Security, conform.Security), t.Who("AuthMethod", "CHAP")...))
			c.SendLogin(c.Request(conform.Security, conform.FullFeature), "CHAP_A", "5")
		}),
		past("rfc7143/6.3.2/4h", "CHAP_N and CHAP_R before any challenge", func(c *conform.Conn, t *conform.T) {
			good(t, c.Exchange(c.Request(conform.Security, conform.Security), t.Who("AuthMethod", "CHAP")...))
			c.SendLogin(c.Request(conform.Security, conform.FullFeature), "CHAP_N", t.Target.User, "CHAP_R", "0x00112233445566778899aabbccddeeff")
		}))
}

// choice is the case of CHAP as the first choice of a list.
func choice() conform.Case {
	return conform.Case{
		ID: "rfc7143/6.3.2/1b", Title: "AuthMethod=KRB5,CHAP,None", Groups: chapGroup, Needs: conform.Credentials,
		Rule: "The target answers with the first method of the list that it supports and may use for the initiator.",
		Run: func(t *conform.T) {
			c := t.Dial()
			a := c.Exchange(c.Request(conform.Security, conform.Security), t.Who("AuthMethod", "KRB5,CHAP,None")...)
			good(t, a)
			t.Want(a.Value("AuthMethod") == "CHAP" || a.Value("AuthMethod") == "KRB5", "AuthMethod=CHAP", "AuthMethod=%s", a.Value("AuthMethod"))
		},
	}
}

func mutual() []conform.Case {
	try := func(challenge, id string, statuses ...pdu.LoginStatus) func(t *conform.T) {
		return func(t *conform.T) {
			c, ch := t.Challenged("5")
			keys := []string{"CHAP_N", t.Target.User, "CHAP_R", pdu.EncodeHex(proof(t, ch))}
			if id != "" {
				keys = append(keys, "CHAP_I", id)
			}
			if challenge != "" {
				keys = append(keys, "CHAP_C", challenge)
			}
			c.SendLogin(c.Request(conform.Security, conform.Operational), keys...)
			if len(statuses) > 0 {
				refused(t, c, "a refused login", statuses...)
				return
			}
			a := c.RecvLogin("a Login Response")
			good(t, a)
			n, _ := pdu.ParseNumber(id, 0, 255)
			ours, _ := pdu.DecodeBinary(challenge, 1024)
			got, err := pdu.DecodeBinary(a.Value("CHAP_R"), 1024)
			want := conform.CHAPResponse("5", byte(n), t.Target.MutualSecret, ours)
			t.Want(err == nil && string(got) == string(want), "the response of the target's secret", "CHAP_R=%s", a.Value("CHAP_R"))
			t.Want(a.Has("CHAP_N"), "CHAP_N with CHAP_R", "none")
		}
	}
	bytes := func(n int) string { return "0x" + strings.Repeat("a5", n) }
	wrong, missing := pdu.LoginInitiatorError, pdu.LoginMissingParameter
	var rows []row
	for _, n := range []int{1, 16, 255, 1024} {
		rows = append(rows, row{"a challenge of " + strconv.Itoa(n) + " bytes", try(bytes(n), "7")})
	}
	for _, id := range []string{"0", "255", "0xff"} {
		rows = append(rows, row{"the identifier " + id, try(bytes(16), id)})
	}
	rows = append(rows, row{"a challenge in base64", try("0b"+base64.StdEncoding.EncodeToString([]byte("an initiator's challenge")), "1")})
	all := table(conform.Case{ID: "rfc7143/12.1.3/5", Groups: chapGroup, Needs: conform.Mutual, Also: []string{"rfc7143/9.2.1/1"},
		Rule: "An initiator that sends a challenge gets CHAP_N and CHAP_R of the target's secret."}, rows)
	all = append(all, table(conform.Case{ID: "rfc7143/9.2/3mutual", Groups: chapGroup, Needs: conform.Mutual,
		Rule: "A challenge that is not as the step says gets a Login reject, initiator error or missing parameter."}, []row{
		{"a challenge without an identifier", try(bytes(16), "", wrong, missing)},
		{"an identifier without a challenge", try("", "1", wrong, missing)},
		{"an identifier above 255", try(bytes(16), "256", wrong)},
		{"an identifier that is no number", try(bytes(16), "x", wrong)},
		{"a challenge of 1025 bytes", try(bytes(1025), "1", wrong)},
		{"a challenge that is not a binary value", try("challenge", "1", wrong)},
	})...)
	return append(all, conform.Case{
		ID: "rfc7143/9.2.1/10", Title: "a response made with the target's own secret", Groups: chapGroup, Needs: conform.Mutual,
		Rule: "A response that the target itself would have made fails to authenticate, and the connection closes.",
		Run: func(t *conform.T) {
			c, ch := t.Challenged("5")
			c.SendLogin(c.Request(conform.Security, conform.Operational), "CHAP_N", t.Target.User,
				"CHAP_R", pdu.EncodeHex(conform.CHAPResponse(ch.Algorithm, ch.ID, t.Target.MutualSecret, ch.Bytes)))
			refused(t, c, "the connection's end, with or without a refused login")
		},
	}, conform.Case{
		ID: "rfc7143/9.2.1/13", Title: "the target's own challenge sent back", Groups: chapGroup, Needs: conform.Mutual,
		Rule: "A target whose own challenge comes back closes the connection.",
		Run: func(t *conform.T) {
			c, ch := t.Challenged("5")
			c.SendLogin(c.Request(conform.Security, conform.Operational), "CHAP_N", t.Target.User, "CHAP_R", pdu.EncodeHex(proof(t, ch)),
				"CHAP_I", "1", "CHAP_C", pdu.EncodeHex(ch.Bytes))
			refused(t, c, "the connection's end, with or without a refused login")
		},
	})
}
