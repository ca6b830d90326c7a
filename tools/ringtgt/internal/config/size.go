package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units are the binary multiples by their letter. The letters alone mean the same as with the "iB" of IEC 80000-13.
const units = "KMGTPE"

// ParseSize reads a size in bytes: a whole number with an optional unit, 4096, 64k, 1G, 16MiB. k to E and KiB to EiB are
// powers of 1024. Decimal units (kB, MB ...) are refused: they are too often written for binary ones.
func ParseSize(s string) (int64, error) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	if digits == 0 {
		return 0, fmt.Errorf("size %q: want a whole number and a unit, such as 512, 64k, 16MiB, 1G", s)
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("size %q is more than %d bytes", s, int64(math.MaxInt64))
	}
	unit := s[digits:]
	if unit == "" || unit == "B" {
		return n, nil
	}
	power := strings.IndexByte(units, unit[0]&^0x20) + 1
	switch rest := unit[1:]; {
	case power == 0 || rest != "" && rest != "iB" && rest != "B":
		return 0, fmt.Errorf("size %q: there is no unit %q; use k, M, G, T or KiB, MiB, GiB, TiB", s, unit)
	case rest == "B":
		return 0, fmt.Errorf("size %q: %s may mean powers of 1000 or of 1024; write %c or %ciB for 1024", s, unit, unit[0], units[power-1])
	}
	shift := 10 * power
	if n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("size %q is more than %d bytes", s, int64(math.MaxInt64))
	}
	return n << shift, nil
}
