package pdu

// NOPOut is the view of a NOP-Out PDU (RFC 7143, 11.18): a ping, or the
// answer to a target's NOP-In.
type NOPOut BHS

// BHS returns the header that the view shows.
func (h *NOPOut) BHS() *BHS { return (*BHS)(h) }

// Immediate returns the I bit (11.2.1.1).
func (h *NOPOut) Immediate() bool { return h[0]&bitImmediate != 0 }

// SetImmediate stores the I bit.
func (h *NOPOut) SetImmediate(v bool) { setBit(&h[0], bitImmediate, v) }

// LUN returns the LUN field, which a NOP-Out copies from the NOP-In that it
// answers (11.18.2).
func (h *NOPOut) LUN() uint64 { return h.BHS().LUN() }

// SetLUN stores the LUN field.
func (h *NOPOut) SetLUN(v uint64) { h.BHS().SetLUN(v) }

// ITT returns the Initiator Task Tag; ReservedTag asks for no answer
// (11.18.1).
func (h *NOPOut) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *NOPOut) SetITT(v uint32) { h.BHS().put32(16, v) }

// TTT returns the Target Transfer Tag, copied from the NOP-In that this
// answers, else ReservedTag (11.18.2).
func (h *NOPOut) TTT() uint32 { return h.BHS().u32(20) }

// SetTTT stores the Target Transfer Tag.
func (h *NOPOut) SetTTT(v uint32) { h.BHS().put32(20, v) }

// CmdSN returns the command sequence number (11.3.2).
func (h *NOPOut) CmdSN() uint32 { return h.BHS().u32(24) }

// SetCmdSN stores CmdSN.
func (h *NOPOut) SetCmdSN(v uint32) { h.BHS().put32(24, v) }

// ExpStatSN returns the next StatSN that the initiator expects on this
// connection (11.3.3).
func (h *NOPOut) ExpStatSN() uint32 { return h.BHS().u32(28) }

// SetExpStatSN stores ExpStatSN.
func (h *NOPOut) SetExpStatSN(v uint32) { h.BHS().put32(28, v) }

// NOPIn is the view of a NOP-In PDU (RFC 7143, 11.19): the answer to a ping,
// or the target's own ping.
type NOPIn BHS

// BHS returns the header that the view shows.
func (h *NOPIn) BHS() *BHS { return (*BHS)(h) }

// LUN returns the LUN field, valid where the TTT is (11.19.3).
func (h *NOPIn) LUN() uint64 { return h.BHS().LUN() }

// SetLUN stores the LUN field.
func (h *NOPIn) SetLUN(v uint64) { h.BHS().SetLUN(v) }

// ITT returns the Initiator Task Tag, or ReservedTag where this answers no
// NOP-Out (11.19).
func (h *NOPIn) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *NOPIn) SetITT(v uint32) { h.BHS().put32(16, v) }

// TTT returns the Target Transfer Tag; not ReservedTag where the target asks
// for an answer (11.19.1).
func (h *NOPIn) TTT() uint32 { return h.BHS().u32(20) }

// SetTTT stores the Target Transfer Tag.
func (h *NOPIn) SetTTT(v uint32) { h.BHS().put32(20, v) }

// StatSN returns the status sequence number (11.4.9).
func (h *NOPIn) StatSN() uint32 { return h.BHS().u32(24) }

// SetStatSN stores StatSN.
func (h *NOPIn) SetStatSN(v uint32) { h.BHS().put32(24, v) }

// ExpCmdSN returns the next CmdSN that the target expects (11.4.10).
func (h *NOPIn) ExpCmdSN() uint32 { return h.BHS().u32(28) }

// SetExpCmdSN stores ExpCmdSN.
func (h *NOPIn) SetExpCmdSN(v uint32) { h.BHS().put32(28, v) }

// MaxCmdSN returns the highest CmdSN that the target accepts (11.4.11).
func (h *NOPIn) MaxCmdSN() uint32 { return h.BHS().u32(32) }

// SetMaxCmdSN stores MaxCmdSN.
func (h *NOPIn) SetMaxCmdSN(v uint32) { h.BHS().put32(32, v) }
