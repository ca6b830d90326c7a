package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/conform/cases"
	"github.com/ringtgt/ringtgt/internal/conform/rules"
	"github.com/ringtgt/ringtgt/internal/must"
)

// The page is that of the cases and rules in the tree.
func TestPageIsUpToDate(t *testing.T) {
	want := must.Get(coverage())(t)
	have := must.Get(os.ReadFile("../../docs/conform-coverage.md"))(t)
	check.That(t, bytes.Equal(have, want), "docs/conform-coverage.md is out of date: make conform-coverage")
}

// maxOpen is how many rules for targets had neither a case nor a reason when this was last looked at.
const maxOpen = 34

// Every rule that binds a target has a case or a reason why none can try it. Until that is so, the number of the others may not grow.
func TestRulesHaveCases(t *testing.T) {
	all := must.Get(rules.All())(t)
	targets := idsOf(all, cases.All())
	open := 0
	for _, r := range all {
		if r.BindsTarget() && len(targets[r.ID]) == 0 && r.WhyNot == "" {
			open++
		}
		check.That(t, len(targets[r.ID]) == 0 || r.WhyNot == "", "%s: a case tries it, but it has a reason why none can: %s", r.ID, r.WhyNot)
	}
	check.That(t, open <= maxOpen, "%d rules for targets have neither a case nor a reason; there were %d", open, maxOpen)
	t.Logf("%d rules for targets have neither a case nor a reason", open)
}

// Each column says what it is for.
func TestPage(t *testing.T) {
	some := []rules.Rule{
		{ID: "rfc7143/6.1/1", Level: rules.Must, Binds: rules.Both, Text: "Tried."},
		{ID: "rfc7143/6.1/2", Level: rules.ShouldNot, Binds: rules.Target, WhyNot: "it hides", Text: "Cannot be tried."},
		{ID: "rfc7143/6.1/3", Level: rules.Must, Binds: rules.Target, Same: "rfc7143/6.1/1", Text: "Repeats."},
		{ID: "rfc7144/6.3/1", Level: rules.Must, Binds: rules.Target, Text: "Open."},
		{ID: "rfc7144/6.3/2", Level: rules.Must, Binds: rules.Initiator, Text: "Judged."},
	}
	got := string(page(some, idsOf(some, []conform.Case{{ID: "rfc7143/6.1/1b"}, {ID: "rfc7143/6.4/0", Also: []string{"rfc7143/6.1/1"}}}),
		tried{"rfc7144/6.3/2": {"rfc7144/6.3/2"}}))
	for _, want := range []string{
		"| RFC 7143, 6: Login and Full Feature Phase Negotiation | 2 / 0 / 0 | 0 / 1 / 0 | 0 / 1 |\n",
		"| RFC 7144 | 0 / 0 / 1 | 0 / 0 / 0 | 1 / 1 |\n",
		"| all | 2 / 0 / 1 | 0 / 1 / 0 | 1 / 2 |\n",
		"\n## RFC 7144, 6.3: Task Management Function Additions\n",
		"- **1 MUST** (both): Tried. 6.1/1b, 6.4/0\n",
		"- **2 SHOULD NOT** (target): Cannot be tried. none: it hides\n",
		"- **3 MUST** (target): Repeats. 6.1/1b, 6.4/0\n",
		"- **1 MUST** (target): Open. **open**\n",
		"- **2 MUST** (initiator): Judged. `--as-target`\n",
	} {
		check.That(t, bytes.Contains([]byte(got), []byte(want)), "%q is not in:\n%s", want, got)
	}
}
