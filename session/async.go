package session

import (
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// async makes an Asynchronous Message (RFC 7143, 11.9).
func async(event pdu.AsyncEvent) *pdu.AsyncMessage {
	var b pdu.BHS
	b.Init(pdu.OpAsyncMessage)
	h := (*pdu.AsyncMessage)(&b)
	h.SetAsyncEvent(event)
	return h
}

// asyncLogout asks for a logout within grace ns: event 1, with the time in seconds in Parameter3 (11.9.1).
func asyncLogout(grace int64) *pdu.BHS {
	h := async(pdu.AsyncEventLogoutRequest)
	h.SetParameter3(uint16(grace / int64(time.Second)))
	return h.BHS()
}

// asyncDropped reports that the target has dropped another connection of the session: event 2. Parameter2 is Time2Wait; Parameter3,
// Time2Retain, is 0, because the tasks of the connection have ended and cannot be reassigned.
func asyncDropped(cid, time2Wait uint16) *pdu.BHS {
	h := async(pdu.AsyncEventDropConnection)
	h.SetParameter1(cid)
	h.SetParameter2(time2Wait)
	return h.BHS()
}

// asyncDropAll reports that the target drops all connections of the session: event 3. Parameter2 and Parameter3, Time2Wait and
// Time2Retain, are 0: the initiator may log in again at once, and nothing of this session is kept.
func asyncDropAll() *pdu.BHS { return async(pdu.AsyncEventDropAllConnections).BHS() }

// asyncTerminated reports that all tasks of a logical unit on this connection are being terminated: event 5, for initiators that
// negotiated FastAbort (11.9.1). They stop sending data, and acknowledge with a NOP-Out.
func asyncTerminated(lun uint64) *pdu.BHS {
	h := async(pdu.AsyncEventTasksTerminated)
	h.SetLUN(lun)
	return h.BHS()
}
