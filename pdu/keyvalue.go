package pdu

import (
	"bytes"
	"errors"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"
)

// KeyValue is one key=value pair of login or text negotiation (RFC 7143, 6.1).
// Key is not empty; Value may be.
type KeyValue struct{ Key, Value string }

// Faults of key=value text (RFC 7143, 6.1). ParseText wraps them
// in a TextError.
var (
	ErrTextNoNUL      = errors.New("key=value pair without a final null")
	ErrTextNoEqual    = errors.New("key=value pair without =")
	ErrTextEmptyKey   = errors.New("empty key name")
	ErrTextKeyTooLong = errors.New("key name above 63 bytes")
	ErrTextKeySyntax  = errors.New("key name is no standard-label")
	ErrTextValueLong  = errors.New("value too long")
	ErrTextValueUTF8  = errors.New("value is not UTF-8")
	ErrTextTooMany    = errors.New("too many key=value pairs")
)

// TextError reports a fault of key=value text, and its position.
type TextError struct {
	Offset int    // of the pair at fault, in bytes
	Key    string // its key name, if that is valid
	Err    error  // one of the ErrText errors
}

// Error describes the fault. It contains no byte of the peer's except a valid key
// name.
func (e *TextError) Error() string {
	s := "pdu: text at byte " + strconv.Itoa(e.Offset) + ": "
	if e.Key != "" {
		s += e.Key + ": "
	}
	return s + e.Err.Error()
}

// Unwrap returns Err.
func (e *TextError) Unwrap() error { return e.Err }

// ParseText reads the key=value pairs of b, as ReadText does, into a slice of
// at most max.
func ParseText(b []byte, max int) ([]KeyValue, error) {
	t, err := ReadText(b)
	if err != nil {
		return nil, err
	}
	var kvs []KeyValue
	for kv, rest := t.First(); kv.Key != ""; kv, rest = rest.First() {
		if len(kvs) >= max {
			off := len(t.pairs) - len(rest.pairs) - len(kv.Key) - len(kv.Value) - 1
			if rest.pairs != "" {
				off-- // the null between the two
			}
			return nil, &TextError{Offset: off, Key: kv.Key, Err: ErrTextTooMany}
		}
		kvs = append(kvs, kv)
	}
	return kvs, nil
}

// Text is a whole logical text data segment that ReadText has checked. The zero
// Text has no pairs.
type Text struct{ pairs string }

// ReadText checks the key=value pairs of b, a whole logical text data segment:
// text that continues over several PDUs must have been joined (RFC 7143, 6.1).
// The caller judges a key that occurs twice (6.2). It allocates one
// copy of b, however many pairs there are.
//
// The checks are those that hold for every key: that each pair ends in a null
// and has a =, that the key name is a standard-label of at most 63 bytes, and
// that the value is UTF-8 of at most MaxValueLen bytes whose list elements,
// unless they are encoded binary, have at most MaxSimpleValueLen. Nulls after
// the last pair are accepted: some initiators include padding in
// DataSegmentLength. The error is a *TextError.
func ReadText(b []byte) (Text, error) {
	end := len(bytes.TrimRight(b, "\x00"))
	if end == 0 {
		return Text{}, nil
	}
	// One copy holds all keys and values.
	text := string(b[:end])
	for off := 0; off < end; {
		pair, _, more := strings.Cut(text[off:], "\x00")
		if !more && end == len(b) {
			return Text{}, &TextError{Offset: off, Err: ErrTextNoNUL}
		}
		if kv, err := parsePair(pair); err != nil {
			return Text{}, &TextError{Offset: off, Key: kv.Key, Err: err}
		}
		off += len(pair) + 1
	}
	return Text{text}, nil
}

// Pairs yields the pairs in the order of the text, which matters.
func (t Text) Pairs() iter.Seq[KeyValue] {
	return func(yield func(KeyValue) bool) {
		for kv, rest := t.First(); kv.Key != ""; kv, rest = rest.First() {
			if !yield(kv) {
				return
			}
		}
	}
}

// First returns the first pair and the text after it. The key is empty if there
// is no pair.
func (t Text) First() (KeyValue, Text) {
	pair, rest, _ := strings.Cut(t.pairs, "\x00")
	key, value, _ := strings.Cut(pair, "=")
	return KeyValue{key, value}, Text{rest}
}

// Get returns the value of the first pair with that key.
func (t Text) Get(key string) (string, bool) {
	for kv := range t.Pairs() {
		if kv.Key == key {
			return kv.Value, true
		}
	}
	return "", false
}

// parsePair reads one pair without its null. With an error, Key is set if
// the key name is valid.
func parsePair(pair string) (KeyValue, error) {
	key, value, ok := strings.Cut(pair, "=")
	switch {
	case !ok:
		return KeyValue{}, ErrTextNoEqual
	case key == "":
		return KeyValue{}, ErrTextEmptyKey
	case len(key) > MaxKeyLen:
		return KeyValue{}, ErrTextKeyTooLong
	case !isKeyName(key):
		return KeyValue{}, ErrTextKeySyntax
	}
	kv := KeyValue{key, value}
	switch {
	case !valueFits(value):
		return kv, ErrTextValueLong
	case !utf8.ValidString(value):
		return kv, ErrTextValueUTF8
	}
	return kv, nil
}

// isKeyName reports whether s, not empty, is a standard-label: letters,
// digits, dot, minus, plus, commercial at and underscore, with a letter first:
// a capital one says RFC 7143, 6.1, but its own iSCSIProtocolLevel (13.24) has
// a small one. The number sign is accepted too: it is the second character of
// public extension keys (13.26, X#NodeArchitecture).
func isKeyName(s string) bool {
	if c := s[0] | 0x20; c < 'a' || c > 'z' {
		return false
	}
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9':
		case c == '.', c == '-', c == '+', c == '@', c == '_', c == '#':
		default:
			return false
		}
	}
	return true
}

// valueFits checks the lengths of a value as it stands in the text.
func valueFits(value string) bool {
	if len(value) > MaxValueLen {
		return false
	}
	if len(value) <= MaxSimpleValueLen {
		return true
	}
	for elem := range strings.SplitSeq(value, ",") {
		// "The maximum length of a simple-value (not its encoded
		// representation) is 255 bytes": only its key determines what a binary
		// value may decode to.
		if len(elem) > MaxSimpleValueLen && encoding(elem) == 0 {
			return false
		}
	}
	return true
}

// AppendText appends the pair key=value with its null to dst. It checks
// nothing: the keys and values are our own.
func AppendText(dst []byte, key, value string) []byte {
	dst = append(dst, key...)
	dst = append(dst, '=')
	dst = append(dst, value...)
	return append(dst, 0)
}
