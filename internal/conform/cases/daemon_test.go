package cases_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/conform/cases"
	"github.com/ringtgt/ringtgt/internal/conform/rules"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
)

func TestMain(m *testing.M) { harness.Main(m) }

// Every case has an ID of its own in a section that exists, and says what its rule is.
func TestCasesAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range cases.All() {
		check.That(t, !seen[c.ID], "%s: twice", c.ID)
		seen[c.ID] = true
		check.That(t, rules.Title(c.Section()) != "", "%s: there is no such section", c.ID)
		number := strings.TrimPrefix(rules.Of(c.ID), c.Section()+"/")
		check.That(t, number != "" && strings.Trim(number, "0123456789") == "", "%s: does not end in a number, and letters", c.ID)
		check.That(t, c.Title != "" && len(c.Title) <= 80, "%s: title %q", c.ID, c.Title)
		check.That(t, len(c.Rule) > 20 && strings.HasSuffix(c.Rule, "."), "%s: its rule is no sentence: %q", c.ID, c.Rule)
		check.That(t, len(c.Groups) > 0, "%s: no group", c.ID)
		check.That(t, c.Run != nil, "%s: nothing to run", c.ID)
	}
}

// ringtgt passes all cases, with and without digests, with one connection and four.
func TestRingtgtConforms(t *testing.T) {
	for _, v := range []conform.Variant{
		{},
		{Connections: 4, HeaderDigest: true, DataDigest: true},
	} {
		t.Run(fmt.Sprintf("%d connections, digests %v", max(1, v.Connections), v.DataDigest), func(t *testing.T) {
			t.Parallel()
			d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
			run := conform.Run{
				Target: &conform.Target{Portal: d.Addr(), Name: d.Target(), Initiator: "iqn.2026-11.io.ringtgt:conform"}, Variant: v,
				Destructive: true, Strict: true,
			}
			report := must.Get(run.Do(context.Background(), cases.All()))(t)
			for _, r := range report.Results {
				if r.Verdict != conform.Pass && r.Verdict != conform.Skip {
					t.Errorf("%s %s (%s): %s; due: %s; came: %s", r.Verdict, r.Case.ID, r.Case.Title, r.Case.Rule, r.Due, r.Came)
				}
			}
			check.Equal(t, len(report.Results), len(cases.All()), "results")
		})
	}
}

// ringtgt passes the cases of CHAP where it demands CHAP both ways. After a few wrong secrets it delays the answer to each login from
// an address, so the cases are shared out among several daemons.
func TestRingtgtConformsWithCHAP(t *testing.T) {
	const daemons = 8
	parts := make([][]conform.Case, daemons)
	for i, c := range must.Get(conform.Select(cases.All(), []string{"CHAP"}))(t) {
		parts[i%daemons] = append(parts[i%daemons], c)
	}
	for i, part := range parts {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			withCHAP(t, part)
		})
	}
}

func withCHAP(t *testing.T, some []conform.Case) {
	d := harness.StartT(t, harness.Options{Config: `
[[portal]]
listen = "{{ADDR}}"
[[target]]
name = "iqn.2026-11.com.example:disk"
[target.chap]
user = "joe"
secret = "the initiator's secret"
[target.mutual_chap]
user = "storage"
secret = "the target's secret"
[[target.lun]]
lun = 0
memory = "64MiB"
`})
	run := conform.Run{Strict: true, Target: &conform.Target{
		Portal: d.Addr(), Name: "iqn.2026-11.com.example:disk", Initiator: "iqn.2026-11.io.ringtgt:conform",
		User: "joe", Secret: "the initiator's secret", MutualUser: "storage", MutualSecret: "the target's secret",
	}}
	report := must.Get(run.Do(context.Background(), some))(t)
	for _, r := range report.Results {
		if r.Verdict != conform.Pass {
			t.Errorf("%s %s (%s): %s; due: %s; came: %s", r.Verdict, r.Case.ID, r.Case.Title, r.Case.Rule, r.Due, r.Came)
		}
	}
}
