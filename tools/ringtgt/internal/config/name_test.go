package config

import (
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// Names by RFC 7143 4.2.7; the first three are its own examples.
func TestCheckName(t *testing.T) {
	long := "iqn.2026-11.io.ringtgt:" + strings.Repeat("x", 223-23)
	for _, name := range []string{
		"iqn.2001-04.com.example:storage:diskarrays-sn-a8675309", "eui.02004567A425678D", "naa.52004567BA64678D",
		"naa.62004567BA64678D0123456789ABCDEF",
		"iqn.2026-11.io.ringtgt:disk0", "iqn.2001-04.com.example", "iqn.1993-08.org.debian:01:ab12.x-y", long,
	} {
		check.OK(t, CheckName(name), "%s", name)
	}
	for name, because := range map[string]string{
		"":                            "want iqn.",
		"disk0":                       "want iqn.",
		"iqn":                         "want iqn.",
		"iqn.":                        "date",
		"xyz.1":                       `no type "xyz."`,
		"IQN.2001-04.com.example":     "must be lower case: iqn.2001-04.com.example",
		"iqn.2001-04.com.Example:A":   "must be lower case: iqn.2001-04.com.example:a",
		"iqn.2001-04.com.example:a_":  `'_' is not allowed`,
		"iqn.2001-04.com.example:a b": `' ' is not allowed`,
		"iqn.2001-04.com.example:ä":   "is not allowed",
		"iqn.2001-04.com.example:\n":  "is not allowed",
		"iqn.2001-4.com.example":      "YYYY-MM",
		"iqn.2001-13.com.example":     "YYYY-MM",
		"iqn.2001-00.com.example":     "YYYY-MM",
		"iqn.2001.04.com.example":     "YYYY-MM",
		"iqn.20a1-04.com.example":     "YYYY-MM",
		"iqn.2001-0a.com.example":     "YYYY-MM",
		"iqn.2001-04":                 "reversed domain",
		"iqn.2001-04.":                "reversed domain",
		"iqn.2001-04.:x":              "reversed domain",
		"iqn.2001-04.com..x":          "no reversed domain",
		"iqn.2001-04.com.-x":          "no reversed domain",
		"eui.02004567A425678":         "16 hexadecimal digits, not 15",
		"eui.02004567A425678G":        "hexadecimal digits only",
		"naa.52004567BA64678D0":       "16 or 32 hexadecimal digits, not 17",
		long + "y":                    "has 224 bytes",
	} {
		if err := CheckName(name); err == nil || !strings.Contains(err.Error(), because) {
			t.Errorf("%q: %v; want an error with %q", name, err, because)
		}
	}
}
