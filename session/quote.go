package session

import (
	"strconv"

	"github.com/ringtgt/ringtgt/internal/iscsiname"
)

// quoted returns a peer's text in a form that is safe for logs and terminals: printable ASCII, no longer than a name.
func quoted(s string) string {
	if len(s) > iscsiname.MaxLen {
		return strconv.QuoteToASCII(s[:iscsiname.MaxLen]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
