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

// asyncDropOther says that the target has dropped the connection with that CID, on another one of its session: event 2.
func (c *Conn) asyncDropOther(cid uint16) {
	if !c.fullFeature() || c.end.deaf() || c.sess.byCID(cid) != nil {
		return
	}
	var b pdu.BHS
	b.Init(pdu.OpAsyncMessage)
	h := (*pdu.AsyncMessage)(&b)
	h.SetAsyncEvent(pdu.AsyncEventDropConnection)
	h.SetParameter1(cid)
	h.SetParameter2(c.sess.Params.DefaultTime2Wait)
	h.SetParameter3(0) // its tasks are gone: there is nothing to reassign
	c.reply(&b, nil)
}

// asyncTerminated says that all tasks of a logical unit that the connection has are being terminated: event 5, for initiators
// that negotiated FastAbort (11.9.1). They stop sending data, and acknowledge by a NOP-Out.
func (c *Conn) asyncTerminated(lun uint64) {
	if c.end.deaf() {
		return
	}
	var b pdu.BHS
	b.Init(pdu.OpAsyncMessage)
	h := (*pdu.AsyncMessage)(&b)
	h.SetLUN(lun)
	h.SetAsyncEvent(pdu.AsyncEventTasksTerminated)
	c.reply(&b, nil)
}

// asyncDrop says that the target drops all connections of this session: event 3. Parameter2 and Parameter3, Time2Wait and
// Time2Retain, are 0: a new session may come at once, and nothing is kept of this one.
func (c *Conn) asyncDrop() {
	var b pdu.BHS
	b.Init(pdu.OpAsyncMessage)
	(*pdu.AsyncMessage)(&b).SetAsyncEvent(pdu.AsyncEventDropAllConnections)
	c.reply(&b, nil)
}
