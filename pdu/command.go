package pdu

// Bits of byte 1 of a SCSI Command PDU (RFC 7143, 11.3.1).
const (
	bitRead  = 0x40
	bitWrite = 0x20
	maskAttr = 0x07
)

// Bits of byte 1 of a SCSI Response PDU (RFC 7143, 11.4.1). The O and U bits
// have the same positions in a Data-In PDU (11.7.3).
const (
	bitBidiOverflow  = 0x10
	bitBidiUnderflow = 0x08
	bitOverflow      = 0x04
	bitUnderflow     = 0x02
)

// TaskAttr is the task attribute of a SCSI command (RFC 7143, 11.3.1).
type TaskAttr byte

// Task attributes. 5 to 7 are reserved.
const (
	TaskAttrUntagged    TaskAttr = 0
	TaskAttrSimple      TaskAttr = 1
	TaskAttrOrdered     TaskAttr = 2
	TaskAttrHeadOfQueue TaskAttr = 3
	TaskAttrACA         TaskAttr = 4
)

// ServiceResponse is the iSCSI service response of a SCSI Response PDU
// (RFC 7143, 11.4.3). 0x80 to 0xff are vendor specific.
type ServiceResponse byte

// Service responses.
const (
	ServiceResponseCompleted     ServiceResponse = 0x00 // command completed at target
	ServiceResponseTargetFailure ServiceResponse = 0x01
)

// SCSICommand is the view of a SCSI Command PDU (RFC 7143, 11.3).
type SCSICommand BHS

// BHS returns the header that the view shows.
func (h *SCSICommand) BHS() *BHS { return (*BHS)(h) }

// Immediate returns the I bit (11.2.1.1).
func (h *SCSICommand) Immediate() bool { return h[0]&bitImmediate != 0 }

// SetImmediate stores the I bit.
func (h *SCSICommand) SetImmediate(v bool) { setBit(&h[0], bitImmediate, v) }

// Final returns the F bit: no unsolicited Data-Out PDU follows this command
// (11.3.1).
func (h *SCSICommand) Final() bool { return h[1]&bitFinal != 0 }

// SetFinal stores the F bit.
func (h *SCSICommand) SetFinal(v bool) { setBit(&h[1], bitFinal, v) }

// Read returns the R bit: the command is expected to input data (11.3.1).
func (h *SCSICommand) Read() bool { return h[1]&bitRead != 0 }

// SetRead stores the R bit.
func (h *SCSICommand) SetRead(v bool) { setBit(&h[1], bitRead, v) }

// Write returns the W bit: the command is expected to output data (11.3.1).
func (h *SCSICommand) Write() bool { return h[1]&bitWrite != 0 }

// SetWrite stores the W bit.
func (h *SCSICommand) SetWrite(v bool) { setBit(&h[1], bitWrite, v) }

// Attr returns the task attribute (11.3.1).
func (h *SCSICommand) Attr() TaskAttr { return TaskAttr(h[1] & maskAttr) }

// SetAttr stores the task attribute.
func (h *SCSICommand) SetAttr(v TaskAttr) { h[1] = h[1]&^maskAttr | byte(v)&maskAttr }

// Priority returns the command priority, 0 to 15, in force at
// iSCSIProtocolLevel 2: PRI, the upper half of byte 2 (RFC 7144, 5.1.1).
func (h *SCSICommand) Priority() byte { return h[2] >> 4 }

// SetPriority stores the task priority.
func (h *SCSICommand) SetPriority(v byte) { h[2] = h[2]&0x0f | v<<4 }

// LUN returns the LUN field (11.2.1.7).
func (h *SCSICommand) LUN() uint64 { return h.BHS().LUN() }

// SetLUN stores the LUN field.
func (h *SCSICommand) SetLUN(v uint64) { h.BHS().SetLUN(v) }

// ITT returns the Initiator Task Tag (11.2.1.8).
func (h *SCSICommand) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *SCSICommand) SetITT(v uint32) { h.BHS().put32(16, v) }

// ExpectedDataTransferLength returns the number of bytes that the initiator
// expects to transfer (11.3.4); for a bidirectional command, the number that it
// writes.
func (h *SCSICommand) ExpectedDataTransferLength() uint32 { return h.BHS().u32(20) }

// SetExpectedDataTransferLength stores ExpectedDataTransferLength.
func (h *SCSICommand) SetExpectedDataTransferLength(v uint32) { h.BHS().put32(20, v) }

// CmdSN returns the command sequence number (11.3.2).
func (h *SCSICommand) CmdSN() uint32 { return h.BHS().u32(24) }

// SetCmdSN stores CmdSN.
func (h *SCSICommand) SetCmdSN(v uint32) { h.BHS().put32(24, v) }

// ExpStatSN returns the next StatSN that the initiator expects on this
// connection (11.3.3).
func (h *SCSICommand) ExpStatSN() uint32 { return h.BHS().u32(28) }

// SetExpStatSN stores ExpStatSN.
func (h *SCSICommand) SetExpStatSN(v uint32) { h.BHS().put32(28, v) }

// CDB returns the first 16 bytes of the CDB, in the header itself: writing to
// it writes to the header (11.3.5). Longer CDBs continue in an additional
// header segment.
func (h *SCSICommand) CDB() *[16]byte { return (*[16]byte)(h[32:48]) }

