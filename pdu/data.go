package pdu

// Bits of byte 1 of a Data-In PDU (RFC 7143, 11.7.2, 11.7.3); O and U are
// those of a SCSI Response.
const (
	bitAcknowledge = 0x40
	bitStatus      = 0x01
)

// DataOut is the view of a SCSI Data-Out PDU (RFC 7143, 11.7).
type DataOut BHS

// BHS returns the header that the view shows.
func (h *DataOut) BHS() *BHS { return (*BHS)(h) }

// Final returns the F bit: the last PDU of this sequence (11.7.1).
func (h *DataOut) Final() bool { return h[1]&bitFinal != 0 }

// SetFinal stores the F bit.
func (h *DataOut) SetFinal(v bool) { setBit(&h[1], bitFinal, v) }

// LUN returns the LUN field, copied from the R2T where the TTT is (11.7.4).
func (h *DataOut) LUN() uint64 { return h.BHS().LUN() }

// SetLUN stores the LUN field.
func (h *DataOut) SetLUN(v uint64) { h.BHS().SetLUN(v) }

// ITT returns the Initiator Task Tag (11.2.1.8).
func (h *DataOut) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *DataOut) SetITT(v uint32) { h.BHS().put32(16, v) }

// TTT returns the Target Transfer Tag of the R2T that solicited the data;
// ReservedTag marks unsolicited data (11.7.4).
func (h *DataOut) TTT() uint32 { return h.BHS().u32(20) }

// SetTTT stores the Target Transfer Tag.
func (h *DataOut) SetTTT(v uint32) { h.BHS().put32(20, v) }

// ExpStatSN returns the next StatSN that the initiator expects on this
// connection (11.3.3).
func (h *DataOut) ExpStatSN() uint32 { return h.BHS().u32(28) }

// SetExpStatSN stores ExpStatSN.
func (h *DataOut) SetExpStatSN(v uint32) { h.BHS().put32(28, v) }

// DataSN returns the number of this PDU in its sequence (11.7.5).
func (h *DataOut) DataSN() uint32 { return h.BHS().u32(36) }

// SetDataSN stores DataSN.
func (h *DataOut) SetDataSN(v uint32) { h.BHS().put32(36, v) }

// BufferOffset returns where in the command's data this payload begins, in
// bytes (11.7.6).
func (h *DataOut) BufferOffset() uint32 { return h.BHS().u32(40) }

// SetBufferOffset stores BufferOffset.
func (h *DataOut) SetBufferOffset(v uint32) { h.BHS().put32(40, v) }

// DataIn is the view of a SCSI Data-In PDU (RFC 7143, 11.7).
type DataIn BHS

// BHS returns the header that the view shows.
func (h *DataIn) BHS() *BHS { return (*BHS)(h) }

// Final returns the F bit: the last PDU of this sequence (11.7.1).
func (h *DataIn) Final() bool { return h[1]&bitFinal != 0 }

// SetFinal stores the F bit.
func (h *DataIn) SetFinal(v bool) { setBit(&h[1], bitFinal, v) }

// Acknowledge returns the A bit: the target asks for a DataACK SNACK
// (11.7.2).
func (h *DataIn) Acknowledge() bool { return h[1]&bitAcknowledge != 0 }

// SetAcknowledge stores the A bit.
func (h *DataIn) SetAcknowledge(v bool) { setBit(&h[1], bitAcknowledge, v) }

// Overflow returns the O bit, valid with the S bit (11.7.3).
func (h *DataIn) Overflow() bool { return h[1]&bitOverflow != 0 }

// SetOverflow stores the O bit.
func (h *DataIn) SetOverflow(v bool) { setBit(&h[1], bitOverflow, v) }

// Underflow returns the U bit, valid with the S bit (11.7.3).
func (h *DataIn) Underflow() bool { return h[1]&bitUnderflow != 0 }

// SetUnderflow stores the U bit.
func (h *DataIn) SetUnderflow(v bool) { setBit(&h[1], bitUnderflow, v) }

// StatusPresent returns the S bit: Status, StatSN and ResidualCount are valid
// and no SCSI Response follows (11.7.3).
func (h *DataIn) StatusPresent() bool { return h[1]&bitStatus != 0 }

// SetStatusPresent stores the S bit.
func (h *DataIn) SetStatusPresent(v bool) { setBit(&h[1], bitStatus, v) }

// Status returns the SCSI status, valid with the S bit (11.7.3).
func (h *DataIn) Status() byte { return h[3] }

// SetStatus stores Status.
func (h *DataIn) SetStatus(v byte) { h[3] = v }

// LUN returns the LUN field, valid with the A bit (11.7.4).
func (h *DataIn) LUN() uint64 { return h.BHS().LUN() }

// SetLUN stores the LUN field.
func (h *DataIn) SetLUN(v uint64) { h.BHS().SetLUN(v) }

// ITT returns the Initiator Task Tag (11.2.1.8).
func (h *DataIn) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *DataIn) SetITT(v uint32) { h.BHS().put32(16, v) }

