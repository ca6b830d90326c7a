package main

import (
	"os"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// Every mutant still applies to the code.
func TestMutantsApply(t *testing.T) {
	t.Chdir("../..")
	names := map[string]bool{}
	for _, m := range all() {
		check.That(t, !names[m.name], "two mutants are called %s", m.name)
		names[m.name] = true
		check.That(t, m.old != m.new, "%s changes nothing", m.name)
		if _, err := m.apply(); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if _, err := os.Stat(m.pkg); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}
