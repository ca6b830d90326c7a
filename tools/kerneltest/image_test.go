package kerneltest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestShellEnv(t *testing.T) {
	env := map[string]string{"B": "it's $HOME `x` \\ \"q\"", "A": "", "C": "'"}
	script := shellEnv(env) + `printf '%s|%s|%s' "$A" "$B" "$C"`
	out, err := exec.Command("sh", "-euc", script).Output()
	if err != nil || string(out) != "|"+env["B"]+"|'" {
		t.Errorf("the shell read %q, %v", out, err)
	}
}

func TestInitramfsHoldsBaseAndScripts(t *testing.T) {
	dir := t.TempDir()
	base, whole := filepath.Join(dir, "base"), filepath.Join(dir, "whole")
	if err := os.WriteFile(base, []byte("BASE"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeInitramfs(whole, base, map[string]string{"PORTAL": "10.0.2.2:3260"}, nil); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(whole)
	if err != nil || string(b[:4]) != "BASE" {
		t.Fatalf("starts with %q, %v; want the base", b[:4], err)
	}
	found := map[string]string{}
	for _, entry := range readCPIO(t, b[4:]) {
		found[entry.name] = entry.data
	}
	if found["init"] != "kt/init.sh" || found["kt/init.sh"] == "" {
		t.Errorf("init is %q", found["init"])
	}
	if found["kt/env.sh"] != "PORTAL='10.0.2.2:3260'\n" {
		t.Errorf("environment %q", found["kt/env.sh"])
	}
	for _, c := range cases {
		if found["kt/cases/"+c.name+".sh"] == "" {
			t.Errorf("case %s has no script", c.name)
		}
	}
}

// Other contents must not be served from the cache of earlier ones.
func TestContentsKey(t *testing.T) {
	a, b := guestContents, guestContents
	b.modules = append(append([]string{}, a.modules...), "dm_mod")
	if a.key() == b.key() {
		t.Error("one more module leaves the key as it was")
	}
	if a.key() != guestContents.key() {
		t.Error("the same contents have two keys")
	}
}
