package need

import (
	"fmt"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// fake notes how a test ended.
type fake struct{ end string }

func (f *fake) Helper()        {}
func (f *fake) Fatal(a ...any) { f.end += "failed: " + fmt.Sprint(a...) }
func (f *fake) Skip(a ...any)  { f.end += "skipped: " + fmt.Sprint(a...) }

func TestProgram(t *testing.T) {
	for ci, want := range map[string]string{"": "skipped: ", "false": "skipped: ", "true": "failed: "} {
		t.Setenv("CI", ci)
		var f fake
		check.Equal(t, Program(&f, "no-such-program", "none"), "", "path")
		// A real test ends at the first call, so only the beginning counts.
		check.Equal(t, f.end[:len(want)], want, "CI=%s:", ci)
		f = fake{}
		check.That(t, Program(&f, "sh", "dash") != "" && f.end == "", "sh: %s", f.end)
	}
}
