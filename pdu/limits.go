package pdu

// The limits of the wire format. None of them is a size to allocate: the
// limits that a connection enforces are given to Framer.SetLimits.
const (
	// MaxAHSLen is the longest that all additional header segments of a PDU
	// can be, in bytes: TotalAHSLength is one byte that counts four-byte
	// words (RFC 7143, 11.2.1.5).
	MaxAHSLen = 255 * 4

	// MaxDataLen is the longest data segment in bytes: DataSegmentLength
	// has 24 bits (RFC 7143, 11.2.1.6).
	MaxDataLen = 1<<24 - 1
)
