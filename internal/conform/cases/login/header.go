package login

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// header are the cases of the fields of Login Requests and Responses.
func header() (all []conform.Case) {
	var numbers, tags, isids, reserved []row
	for _, n := range []uint32{0, 123, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff} {
		numbers = append(numbers, row{fmt.Sprintf("a leading login with CmdSN 0x%08x", n), func(t *conform.T) {
			t.FirstCmdSN = n
			_, a := t.Negotiate()
			good(t, a)
			t.Want(a.ExpCmdSN() == n, fmt.Sprintf("ExpCmdSN 0x%08x", n), "0x%08x", a.ExpCmdSN())
			t.Want(a.MaxCmdSN()-(n-1) < 1<<31, "MaxCmdSN of at least ExpCmdSN - 1 (4.2.2.1)", "0x%08x", a.MaxCmdSN())
		}})
	}
	for _, itt := range []uint32{0, 7, 0x80000000, 0xfffffffe} {
		tags = append(tags, row{fmt.Sprintf("a login with Initiator Task Tag 0x%08x", itt), func(t *conform.T) {
			c := t.Dial()
			l := c.Request(conform.Security, conform.Operational)
			l.ITT = itt
			a := c.Exchange(l, t.Who("AuthMethod", method(t))...)
			t.Want(a.ITT() == itt, "the request's tag", "0x%08x", a.ITT())
		}})
	}
	for _, x := range []struct {
		name string
		t    byte
	}{{"OUI", 0}, {"EN", 0x40}, {"random", 0x80}} {
		isids = append(isids, row{"an ISID of format " + x.name, func(t *conform.T) {
			c, keys := t.Secure()
			if keys == nil {
				t.Skip("CHAP comes first, with another ISID")
			}
			c.Session.ISID[0] = x.t
			good(t, c.Exchange(c.Request(conform.Operational, conform.FullFeature), keys...))
		}})
	}
	for _, at := range []struct {
		name     string
		from, to int
		bits     byte
	}{{"bits 2 and 3 of byte 1", 1, 2, 0x30}, {"bytes 22 and 23", 22, 24, 0xff}, {"bytes 32 to 39", 32, 40, 0xff}, {"bytes 40 to 47", 40, 48, 0xff}} {
		reserved = append(reserved, row{"reserved " + at.name + " of a Login Request are set", func(t *conform.T) {
			c, keys := t.Secure()
			l := c.Request(conform.Operational, conform.FullFeature)
			h := l.Header()
			for i := at.from; i < at.to; i++ {
				h[i] |= at.bits
			}
			c.Send(h, rawclient.Text(keys...))
			good(t, c.RecvLogin("a Login Response"))
		}})
	}
	all = table(conform.Case{ID: "rfc7143/11.12.8/1", Groups: loginGroup,
		Rule: "The CmdSN of a leading login is the ExpCmdSN of the new session."}, numbers)
	all = append(all, table(conform.Case{ID: "rfc7143/11.12/0", Groups: loginGroup,
		Rule: "All requests and responses of a login carry the same Initiator Task Tag."}, tags)...)
	all = append(all, table(conform.Case{ID: "rfc7143/11.12.5/0", Groups: loginGroup,
		Rule: "The initiator may use any format of ISID that is not reserved."}, isids)...)
	all = append(all, table(conform.Case{ID: "rfc7143/11/2login", Groups: loginGroup,
		Rule: "A receiver ignores all reserved bits and fields."}, reserved)...)
	return append(all, versions()...)
}

func versions() []conform.Case {
	with := func(most, least byte) func(t *conform.T) (*conform.Conn, *conform.Answer) {
		return func(t *conform.T) (*conform.Conn, *conform.Answer) {
			c := t.Dial()
			h := c.Request(conform.Security, conform.Operational).Header()
			q := (*pdu.LoginRequest)(h)
			q.SetVersionMax(most)
			q.SetVersionMin(least)
			c.Send(h, rawclient.Text(t.Who("AuthMethod", method(t))...))
			return c, c.RecvLogin("a Login Response")
		}
	}
	var unknown, known []row
	for _, v := range [][2]byte{{1, 1}, {2, 1}, {255, 1}, {255, 255}} {
		unknown = append(unknown, row{fmt.Sprintf("versions from 0x%02x to 0x%02x", v[1], v[0]), func(t *conform.T) {
			c, a := with(v[0], v[1])(t)
			t.Want(a.Status() == pdu.LoginUnsupportedVersion, "status 0x0205, unsupported version", "status 0x%04x", uint16(a.Status()))
			t.Want(a.VersionActive() == 0, "Version-active 0, the lowest that there is", "%d", a.VersionActive())
			c.Ended("the connection's end after a refused login (RFC 7143, 11.13.5)")
		}})
	}
	for _, v := range []byte{0, 1, 255} {
		known = append(known, row{fmt.Sprintf("versions from 0x00 to 0x%02x", v), func(t *conform.T) {
			_, a := with(v, 0)(t)
			good(t, a)
			t.Want(a.VersionActive() == 0 && a.VersionMax() == 0, "Version-max and Version-active 0", "%d and %d", a.VersionMax(), a.VersionActive())
		}})
	}
	return append(table(conform.Case{ID: "rfc7143/11.13.2/0", Groups: loginGroup,
		Rule: "A login whose range of versions the target does not support is refused, and Version-active is the lowest that it does."}, unknown),
		append(table(conform.Case{ID: "rfc7143/11.13.1/1", Groups: loginGroup, Also: []string{"rfc7143/11.13.2/1"},
			Rule: "The target answers with the highest version that both support: 0."}, known),
			conform.Case{ID: "rfc7143/11.13.4/0", Title: "StatSN through a login of three requests", Groups: loginGroup, Also: []string{"rfc7143/4.2.4/2", "rfc7143/6.3/1"},
				Rule: "The first Login Response starts StatSN, and each response after it has one more.",
				Run: func(t *conform.T) {
					c, keys := t.Secure()
					a := c.Exchange(c.Request(conform.Operational, conform.Operational), append(keys, "InitiatorAlias", "a")...)
					good(t, a)
					b := c.Exchange(c.Request(conform.Operational, conform.Operational), "MaxConnections", "1")
					good(t, b)
					d := c.Exchange(c.Request(conform.Operational, conform.FullFeature), "ErrorRecoveryLevel", "0")
					good(t, d)
					t.Want(b.StatSN() == a.StatSN()+1 && d.StatSN() == a.StatSN()+2, "StatSN up by one each", "%d, %d, %d", a.StatSN(), b.StatSN(), d.StatSN())
				}})...)
}
