package login

import (
	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// first are the cases of what comes before, or instead of, a first Login Request.
func first() []conform.Case {
	return []conform.Case{
		{
			ID: "rfc7143/6.3/1", Title: "NOP-Out instead of a first Login Request",
			Rule:   "A target that receives anything but a Login Request on a new connection terminates the connection at once.",
			Groups: []conform.Group{conform.Login, conform.Robustness},
			Run: func(t *conform.T) {
				c := t.Dial()
				c.Send(rawclient.Request(pdu.OpNOPOut, 1, 1, 0), nil)
				c.Closed("the connection's end, and no answer")
			},
		},
		{
			ID: "rfc7143/11.12/1", Title: "a first Login Request without InitiatorName",
			Rule:   "The first Login Request has InitiatorName; without it the login is refused with status 0x0207, missing parameter.",
			Groups: []conform.Group{conform.Login},
			Run: func(t *conform.T) {
				c := t.Dial()
				a := c.Exchange(c.Request(conform.Operational, conform.FullFeature), t.Who("InitiatorName", "")...)
				t.Want(a.Status() == pdu.LoginMissingParameter, "status 0x0207, missing parameter", "status 0x%04x", uint16(a.Status()))
				c.Ended("the connection's end after a refused login (RFC 7143, 11.13.5)")
			},
		},
	}
}
