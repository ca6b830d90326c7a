package pdu

// TextRequest is the view of a Text Request PDU (RFC 7143, 11.10).
type TextRequest BHS

// BHS returns the header that the view shows.
func (h *TextRequest) BHS() *BHS { return (*BHS)(h) }

// Immediate returns the I bit (11.2.1.1).
func (h *TextRequest) Immediate() bool { return h[0]&bitImmediate != 0 }

// SetImmediate stores the I bit.
func (h *TextRequest) SetImmediate(v bool) { setBit(&h[0], bitImmediate, v) }

// Final returns the F bit: the initiator has no more to say in this exchange
// (11.10.1).
func (h *TextRequest) Final() bool { return h[1]&bitFinal != 0 }

// SetFinal stores the F bit.
func (h *TextRequest) SetFinal(v bool) { setBit(&h[1], bitFinal, v) }

// Continue returns the C bit: the text continues in the next PDU (11.10.2,
// 11.11.2).
func (h *TextRequest) Continue() bool { return h[1]&bitContinue != 0 }

// SetContinue stores the C bit.
func (h *TextRequest) SetContinue(v bool) { setBit(&h[1], bitContinue, v) }

// LUN returns the LUN field, copied from the response that carried the TTT
// (11.10.4).
func (h *TextRequest) LUN() uint64 { return h.BHS().LUN() }

// SetLUN stores the LUN field.
func (h *TextRequest) SetLUN(v uint64) { h.BHS().SetLUN(v) }

// ITT returns the Initiator Task Tag (11.2.1.8).
func (h *TextRequest) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *TextRequest) SetITT(v uint32) { h.BHS().put32(16, v) }

// TTT returns the Target Transfer Tag, copied from the last response;
// ReservedTag begins a new exchange (11.10.4).
func (h *TextRequest) TTT() uint32 { return h.BHS().u32(20) }

// SetTTT stores the Target Transfer Tag.
func (h *TextRequest) SetTTT(v uint32) { h.BHS().put32(20, v) }

// CmdSN returns the command sequence number (11.3.2).
func (h *TextRequest) CmdSN() uint32 { return h.BHS().u32(24) }

// SetCmdSN stores CmdSN.
func (h *TextRequest) SetCmdSN(v uint32) { h.BHS().put32(24, v) }

// ExpStatSN returns the next StatSN that the initiator expects on this
// connection (11.3.3).
func (h *TextRequest) ExpStatSN() uint32 { return h.BHS().u32(28) }

// SetExpStatSN stores ExpStatSN.
func (h *TextRequest) SetExpStatSN(v uint32) { h.BHS().put32(28, v) }

// TextResponse is the view of a Text Response PDU (RFC 7143, 11.11).
type TextResponse BHS

// BHS returns the header that the view shows.
func (h *TextResponse) BHS() *BHS { return (*BHS)(h) }

// Final returns the F bit: the target has no more to say in this exchange
// (11.11.1).
func (h *TextResponse) Final() bool { return h[1]&bitFinal != 0 }

// SetFinal stores the F bit.
func (h *TextResponse) SetFinal(v bool) { setBit(&h[1], bitFinal, v) }

// Continue returns the C bit: the text continues in the next PDU (11.10.2,
// 11.11.2).
func (h *TextResponse) Continue() bool { return h[1]&bitContinue != 0 }

// SetContinue stores the C bit.
func (h *TextResponse) SetContinue(v bool) { setBit(&h[1], bitContinue, v) }

// LUN returns the LUN field, valid where the TTT is (11.11.4).
func (h *TextResponse) LUN() uint64 { return h.BHS().LUN() }

// SetLUN stores the LUN field.
func (h *TextResponse) SetLUN(v uint64) { h.BHS().SetLUN(v) }

// ITT returns the Initiator Task Tag (11.2.1.8).
func (h *TextResponse) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *TextResponse) SetITT(v uint32) { h.BHS().put32(16, v) }

// TTT returns the Target Transfer Tag, ReservedTag with the F bit (11.11.4).
func (h *TextResponse) TTT() uint32 { return h.BHS().u32(20) }

// SetTTT stores the Target Transfer Tag.
func (h *TextResponse) SetTTT(v uint32) { h.BHS().put32(20, v) }

// StatSN returns the status sequence number (11.4.9).
func (h *TextResponse) StatSN() uint32 { return h.BHS().u32(24) }

// SetStatSN stores StatSN.
func (h *TextResponse) SetStatSN(v uint32) { h.BHS().put32(24, v) }

// ExpCmdSN returns the next CmdSN that the target expects (11.4.10).
func (h *TextResponse) ExpCmdSN() uint32 { return h.BHS().u32(28) }

// SetExpCmdSN stores ExpCmdSN.
func (h *TextResponse) SetExpCmdSN(v uint32) { h.BHS().put32(28, v) }

// MaxCmdSN returns the highest CmdSN that the target accepts (11.4.11).
func (h *TextResponse) MaxCmdSN() uint32 { return h.BHS().u32(32) }

// SetMaxCmdSN stores MaxCmdSN.
func (h *TextResponse) SetMaxCmdSN(v uint32) { h.BHS().put32(32, v) }
