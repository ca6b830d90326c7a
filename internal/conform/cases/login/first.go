package login

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// others are opcodes that are no Login Request.
var others = []pdu.Opcode{0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x10, 0x1f, 0x20, 0x23, 0x26, 0x3f}

// first are the cases of PDUs that are no Login Request.
func first() (all []conform.Case) {
	var before, during []row
	for _, op := range others {
		before = append(before, row{fmt.Sprintf("opcode 0x%02x instead of a first Login Request", byte(op)), func(t *conform.T) {
			c := t.Dial()
			c.Send(rawclient.Request(op, 1, 1, 0), nil)
			c.Closed("the connection's end, and no answer")
		}})
		during = append(during, row{fmt.Sprintf("opcode 0x%02x during login", byte(op)), func(t *conform.T) {
			c := started(t)
			c.Send(rawclient.Request(op, 1, c.Session.CmdSN, c.ExpStatSN), nil)
			refused(t, c, "a Login reject with status 0x020b, invalid during login", pdu.LoginInvalidDuringLogin)
		}})
	}
	groups := []conform.Group{conform.Login, conform.Robustness}
	all = table(conform.Case{ID: "rfc7143/4.2.4/5first", Groups: groups,
		Rule: "A target that receives anything but a Login Request on a new connection terminates the connection at once."}, before)
	all = append(all, table(conform.Case{ID: "rfc7143/4.2.4/6login", Groups: groups,
		Rule: "Anything but a Login Request once the login has begun gets a Login reject, invalid during login, and the connection ends."}, during)...)
	return append(all, conform.Case{
		ID: "rfc7143/4.2.4/4", Title: "a Login Request in full feature phase", Groups: groups, Level: conform.Should, Also: []string{"rfc7143/6.3/0"},
		Rule: "A connection has one login phase: a Login Request after it is a protocol error and starts no other.",
		Run: func(t *conform.T) {
			c := t.LogIn()
			c.SendLogin(c.Request(conform.Operational, conform.FullFeature), t.Who()...)
			o := c.Outcome()
			bad := o.PDU == nil && !o.Closed || o.PDU != nil && o.PDU.Opcode() == pdu.OpLoginResponse && o.PDU.Login().Status() == pdu.LoginSuccess
			t.Want(!bad, "a Reject, a refused login or the connection's end", "%v", o)
		},
	})
}
