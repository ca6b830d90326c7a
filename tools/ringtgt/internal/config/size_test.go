package config

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "512": 512, "0512": 512, "7B": 7,
		"1k": 1 << 10, "1K": 1 << 10, "1KiB": 1 << 10, "1kiB": 1 << 10,
		"64M": 64 << 20, "64MiB": 64 << 20, "64m": 64 << 20, "3G": 3 << 30, "2TiB": 2 << 40, "5P": 5 << 50, "7E": 7 << 60,
		"9223372036854775807": math.MaxInt64, "8191P": 8191 << 50,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestParseSizeRefuses(t *testing.T) {
	for text, because := range map[string]string{
		"":                           "want a whole number",
		"-1":                         "want a whole number",
		"+1":                         "want a whole number",
		" 1":                         "want a whole number",
		"k":                          "want a whole number",
		"1 ":                         `no unit " "`,
		"1 k":                        `no unit " k"`,
		"1.5G":                       `no unit ".5G"`,
		"1e9":                        `no unit "e9"`,
		"0x10":                       `no unit "x10"`,
		"1_000":                      `no unit "_000"`,
		"1Z":                         `no unit "Z"`,
		"1KIB":                       `no unit "KIB"`,
		"1MiBs":                      `no unit "MiBs"`,
		"1b":                         `no unit "b"`,
		"1MB":                        "powers of 1000 or of 1024",
		"1kB":                        "powers of 1000 or of 1024",
		"9223372036854775808":        "more than 9223372036854775807",
		"8192P":                      "more than 9223372036854775807", // 2^63
		"8E":                         "more than 9223372036854775807",
		"99999999999999999999999999": "more than",
		"1\u00a0k":                   "no unit",
	} {
		if got, err := ParseSize(text); err == nil || !strings.Contains(err.Error(), because) {
			t.Errorf("ParseSize(%q) = %d, %v; want an error with %q", text, got, err, because)
		}
	}
}

// An accepted size is never negative, and is the number times its unit.
func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"1", "64k", "3GiB", "8E", "7EiB", "-1", "1MB", "9223372036854775807", "00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseSize(s)
		if err != nil {
			return
		}
		must.Be(t, n >= 0, "ParseSize(%q) = %d", s, n)
		again, err := ParseSize(strconv.FormatInt(n, 10))
		must.Be(t, err == nil && again == n, "%q is %d, and %d is %d, %v", s, n, n, again, err)
	})
}
