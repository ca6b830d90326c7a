package iscsiname

import (
	"strings"
	"testing"
	"unicode"

	"github.com/ringtgt/ringtgt/internal/check"
)

// Names by RFC 7143, 4.2.7, and RFC 3722.
func TestCanonical(t *testing.T) {
	long := "iqn.2026-11.io.example:" + strings.Repeat("x", MaxLen-23)
	for name, want := range map[string]string{
		"iqn.2001-04.com.example:storage:diskarrays-sn-a8675309": "iqn.2001-04.com.example:storage:diskarrays-sn-a8675309",
		"IQN.1991-05.com.Microsoft:HOST-1":                       "iqn.1991-05.com.microsoft:host-1",
		"eui.02004567A425678D":                                   "eui.02004567a425678d",
		"naa.52004567BA64678D":                                   "naa.52004567ba64678d",
		"naa.62004567BA64678D0123456789ABCDEF":                   "naa.62004567ba64678d0123456789abcdef",
		"iqn.2026-11.e:e":                                        "iqn.2026-11.e:e",
		"iqn.2008-11.org.linux-kvm":                              "iqn.2008-11.org.linux-kvm",
		long:                                                     long,
		"iqn.2001-04.com.example:Grüße":                          "iqn.2001-04.com.example:grüsse", // B.2
		"iqn.2001-04.com.example:ＡＢ１":                            "iqn.2001-04.com.example:ab1",    // KC
		"iqn.2001-04.com.example:a\u00adb":                       "iqn.2001-04.com.example:ab",     // B.1: a soft hyphen maps to nothing
	} {
		if got, err := Canonical(name); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]error{
		"":                                errNameType,
		"disk0":                           errNameType,
		"iqn.":                            errNameType,
		"iqn.2001-04":                     errNameType,
		"iqn.2001-04.:x":                  errNameType,
		"iqn.20a1-04.com.example":         errNameType,
		"xyz.2001-04.com.example":         errNameType,
		"eui.02004567A425678":             errNameType,
		"naa.52004567BA64678G":            errNameType,
		long + "x":                        errNameLong,
		"iqn.2001-04.com.example:a b":     errNameChar,
		"iqn.2001-04.com.example:a_b":     errNameChar,
		"iqn.2001-04.com.example:a/b":     errNameChar,
		"iqn.2001-04.com.example:\x1b[2J": errNameChar,
		"iqn.2001-04.com.example:a\nb":    errNameChar,
		"iqn.2001-04.com.example:\x7f":    errNameChar,
		"iqn.2001-04.com.example:\u0085":  errNameChar, // C.2.2
		"iqn.2001-04.com.example:\u00a0":  errNameChar, // C.1.2, a space by KC
		"iqn.2001-04.com.example:\u202e":  errNameChar, // C.8: right-to-left override
		"iqn.2001-04.com.example:\u3002":  errNameChar, // 6.1
		"iqn.2001-04.com.example:\ue000":  errNameChar, // C.3: private use
		"iqn.2001-04.com.example:\ufffd":  errNameChar, // C.6
		"iqn.2001-04.com.example:\uff0f":  errNameChar, // a fullwidth slash becomes one
		"iqn.2001-04.com.example:\u0221":  errNameChar, // A.1: not in Unicode 3.2
		"iqn.2001-04.com.example:\u05d0":  errNameChar, // section 7: right-to-left text in a left-to-right string
		"iqn.2001-04.com.example:\xff":    errNameChar,
	} {
		if got, err := Canonical(name); err != want {
			t.Errorf("%q: %q, %v; want %v", name, got, err, want)
		}
	}
}

// For any input the result is printable, and preparing it again changes nothing.
func FuzzCanonical(f *testing.F) {
	f.Add("iqn.2001-04.com.example:a")
	f.Add("iqn.2001-04.com.example:\u1e9b\u0323\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		name, err := Canonical(s)
		if err != nil {
			return
		}
		for _, r := range name {
			if r < 0x80 && !nameASCII(byte(r)) || unicode.IsControl(r) || unicode.IsSpace(r) {
				t.Fatalf("%q becomes %q", s, name)
			}
		}
		if again, err := Canonical(name); err != nil || again != name {
			t.Fatalf("%q becomes %q, and that %q, %v", s, name, again, err)
		}
	})
}

// Names compare as the profile prepares them (RFC 7143 4.2.7.2, RFC 3722 section 4 and 5), and a * at the end of a pattern, which no
// name can have (RFC 3722 6.2), stands for any rest.
func TestListed(t *testing.T) {
	const host = "iqn.1991-05.com.microsoft:host-1"
	for _, c := range []struct {
		patterns []string
		name     string
		want     bool
	}{
		{nil, host, true},
		{[]string{}, host, true},
		{[]string{host}, host, true},
		{[]string{"iqn.1991-05.com.Microsoft:HOST-1"}, host, true},
		{[]string{host}, "IQN.1991-05.com.Microsoft:Host-1", true},
		{[]string{host}, host + "0", false},
		{[]string{host + "0"}, host, false},
		{[]string{""}, host, false},
		{[]string{"iqn.2026-11.com.example:other", host}, host, true},
		{[]string{"*"}, host, true},
		{[]string{"IQN.1991-05.com.microsoft:*"}, host, true},
		{[]string{host + "*"}, host, true},
		{[]string{host + "*"}, host + "0", true},
		{[]string{"iqn.1991-05.com.microsoft:host-2*"}, host, false},
		{[]string{"iqn.*:host-1"}, host, false}, // a * elsewhere is a character that no name has
		{[]string{"*:host-1"}, host, false},
		{[]string{"eui.02004567A425678D"}, "eui.02004567a425678d", true},
		{[]string{"iqn.2001-04.com.example:Grüße"}, "iqn.2001-04.com.example:grüsse", true}, // table B.2, as in a login
		{[]string{"iqn.2001-04.com.example:Gr\u0075\u0308\u00df*"}, "iqn.2001-04.com.example:grüsse", true},
		{[]string{"iqn.2001-04.com.example:ＡＢ１"}, "iqn.2001-04.com.example:ab1", true},       // form KC
		{[]string{"iqn.2001-04.com.example:\ue000"}, "iqn.2001-04.com.example:\ue000", true}, // prohibited: compared nevertheless
	} {
		check.Equal(t, Listed(c.patterns, c.name), c.want, "%q lists %q:", c.patterns, c.name)
		if len(c.patterns) == 1 {
			check.Equal(t, Matches(c.patterns[0], c.name), c.want, "%q matches %q:", c.patterns[0], c.name)
		}
	}
}
