package shell

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// The shell parses the quoted text as one argument with the same bytes.
func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"/srv/a-b.img": "/srv/a-b.img", "": "''", "/a b": "'/a b'", "x;y": "'x;y'", "/it's": `'/it'\''s'`, "$HOME": "'$HOME'", "~": "'~'", "ä": "'ä'", "a\nb": "'a\nb'",
	} {
		check.Equal(t, Quote(in), want, "Quote(%q) =", in)
	}
}
