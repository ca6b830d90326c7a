package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// CheckName validates an iSCSI name (RFC 7143 4.2.7). It refuses non-ASCII characters that 4.2.7.2 allows, because few
// initiators support them.
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

// checkIQN checks what follows "iqn." (RFC 7143 4.2.7.4): the month in which the naming authority owned its domain, the
// domain reversed, and a string of the authority's choice.
func checkIQN(s string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-.:"
	if i := strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(allowed, r) }); i >= 0 {
		if s[i] >= 'A' && s[i] <= 'Z' {
			return fmt.Errorf("must be lower case: iqn.%s (RFC 7143 4.2.7.2)", strings.ToLower(s))
		}
		return fmt.Errorf("%q is not allowed; only a-z, 0-9, dash, dot and colon are (RFC 7143 4.2.7.2)", rune(s[i]))
	}
	date, domain, ok := strings.Cut(s, ".")
	if _, err := time.Parse("2006-01", date); err != nil {
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

// CheckUser validates a CHAP name.
func CheckUser(s string) error {
	if s == "" || len(s) > maxUser || !utf8.ValidString(s) || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7F }) {
		return fmt.Errorf("want 1 to %d bytes without control characters", maxUser)
	}
	return nil
}

// CheckPattern validates an initiator name, or the beginning of one and a *.
func CheckPattern(s string) error {
	if prefix, open := strings.CutSuffix(s, "*"); open && strings.HasPrefix(prefix, "iqn.") {
		const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-.:"
		if strings.Trim(prefix, allowed) == "" && len(prefix) <= maxName {
			return nil // the rules for a whole name do not apply to its beginning
		}
	}
	return CheckName(s)
}

// CheckPool validates the name of a pool: it is part of paths and URLs.
func CheckPool(s string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	if s == "" || len(s) > maxPool || strings.Trim(s, allowed) != "" || s[0] == '.' || s[0] == '-' {
		return fmt.Errorf("want 1 to %d letters, digits, dashes, dots and underscores, not beginning with a dot or dash", maxPool)
	}
	return nil
}

// domainName reports whether s is a domain name of letters, digits and dashes (RFC 1123 2.1).
func domainName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		bad := strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
		})
		if label == "" || len(label) > 63 || bad {
			return false
		}
	}
	return true
}