// SCSIResponse is the view of a SCSI Response PDU (RFC 7143, 11.4).
type SCSIResponse BHS

// BHS returns the header that the view shows.
func (h *SCSIResponse) BHS() *BHS { return (*BHS)(h) }

// BidiReadOverflow returns the o bit: the read residual of a bidirectional
// command is an overflow (11.4.1).
func (h *SCSIResponse) BidiReadOverflow() bool { return h[1]&bitBidiOverflow != 0 }

// SetBidiReadOverflow stores the o bit.
func (h *SCSIResponse) SetBidiReadOverflow(v bool) { setBit(&h[1], bitBidiOverflow, v) }

// BidiReadUnderflow returns the u bit: the read residual of a bidirectional
// command is an underflow (11.4.1).
func (h *SCSIResponse) BidiReadUnderflow() bool { return h[1]&bitBidiUnderflow != 0 }

// SetBidiReadUnderflow stores the u bit.
func (h *SCSIResponse) SetBidiReadUnderflow(v bool) { setBit(&h[1], bitBidiUnderflow, v) }

// Overflow returns the O bit: ResidualCount is an overflow (11.4.1).
func (h *SCSIResponse) Overflow() bool { return h[1]&bitOverflow != 0 }

// SetOverflow stores the O bit.
func (h *SCSIResponse) SetOverflow(v bool) { setBit(&h[1], bitOverflow, v) }

// Underflow returns the U bit: ResidualCount is an underflow (11.4.1).
func (h *SCSIResponse) Underflow() bool { return h[1]&bitUnderflow != 0 }

// SetUnderflow stores the U bit.
func (h *SCSIResponse) SetUnderflow(v bool) { setBit(&h[1], bitUnderflow, v) }

// Response returns the iSCSI service response (11.4.3).
func (h *SCSIResponse) Response() ServiceResponse { return ServiceResponse(h[2]) }

// SetResponse stores Response.
func (h *SCSIResponse) SetResponse(v ServiceResponse) { h[2] = byte(v) }

// Status returns the SCSI status of SAM-5, 5.3; meaningful only where
// Response is ServiceResponseCompleted (11.4.2).
func (h *SCSIResponse) Status() byte { return h[3] }

// SetStatus stores Status.
func (h *SCSIResponse) SetStatus(v byte) { h[3] = v }

// StatusQualifier returns SAM-5's status qualifier, in force at
// iSCSIProtocolLevel 2 (RFC 7144).
func (h *SCSIResponse) StatusQualifier() uint16 { return h.BHS().u16(8) }

// SetStatusQualifier stores StatusQualifier.
func (h *SCSIResponse) SetStatusQualifier(v uint16) { h.BHS().put16(8, v) }

// ITT returns the Initiator Task Tag (11.2.1.8).
func (h *SCSIResponse) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *SCSIResponse) SetITT(v uint32) { h.BHS().put32(16, v) }

// SNACKTag returns the copied tag of the R-Data SNACK that this answers, else
// 0 (11.4.4).
func (h *SCSIResponse) SNACKTag() uint32 { return h.BHS().u32(20) }

// SetSNACKTag stores SNACKTag.
func (h *SCSIResponse) SetSNACKTag(v uint32) { h.BHS().put32(20, v) }

// StatSN returns the status sequence number (11.4.9).
func (h *SCSIResponse) StatSN() uint32 { return h.BHS().u32(24) }

// SetStatSN stores StatSN.
func (h *SCSIResponse) SetStatSN(v uint32) { h.BHS().put32(24, v) }

// ExpCmdSN returns the next CmdSN that the target expects (11.4.10).
func (h *SCSIResponse) ExpCmdSN() uint32 { return h.BHS().u32(28) }

// SetExpCmdSN stores ExpCmdSN.
func (h *SCSIResponse) SetExpCmdSN(v uint32) { h.BHS().put32(28, v) }

// MaxCmdSN returns the highest CmdSN that the target accepts (11.4.11).
func (h *SCSIResponse) MaxCmdSN() uint32 { return h.BHS().u32(32) }

// SetMaxCmdSN stores MaxCmdSN.
func (h *SCSIResponse) SetMaxCmdSN(v uint32) { h.BHS().put32(32, v) }

// ExpDataSN returns how many Data-In and R2T PDUs the target has sent for the
// command (11.4.8).
func (h *SCSIResponse) ExpDataSN() uint32 { return h.BHS().u32(36) }

// SetExpDataSN stores ExpDataSN.
func (h *SCSIResponse) SetExpDataSN(v uint32) { h.BHS().put32(36, v) }

// BidiReadResidualCount returns the read residual of a bidirectional command
// in bytes, valid with o or u (11.4.6).
func (h *SCSIResponse) BidiReadResidualCount() uint32 { return h.BHS().u32(40) }

// SetBidiReadResidualCount stores BidiReadResidualCount.
func (h *SCSIResponse) SetBidiReadResidualCount(v uint32) { h.BHS().put32(40, v) }

// ResidualCount returns the residual in bytes, valid with O or U (11.4.5).
func (h *SCSIResponse) ResidualCount() uint32 { return h.BHS().u32(44) }

// SetResidualCount stores ResidualCount.
func (h *SCSIResponse) SetResidualCount(v uint32) { h.BHS().put32(44, v) }
