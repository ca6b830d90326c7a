package packaging

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
)

// patience bounds every wait for another process.
const patience = 10 * time.Minute

func TestMain(m *testing.M) { harness.Main(m) }

// root is the repository.
func root(t testing.TB) string {
	t.Helper()
	return must.Get(filepath.Abs("../.."))(t)
}

// run runs a command in the repository and returns its output; if it fails, so does the test.
func run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := try(t, args...)
	must.Be(t, err == nil, "%s: %v\n%s", strings.Join(args, " "), err, out)
	return out
}

func try(t testing.TB, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.WaitDelay = root(t), time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// needRoot skips a test that mounts and boots.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: a Debian of its own cannot be set up and booted")
	}
}

// contains fails the test for each text that is missing.
func contains(t testing.TB, what, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s: no %q in\n%s", what, w, got)
		}
	}
}
