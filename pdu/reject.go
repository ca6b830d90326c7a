package pdu

// RejectReason is the reason for a Reject (RFC 7143, 11.17.1).
type RejectReason byte

// Reject reason codes. 0x01 is reserved; 0x0b is deprecated and MUST NOT be
// used.
const (
	RejectDataDigestError     RejectReason = 0x02
	RejectSNACK               RejectReason = 0x03
	RejectProtocolError       RejectReason = 0x04
	RejectCommandNotSupported RejectReason = 0x05
	RejectImmediateCommand    RejectReason = 0x06 // too many immediate commands
	RejectTaskInProgress      RejectReason = 0x07
	RejectInvalidDataACK      RejectReason = 0x08
	RejectInvalidPDUField     RejectReason = 0x09
	RejectLongOperation       RejectReason = 0x0a // no Target Transfer Tag: out of resources
	RejectWaitingForLogout    RejectReason = 0x0c
)

// Reject is the view of a Reject PDU (RFC 7143, 11.17). Its data segment is
// the header of the rejected PDU (11.17.4); its Initiator Task Tag is
// ReservedTag, which BHS.Init stores.
type Reject BHS

// BHS returns the header that the view shows.
func (h *Reject) BHS() *BHS { return (*BHS)(h) }

// Reason returns why the PDU was rejected (11.17.1).
func (h *Reject) Reason() RejectReason { return RejectReason(h[2]) }

// SetReason stores Reason.
func (h *Reject) SetReason(v RejectReason) { h[2] = byte(v) }

// ITT returns the Initiator Task Tag field, ReservedTag (11.17).
func (h *Reject) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *Reject) SetITT(v uint32) { h.BHS().put32(16, v) }

// StatSN returns the status sequence number (11.4.9).
func (h *Reject) StatSN() uint32 { return h.BHS().u32(24) }

// SetStatSN stores StatSN.
func (h *Reject) SetStatSN(v uint32) { h.BHS().put32(24, v) }

// ExpCmdSN returns the next CmdSN that the target expects (11.4.10).
func (h *Reject) ExpCmdSN() uint32 { return h.BHS().u32(28) }

// SetExpCmdSN stores ExpCmdSN.
func (h *Reject) SetExpCmdSN(v uint32) { h.BHS().put32(28, v) }

// MaxCmdSN returns the highest CmdSN that the target accepts (11.4.11).
func (h *Reject) MaxCmdSN() uint32 { return h.BHS().u32(32) }

// SetMaxCmdSN stores MaxCmdSN.
func (h *Reject) SetMaxCmdSN(v uint32) { h.BHS().put32(32, v) }

// DataSN returns the next DataSN or R2TSN, valid where the rejected PDU was a
// Data/R2T SNACK whose task is still alive (11.17.2).
func (h *Reject) DataSN() uint32 { return h.BHS().u32(36) }

// SetDataSN stores DataSN.
func (h *Reject) SetDataSN(v uint32) { h.BHS().put32(36, v) }
