package harness

import (
	"context"

	"github.com/ringtgt/ringtgt/internal/need"
)

// TB is the part of testing.TB that this package uses, so that programs that import it do not link package testing.
type TB interface {
	Helper()
	Cleanup(func())
	Failed() bool
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Skip(args ...any)
}

// StartT starts a daemon for a test, kills it when the test ends, and shows its log if the test failed.
func StartT(t TB, o Options) *Daemon {
	t.Helper()
	d, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.Kill()
		if t.Failed() {
			t.Logf("the end of ringtgt's log:\n%s", d.Log())
		}
	})
	return d
}

// BuildT returns the path of the ringtgt that tests share. The package's TestMain calls Main or Cleanup.
func BuildT(t TB) string {
	t.Helper()
	path, err := Build(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Need returns the path of a client program. If it is missing, the test is skipped and names the Debian package; with CI=true it
// fails.
func Need(t TB, program, pkg string) string {
	t.Helper()
	return need.Program(t, program, pkg)
}
