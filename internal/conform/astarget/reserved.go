package astarget

import "github.com/ringtgt/ringtgt/pdu"

// span is a run of reserved bytes, or of reserved bits of one byte.
type span struct {
	from, to int
	mask     byte
}

func bytesAt(from, to int) span { return span{from, to, 0xff} }

// Reserved bits in the PDUs of an initiator, from the figures of RFC 7143, 11.3 to 11.18. RFC 7144 uses byte 2 of a SCSI Command for the
// priority. Byte 0 has a reserved bit, and in Data-Out and SNACK a second one.
var reservedIn = map[pdu.Opcode][]span{
	pdu.OpNOPOut:                {{0, 1, 0x80}, {1, 2, 0x7f}, bytesAt(2, 4), bytesAt(32, 48)},
	pdu.OpSCSICommand:           {{0, 1, 0x80}, {1, 2, 0x18}, {2, 3, 0xf0}, bytesAt(3, 4)},
	pdu.OpTaskManagementRequest: {{0, 1, 0x80}, bytesAt(2, 4), bytesAt(40, 48)},
	pdu.OpLoginRequest:          {{0, 1, 0x80}, {1, 2, 0x30}, bytesAt(22, 24), bytesAt(32, 48)},
	pdu.OpTextRequest:           {{0, 1, 0x80}, {1, 2, 0x3f}, bytesAt(2, 4), bytesAt(32, 48)},
	pdu.OpDataOut:               {{0, 1, 0xc0}, {1, 2, 0x7f}, bytesAt(2, 4), bytesAt(24, 28), bytesAt(32, 36), bytesAt(44, 48)},
	pdu.OpLogoutRequest:         {{0, 1, 0x80}, bytesAt(2, 4), bytesAt(8, 16), bytesAt(22, 24), bytesAt(32, 48)},
}

// reserved finds the first byte that has a reserved bit set, -1 if there is none.
func reserved(h *pdu.BHS) (at int, value byte) {
	for _, s := range reservedIn[h.Opcode()] {
		for i := s.from; i < s.to; i++ {
			if v := h[i] & s.mask; v != 0 {
				return i, v
			}
		}
	}
	return -1, 0
}
