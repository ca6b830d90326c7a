// Package must ends a test whose preconditions fail, on one line each. Package check reports and goes on.
//
//	file := must.Get(os.Open(path))(t)
//	must.OK(t, file.Truncate(4096))
//	must.Be(t, len(pages) > 0, "no pages in %s", dir)
package must

import "testing"

// OK ends the test if err is an error. A format and its arguments may say what was attempted.
func OK(t testing.TB, err error, what ...any) {
	if err == nil {
		return
	}
	t.Helper()
	if len(what) == 0 {
		t.Fatal(err)
	}
	t.Fatalf(what[0].(string)+": %v", append(what[1:len(what):len(what)], err)...)
}

// Get returns v, or ends the test if err is an error.
func Get[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		OK(t, err)
		return v
	}
}

// Be ends the test with the message unless ok.
func Be(t testing.TB, ok bool, format string, args ...any) {
	if !ok {
		t.Helper()
		t.Fatalf(format, args...)
	}
}
