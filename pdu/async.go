package pdu

// AsyncEvent is the event of an Asynchronous Message (RFC 7143, 11.9.1).
type AsyncEvent byte

// Asynchronous events.
const (
	AsyncEventSCSI               AsyncEvent = 0 // sense data follows in the data segment
	AsyncEventLogoutRequest      AsyncEvent = 1 // log out within Parameter3 seconds
	AsyncEventDropConnection     AsyncEvent = 2 // CID in Parameter1
	AsyncEventDropAllConnections AsyncEvent = 3
	AsyncEventNegotiationRequest AsyncEvent = 4 // negotiate within Parameter3 seconds
	AsyncEventTasksTerminated    AsyncEvent = 5 // all tasks of the LUN
	AsyncEventVendorSpecific     AsyncEvent = 255
)

// AsyncMessage is the view of an Asynchronous Message PDU (RFC 7143, 11.9).
// Its Initiator Task Tag is ReservedTag, which BHS.Init stores.
type AsyncMessage BHS

// BHS returns the header that the view shows.
func (h *AsyncMessage) BHS() *BHS { return (*BHS)(h) }

// LUN returns the LUN field, valid for events of a logical unit (11.9.1, 11.9.3).
func (h *AsyncMessage) LUN() uint64 { return h.BHS().LUN() }

// SetLUN stores the LUN field.
func (h *AsyncMessage) SetLUN(v uint64) { h.BHS().SetLUN(v) }

// ITT returns the Initiator Task Tag field, ReservedTag (11.9).
func (h *AsyncMessage) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *AsyncMessage) SetITT(v uint32) { h.BHS().put32(16, v) }

// StatSN returns the status sequence number (11.4.9).
func (h *AsyncMessage) StatSN() uint32 { return h.BHS().u32(24) }

// SetStatSN stores StatSN.
func (h *AsyncMessage) SetStatSN(v uint32) { h.BHS().put32(24, v) }

// ExpCmdSN returns the next CmdSN that the target expects (11.4.10).
func (h *AsyncMessage) ExpCmdSN() uint32 { return h.BHS().u32(28) }

// SetExpCmdSN stores ExpCmdSN.
func (h *AsyncMessage) SetExpCmdSN(v uint32) { h.BHS().put32(28, v) }

// MaxCmdSN returns the highest CmdSN that the target accepts (11.4.11).
func (h *AsyncMessage) MaxCmdSN() uint32 { return h.BHS().u32(32) }

// SetMaxCmdSN stores MaxCmdSN.
func (h *AsyncMessage) SetMaxCmdSN(v uint32) { h.BHS().put32(32, v) }

// AsyncEvent returns the event (11.9.1).
func (h *AsyncMessage) AsyncEvent() AsyncEvent { return AsyncEvent(h[36]) }

// SetAsyncEvent stores AsyncEvent.
func (h *AsyncMessage) SetAsyncEvent(v AsyncEvent) { h[36] = byte(v) }

// AsyncVCode returns the vendor's code, valid with AsyncEventVendorSpecific
// (11.9.2).
func (h *AsyncMessage) AsyncVCode() byte { return h[37] }

// SetAsyncVCode stores AsyncVCode.
func (h *AsyncMessage) SetAsyncVCode(v byte) { h[37] = v }

// Parameter1 returns the first parameter: the CID of a dropped connection
// (11.9.1).
func (h *AsyncMessage) Parameter1() uint16 { return h.BHS().u16(38) }

// SetParameter1 stores Parameter1.
func (h *AsyncMessage) SetParameter1(v uint16) { h.BHS().put16(38, v) }

// Parameter2 returns the second parameter: Time2Wait in seconds (11.9.1).
func (h *AsyncMessage) Parameter2() uint16 { return h.BHS().u16(40) }

// SetParameter2 stores Parameter2.
func (h *AsyncMessage) SetParameter2(v uint16) { h.BHS().put16(40, v) }

// Parameter3 returns the third parameter: Time2Retain, or the time left to
// log out, in seconds (11.9.1).
func (h *AsyncMessage) Parameter3() uint16 { return h.BHS().u16(42) }

// SetParameter3 stores Parameter3.
func (h *AsyncMessage) SetParameter3(v uint16) { h.BHS().put16(42, v) }
