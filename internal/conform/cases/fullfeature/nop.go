package fullfeature

import (
	"bytes"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// nop are the cases of NOP-Out and NOP-In.
func nop() []conform.Case {
	return []conform.Case{
		{
			ID: "rfc7143/11.18/1", Title: "a ping with data",
			Rule:   "A NOP-Out with an Initiator Task Tag is answered by a NOP-In with the same tag and the same data.",
			Groups: []conform.Group{conform.FFP},
			Run: func(t *conform.T) {
				c := t.LogIn()
				data := []byte("0123456789abcde")
				h := c.New(pdu.OpNOPOut, false)
				c.Send(h, data)
				p := c.Expect(pdu.OpNOPIn, "a NOP-In")
				t.Want(p.ITT() == h.ITT(), "the tag of the NOP-Out", "0x%08x", p.ITT())
				t.Want(bytes.Equal(p.Data, data), "the data of the NOP-Out", "%q", p.Data)
				t.Want(p.NOPIn().TTT() == pdu.ReservedTag, "the reserved Target Transfer Tag (RFC 7143, 11.19.1)", "0x%08x", p.NOPIn().TTT())
			},
		},
	}
}
