// Package check reports what a test finds wrong and lets it go on. Package must ends the test.
//
//	check.That(t, sorted, "pages % x are not in ascending order (SPC-4 7.8.12)", pages)
//	check.Equal(t, len(page), 64, "length of the page (SBC-3 6.5.3)")
package check

import (
	"fmt"
	"testing"
)

// That reports the message unless ok.
func That(t testing.TB, ok bool, format string, args ...any) {
	if !ok {
		t.Helper()
		t.Errorf(format, args...)
	}
}

// Equal reports "<what> <got>, want <want>" unless they are equal. What is a format and its arguments.
func Equal[T comparable](t testing.TB, got, want T, format string, args ...any) {
	if got != want {
		t.Helper()
		t.Errorf("%s %v, want %v", fmt.Sprintf(format, args...), got, want)
	}
}

// OK reports err if it is an error. A format and its arguments may say what was attempted.
func OK(t testing.TB, err error, what ...any) {
	if err == nil {
		return
	}
	t.Helper()
	if len(what) == 0 {
		t.Error(err)
		return
	}
	t.Errorf(what[0].(string)+": %v", append(what[1:len(what):len(what)], err)...)
}
