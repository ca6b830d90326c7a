package kerneltest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

func TestShellEnv(t *testing.T) {
	env := map[string]string{"B": "it's $HOME `x` \\ \"q\"", "A": "", "C": "'"}
	script := shellEnv(env) + `printf '%s|%s|%s' "$A" "$B" "$C"`
	out, err := exec.Command("sh", "-euc", script).Output()
	check.That(t, err == nil && string(out) == "|"+env["B"]+"|'", "the shell read %q, %v", out, err)
}

func TestInitramfsHoldsBaseAndScripts(t *testing.T) {
	dir := t.TempDir()
	base, whole := filepath.Join(dir, "base"), filepath.Join(dir, "whole")
	must.OK(t, os.WriteFile(base, []byte("BASE"), 0o644))
	must.OK(t, writeInitramfs(whole, base, map[string]string{"PORTAL": "10.0.2.2:3260"}, nil))
	b, err := os.ReadFile(whole)
	must.Be(t, err == nil && string(b[:4]) == "BASE", "starts with %q, %v; want the base", b[:4], err)
	found := map[string]string{}
	for _, entry := range readCPIO(t, b[4:]) {
		found[entry.name] = entry.data
	}
	check.That(t, found["init"] == "kt/init.sh" && found["kt/init.sh"] != "", "init is %q", found["init"])
	check.That(t, found["kt/env.sh"] == "PORTAL='10.0.2.2:3260'\n", "environment %q", found["kt/env.sh"])
	for _, c := range cases {
		check.That(t, found["kt/cases/"+c.name+".sh"] != "", "case %s has no script", c.name)
	}
}

// Other contents must not be served from the cache of earlier ones.
func TestContentsKey(t *testing.T) {
	a, b := guestContents, guestContents
	b.modules = append(append([]string{}, a.modules...), "dm_mod")
	check.That(t, a.key() != b.key(), "one more module leaves the key as it was")
	check.That(t, a.key() == guestContents.key(), "the same contents have two keys")
}
