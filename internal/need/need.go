// Package need decides what a test does without something that it needs: elsewhere it is skipped, under CI=true it fails, because
// there tools/deps.sh has installed what tests need.
package need

import (
	"os"

	"github.com/ringtgt/ringtgt/internal/process"
)

// TB is the part of testing.TB that this package uses, so that programs that import it do not link package testing.
type TB interface {
	Helper()
	Fatal(args ...any)
	Skip(args ...any)
}

// Missing skips the test for a reason, or fails it where CI=true.
func Missing(t TB, reason ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason...)
	}
	t.Skip(reason...)
}

// Program returns the path of a program of a Debian package.
func Program(t TB, program, pkg string) string {
	t.Helper()
	path, err := process.LookPath(program)
	if err != nil {
		Missing(t, program, " is missing: install the Debian package ", pkg)
	}
	return path
}
