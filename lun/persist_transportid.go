package lun

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// isidSeparator is between the iSCSI name and the ISID in the name of an initiator port (SPC-4 7.6.4.6).
const isidSeparator = ",i,0x"

// Sizes of an iSCSI TransportID (SPC-4 7.6.4.6): a header of 4 bytes, then at least 20.
const (
	transportIDHeader = 4
	transportIDMin    = transportIDHeader + 20
)

// transportID is a parsed iSCSI TransportID. Names are in lower case (RFC 7143 4.2.7.2).
type transportID struct {
	node string // iSCSI name
	port string // the initiator port's name; "" for format code 00b, which names the node alone
}

// parseTransportID parses the TransportID at the start of b. n is its length in bytes, 0 if this device server does not
// accept it.
func parseTransportID(b []byte) (id transportID, n int) {
	if len(b) < transportIDMin || b[0]&0x0F != 0x05 { // PROTOCOL IDENTIFIER: iSCSI
		return id, 0
	}
	size := int(binary.BigEndian.Uint16(b[2:]))
	// "The additional length shall be at least 20 and shall be a multiple of four."
	if size < transportIDMin-transportIDHeader || size%4 != 0 || size > len(b)-transportIDHeader {
		return id, 0
	}
	text := string(b[transportIDHeader : transportIDHeader+size])
	// "The first ... byte containing an ASCII null character terminates the ... field without regard for the specified
	// length". The text need not be terminated when the port form fills its field.
	if i := strings.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	text = strings.ToLower(text)
	switch b[0] >> 6 {
	case 0: // initiator device
		id.node = text
	case 1: // initiator port
		i := strings.LastIndex(text, isidSeparator)
		if i < 0 {
			return id, 0
		}
		digits := text[i+len(isidSeparator):]
		if len(digits) == 0 || len(digits) > 12 {
			return id, 0
		}
		digits = strings.Repeat("0", 12-len(digits)) + digits
		if _, err := hex.DecodeString(digits); err != nil {
			return id, 0
		}
		id.node = text[:i]
		id.port = id.node + isidSeparator + digits
	default:
		return id, 0
	}
	if !iscsiName(id.node) {
		return transportID{}, 0
	}
	return id, transportIDHeader + size
}

// iscsiName reports whether s can be an iSCSI name: 1 to 223 bytes without controls, blanks or commas (RFC 7143 4.2.7.2).
func iscsiName(s string) bool {
	if len(s) == 0 || len(s) > MaxISCSIName {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == ',' || c == 0x7F {
			return false
		}
	}
	return true
}

// appendTransportID appends the TransportID of an initiator port's name: format code 01b, null-terminated and padded to
// a multiple of four.
func appendTransportID(dst []byte, port string) []byte {
	size := max((len(port)+1+3)&^3, transportIDMin-transportIDHeader)
	dst = append(dst, 0x45, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(size))
	dst = append(dst, port...)
	for range size - len(port) {
		dst = append(dst, 0)
	}
	return dst
}
