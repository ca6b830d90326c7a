package config

import (
	"errors"
	"fmt"
	"strings"
)

// CheckName says what is wrong with an iSCSI name (RFC 7143 4.2.7). Of the characters that 4.2.7.2 allows, those beyond
// ASCII are refused: few initiators can carry them.
func CheckName(s string) error {
	if len(s) > maxName {
		return fmt.Errorf("has %d bytes; an iSCSI name has at most %d (RFC 7143 4.2.7.1)", len(s), maxName)
	}
	kind, rest, ok := strings.Cut(s, ".")
	if !ok {
		return errors.New("want iqn.YYYY-MM.DOMAIN[:NAME], eui.HEX or naa.HEX (RFC 7143 4.2.7.3)")
	}
	switch kind {
	case "iqn":
		return checkIQN(rest)
	case "eui": // 4.2.7.5: an EUI-64
		return checkHex(rest, "eui.", 16)
	case "naa": // 4.2.7.6: 64 or 128 bits
		return checkHex(rest, "naa.", 16, 32)
	}
	if strings.ToLower(kind) != kind {
		return fmt.Errorf("must be lower case: %s (RFC 7143 4.2.7.2)", strings.ToLower(s))
	}
	return fmt.Errorf("there is no type %q; want iqn., eui. or naa. (RFC 7143 4.2.7.3)", kind+".")
}

// checkIQN looks at what follows "iqn." (RFC 7143 4.2.7.4): the month in which the naming authority had its domain, the
// domain reversed, and what the authority likes.
func checkIQN(s string) error {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == ':':
		case c >= 'A' && c <= 'Z':
			return fmt.Errorf("must be lower case: iqn.%s (RFC 7143 4.2.7.2)", strings.ToLower(s))
		default:
			return fmt.Errorf("%q is not allowed; only a-z, 0-9, dash, dot and colon are (RFC 7143 4.2.7.2)", rune(c))
		}
	}
	date, domain, ok := strings.Cut(s, ".")
	month := ""
	if len(date) == 7 && date[4] == '-' {
		month = date[5:]
	}
	if month < "01" || month > "12" || !digits(date[:4]) || !digits(month) {
		return errors.New("after iqn. comes the date YYYY-MM in which the naming authority owned its domain (RFC 7143 4.2.7.4)")
	}
	domain, _, _ = strings.Cut(domain, ":")
	if !ok || domain == "" {
		return errors.New("after the date comes the reversed domain of the naming authority, such as .com.example (RFC 7143 4.2.7.4)")
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("%q is no reversed domain (RFC 7143 4.2.7.4)", domain)
		}
	}
	return nil
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func checkHex(s, prefix string, lengths ...int) error {
	if strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return fmt.Errorf("after %s come hexadecimal digits only", prefix)
	}
	for _, n := range lengths {
		if len(s) == n {
			return nil
		}
	}
	return fmt.Errorf("after %s come %s hexadecimal digits, not %d", prefix, strings.Trim(strings.ReplaceAll(fmt.Sprint(lengths), " ", " or "), "[]"), len(s))
}
