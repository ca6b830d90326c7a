package session

import (
	"errors"
	"strconv"
	"strings"

	"github.com/xdg-go/stringprep"
)

// namePrep is the stringprep profile for iSCSI names (RFC 3722). It folds case and width and rejects prohibited characters. Code
// points that Unicode 3.2 does not assign are prohibited in stored names (section 8).
var namePrep = stringprep.Profile{
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

// canonicalName returns an iSCSI name in the form in which it is compared and printed (RFC 7143, 4.2.7): prepared by RFC 3722
// and of one of the three types. The result has no control characters and no spaces; its ASCII characters are letters, digits,
// dash, dot and colon.
func canonicalName(s string) (string, error) {
	if len(s) > maxName {
		return "", errNameLong
	}
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii = false
		} else if !nameASCII(s[i]) {
			return "", errNameChar
		}
	}
	if ascii {
		s = strings.ToLower(s) // all that the profile does to ASCII
	} else {
		var err error
		if s, err = namePrep.Prepare(s); err != nil {
			return "", errNameChar
		}
		if len(s) > maxName {
			return "", errNameLong
		}
		for i := range len(s) { // compatibility mapping may have produced ASCII
			if s[i] < 0x80 && !nameASCII(s[i]) {
				return "", errNameChar
			}
		}
	}
	if !nameTyped(s) {
		return "", errNameType
	}
	return s, nil
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

// quoted returns a peer's text in a form that is safe for logs and terminals: printable ASCII, no longer than a name.
func quoted(s string) string {
	if len(s) > maxName {
		return strconv.QuoteToASCII(s[:maxName]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
