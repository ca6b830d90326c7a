package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
)

// accountB is an account of a target in the file.
const accountB = "[[target.account]]\nuser = \"host-7\"\nsecret = \"the file's own secret\"\n"

// What commands made and the file then names, or a target that the file drops, does not count. It stays complete nevertheless, secrets
// included: the daemon starts with it, and it counts again when the file has changed back.
func TestWhatTheFileHidesStaysWhole(t *testing.T) {
	n := newNode(t, fileA+fileB)
	c := api.Dial(filepath.Join(n.dir, "c.sock"))
	defer c.Close()
	add := func(target, user string) {
		t.Helper()
		_, err := c.Do(n.ctx, admin.AddAccount{Target: target, User: user, Secret: "a secret of " + user})
		must.OK(t, err)
	}
	add(targetB, "host-7")
	add(targetA, "host-8")
	for what, text := range map[string]string{"the file has the account": fileA + fileB + accountB, "the file has no target": fileB} {
		plan, err := n.apply(text)
		must.OK(t, err, "%s", what)
		check.That(t, strings.Contains(strings.Join(plan.Warnings, "\n"), "ringtgt config prune") || what == "the file has no target", "%s: warnings %q", what, plan.Warnings)
		add(targetB, "host-9") // unused secrets are removed now
		check.Equal(t, len(must.Get(os.ReadDir(filepath.Join(n.dir, "state", "secrets")))(t)), 3, "%s: secrets", what)
		must.OK(t, n.stop())
		n.start()
		_, err = c.Do(n.ctx, admin.RemoveAccount{Target: targetB, User: "host-9", Open: true})
		must.OK(t, err, "%s", what)
	}
	_, err := n.apply(fileA + fileB)
	must.OK(t, err)
	check.Equal(t, len(n.now().target(targetA).cfg.Access.Accounts)+len(n.now().target(targetB).cfg.Access.Accounts), 2, "accounts that count again:")
}

// What the file hides can be dropped; what counts stays.
func TestPrune(t *testing.T) {
	n := newNode(t, fileA)
	c := api.Dial(filepath.Join(n.dir, "c.sock"))
	defer c.Close()
	must.OK(t, c.Request(n.ctx, http.MethodPut, "/v1/targets/"+targetB, nil, nil))
	_, err := c.Do(n.ctx, admin.AddAccount{Target: targetB, User: "host-7", Secret: "a secret of host-7"}, admin.AddAccount{Target: targetB, User: "host-8", Secret: "a secret of host-8"})
	must.OK(t, err)
	_, err = n.apply(fileA + fileB + accountB)
	must.OK(t, err)
	before := must.Get(c.Export(n.ctx))(t)
	var r api.Result
	must.OK(t, c.Request(n.ctx, http.MethodPost, "/v1/prune", nil, &r))
	check.That(t, r.Changed && len(r.Steps) == 0, "%+v", r)
	check.Equal(t, string(must.Get(c.Export(n.ctx))(t)), string(before), "what is in force:")
	plan, err := n.apply(fileA + fileB + accountB)
	must.OK(t, err)
	check.Equal(t, strings.Join(plan.Warnings, "\n"), "", "warnings:")
	check.Equal(t, len(must.Get(os.ReadDir(filepath.Join(n.dir, "state", "secrets")))(t)), 1, "secrets:")
	must.OK(t, c.Request(n.ctx, http.MethodPost, "/v1/prune", nil, &r))
	check.That(t, !r.Changed, "the same again: %+v", r)
}
