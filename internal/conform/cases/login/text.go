package login

import (
	"fmt"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// text are the cases of the form of keys, and of the C bit.
func text() (all []conform.Case) {
	all = append(all, continued()...)
	all = append(all, long()...)
	return append(all, malformed()...)
}

// inPieces logs in with the text cut at the given places, and returns the answer to the last piece.
func inPieces(t *conform.T, c *conform.Conn, text []byte, cuts ...int) *conform.Answer {
	from := 0
	for _, cut := range cuts {
		l := c.Request(conform.Operational, conform.Operational)
		l.Continue = true
		c.Send(l.Header(), text[from:cut])
		p := c.Expect(pdu.OpLoginResponse, "a Login Response without data")
		t.Want(p.Login().Status() == pdu.LoginSuccess, "status 0x0000", "status 0x%04x", uint16(p.Login().Status()))
		t.Want(p.DataLen() == 0, "a Login Response without data", "%d bytes of data: %q", p.DataLen(), p.Data)
		t.Want(!p.Login().Transit(), "a Login Response without the T bit", "one with it")
		from = cut
	}
	c.Send(c.Request(conform.Operational, conform.FullFeature).Header(), text[from:])
	a := c.RecvLogin("a Login Response")
	good(t, a)
	_, err := pdu.ParseNumber(a.Value("MaxBurstLength"), 512, 16384)
	t.Want(err == nil, "an answer to MaxBurstLength=16384", "MaxBurstLength=%s", a.Value("MaxBurstLength"))
	return a
}

func offered(first []string) []byte {
	return rawclient.Text(append(first, "MaxBurstLength", "16384", "FirstBurstLength", "8192")...)
}

func continued() []conform.Case {
	var rows []row
	for _, x := range []struct {
		name string
		at   func(text string) []int
	}{
		{"within a key", func(s string) []int { return []int{strings.Index(s, "MaxBurst") + 3} }},
		{"before an equals sign", func(s string) []int { return []int{strings.Index(s, "=16384")} }},
		{"after an equals sign", func(s string) []int { return []int{strings.Index(s, "16384")} }},
		{"within a value", func(s string) []int { return []int{strings.Index(s, "16384") + 2} }},
		{"before a null", func(s string) []int { return []int{strings.Index(s, "16384") + 5} }},
		{"after a null", func(s string) []int { return []int{strings.Index(s, "16384") + 6} }},
		{"after the first byte", func(string) []int { return []int{1} }},
		{"before the last byte", func(s string) []int { return []int{len(s) - 1} }},
		{"after the last byte", func(s string) []int { return []int{len(s)} }},
		{"in three places", func(s string) []int { return []int{len(s) / 4, len(s) / 2, len(s) - 2} }},
	} {
		rows = append(rows, row{"a login's text, cut " + x.name, func(t *conform.T) {
			c, first := t.Secure()
			text := offered(first)
			inPieces(t, c, text, x.at(string(text))...)
		}})
	}
	all := table(conform.Case{ID: "rfc7143/6.2/2", Groups: loginGroup, Also: []string{"rfc7143/11.13.6/2"},
		Rule: "A request with the C bit is answered without data and without the T bit; its text goes on in the next request."}, rows)
	return append(all, conform.Case{
		ID: "rfc7143/6.1/0", Title: "a login's text, cut at every byte in turn", Groups: loginGroup, Limit: 30 * time.Second, Needs: conform.Open,
		Rule: "A key=value pair may be cut anywhere by the end of a PDU.",
		Run: func(t *conform.T) {
			for cut := 1; ; cut++ {
				c, first := t.Secure()
				text := offered(first)
				if cut == len(text) {
					return
				}
				inPieces(t, c, text, cut)
				c.Close()
			}
		},
	})
}

func long() []conform.Case {
	return []conform.Case{
		{
			ID: "rfc7143/6.1/4", Title: "8192 bytes of keys in one negotiation", Groups: loginGroup, Needs: conform.Open,
			Rule: "At least 8192 bytes of key=value data are taken in a negotiation.",
			Run: func(t *conform.T) {
				c, first := t.Secure()
				text := offered(first)
				for i := 0; ; i++ {
					pair := rawclient.Text(fmt.Sprintf("X-com.example.%d", i), strings.Repeat("v", 200))
					if len(text)+len(pair) > 8192 {
						break
					}
					text = append(text, pair...)
				}
				inPieces(t, c, text, 4096)
			},
		},
		{
			ID: "rfc7143/11.13.7/1", Title: "an answer longer than a response", Groups: loginGroup, Needs: conform.Open, Also: []string{"rfc7143/6.2/1"},
			Rule: "A Login Response with the C bit has no T bit; the rest comes in answer to empty requests.",
			Run:  func(t *conform.T) { longAnswer(t, conform.FullFeature) },
		},
		{
			ID: "rfc7143/6.2/18", Title: "a login of six exchanges", Groups: loginGroup, Level: conform.Should,
			Rule: "A negotiation is given at least six exchanges.",
			Run: func(t *conform.T) {
				c, first := t.Secure()
				for i, kv := range offers[2:8] {
					l := c.Request(conform.Operational, conform.Operational)
					if i == 5 {
						l = c.Request(conform.Operational, conform.FullFeature)
					}
					good(t, c.Exchange(l, append(first, kv[0], kv[1])...))
					first = nil
				}
			},
		},
	}
}

// longAnswer asks for full feature phase with keys whose answer is longer than a response, and fetches the rest by requests for stage
// nsg. It returns the last response.
func longAnswer(t *conform.T, nsg pdu.Stage) *pdu.LoginResponse {
	c, first := t.Secure()
	text, sent := rawclient.Text(first...), 0
	for ; ; sent++ {
		pair := rawclient.Text(fmt.Sprintf("X-com.example.ringtgt.conform.%08d", sent), "1")
		if len(text)+len(pair) > 8192 {
			break
		}
		text = append(text, pair...)
	}
	c.Send(c.Request(conform.Operational, conform.FullFeature).Header(), text)
	var all []byte
	p := c.Expect(pdu.OpLoginResponse, "a Login Response")
	for round := 0; ; round++ {
		all = append(all, p.Data...)
		good(t, &conform.Answer{LoginResponse: p.Login()})
		if !p.Login().Continue() {
			break
		}
		t.Want(!p.Login().Transit(), "no T bit beside the C bit", "both")
		t.Want(round < 16, "an end of the answer", "none in %d responses", round)
		c.SendLogin(c.Request(conform.Operational, nsg))
		p = c.Expect(pdu.OpLoginResponse, "a Login Response")
	}
	keys, err := pdu.ParseText(all, sent+16)
	t.Want(err == nil, "well-formed keys (RFC 7143, 6.1)", "%v", err)
	got := 0
	for _, kv := range keys {
		if kv.Value == "NotUnderstood" {
			got++
		}
	}
	t.Want(got == sent, fmt.Sprintf("NotUnderstood for %d keys", sent), "for %d", got)
	return p.Login()
}

// malformed are texts that a broken initiator sends. What the target answers is its own affair; it has to live on.
func malformed() []conform.Case {
	var rows []row
	for _, x := range []struct{ name, text string }{
		{"no null at the end", "MaxBurstLength=8192"}, {"no equals sign", "MaxBurstLength\x00"}, {"an empty key", "=1\x00"},
		{"nulls only", "\x00\x00\x00\x00"}, {"a key of 64 characters", "X" + string(filled(63)) + "=1\x00"}, {"a key of 4096 characters", "X" + string(filled(4095)) + "=1\x00"},
		{"a value of 256 bytes", "X-com.example=" + string(filled(256)) + "\x00"}, {"a value of 4096 bytes", "X-com.example=" + string(filled(4096)) + "\x00"},
		{"a key in small letters", "maxBurstLength=8192\x00"}, {"bytes that are not UTF-8", "X-com.example=\xff\xfe\xc0\x00"},
		{"a space before a key", " MaxBurstLength=8192\x00"}, {"a reserved word as offer", "MaxBurstLength=NotUnderstood\x00"},
		{"two thousand keys", strings.Repeat("A=\x00", 2000)}, {"an empty InitiatorAlias", "InitiatorAlias=\x00"}, {"SendTargets in a login", "SendTargets=All\x00"},
	} {
		rows = append(rows, row{"a login with " + x.name, func(t *conform.T) {
			c, first := t.Secure()
			c.Send(c.Request(conform.Operational, conform.FullFeature).Header(), append(rawclient.Text(first...), x.text...))
			o := c.Outcome()
			t.Note("%v", o)
			c.Close()
			_, a := t.Negotiate()
			good(t, a)
		}})
	}
	return table(conform.Case{ID: "rfc7143/7.13/0", Groups: []conform.Group{conform.Login, conform.Robustness},
		Rule: "A malformed text is the connection's affair: the target takes other logins as before."}, rows)
}
