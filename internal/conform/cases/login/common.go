package login

import (
	"strings"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// row is a case of a table: what differs from its neighbours.
type row struct {
	title string
	run   func(t *conform.T)
}

// table makes the cases of one rule; its ID, rule and the rest are those of like.
func table(like conform.Case, rows []row) (all []conform.Case) {
	for i, r := range rows {
		c := like
		c.ID, c.Title, c.Run = like.ID+conform.Letters(i), r.title, r.run
		all = append(all, c)
	}
	return all
}

var loginGroup = []conform.Group{conform.Login}

// good fails the case unless the login goes on.
func good(t *conform.T, a *conform.Answer) {
	t.Want(a.Status() == pdu.LoginSuccess, "a Login Response with status 0x0000", "status 0x%04x", uint16(a.Status()))
}

// refused expects that the login is refused, with one of the statuses if there are any, and that the connection ends.
func refused(t *conform.T, c *conform.Conn, due string, statuses ...pdu.LoginStatus) {
	o := c.Outcome()
	if o.Closed && len(statuses) == 0 {
		return
	}
	t.Want(o.PDU != nil && o.PDU.Opcode() == pdu.OpLoginResponse, due, "%v", o)
	s := o.PDU.Login().Status()
	fits := s.Class() != 0
	if len(statuses) > 0 {
		fits = false
		for _, want := range statuses {
			fits = fits || s == want
		}
	}
	t.Want(fits, due, "status 0x%04x", uint16(s))
	c.Ended("the connection's end after a refused login (RFC 7143, 11.13.5)")
}

// started returns a connection whose first Login Request was answered, in LoginOperationalNegotiation. On targets that demand CHAP
// it is the last request of SecurityNegotiation.
func started(t *conform.T) *conform.Conn {
	c, first := t.Secure()
	if first != nil {
		good(t, c.Exchange(c.Request(conform.Operational, conform.Operational), first...))
	}
	return c
}

// short makes a value fit for a title.
func short(s string) string {
	if s == "" {
		return "nothing"
	}
	if len(s) > 24 {
		s = s[:24] + "..."
	}
	return strings.ReplaceAll(s, "\x00", "\\0")
}

// method is the AuthMethod that the target takes.
func method(t *conform.T) string {
	if t.Target.Grants.Open {
		return "None"
	}
	return "CHAP"
}
