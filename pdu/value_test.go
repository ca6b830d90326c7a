package pdu

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

func TestParseBool(t *testing.T) {
	for s, want := range map[string]bool{"Yes": true, "No": false} {
		if got, err := ParseBool(s); err != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	// "All the text keys and text values ... are case sensitive" (RFC 7143, 6.1).
	for _, s := range []string{"", "yes", "NO", "Yes ", "1", "true"} {
		if v, err := ParseBool(s); v || err != ErrValueSyntax {
			t.Errorf("%q: %v, %v", s, v, err)
		}
	}
}

// A numerical-value is a decimal constant without leading zeros or a
// hexadecimal constant, below 2^64 (RFC 7143, 6.1).
func TestParseNumber(t *testing.T) {
	for _, c := range []struct {
		s      string
		lo, hi uint64
		want   uint64
		err    error
	}{
		{"0", 0, 10, 0, nil},
		{"10", 0, 10, 10, nil},
		{"262144", 512, 16777215, 262144, nil},
		{"0x200", 512, 16777215, 512, nil},
		{"0XFFffFF", 512, 16777215, 16777215, nil},
		{"0x0000000000000000000000000000001", 0, 10, 1, nil},
		{"18446744073709551615", 0, math.MaxUint64, math.MaxUint64, nil},
		{"511", 512, 16777215, 0, ErrValueRange},
		{"16777216", 512, 16777215, 0, ErrValueRange},
		{"18446744073709551616", 0, math.MaxUint64, 0, ErrValueRange},
		{"0x10000000000000000", 0, math.MaxUint64, 0, ErrValueRange},
		{"", 0, 10, 0, ErrValueSyntax},
		{"00", 0, 10, 0, ErrValueSyntax},
		{"01", 0, 10, 0, ErrValueSyntax},
		{"+1", 0, 10, 0, ErrValueSyntax},
		{"-1", 0, 10, 0, ErrValueSyntax},
		{" 1", 0, 10, 0, ErrValueSyntax},
		{"1 ", 0, 10, 0, ErrValueSyntax},
		{"1_0", 0, 10, 0, ErrValueSyntax},
		{"0x", 0, 10, 0, ErrValueSyntax},
		{"0x_1", 0, 10, 0, ErrValueSyntax},
		{"0x+1", 0, 10, 0, ErrValueSyntax},
		{"0xg", 0, 10, 0, ErrValueSyntax},
		{"0bAA==", 0, 10, 0, ErrValueSyntax},
		{"Yes", 0, 10, 0, ErrValueSyntax},
	} {
		if got, err := ParseNumber(c.s, c.lo, c.hi); got != c.want || err != c.err {
			t.Errorf("%q in %d..%d: %d, %v; want %d, %v", c.s, c.lo, c.hi, got, err, c.want, c.err)
		}
	}
}

func TestParseRange(t *testing.T) {
	for _, c := range []struct {
		s        string
		from, to uint64
		err      error
	}{
		{"1~5", 1, 5, nil},
		{"5~5", 5, 5, nil},
		{"0x1~0xa", 1, 10, nil},
		{"5~1", 0, 0, ErrValueRange},
		{"1~11", 0, 0, ErrValueRange},
		{"0~5", 0, 0, ErrValueRange},
		{"1", 0, 0, ErrValueSyntax},
		{"~", 0, 0, ErrValueSyntax},
		{"1~", 0, 0, ErrValueSyntax},
		{"~5", 0, 0, ErrValueSyntax},
		{"1~2~3", 0, 0, ErrValueSyntax},
	} {
		if from, to, err := ParseRange(c.s, 1, 10); from != c.from || to != c.to || err != c.err {
			t.Errorf("%q: %d, %d, %v; want %d, %d, %v", c.s, from, to, err, c.from, c.to, c.err)
		}
	}
}

// Binary values are hexadecimal, of (n+1)/2 bytes for n digits, or base64
// (RFC 7143, 6.1; RFC 4648, 4).
func TestDecodeBinary(t *testing.T) {
	for _, c := range []struct {
		s    string
		max  int
		want []byte
		err  error
	}{
		{"0x00", 1, []byte{0}, nil},
		{"0X0a0B", 2, []byte{0x0a, 0x0b}, nil},
		{"0x1", 1, []byte{1}, nil},
		{"0xabc", 2, []byte{0x0a, 0xbc}, nil},
		{"0x" + strings.Repeat("ff", 1024), 1024, bytes.Repeat([]byte{0xff}, 1024), nil},
		{"0bAA==", 1, []byte{0}, nil},
		{"0BAAE=", 2, []byte{0, 1}, nil},
		{"0bAAEC", 3, []byte{0, 1, 2}, nil},
		{"0b+/+/", 3, []byte{0xfb, 0xff, 0xbf}, nil},
		{"0x0000", 1, nil, ErrValueTooLong},
		{"0x123", 1, nil, ErrValueTooLong},
		{"0bAAE=", 1, nil, ErrValueTooLong},
		{"0bAAEC", 2, nil, ErrValueTooLong},
		{"0x" + strings.Repeat("f", 8190), 1024, nil, ErrValueTooLong},
		{"", 9, nil, ErrValueSyntax},
		{"0x", 9, nil, ErrValueSyntax},
		{"0xg0", 9, nil, ErrValueSyntax},
		{"0x 1", 9, nil, ErrValueSyntax},
		{"0b", 9, nil, ErrValueSyntax},
		{"0bAA", 9, nil, ErrValueSyntax},
		{"0bAA=", 9, nil, ErrValueSyntax},
		{"0b====", 9, nil, ErrValueSyntax},
		{"0bAB==", 9, nil, ErrValueSyntax}, // four bits lost
		{"0bAA==AA==", 9, nil, ErrValueSyntax},
		{"0bAA\n==AAA", 9, nil, ErrValueSyntax},
		{"0bAAAA\r\n\r\n", 9, nil, ErrValueSyntax},
		{"0b-_-_", 9, nil, ErrValueSyntax},
		{"17", 9, nil, ErrValueSyntax},
		{"abcd", 9, nil, ErrValueSyntax},
	} {
		if got, err := DecodeBinary(c.s, c.max); !bytes.Equal(got, c.want) || err != c.err {
			t.Errorf("%.20q, at most %d: %x, %v; want %x, %v", c.s, c.max, got, err, c.want, c.err)
		}
	}
}

func TestEncodeHex(t *testing.T) {
	check.Equal(t, EncodeHex([]byte{0, 0x0a, 0xff}), "0x000aff", "EncodeHex() =")
}