// TTT returns the Target Transfer Tag, which a DataACK SNACK copies;
// ReservedTag without the A bit (11.7.4).
func (h *DataIn) TTT() uint32 { return h.BHS().u32(20) }

// SetTTT stores the Target Transfer Tag.
func (h *DataIn) SetTTT(v uint32) { h.BHS().put32(20, v) }

// StatSN returns the status sequence number (11.4.9).
func (h *DataIn) StatSN() uint32 { return h.BHS().u32(24) }

// SetStatSN stores StatSN.
func (h *DataIn) SetStatSN(v uint32) { h.BHS().put32(24, v) }

// ExpCmdSN returns the next CmdSN that the target expects (11.4.10).
func (h *DataIn) ExpCmdSN() uint32 { return h.BHS().u32(28) }

// SetExpCmdSN stores ExpCmdSN.
func (h *DataIn) SetExpCmdSN(v uint32) { h.BHS().put32(28, v) }

// MaxCmdSN returns the highest CmdSN that the target accepts (11.4.11).
func (h *DataIn) MaxCmdSN() uint32 { return h.BHS().u32(32) }

// SetMaxCmdSN stores MaxCmdSN.
func (h *DataIn) SetMaxCmdSN(v uint32) { h.BHS().put32(32, v) }

// DataSN returns the number of this PDU among the command's Data-In and R2T
// PDUs (11.7.5).
func (h *DataIn) DataSN() uint32 { return h.BHS().u32(36) }

// SetDataSN stores DataSN.
func (h *DataIn) SetDataSN(v uint32) { h.BHS().put32(36, v) }

// BufferOffset returns where in the command's data this payload begins, in
// bytes (11.7.6).
func (h *DataIn) BufferOffset() uint32 { return h.BHS().u32(40) }

// SetBufferOffset stores BufferOffset.
func (h *DataIn) SetBufferOffset(v uint32) { h.BHS().put32(40, v) }

// ResidualCount returns the residual in bytes, valid with S and one of O and
// U (11.7.3).
func (h *DataIn) ResidualCount() uint32 { return h.BHS().u32(44) }

// SetResidualCount stores ResidualCount.
func (h *DataIn) SetResidualCount(v uint32) { h.BHS().put32(44, v) }

// R2T is the view of a Ready To Transfer PDU (RFC 7143, 11.8).
type R2T BHS

// BHS returns the header that the view shows.
func (h *R2T) BHS() *BHS { return (*BHS)(h) }

// LUN returns the LUN field (11.2.1.7).
func (h *R2T) LUN() uint64 { return h.BHS().LUN() }

// SetLUN stores the LUN field.
func (h *R2T) SetLUN(v uint64) { h.BHS().SetLUN(v) }

// ITT returns the Initiator Task Tag (11.2.1.8).
func (h *R2T) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *R2T) SetITT(v uint32) { h.BHS().put32(16, v) }

// TTT returns the Target Transfer Tag that the solicited Data-Out PDUs copy;
// never ReservedTag (11.8.5).
func (h *R2T) TTT() uint32 { return h.BHS().u32(20) }

// SetTTT stores the Target Transfer Tag.
func (h *R2T) SetTTT(v uint32) { h.BHS().put32(20, v) }

// StatSN returns the status sequence number (11.4.9).
func (h *R2T) StatSN() uint32 { return h.BHS().u32(24) }

// SetStatSN stores StatSN.
func (h *R2T) SetStatSN(v uint32) { h.BHS().put32(24, v) }

// ExpCmdSN returns the next CmdSN that the target expects (11.4.10).
func (h *R2T) ExpCmdSN() uint32 { return h.BHS().u32(28) }

// SetExpCmdSN stores ExpCmdSN.
func (h *R2T) SetExpCmdSN(v uint32) { h.BHS().put32(28, v) }

// MaxCmdSN returns the highest CmdSN that the target accepts (11.4.11).
func (h *R2T) MaxCmdSN() uint32 { return h.BHS().u32(32) }

// SetMaxCmdSN stores MaxCmdSN.
func (h *R2T) SetMaxCmdSN(v uint32) { h.BHS().put32(32, v) }

// R2TSN returns the number of this PDU among the command's R2T PDUs (11.8.2).
func (h *R2T) R2TSN() uint32 { return h.BHS().u32(36) }

// SetR2TSN stores R2TSN.
func (h *R2T) SetR2TSN(v uint32) { h.BHS().put32(36, v) }

// BufferOffset returns where in the command's data the wanted part begins, in
// bytes (11.8.4).
func (h *R2T) BufferOffset() uint32 { return h.BHS().u32(40) }

// SetBufferOffset stores BufferOffset.
func (h *R2T) SetBufferOffset(v uint32) { h.BHS().put32(40, v) }

// DesiredDataTransferLength returns how many bytes the target wants; not 0,
// at most MaxBurstLength (11.8.4).
func (h *R2T) DesiredDataTransferLength() uint32 { return h.BHS().u32(44) }

// SetDesiredDataTransferLength stores DesiredDataTransferLength.
func (h *R2T) SetDesiredDataTransferLength(v uint32) { h.BHS().put32(44, v) }
