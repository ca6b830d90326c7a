package pdu

import (
	"encoding/binary"
	"errors"
)

// Types of additional header segments (RFC 7143, 11.2.2.1). 0 and 3 to 63 are
// reserved.
const (
	ahsExtendedCDB    = 1
	ahsBidiReadLength = 2
	maskAHSType       = 0x3f
)

// ahsHeaderLen is AHSLength and AHSType: what AHSLength does not count
// (RFC 7143, 11.2.2.2).
const ahsHeaderLen = 3

// Format errors of additional header segments: "inconsistent field contents"
// or "illegal contents" (RFC 7143, 7.7).
var (
	ErrAHSLength    = errors.New("pdu: additional header segment has a wrong length")
	ErrAHSType      = errors.New("pdu: additional header segment has a reserved type")
	ErrAHSDuplicate = errors.New("pdu: two additional header segments have the same type")
)

// AHS holds the additional header segments of a SCSI Command PDU
// (RFC 7143, 11.2.2).
type AHS struct {
	// ExtendedCDB is a view of the CDB's bytes from the 17th on, nil if
	// there are none (11.2.2.3).
	ExtendedCDB []byte

	// BidiReadLength is the number of bytes that the initiator expects to
	// read by a bidirectional command, valid with HasBidiReadLength
	// (11.2.2.4).
	BidiReadLength    uint32
	HasBidiReadLength bool
}

// ParseAHS reads all additional header segments of a PDU, as Framer.AHS
// returns them; an empty ahs gives an empty AHS. The result borrows from ahs.
// The error is one of ErrAHSLength, ErrAHSType and ErrAHSDuplicate.
func ParseAHS(ahs []byte) (AHS, error) {
	var a AHS
	for len(ahs) > 0 {
		if len(ahs) < ahsHeaderLen {
			return AHS{}, ErrAHSLength
		}
		// n counts the type-specific part, whose first byte is the
		// reserved one. Padding after it is not counted, so the last
		// segment's padding must be there too: TotalAHSLength counts words.
		n := int(binary.BigEndian.Uint16(ahs))
		end := ahsHeaderLen + n
		if n == 0 || end+Pad(end) > len(ahs) {
			return AHS{}, ErrAHSLength
		}
		body := ahs[ahsHeaderLen+1 : end : end]
		switch ahs[2] & maskAHSType {
		case ahsExtendedCDB:
			if len(body) == 0 || len(body) > MaxCDBLen-16 {
				return AHS{}, ErrAHSLength
			}
			if a.ExtendedCDB != nil {
				return AHS{}, ErrAHSDuplicate
			}
			a.ExtendedCDB = body
		case ahsBidiReadLength:
			if len(body) != 4 {
				return AHS{}, ErrAHSLength
			}
			if a.HasBidiReadLength {
				return AHS{}, ErrAHSDuplicate
			}
			a.BidiReadLength = binary.BigEndian.Uint32(body)
			a.HasBidiReadLength = true
		default:
			return AHS{}, ErrAHSType
		}
		ahs = ahs[end+Pad(end):]
	}
	return a, nil
}

// AppendExtendedCDB appends the additional header segment, padding included,
// that carries cdbTail: bytes 17 and later of a CDB, 1 to 244 bytes
// (RFC 7143, 11.2.2.3).
func AppendExtendedCDB(dst []byte, cdbTail []byte) []byte {
	if len(cdbTail) == 0 || len(cdbTail) > MaxCDBLen-16 {
		panic("pdu: no CDB has such a tail")
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(1+len(cdbTail)))
	dst = append(dst, ahsExtendedCDB, 0)
	dst = append(dst, cdbTail...)
	return append(dst, zeros[:Pad(len(cdbTail))]...)
}

// AppendBidiReadLength appends the additional header segment with the number
// of bytes that the initiator of a bidirectional command expects to read
// (RFC 7143, 11.2.2.4).
func AppendBidiReadLength(dst []byte, n uint32) []byte {
	dst = append(dst, 0, 5, ahsBidiReadLength, 0)
	return binary.BigEndian.AppendUint32(dst, n)
}

// zeros is padding: "the padding bytes SHOULD be sent as 0"
// (RFC 7143, 11.1).
const zeros = "\x00\x00\x00"
