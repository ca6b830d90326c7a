package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// recorder is a node that records what commands ask of it.
type recorder struct {
	cfg      *config.Config
	plan     admin.Plan
	err      error
	sessions []admin.Session
	ops      []admin.Op
	filter   admin.SessionFilter
	dryRun   bool
	force    bool
}

func (n *recorder) Do(_ context.Context, ops ...admin.Op) (*admin.Plan, error) {
	n.ops = append(n.ops, ops...)
	p := n.plan
	return &p, n.err
}

func (n *recorder) Apply(_ context.Context, dryRun, force bool) (*admin.Plan, error) {
	n.dryRun, n.force = dryRun, force
	p := n.plan
	p.DryRun = dryRun
	return &p, n.err
}
func (n *recorder) Config() *config.Config { return n.cfg }
func (n *recorder) Sessions(_ context.Context, f admin.SessionFilter) ([]admin.Session, error) {
	n.filter = f
	return n.sessions, n.err
}
func (n *recorder) Kick(_ context.Context, f admin.SessionFilter, force bool) ([]admin.Session, error) {
	n.filter, n.force = f, force
	return n.sessions, n.err
}
func (n *recorder) Forget(context.Context, string) error { return n.err }

const verbTarget = "iqn.2026-11.com.example:disk"

// serveRecorder serves n on a control socket and returns its path.
func serveRecorder(t *testing.T, n *recorder) string {
	t.Helper()
	if n.cfg == nil {
		n.cfg = &config.Config{
			Pools: []config.Pool{{Name: "fast", Path: "/srv/fast"}},
			Targets: []config.Target{{
				Name: verbTarget, Limits: config.Limits{Window: 7, MaxConnections: 3},
				LUNs: []config.LUN{{Number: 3, Kind: backend.KindFile, Path: "/srv/a.img", Thin: true, QoS: config.QoS{ReadIOPS: 5, WriteIOPS: 6}}},
			}},
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "control.sock")
	h := api.New(api.Options{Node: n, Secrets: api.NewSecrets(filepath.Join(dir, "secrets")), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	s := must.Get(control.Listen(path, control.Answers{API: h}, control.Groups{}))(t)
	t.Cleanup(s.Close)
	return path
}

// runVerb runs a command line on the daemon at path.
func runVerb(path string, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(append(args, "--control", path), streams{out: &o, err: &e, program: "ringtgt"})
	return code, o.String(), e.String()
}

// Each verb asks for the change that its flags describe.
func TestVerbsAsk(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	must.OK(t, os.WriteFile(secret, []byte("0123456789abcdef\n"), 0o600))
	yes, no, alias := true, false, "a"
	force := admin.Force{Force: true}
	for line, want := range map[string]admin.Op{
		"target add " + verbTarget + " --alias a --portal-group 1 --portal-group 2": admin.AddTarget{Name: verbTarget, Alias: "a", Groups: []uint16{1, 2}},
		"target set " + verbTarget + " --alias a --window 9":                        admin.SetTarget{Name: verbTarget, Alias: &alias, Limits: &config.Limits{Window: 9, MaxConnections: 3}},
		"target set " + verbTarget + " --qos-initiator iqn.x* --read-iops 9":        admin.SetTarget{Name: verbTarget, QoS: []config.InitiatorQoS{{Initiators: []string{"iqn.x*"}, QoS: config.QoS{ReadIOPS: 9}}}},
		"target remove " + verbTarget + " --force":                                  admin.RemoveTarget{Name: verbTarget, Force: force},
		"lun add " + verbTarget + " --file /srv/b.img --size 10G --thin":            admin.AddLUN{Target: verbTarget, LUN: config.LUN{Number: -1, Kind: backend.KindFile, Path: "/srv/b.img", Size: 10 << 30, Thin: true}},
		"lun add " + verbTarget + " --lun 7 --memory 64M --export iqn.x:a=b=0 --read-bytes 1M --burst 1s": admin.AddLUN{Target: verbTarget, LUN: config.LUN{
			Number: 7, Kind: backend.KindMemory, Size: 64 << 20, Exports: []config.Export{{Initiators: []string{"iqn.x:a=b"}}},
			QoS: config.QoS{ReadBytes: 1 << 20, Burst: time.Second}}},
		"lun set " + verbTarget + " 3 --read-only":                    admin.SetLUN{Target: verbTarget, Number: 3, ReadOnly: &yes},
		"lun set " + verbTarget + " 3 --no-read-only --export-all":    admin.SetLUN{Target: verbTarget, Number: 3, ReadOnly: &no, Exports: []config.Export{}},
		"lun set " + verbTarget + " 3 --export account:host-1=0":      admin.SetLUN{Target: verbTarget, Number: 3, Exports: []config.Export{{Accounts: []string{"host-1"}}}},
		"lun set " + verbTarget + " 3 --read-iops 9":                  admin.SetLUN{Target: verbTarget, Number: 3, QoS: &config.QoS{ReadIOPS: 9, WriteIOPS: 6}},
		"lun set " + verbTarget + " 3 --no-qos":                       admin.SetLUN{Target: verbTarget, Number: 3, QoS: &config.QoS{}},
		"lun resize " + verbTarget + " 3 20G":                         admin.ResizeLUN{Target: verbTarget, Number: 3, Size: 20 << 30},
		"lun remove " + verbTarget + " 3":                             admin.RemoveLUN{Target: verbTarget, Number: 3},
		"account remove discovery u":                                  admin.RemoveAccount{User: "u"},
		"account remove " + verbTarget + " u --mutual":                admin.RemoveAccount{Target: verbTarget, User: "u", Mutual: true},
		"portal add 192.0.2.1 --group 2":                              admin.AddPortal{Addr: must.Get(config.ParseListen("192.0.2.1:3260"))(t), Group: 2},
		"portal remove [::1]:3261":                                    admin.RemovePortal{Addr: must.Get(config.ParseListen("[::1]:3261"))(t)},
		"pool add slow /srv/slow":                                     admin.AddPool{Name: "slow", Path: "/srv/slow"},
		"pool remove slow":                                            admin.RemovePool{Name: "slow"},
		"acl remove " + verbTarget + " --initiator iqn.x --open":      admin.RemoveACL{Target: verbTarget, Initiators: []string{"iqn.x"}, Open: true},
		"acl add " + verbTarget + " --initiator iqn.x --initiator y*": admin.AddACL{Target: verbTarget, Initiators: []string{"iqn.x", "y*"}},
	} {
		n := &recorder{}
		code, _, errs := runVerb(serveRecorder(t, n), strings.Fields(line)...)
		must.Be(t, code == exitOK && len(n.ops) == 1, "%s: code %d, %v, %s", line, code, n.ops, errs)
		check.That(t, reflect.DeepEqual(n.ops[0], want), "%s asks\n%#v, want\n%#v", line, n.ops[0], want)
	}
	n := &recorder{}
	path := serveRecorder(t, n)
	code, _, errs := runVerb(path, "account", "add", verbTarget, "u", "--secret-file", secret)
	must.Be(t, code == exitOK && len(n.ops) == 1, "code %d, %s", code, errs)
	op := n.ops[0].(admin.AddAccount)
	check.That(t, strings.HasPrefix(op.SecretFile, filepath.Dir(path)) && op.Secret == "", "the node gets %+v", op)
	code, _, errs = runVerb(path, "acl", "add", verbTarget, "--network", "192.0.2.7", "--network", "2001:db8::/32")
	must.Be(t, code == exitOK, "%s", errs)
	check.Equal(t, fmt.Sprint(n.ops[1].(admin.AddACL).Networks), "[192.0.2.7/32 2001:db8::/32]", "networks")
}

// A command says in a line what it did, or that there was nothing to do.
func TestVerbsSayWhatTheyDid(t *testing.T) {
	n := &recorder{plan: admin.Plan{
		Steps:    []admin.Step{{Verb: admin.Change, Kind: admin.KindLUN, Target: verbTarget, Name: "3", Fields: []string{"read_only"}}},
		Restart:  []string{"cores"},
		Warnings: []string{"it is thin"},
	}}
	path := serveRecorder(t, n)
	args := []string{"lun", "set", verbTarget, "3", "--read-only"}
	_, out, _ := runVerb(path, args...)
	check.Equal(t, out, "warning: it is thin\nchanged lun 3 of "+verbTarget+": read_only\ncores takes effect when the daemon starts again\n", "output")
	_, out, _ = runVerb(path, append(args, "--json")...)
	var r api.Result
	check.That(t, json.Unmarshal([]byte(out), &r) == nil && r.Changed && len(r.Steps) == 1, "JSON %s", out)
	n.plan = admin.Plan{}
	_, out, _ = runVerb(path, args...)
	check.Equal(t, out, "lun 3 of "+verbTarget+": nothing to do\n", "output")
}

// Exit codes: 1 for what is refused, 3 for what failed, 4 without a daemon.
func TestVerbExitCodes(t *testing.T) {
	n := &recorder{}
	path := serveRecorder(t, n)
	for _, c := range []struct {
		err  error
		code int
	}{
		{fmt.Errorf("pool x %w", admin.ErrNotFound), exitUsage}, {fmt.Errorf("pool x %w", admin.ErrInUse), exitUsage},
		{config.Problems{{Text: "is wrong"}}, exitUsage}, {os.ErrClosed, exitRun}, {context.DeadlineExceeded, exitRun},
	} {
		n.err = c.err
		code, out, errs := runVerb(path, "pool", "remove", "x")
		check.That(t, code == c.code && out == "" && strings.Contains(errs, c.err.Error()), "%v: code %d, %q, %q", c.err, code, out, errs)
	}
	code, _, errs := runVerb(path+"-not-there", "pool", "list")
	check.That(t, code == exitNoDaemon && strings.Contains(errs, "no daemon answers"), "code %d, %q", code, errs)
	for _, line := range []string{
		"lun add " + verbTarget, "lun add " + verbTarget + " --memory 1G --file /x", "lun set " + verbTarget + " 3",
		"lun set " + verbTarget + " 3 --export iqn.x", "session kick", "session kick --target x --cid 1", "acl add " + verbTarget,
		"target set " + verbTarget + " --read-iops 5", "account add " + verbTarget + " u --secret-file /dev/null",
	} {
		n.ops = nil
		code, _, errs := runVerb(path, strings.Fields(line)...)
		check.That(t, code == exitUsage && errs != "" && n.ops == nil, "%s: code %d, %q, asked %v", line, code, errs, n.ops)
	}
}

// Lists are tables, or with --json the API's answer.
func TestVerbLists(t *testing.T) {
	n := &recorder{sessions: []admin.Session{{
		Target: verbTarget, Initiator: "iqn.x", ISID: "80", TSIH: 9, Account: "host-1", Connections: []admin.Connection{{CID: 1, Remote: "r", Local: "l"}},
	}}}
	path := serveRecorder(t, n)
	for line, want := range map[string]string{
		"target list":            verbTarget + "  1     0         all",
		"lun list":               verbTarget + "  3    -     file /srv/a.img  thin,bounded  all",
		"lun list " + verbTarget: "file /srv/a.img",
		"pool list":              "fast  -     -   /srv/fast",
		"portal list":            "ADDRESS",
		"acl list " + verbTarget: "every initiator may log in",
		"session list":           "session 9: " + verbTarget,
		"account list discovery": "USER",
		"config export":          "[[target]]",
		"apply --dry-run":        "nothing changes",
	} {
		code, out, errs := runVerb(path, strings.Fields(line)...)
		check.That(t, code == exitOK && strings.Contains(out, want), "%s: code %d, %q %s, want %q", line, code, out, errs, want)
		code, out, errs = runVerb(path, append(strings.Fields(line), "--json")...)
		check.That(t, code == exitOK && json.Valid([]byte(out)), "%s --json: code %d, %q %s", line, code, out, errs)
	}
	code, out, errs := runVerb(path, "session", "kick", "--tsih", "9", "--cid", "1", "--force")
	check.That(t, code == exitOK && out == "ended session 9 of iqn.x with "+verbTarget+"\n", "code %d, %q %s", code, out, errs)
	check.That(t, n.filter.TSIH == 9 && n.filter.CID != nil && n.force && n.dryRun, "filter %+v, dry run %v", n.filter, n.dryRun)
}
