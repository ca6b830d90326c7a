// Package pdu holds the wire formats of iSCSI (RFC 7143, chapter 11): views
// over the 48-byte basic header segment, additional header segments, digests,
// text keys, and a framer that cuts a byte stream into PDUs.
//
// The package does no I/O. Nothing in it allocates except ReadText, ParseText and the
// decoders of text values, which run during negotiation only.
//
// A header is a [48]byte and each PDU type is a view with the same layout, so
// that a conversion costs nothing and no access needs a bounds check:
//
//	cmd := (*pdu.SCSICommand)(bhs)
//	if cmd.Write() && cmd.ExpectedDataTransferLength() > 0 { ... }
//
// Getters return the value on the wire; no view validates it. All multi-byte
// fields are big endian on the wire (RFC 7143, 11.2).
package pdu

import "encoding/binary"

// BHSLen is the length of a basic header segment in bytes (RFC 7143, 11.2.1).
const BHSLen = 48

// ReservedTag is the value of an Initiator Task Tag or Target Transfer Tag
// that names no task (RFC 7143, 11.2.1.8, 11.18, 11.19).
const ReservedTag = 0xffffffff

// BHS is a basic header segment: the 48 bytes that begin every PDU
// (RFC 7143, 11.2.1).
type BHS [BHSLen]byte

// Bits of the first two header bytes (RFC 7143, 11.2.1.1 to 11.2.1.3).
const (
	bitImmediate = 0x40 // byte 0
	maskOpcode   = 0x3f // byte 0
	bitFinal     = 0x80 // byte 1
)

// Reset zeroes the header.
func (h *BHS) Reset() { *h = BHS{} }

// Init zeroes the header, stores op and sets what the figure of that PDU
// shows as a constant: bit 0 of byte 1 where the figure has a 1 there
// (sections 11.4 to 11.19), and the reserved Initiator Task Tag of an
// Asynchronous Message (11.9) and of a Reject (11.17).
func (h *BHS) Init(op Opcode) {
	*h = BHS{}
	h[0] = byte(op) & maskOpcode
	switch op {
	case OpNOPOut, OpNOPIn, OpSCSIResponse,
		OpTaskManagementRequest, OpTaskManagementResponse,
		OpLogoutRequest, OpLogoutResponse, OpSNACKRequest, OpR2T:
		h[1] = bitFinal
	case OpAsyncMessage, OpReject:
		h[1] = bitFinal
		h.SetITT(ReservedTag)
	}
}

// Opcode returns the six opcode bits (RFC 7143, 11.2.1.2).
func (h *BHS) Opcode() Opcode { return Opcode(h[0] & maskOpcode) }

// SetOpcode stores the low six bits of op and leaves the I bit alone.
func (h *BHS) SetOpcode(op Opcode) { h[0] = h[0]&^maskOpcode | byte(op)&maskOpcode }

// Immediate returns the I bit, which marks a request for immediate delivery
// (RFC 7143, 11.2.1.1). Only initiator PDUs carry it.
func (h *BHS) Immediate() bool { return h[0]&bitImmediate != 0 }

// SetImmediate stores the I bit.
func (h *BHS) SetImmediate(v bool) { setBit(&h[0], bitImmediate, v) }

// Flags returns byte 1: the F bit and the opcode-specific flags.
func (h *BHS) Flags() byte { return h[1] }

// SetFlags stores byte 1.
func (h *BHS) SetFlags(v byte) { h[1] = v }

// Final returns bit 0 of byte 1: the F bit (RFC 7143, 11.2.1.3), or the T bit
// of a login PDU.
func (h *BHS) Final() bool { return h[1]&bitFinal != 0 }

// SetFinal stores the F bit.
func (h *BHS) SetFinal(v bool) { setBit(&h[1], bitFinal, v) }

// AHSLen returns the length of all additional header segments in bytes:
// four times TotalAHSLength (RFC 7143, 11.2.1.5), 0 to 1020.
func (h *BHS) AHSLen() int { return 4 * int(h[4]) }

// SetAHSLen stores n bytes as TotalAHSLength. n is a multiple of 4, at most
// 1020; AppendExtendedCDB and AppendBidiReadLength produce such lengths.
func (h *BHS) SetAHSLen(n int) {
	if n < 0 || n > MaxAHSLen || n%4 != 0 {
		panic("pdu: AHS length is no multiple of 4 up to 1020")
	}
	h[4] = byte(n / 4)
}

// DataLen returns DataSegmentLength in bytes, padding and digest not counted
// (RFC 7143, 11.2.1.6), 0 to 16777215.
func (h *BHS) DataLen() int { return int(h[5])<<16 | int(h[6])<<8 | int(h[7]) }

// SetDataLen stores DataSegmentLength.
func (h *BHS) SetDataLen(n int) {
	if n < 0 || n > MaxDataLen {
		panic("pdu: data segment length does not fit in 24 bits")
	}
	h[5], h[6], h[7] = byte(n>>16), byte(n>>8), byte(n)
}

// LUN returns the eight bytes of the LUN field as a big-endian number: the
// format of SAM-5, 4.7 (RFC 7143, 11.2.1.7). Login PDUs have the ISID and
// TSIH there.
func (h *BHS) LUN() uint64 { return binary.BigEndian.Uint64(h[8:16]) }

// SetLUN stores the LUN field.
func (h *BHS) SetLUN(v uint64) { binary.BigEndian.PutUint64(h[8:16], v) }

// ITT returns the Initiator Task Tag (RFC 7143, 11.2.1.8).
func (h *BHS) ITT() uint32 { return h.u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *BHS) SetITT(v uint32) { h.put32(16, v) }

// SetStatSN stores StatSN at bytes 24 to 27. Valid for every opcode that a
// target sends; in a Data-In PDU the field is reserved (0) unless its S bit is
// set (RFC 7143, 11.7), in an R2T and in a NOP-In with a reserved ITT it is the
// next StatSN, which these PDUs do not consume (11.8.3, 11.19.2).
func (h *BHS) SetStatSN(v uint32) { h.put32(24, v) }

// SetExpMaxCmdSN stores ExpCmdSN at bytes 28 to 31 and MaxCmdSN at bytes 32
// to 35. Valid for every opcode that a target sends, and for those only: in
// initiator PDUs these bytes have other meanings (RFC 7143, 11.4.10, 11.4.11).
func (h *BHS) SetExpMaxCmdSN(exp, max uint32) {
	h.put32(28, exp)
	h.put32(32, max)
}

// u32 and put32 are inlined into the accessors with a constant offset, where
// the compiler proves the bounds and emits one load or store.
func (h *BHS) u32(off uint) uint32      { return binary.BigEndian.Uint32(h[off : off+4]) }
func (h *BHS) put32(off uint, v uint32) { binary.BigEndian.PutUint32(h[off:off+4], v) }
func (h *BHS) u16(off uint) uint16      { return binary.BigEndian.Uint16(h[off : off+2]) }
func (h *BHS) put16(off uint, v uint16) { binary.BigEndian.PutUint16(h[off:off+2], v) }

func setBit(b *byte, mask byte, v bool) {
	if v {
		*b |= mask
	} else {
		*b &^= mask
	}
}
