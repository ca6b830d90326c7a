package pdu

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// Serial numbers compare by RFC 1982, 3.2, across the wrap.
func TestSerialNumbers(t *testing.T) {
	for _, c := range []struct {
		a, b         uint32
		less, lessEq bool
		diff         int32
	}{
		{0, 0, false, true, 0},
		{0, 1, true, true, -1},
		{1, 0, false, false, 1},
		{0xffffffff, 0, true, true, -1},
		{0, 0xffffffff, false, false, 1},
		{0xfffffff0, 0x10, true, true, -32},
		{0x10, 0xfffffff0, false, false, 32},
		{0x7fffffff, 0x80000000, true, true, -1},
		{0, 0x7fffffff, true, true, -0x7fffffff},
		{0x80000001, 0, true, true, -0x7fffffff},
		{0, 0x80000001, false, false, 0x7fffffff},
		// 2^31 apart there is no order, either way.
		{0, 0x80000000, false, false, -0x80000000},
		{0x80000000, 0, false, false, -0x80000000},
	} {
		check.Equal(t, SNLess(c.a, c.b), c.less, "SNLess(%#x, %#x) =", c.a, c.b)
		check.Equal(t, SNLessEq(c.a, c.b), c.lessEq, "SNLessEq(%#x, %#x) =", c.a, c.b)
		check.Equal(t, SNDiff(c.a, c.b), c.diff, "SNDiff(%#x, %#x) =", c.a, c.b)
	}
}
