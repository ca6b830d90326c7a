package session

import (
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// asyncLogout asks for a logout within grace ns: Asynchronous Message, event 1, Parameter3 in seconds (RFC 7143, 11.9.1).
func (c *Conn) asyncLogout(grace int64) {
	var b pdu.BHS
	b.Init(pdu.OpAsyncMessage)
	h := (*pdu.AsyncMessage)(&b)
	h.SetAsyncEvent(pdu.AsyncEventLogoutRequest)
	h.SetParameter3(uint16(grace / int64(time.Second)))
	c.reply(&b, nil)
}
