package pdu

// The limits of the wire format. None of them is a size to allocate: the
// limits that a connection enforces are given to Framer.SetLimits.
const (
	// MaxAHSLen is the longest that all additional header segments of a PDU
	// can be, in bytes: TotalAHSLength is one byte that counts four-byte
	// words (RFC 7143, 11.2.1.5). A Framer has a buffer of that size,
	// so that no header sizes an allocation.
	MaxAHSLen = 255 * 4

	// MaxDataLen is the longest data segment in bytes: DataSegmentLength
	// has 24 bits (RFC 7143, 11.2.1.6).
	MaxDataLen = 1<<24 - 1

	// MaxCDBLen is the longest CDB in bytes: a variable-length CDB has 8
	// bytes of header and at most 252 more (SPC-4, 4.3.3), of which those
	// after the first 16 travel in an additional header segment.
	MaxCDBLen = 260
)

// The limits of key=value text.
const (
	// MaxKeyLen is the longest key name in bytes: a standard-label "must
	// not exceed 63 characters" (RFC 7143, 6.1).
	MaxKeyLen = 63

	// MaxSimpleValueLen is the longest simple value in bytes unless its key
	// has another limit (RFC 7143, 6.1). Each element of a list is a
	// simple value of its own. The bound applies to the decoded form of
	// a binary value only if the key defines it so.
	MaxSimpleValueLen = 255

	// MaxValueLen is the longest value in bytes as it is encoded in the text,
	// list or encoded binary. No key of RFC 7143 needs more: the longest,
	// CHAP_C and CHAP_R of up to 1024 bytes (12.1.3), take 2050 in hex. It
	// equals the 8192 bytes of text that every node must accept in one
	// negotiation (6.1).
	MaxValueLen = 8192
)
