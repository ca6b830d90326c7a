package daemon

import (
	"context"
	"os"
	"os/exec"
	"testing"
)

// StartT starts a daemon for a test, kills it when the test ends, and shows its log if the test failed.
func StartT(t testing.TB, o Options) *Daemon {
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

// Need returns the path of a client program, or skips the test and names the Debian package that has it. With CI=true a
// missing package is a failure.
func Need(t testing.TB, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: install the Debian package %s", program, pkg)
	}
	t.Skipf("%s is missing: install the Debian package %s", program, pkg)
	return ""
}
