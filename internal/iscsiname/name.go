// Package iscsiname has the rules of iSCSI names (RFC 7143, 4.2.7; RFC 3722): their form, when two are the same, and lists of them.
package iscsiname

import (
	"errors"
	"strings"

	"github.com/xdg-go/stringprep"
)

// MaxLen is the longest iSCSI name in bytes (4.2.7.1).
const MaxLen = 223

// profile is the stringprep profile for iSCSI names (RFC 3722). It folds case and width and rejects prohibited characters. Code
// points that Unicode 3.2 does not assign are prohibited in stored names (section 8).
var profile = stringprep.Profile{
	Mappings:  []stringprep.Mapping{stringprep.TableB1, stringprep.TableB2},
	Normalize: true,
	Prohibits: []stringprep.Set{stringprep.TableA1, stringprep.TableC1_1, stringprep.TableC1_2, stringprep.TableC2_1, stringprep.TableC2_2,
		stringprep.TableC3, stringprep.TableC4, stringprep.TableC5, stringprep.TableC6, stringprep.TableC7, stringprep.TableC8,
		stringprep.TableC9, {{'。', '。'}}}, // the last entry: RFC 3722, 6.1
	CheckBiDi: true,
}

var (
	errNameLong = errors.New("iSCSI name is longer than 223 bytes")                // RFC 7143, 4.2.7.1
	errNameChar = errors.New("iSCSI name has a prohibited character")              // 4.2.7.2; RFC 3722, 6
	errNameType = errors.New("not an iSCSI name: want an iqn., eui. or naa. name") // 4.2.7.3
)

// Canonical returns an iSCSI name in the form in which it is compared and printed (RFC 7143, 4.2.7): prepared by RFC 3722
// and of one of the three types. The result has no control characters and no spaces; its ASCII characters are letters, digits,
// dash, dot and colon.
func Canonical(s string) (string, error) {
	if len(s) > MaxLen {
		return "", errNameLong
	}
	if !repertoire(s) {
		return "", errNameChar
	}
	s, err := prepare(s)
	switch {
	case err != nil:
		return "", errNameChar
	case len(s) > MaxLen:
		return "", errNameLong
	case !repertoire(s): // compatibility mapping may have produced ASCII
		return "", errNameChar
	}
	if !nameTyped(s) {
		return "", errNameType
	}
	return s, nil
}

// prepare applies the profile to s.
func prepare(s string) (string, error) {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return profile.Prepare(s)
		}
	}
	return strings.ToLower(s), nil // all that the profile does to ASCII
}

// Fold returns a name in the form in which it is compared, without a check. Names are the same if their forms are equal byte for byte
// (RFC 7143, 4.2.7.2). Of text that the profile prohibits only the case is folded.
func Fold(s string) string {
	if p, err := prepare(s); err == nil {
		return p
	}
	return strings.ToLower(s)
}

// Matches reports whether pattern is name, or a beginning of it followed by a *.
func Matches(pattern, name string) bool { return matches(pattern, Fold(name)) }

func matches(pattern, folded string) bool {
	if prefix, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(folded, Fold(prefix))
	}
	return folded == Fold(pattern)
}

// Listed reports whether one of the patterns matches name. An empty list matches every name.
func Listed(patterns []string, name string) bool {
	name = Fold(name)
	for _, p := range patterns {
		if matches(p, name) {
			return true
		}
	}
	return len(patterns) == 0
}

// repertoire reports whether all ASCII characters of s may be in a name.
func repertoire(s string) bool {
	for i := range len(s) {
		if s[i] < 0x80 && !nameASCII(s[i]) {
			return false
		}
	}
	return true
}

// nameASCII reports whether a name may contain an ASCII character (RFC 3722, 6.2).
func nameASCII(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == ':'
}

// nameTyped reports whether a prepared name has one of the types of 4.2.7.3: iqn. with a date and a naming authority (4.2.7.4),
// eui. with an EUI-64 (4.2.7.5), naa. with 64 or 128 bits (4.2.7.6).
func nameTyped(s string) bool {
	kind, rest, _ := strings.Cut(s, ".")
	switch kind {
	case "iqn":
		date, authority, _ := strings.Cut(rest, ".")
		authority, _, _ = strings.Cut(authority, ":")
		return len(date) == 7 && date[4] == '-' && decimal(date[:4]) && decimal(date[5:]) && authority != ""
	case "eui":
		return len(rest) == 16 && hexadecimal(rest)
	case "naa":
		return (len(rest) == 16 || len(rest) == 32) && hexadecimal(rest)
	}
	return false
}

func decimal(s string) bool     { return strings.Trim(s, "0123456789") == "" }
func hexadecimal(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
