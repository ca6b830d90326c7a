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

// fresh makes a session with the ISID of c's.
func fresh(t *conform.T, c *conform.Conn) {
	n, first := again(t, c, 0, 0)
	a := n.Exchange(n.Request(conform.Operational, conform.FullFeature), first...)
	good(t, a)
	t.Want(a.TSIH() != 0, "a TSIH", "TSIH 0")
}

// reinstate logs in in place of c.
func reinstate(t *conform.T, c *conform.Conn) {
	n, first := again(t, c, c.Session.TSIH, c.CID)
	a := n.Exchange(n.Request(conform.Operational, conform.FullFeature), first...)
	good(t, a)
	t.Want(a.TSIH() == c.Session.TSIH, "the session's TSIH", "TSIH %d", a.TSIH())
}

// reinstated is the case of connection reinstatement in a session of one connection at a level of recovery.
func reinstated(id, title, level string, strength conform.Level, needs conform.Needs) conform.Case {
	return conform.Case{
		ID: id, Title: "a known CID: connection reinstatement at " + title, Groups: []conform.Group{conform.Login, conform.MC}, Level: strength, Needs: needs,
		Also: []string{"rfc7143/4.2.1/2"},
		Rule: "A login with a CID in use replaces that connection, also where a session has one connection only.",
		Run: func(t *conform.T) {
			c := t.LogIn("MaxConnections", "1", "ErrorRecoveryLevel", level)
			reinstate(t, c)
			dead(t, c)
		},
	}
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
				fresh(t, c)
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
			ID: "rfc7143/6.3.5/0a", Title: "the ISID of a session that was logged out", Groups: groups,
			Rule: "After a logout the initiator may begin the session anew, with the same ISID.",
			Run: func(t *conform.T) {
				c := t.LogIn("MaxConnections", "1")
				h := c.New(pdu.OpLogoutRequest, false)
				(*pdu.LogoutRequest)(h).SetReason(pdu.LogoutCloseSession)
				c.Send(h, nil)
				c.Expect(pdu.OpLogoutResponse, "a Logout Response")
				fresh(t, c)
			},
		},
		{
			ID: "rfc7143/7.15/2", Title: "the ISID of a session whose connection broke", Groups: groups,
			Rule: "A target is prepared for a session reinstatement after a session error.",
			Run: func(t *conform.T) {
				c := t.LogIn("MaxConnections", "1")
				c.Reset()
				fresh(t, c)
			},
		},
		{
			ID: "rfc7143/6.3.5/0b", Title: "a known ISID with TSIH 0, where the session has two connections", Groups: groups, Needs: conform.Several,
			Rule: "Session reinstatement closes all connections of the old session.",
			Run: func(t *conform.T) {
				c := t.LogIn("MaxConnections", "2")
				d := c.Join()
				fresh(t, c)
				c.Ended("the end of the first connection")
				d.Ended("the end of the second connection")
			},
		},
		reinstated("rfc7143/6.3.4/3", "ErrorRecoveryLevel 0", "0", conform.Should, 0),
		reinstated("rfc7143/6.3.4/2", "ErrorRecoveryLevel 2", "2", conform.Must, conform.ERL2),
		{
			ID: "rfc7143/6.3.4/3b", Title: "a known CID in a session of two connections", Groups: groups, Level: conform.Should, Needs: conform.Several,
			Rule: "A login with a CID in use replaces that connection: the old one is closed, and the others go on.", Also: []string{"rfc7143/4.4.3/1"},
			Run: func(t *conform.T) {
				c := t.LogIn("MaxConnections", "2")
				d := c.Join()
				reinstate(t, d)
				d.Ended("the end of the connection that was replaced")
				c.Ping("the other connection, as before")
			},
		},
		{
			ID: "rfc7143/13/1", Title: "a key of the leading login on a second connection", Groups: groups, Needs: conform.Several,
			Rule: "What the leading login negotiated for the session is not negotiated again by another.",
			Run: func(t *conform.T) {
				c := t.LogIn("MaxConnections", "2", "MaxBurstLength", "8192", "FirstBurstLength", "8192")
				n, first := again(t, c, c.Session.TSIH, c.CID+1)
				a := n.Exchange(n.Request(conform.Operational, conform.FullFeature), append(first, "MaxBurstLength", "512")...)
				if a.Status() != pdu.LoginSuccess {
					return
				}
				v, of := a.Value("MaxBurstLength"), c.Session.Params["MaxBurstLength"]
				t.Want(v == "" || v == "Reject" || v == "Irrelevant" || v == of, "a refused login, Reject, Irrelevant or the session's "+of, "MaxBurstLength=%s", v)
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
			Rule: "A login with the session's TSIH and a new CID adds a connection, with the TSIH in the response.", Also: []string{"rfc7143/4.4.3/1"},
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
