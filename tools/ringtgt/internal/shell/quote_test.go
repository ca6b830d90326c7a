package shell

import "testing"

// What is copied into a shell arrives as one argument, with every byte.
func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"/srv/a-b.img": "/srv/a-b.img", "": "''", "/a b": "'/a b'", "x;y": "'x;y'", "/it's": `'/it'\''s'`, "$HOME": "'$HOME'", "~": "'~'", "ä": "'ä'", "a\nb": "'a\nb'",
	} {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}
