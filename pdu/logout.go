package pdu

// LogoutReason is an initiator's reason to log out (RFC 7143, 11.14.1).
type LogoutReason byte

// Logout reason codes.
const (
	LogoutCloseSession                LogoutReason = 0
	LogoutCloseConnection             LogoutReason = 1
	LogoutRemoveConnectionForRecovery LogoutReason = 2
)

// LogoutResponseCode is the outcome of a logout (RFC 7143, 11.15.1).
type LogoutResponseCode byte

// Logout response codes.
const (
	LogoutResponseSuccess              LogoutResponseCode = 0 // closed
	LogoutResponseCIDNotFound          LogoutResponseCode = 1
	LogoutResponseRecoveryNotSupported LogoutResponseCode = 2
	LogoutResponseCleanupFailed        LogoutResponseCode = 3
)

// LogoutRequest is the view of a Logout Request PDU (RFC 7143, 11.14).
type LogoutRequest BHS

// BHS returns the header that the view shows.
func (h *LogoutRequest) BHS() *BHS { return (*BHS)(h) }

// Immediate returns the I bit (11.2.1.1).
func (h *LogoutRequest) Immediate() bool { return h[0]&bitImmediate != 0 }

// SetImmediate stores the I bit.
func (h *LogoutRequest) SetImmediate(v bool) { setBit(&h[0], bitImmediate, v) }

// Reason returns why the initiator logs out (11.14.1).
func (h *LogoutRequest) Reason() LogoutReason { return LogoutReason(h[1] & 0x7f) }

// SetReason stores the reason code.
func (h *LogoutRequest) SetReason(v LogoutReason) { h[1] = h[1]&^0x7f | byte(v)&0x7f }

// ITT returns the Initiator Task Tag (11.2.1.8).
func (h *LogoutRequest) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *LogoutRequest) SetITT(v uint32) { h.BHS().put32(16, v) }

// CID returns the connection to close or recover, unless the reason is to
// close the session (11.14.3).
func (h *LogoutRequest) CID() uint16 { return h.BHS().u16(20) }

// SetCID stores CID.
func (h *LogoutRequest) SetCID(v uint16) { h.BHS().put16(20, v) }

// CmdSN returns the command sequence number (11.3.2).
func (h *LogoutRequest) CmdSN() uint32 { return h.BHS().u32(24) }

// SetCmdSN stores CmdSN.
func (h *LogoutRequest) SetCmdSN(v uint32) { h.BHS().put32(24, v) }

// ExpStatSN returns the next StatSN that the initiator expects on this
// connection (11.3.3).
func (h *LogoutRequest) ExpStatSN() uint32 { return h.BHS().u32(28) }

// SetExpStatSN stores ExpStatSN.
func (h *LogoutRequest) SetExpStatSN(v uint32) { h.BHS().put32(28, v) }

// LogoutResponse is the view of a Logout Response PDU (RFC 7143, 11.15).
type LogoutResponse BHS

// BHS returns the header that the view shows.
func (h *LogoutResponse) BHS() *BHS { return (*BHS)(h) }

// Response returns the outcome (11.15.1).
func (h *LogoutResponse) Response() LogoutResponseCode { return LogoutResponseCode(h[2]) }

// SetResponse stores Response.
func (h *LogoutResponse) SetResponse(v LogoutResponseCode) { h[2] = byte(v) }

// ITT returns the Initiator Task Tag (11.2.1.8).
func (h *LogoutResponse) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *LogoutResponse) SetITT(v uint32) { h.BHS().put32(16, v) }

// StatSN returns the status sequence number (11.4.9).
func (h *LogoutResponse) StatSN() uint32 { return h.BHS().u32(24) }

// SetStatSN stores StatSN.
func (h *LogoutResponse) SetStatSN(v uint32) { h.BHS().put32(24, v) }

// ExpCmdSN returns the next CmdSN that the target expects (11.4.10).
func (h *LogoutResponse) ExpCmdSN() uint32 { return h.BHS().u32(28) }

// SetExpCmdSN stores ExpCmdSN.
func (h *LogoutResponse) SetExpCmdSN(v uint32) { h.BHS().put32(28, v) }

// MaxCmdSN returns the highest CmdSN that the target accepts (11.4.11).
func (h *LogoutResponse) MaxCmdSN() uint32 { return h.BHS().u32(32) }

// SetMaxCmdSN stores MaxCmdSN.
func (h *LogoutResponse) SetMaxCmdSN(v uint32) { h.BHS().put32(32, v) }

// Time2Wait returns the least time before a reconnect, in seconds (11.15.3).
func (h *LogoutResponse) Time2Wait() uint16 { return h.BHS().u16(40) }

// SetTime2Wait stores Time2Wait.
func (h *LogoutResponse) SetTime2Wait(v uint16) { h.BHS().put16(40, v) }

// Time2Retain returns how long after Time2Wait the tasks can be reassigned,
// in seconds (11.15.4).
func (h *LogoutResponse) Time2Retain() uint16 { return h.BHS().u16(42) }

// SetTime2Retain stores Time2Retain.
func (h *LogoutResponse) SetTime2Retain(v uint16) { h.BHS().put16(42, v) }
