package pdu

// CmdSN, StatSN, DataSN, R2TSN and their kin are serial numbers in the sense
// of RFC 1982 with SERIAL_BITS = 32 (RFC 7143, 4.2.2.1). They wrap, so they
// are never compared with < or >.

// SNLess reports whether a comes before b (RFC 1982, 3.2). Numbers 2^31 apart
// have no order there; SNLess is false for them both ways.
func SNLess(a, b uint32) bool {
	d := b - a
	return d != 0 && d < 1<<31
}

// SNLessEq reports whether a is b or comes before b.
func SNLessEq(a, b uint32) bool { return b-a < 1<<31 }

// SNDiff returns the distance from b to a: a-b, negative if a comes before
// b. Numbers 2^31 apart give -2^31.
func SNDiff(a, b uint32) int32 { return int32(a - b) }
