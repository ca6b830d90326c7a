package shell

import "testing"

// The shell parses the quoted text as one argument with the same bytes.
func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"/srv/a-b.img": "/srv/a-b.img", "": "''", "/a b": "'/a b'", "x;y": "'x;y'", "/it's": `'/it'\''s'`, "$HOME": "'$HOME'", "~": "'~'", "ä": "'ä'", "a\nb": "'a\nb'",
	} {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}
