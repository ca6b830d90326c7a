package pdu

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// What can be wrong with an encoded value (RFC 7143, 6.1).
var (
	ErrValueSyntax  = errors.New("pdu: value does not have the syntax of its type")
	ErrValueRange   = errors.New("pdu: number out of range")
	ErrValueTooLong = errors.New("pdu: binary value too long")
)

// encoding tells by its prefix how a constant is encoded: 'x' hexadecimal, 'b'
// base64, 0 neither (RFC 7143, 6.1).
func encoding(s string) byte {
	if len(s) < 2 || s[0] != '0' {
		return 0
	}
	switch c := s[1] | 0x20; c {
	case 'x', 'b':
		return c
	}
	return 0
}

// ParseBool reads a boolean-value: Yes or No, in this case (RFC 7143, 6.1).
func ParseBool(s string) (bool, error) {
	switch s {
	case "Yes":
		return true, nil
	case "No":
		return false, nil
	}
	return false, ErrValueSyntax
}

// ParseNumber reads a numerical-value from lo to hi: a decimal constant
// without leading zeros, or a hexadecimal constant (RFC 7143, 6.1). The error
// is ErrValueSyntax, or ErrValueRange for a well-formed number out of range.
func ParseNumber(s string, lo, hi uint64) (uint64, error) {
	base := 10
	digits := s
	if encoding(s) == 'x' {
		// Leading zeros are discouraged here, not forbidden.
		base, digits = 16, s[2:]
	} else if len(s) > 1 && s[0] == '0' {
		return 0, ErrValueSyntax
	}
	// ParseUint takes no sign, and with an explicit base no underscore.
	v, err := strconv.ParseUint(digits, base, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return 0, ErrValueSyntax
	case err != nil, v < lo, v > hi:
		return 0, ErrValueRange
	}
	return v, nil
}

// ParseRange reads a numerical-range: two numbers from lo to hi with a tilde
// between them, of which "the value to the right of the tilde must not be lower
// than the value to the left" (RFC 7143, 6.1).
func ParseRange(s string, lo, hi uint64) (from, to uint64, err error) {
	left, right, ok := strings.Cut(s, "~")
	if !ok {
		return 0, 0, ErrValueSyntax
	}
	if from, err = ParseNumber(left, lo, hi); err != nil {
		return 0, 0, err
	}
	if to, err = ParseNumber(right, lo, hi); err != nil {
		return 0, 0, err
	}
	if to < from {
		return 0, 0, ErrValueRange
	}
	return from, to, nil
}

// DecodeBinary decodes a binary-value of at most max bytes: a hexadecimal or
// base64 constant (RFC 7143, 6.1). A hexadecimal constant of n digits has
// (n+1)/2 bytes, so that an odd one begins with half a byte. Decimal constants
// are refused: they have no length. The error is ErrValueSyntax, or
// ErrValueTooLong before anything is allocated.
func DecodeBinary(s string, max int) ([]byte, error) {
	switch encoding(s) {
	case 'x':
		return decodeHex(s[2:], max)
	case 'b':
		return decodeBase64(s[2:], max)
	}
	return nil, ErrValueSyntax
}

func decodeHex(s string, max int) ([]byte, error) {
	if s == "" {
		return nil, ErrValueSyntax
	}
	if (len(s)+1)/2 > max {
		return nil, ErrValueTooLong
	}
	if len(s)%2 != 0 {
		s = "0" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil, ErrValueSyntax
	}
	return b, nil
}

// base64Strict is the encoding of RFC 4648, 4: with padding, and without bits
// that decode to nothing.
var base64Strict = base64.StdEncoding.Strict()

func decodeBase64(s string, max int) ([]byte, error) {
	// The decoder passes over line breaks, which RFC 4648, 3.1, and iSCSI
	// do not allow.
	if s == "" || len(s)%4 != 0 || strings.ContainsAny(s, "\r\n") {
		return nil, ErrValueSyntax
	}
	n := len(s) / 4 * 3
	for i := 1; i <= 2 && s[len(s)-i] == '='; i++ {
		n--
	}
	if n > max {
		return nil, ErrValueTooLong
	}
	b, err := base64Strict.DecodeString(s)
	if err != nil {
		return nil, ErrValueSyntax
	}
	return b, nil
}

// EncodeHex encodes b as a hexadecimal constant, "0x" and two digits a byte.
// b is not empty: a constant has at least one digit.
func EncodeHex(b []byte) string { return "0x" + hex.EncodeToString(b) }
