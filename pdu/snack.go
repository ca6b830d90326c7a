package pdu

// SNACKType is the kind of a SNACK (RFC 7143, 11.16.1).
type SNACKType byte

// SNACK types.
const (
	SNACKDataR2T SNACKType = 0 // retransmit Data-In or R2T PDUs unchanged
	SNACKStatus  SNACKType = 1 // responses again
	SNACKDataACK SNACKType = 2 // acknowledges Data-In PDUs, asks for nothing
	SNACKRData   SNACKType = 3 // Data-In PDUs again, cut anew
)

// SNACKRequest is the view of a SNACK Request PDU (RFC 7143, 11.16).
type SNACKRequest BHS

// BHS returns the header that the view shows.
func (h *SNACKRequest) BHS() *BHS { return (*BHS)(h) }

// Type returns what is asked for (11.16.1).
func (h *SNACKRequest) Type() SNACKType { return SNACKType(h[1] & 0x0f) }

// SetType stores the type.
func (h *SNACKRequest) SetType(v SNACKType) { h[1] = h[1]&^0x0f | byte(v)&0x0f }

// LUN returns the LUN field; a DataACK copies it from the Data-In with the A
// bit (11.16.5).
func (h *SNACKRequest) LUN() uint64 { return h.BHS().LUN() }

// SetLUN stores the LUN field.
func (h *SNACKRequest) SetLUN(v uint64) { h.BHS().SetLUN(v) }

// ITT returns the Initiator Task Tag; ReservedTag in a Status SNACK and a
// DataACK (11.16.4).
func (h *SNACKRequest) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *SNACKRequest) SetITT(v uint32) { h.BHS().put32(16, v) }

// TTT returns the Target Transfer Tag of a DataACK, the SNACK Tag of an
// R-Data SNACK, else ReservedTag (11.16.5).
func (h *SNACKRequest) TTT() uint32 { return h.BHS().u32(20) }

// SetTTT stores the Target Transfer Tag.
func (h *SNACKRequest) SetTTT(v uint32) { h.BHS().put32(20, v) }

// SNACKTag returns the same field as TTT, by its name in an R-Data SNACK:
// neither 0 nor ReservedTag there (11.16.5).
func (h *SNACKRequest) SNACKTag() uint32 { return h.BHS().u32(20) }

// SetSNACKTag stores SNACKTag.
func (h *SNACKRequest) SetSNACKTag(v uint32) { h.BHS().put32(20, v) }

// ExpStatSN returns the next StatSN that the initiator expects on this
// connection (11.3.3).
func (h *SNACKRequest) ExpStatSN() uint32 { return h.BHS().u32(28) }

// SetExpStatSN stores ExpStatSN.
func (h *SNACKRequest) SetExpStatSN(v uint32) { h.BHS().put32(28, v) }

// BegRun returns the first DataSN, R2TSN or StatSN that is asked for, or a
// DataACK's next expected DataSN (11.16.6).
func (h *SNACKRequest) BegRun() uint32 { return h.BHS().u32(40) }

// SetBegRun stores BegRun.
func (h *SNACKRequest) SetBegRun(v uint32) { h.BHS().put32(40, v) }

// RunLength returns how many PDUs are asked for; 0 means all from BegRun on
// (11.16.7).
func (h *SNACKRequest) RunLength() uint32 { return h.BHS().u32(44) }

// SetRunLength stores RunLength.
func (h *SNACKRequest) SetRunLength(v uint32) { h.BHS().put32(44, v) }
