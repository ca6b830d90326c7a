package monitoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/need"
)

const rulesFile = "../../docs/prometheus/ringtgt.rules.yml"

// promtool runs Prometheus's tool and returns what it printed.
func promtool(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path := need.Program(t, "promtool", "prometheus")
	out, err := exec.Command(path, args...).CombinedOutput()
	return string(out), err
}

// The alert rules can be loaded, and each fires for the series that it is for and for no healthy node.
func TestRules(t *testing.T) {
	out, err := promtool(t, "check", "rules", rulesFile)
	must.OK(t, err, "%s", out)
	text := must.Get(os.ReadFile(rulesFile))(t)
	tests := must.Get(os.ReadFile("testdata/rules_test.yml"))(t)
	for line := range strings.Lines(string(text)) {
		if _, name, ok := strings.Cut(line, "- alert: "); ok {
			name = strings.TrimSpace(name)
			check.That(t, strings.Contains(string(tests), "alertname: "+name+"\n"), "alert %s has no test", name)
		}
	}
	out, err = promtool(t, "test", "rules", "testdata/rules_test.yml")
	must.OK(t, err, "%s", out)
}

// Prometheus can parse every query of the dashboard.
func TestQueries(t *testing.T) {
	var b strings.Builder
	b.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	all := expressions(t)
	must.Be(t, len(all) > 30, "%d queries", len(all))
	for i, e := range all {
		fmt.Fprintf(&b, "      - record: query:number%d\n        expr: '%s'\n", i, strings.ReplaceAll(e, "'", "''"))
	}
	file := filepath.Join(t.TempDir(), "queries.yml")
	must.OK(t, os.WriteFile(file, []byte(b.String()), 0o600))
	out, err := promtool(t, "check", "rules", file)
	must.OK(t, err, "%s", out)
	check.That(t, strings.Contains(out, fmt.Sprintf("%d rules found", len(all))), "%s", out)
}
