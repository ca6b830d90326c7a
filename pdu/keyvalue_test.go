package pdu

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// Pairs come in the order of the text, twice where they come twice, and a
// value is whatever follows the first = (RFC 7143, 6.1, 6.2).
func TestParseText(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		want []KeyValue
	}{
		{"nothing", "", nil},
		{"one pair", "InitialR2T=Yes\x00", []KeyValue{{"InitialR2T", "Yes"}}},
		{"order kept", "B=2\x00A=1\x00C=3\x00", []KeyValue{{"B", "2"}, {"A", "1"}, {"C", "3"}}},
		{"twice the same key", "A=1\x00A=2\x00", []KeyValue{{"A", "1"}, {"A", "2"}}},
		{"an empty value, as SendTargets in a session has", "SendTargets=\x00", []KeyValue{{"SendTargets", ""}}},
		{"an = in the value", "CHAP_R=0bAA==\x00", []KeyValue{{"CHAP_R", "0bAA=="}}},
		{"a value of UTF-8", "InitiatorAlias=Büro\x00", []KeyValue{{"InitiatorAlias", "Büro"}}},
		{"a public extension key, 13.26", "X#NodeArchitecture=a\x00", []KeyValue{{"X#NodeArchitecture", "a"}}},
		{"a vendor's key, 13.22", "X-com.example.do_it+1@2=a\x00", []KeyValue{{"X-com.example.do_it+1@2", "a"}}},
		{"the longest key name", strings.Repeat("K", 63) + "=\x00", []KeyValue{{strings.Repeat("K", 63), ""}}},
		{"the longest simple value", "A=" + strings.Repeat("v", 255) + "\x00", []KeyValue{{"A", strings.Repeat("v", 255)}}},
		{"a list of such", "A=" + strings.Repeat("v", 255) + "," + strings.Repeat("w", 255) + "\x00",
			[]KeyValue{{"A", strings.Repeat("v", 255) + "," + strings.Repeat("w", 255)}}},
		{"a long binary value", "A=0x" + strings.Repeat("0", 8190) + "\x00", []KeyValue{{"A", "0x" + strings.Repeat("0", 8190)}}},
		{"padding counted as text", "A=1\x00\x00\x00\x00", []KeyValue{{"A", "1"}}},
		{"padding only", "\x00\x00\x00\x00", nil},
		{"an empty value and padding", "A=\x00\x00\x00", []KeyValue{{"A", ""}}},
	} {
		got, err := ParseText([]byte(c.text), 10)
		check.That(t, err == nil && reflect.DeepEqual(got, c.want), "%s: %q, %v; want %q", c.name, got, err, c.want)
	}
}

func TestParseTextErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		text   string
		want   error
		offset int
		key    string
	}{
		{"no null", "A=1", ErrTextNoNUL, 0, ""},
		{"no null at the last pair", "A=1\x00B=2", ErrTextNoNUL, 4, ""},
		{"no =", "A\x00", ErrTextNoEqual, 0, ""},
		{"no = in the second", "A=1\x00BCD\x00", ErrTextNoEqual, 4, ""},
		{"an empty pair", "A=1\x00\x00B=2\x00", ErrTextNoEqual, 4, ""},
		{"an empty pair in front", "\x00A=1\x00", ErrTextNoEqual, 0, ""},
		{"no key name", "=1\x00", ErrTextEmptyKey, 0, ""},
		{"a key name of 64 bytes", strings.Repeat("K", 64) + "=1\x00", ErrTextKeyTooLong, 0, ""},
		{"a digit first", "1A=1\x00", ErrTextKeySyntax, 0, ""},
		{"a space in the key name", "A B=1\x00", ErrTextKeySyntax, 0, ""},
		{"a byte above ASCII in the key name", "A\xc3\xa4=1\x00", ErrTextKeySyntax, 0, ""},
		{"neighbours of the letters", "A[=1\x00", ErrTextKeySyntax, 0, ""},
		{"a simple value of 256 bytes", "A=" + strings.Repeat("v", 256) + "\x00", ErrTextValueLong, 0, "A"},
		{"a list element of 256 bytes", "A=a," + strings.Repeat("v", 256) + ",b\x00", ErrTextValueLong, 0, "A"},
		{"a binary value of 8193 bytes", "A=0x" + strings.Repeat("0", 8191) + "\x00", ErrTextValueLong, 0, "A"},
		{"a list of 8193 bytes", "A=" + strings.Repeat("v,", 4096) + "v\x00", ErrTextValueLong, 0, "A"},
		{"a long value that begins like no constant", "A=0z" + strings.Repeat("0", 254) + "\x00", ErrTextValueLong, 0, "A"},
		{"no UTF-8", "A=1\x00B=\xff\x00", ErrTextValueUTF8, 4, "B"},
		{"one pair too many", "A=1\x00B=2\x00C=3\x00D=4\x00", ErrTextTooMany, 12, "D"},
	} {
		got, err := ParseText([]byte(c.text), 3)
		if got != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %q, %v; want %v", c.name, got, err, c.want)
			continue
		}
		var te *TextError
		if !errors.As(err, &te) || te.Offset != c.offset || te.Key != c.key {
			t.Errorf("%s: %#v, want offset %d, key %q", c.name, err, c.offset, c.key)
		}
		if s := err.Error(); strings.Contains(s, "\x00") || strings.Contains(s, "\xff") || len(s) > 200 {
			t.Errorf("%s: the message repeats the peer's bytes: %q", c.name, s)
		}
	}
}

