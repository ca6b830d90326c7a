package api

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// Size is a number of bytes. JSON may have a number or a string with a unit, such as "10G"; answers have a number.
type Size int64

// UnmarshalJSON implements json.Unmarshaler.
func (s *Size) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		var str string
		if err := json.Unmarshal(text, &str); err != nil {
			return err
		}
		n, err := config.ParseSize(str)
		*s = Size(n)
		return err
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("size %s: want a whole number of bytes up to %d, or a string such as \"10G\"", text, int64(math.MaxInt64))
	}
	*s = Size(n)
	return nil
}
