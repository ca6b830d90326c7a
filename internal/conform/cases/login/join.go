package login

import (
	"time"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// again begins a login with the ISID of c's session, past SecurityNegotiation.
func again(t *conform.T, c *conform.Conn, tsih, cid uint16) (*conform.Conn, []string) {
	n, first := t.Secure()
	if first == nil {
		t.Skip("CHAP comes first, with another ISID")
	}
	n.Session.ISID, n.Session.TSIH, n.CID, n.Session.CmdSN = c.Session.ISID, tsih, cid, c.Session.CmdSN
	return n, first
}

// dead expects that a connection which was replaced serves no more.
func dead(t *conform.T, c *conform.Conn) {
	h := c.New(pdu.OpNOPOut, true)
	c.Send(h, nil)
	o := c.OutcomeWithin(time.Second)
	t.Want(o.PDU == nil || o.PDU.ITT() != h.ITT(), "no answer on the connection that was replaced", "%v", o)
}

// joins are the cases of the table of 6.3.1.
func joins() []conform.Case {
	groups := []conform.Group{conform.Login, conform.MC}
	gone := func(title, id string, tsih func(c *conform.Conn) uint16, same bool) conform.Case {
		return conform.Case{
			ID: id, Title: title, Groups: groups, Also: []string{"rfc7143/11.12.6/4"},
			Rule: "A login with a TSIH that is not that of an existing session fails: the session does not exist.",
			Run: func(t *conform.T) {
				c := t.LogIn("MaxConnections", "2")
				n, first := again(t, c, tsih(c), 1)
				if !same {
					n.Session.ISID = t.ISID()
				}
				n.SendLogin(n.Request(conform.Operational, conform.FullFeature), first...)
				refused(t, n, "status 0x020a, session does not exist", pdu.LoginSessionDoesNotExist)
				c.Ping("the first session, as before")
			},
		}
	}
	known := func(c *conform.Conn) uint16 { return c.Session.TSIH }
	other := func(c *conform.Conn) uint16 { return c.Session.TSIH ^ 0x5555 | 1 } // never 0
	return []conform.Case{
		gone("a new ISID with an unknown TSIH", "rfc7143/6.3.1/0a", other, false),
		gone("a new ISID with a known TSIH", "rfc7143/6.3.1/0b", known, false),
		gone("a known ISID with an unknown TSIH", "rfc7143/6.3.1/0c", other, true),
		{
			ID: "rfc7143/6.3.1/0d", Title: "a known ISID with TSIH 0: session reinstatement", Groups: groups,
			Rule: "A login with an existing ISID and TSIH 0 reinstates the session: the old one ends.",
			Run: func(t *conform.T) {
				c := t.LogIn("MaxConnections", "1")
				n, first := again(t, c, 0, 0)
				a := n.Exchange(n.Request(conform.Operational, conform.FullFeature), first...)
				good(t, a)
				dead(t, c)
			},
		},
		{
			ID: "rfc7143/6.3.1/0e", Title: "two sessions with ISIDs of their own", Groups: groups,
			Rule: "A login with a new ISID makes a new session beside the others.",
			Run: func(t *conform.T) {
				c := t.LogIn("MaxConnections", "1")
				d := t.LogIn("MaxConnections", "1")
				c.Ping("the first session, as before")
				d.Ping("the second session")
			},
		},
		{
			ID: "rfc7143/6.3.4/3", Title: "a known CID: connection reinstatement", Groups: groups, Level: conform.Should,
			Rule: "A login with a CID in use replaces that connection, whatever the level of recovery and the number of connections.",
			Run: func(t *conform.T) {
				c := t.LogIn("MaxConnections", "1")
				n, first := again(t, c, c.Session.TSIH, c.CID)
				a := n.Exchange(n.Request(conform.Operational, conform.FullFeature), first...)
				good(t, a)
				t.Want(a.TSIH() == c.Session.TSIH, "the session's TSIH", "TSIH %d", a.TSIH())
				dead(t, c)
			},
		},
		{
			ID: "rfc7143/13.2/0z", Title: "one connection more than MaxConnections", Groups: groups,
			Rule: "A session has at most as many connections as were negotiated.",
			Run: func(t *conform.T) {
				c := t.LogIn("MaxConnections", "1")
				n, first := again(t, c, c.Session.TSIH, c.CID+1)
				n.SendLogin(n.Request(conform.Operational, conform.FullFeature), first...)
				refused(t, n, "status 0x0206, too many connections, or 0x0208", pdu.LoginTooManyConnections, pdu.LoginCannotIncludeInSession)
				c.Ping("the session, as before")
			},
		},
		{
			ID: "rfc7143/11.12.7/2", Title: "a second connection with a CID of its own", Groups: groups, Needs: conform.Several,
			Rule: "A login with the session's TSIH and a new CID adds a connection, with the TSIH in the response.",
			Run: func(t *conform.T) {
				c := t.LogIn("MaxConnections", "2")
				n, first := again(t, c, c.Session.TSIH, 0xfffe)
				a := n.Exchange(n.Request(conform.Operational, conform.FullFeature), first...)
				good(t, a)
				t.Want(a.TSIH() == c.Session.TSIH, "the session's TSIH", "TSIH %d", a.TSIH())
				c.Ping("the first connection, as before")
			},
		},
	}
}