// "A string of one or more characters that consists of letters, digits, dot,
// minus, plus, commercial at, or underscore. A standard-label MUST begin with
// a capital letter" (RFC 7143, 6.1), which its own iSCSIProtocolLevel does not;
// and the number sign of 13.26.
func TestKeyNameCharacters(t *testing.T) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	const others = letters + "0123456789.-+@_#"
	for c := range 256 {
		b := byte(c)
		if b == 0 || b == '=' {
			continue // they end the key name
		}
		_, err := ParseText([]byte{b, '=', 0}, 1)
		if want := strings.IndexByte(letters, b) >= 0; (err == nil) != want {
			t.Errorf("key name %q: %v", string(rune(b)), err)
		}
		_, err = ParseText([]byte{'K', b, '=', 0}, 1)
		if want := strings.IndexByte(others, b) >= 0; (err == nil) != want {
			t.Errorf("key name K%q: %v", string(rune(b)), err)
		}
	}
}

func TestTextErrorMessage(t *testing.T) {
	for text, want := range map[string]string{
		"A=1\x00B=\xff\x00": "pdu: text at byte 4: B: value is not UTF-8",
		"A=1\x001=1\x00":    "pdu: text at byte 4: key name is no standard-label",
	} {
		if _, err := ParseText([]byte(text), 9); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// Every text that ends early in a pair fails, and none loses a pair silently.
func TestParseTextTruncations(t *testing.T) {
	var text []byte
	ends := map[int]int{0: 0}
	for i, kv := range []KeyValue{{"InitiatorName", "iqn.2026-11.io.ringtgt:a"}, {"SessionType", "Normal"}, {"X", ""}} {
		text = AppendText(text, kv.Key, kv.Value)
		ends[len(text)] = i + 1
	}
	for n := range text {
		got, err := ParseText(text[:n], 10)
		want, whole := ends[n]
		if whole && (err != nil || len(got) != want) || !whole && err == nil {
			t.Errorf("first %d bytes: %d pairs, %v", n, len(got), err)
		}
	}
}

func TestAppendText(t *testing.T) {
	got := AppendText([]byte("A=1\x00"), "TargetPortalGroupTag", "1")
	if want := "A=1\x00TargetPortalGroupTag=1\x00"; string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzText: any text is read or refused without a panic; what is accepted
// keeps to the limits, and written again it reads the same.
func FuzzText(f *testing.F) {
	f.Add([]byte("InitiatorName=iqn.2026-11.io.ringtgt:a\x00SessionType=Normal\x00AuthMethod=CHAP,None\x00"))
	f.Add([]byte("CHAP_A=5\x00CHAP_I=7\x00CHAP_C=0x0011223344556677\x00CHAP_R=0bAAECAw==\x00"))
	f.Add([]byte("MaxBurstLength=262144\x00X=1~0xff\x00Y=\x00\x00\x00"))
	f.Add([]byte("A=1"))
	f.Add([]byte("=\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		const max = 8
		kvs, err := ParseText(text, max)
		if err != nil {
			var te *TextError
			must.Be(t, kvs == nil && errors.As(err, &te) && te.Offset >= 0 && te.Offset < len(text), "%q, %#v", kvs, err)
			_ = err.Error()
			return
		}
		must.Be(t, len(kvs) <= max, "%d pairs", len(kvs))
		var again []byte
		for _, kv := range kvs {
			if len(kv.Key) == 0 || len(kv.Key) > MaxKeyLen || len(kv.Value) > MaxValueLen ||
				strings.ContainsAny(kv.Key, "=\x00") || strings.Contains(kv.Value, "\x00") {
				t.Fatalf("accepted %q", kv)
			}
			again = AppendText(again, kv.Key, kv.Value)
			checkValue(t, kv.Value)
		}
		must.Be(t, string(again) == strings.TrimRight(string(text), "\x00")+"\x00" || len(kvs) <= 0, "%q becomes %q", text, again)
		kvs2, err := ParseText(again, max)
		must.Be(t, err == nil && reflect.DeepEqual(kvs, kvs2), "%q becomes %q, %v", kvs, kvs2, err)
	})
}

// checkValue runs the decoders over a value: no panic, nothing beyond the
// limits, and what was decoded encodes and decodes to the same.
func checkValue(t *testing.T, s string) {
	const max = 1024
	if b, err := DecodeBinary(s, max); err == nil {
		must.Be(t, len(b) != 0 && len(b) <= max, "%q decodes to %d bytes", s, len(b))
		if c, err := DecodeBinary(EncodeHex(b), max); err != nil || string(b) != string(c) {
			t.Fatalf("%x becomes %x, %v", b, c, err)
		}
	} else if b != nil {
		t.Fatalf("%q: bytes with %v", s, err)
	}
	if v, err := ParseNumber(s, 5, 1<<24); err == nil && (v < 5 || v > 1<<24) {
		t.Fatalf("%q gives %d", s, v)
	}
	if lo, hi, err := ParseRange(s, 5, 1<<24); err == nil && (lo < 5 || hi > 1<<24 || lo > hi) {
		t.Fatalf("%q gives %d to %d", s, lo, hi)
	}
	_, _ = ParseBool(s)
}
