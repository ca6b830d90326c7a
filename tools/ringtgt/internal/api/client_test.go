package api

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

func ptr[T any](v T) *T { return &v }

// everyOp has each Op with each of its fields set, and those whose zero value differs from "leave it" once more.
func everyOp() []admin.Op {
	full := fullConfig()
	limits, qos := full.Targets[0].Limits, full.Targets[0].LUNs[0].QoS
	return []admin.Op{
		admin.AddTarget{Name: diskTarget, Alias: "a", Groups: []uint16{1, 2}},
		admin.SetTarget{Name: diskTarget, Alias: ptr(""), Limits: &limits, Algorithms: []string{"md5"}, QoS: full.Targets[0].QoS},
		admin.SetTarget{Name: diskTarget, Limits: &config.Limits{}, QoS: []config.InitiatorQoS{}},
		admin.SetTarget{Name: diskTarget},
		admin.RemoveTarget{Name: diskTarget, Force: admin.Force{Force: true}},
		admin.AddLUN{Target: diskTarget, LUN: full.Targets[0].LUNs[0]},
		admin.AddLUN{Target: diskTarget, LUN: config.LUN{Number: -1, Kind: backend.KindMemory, Size: 1 << 30}},
		admin.SetLUN{Target: diskTarget, Number: 3, ReadOnly: ptr(false), Exports: full.Targets[0].LUNs[0].Exports, QoS: &qos},
		admin.SetLUN{Target: diskTarget, Number: 3, Exports: []config.Export{}, QoS: &config.QoS{}},
		admin.SetLUN{Target: diskTarget, Number: 3},
		admin.ResizeLUN{Target: diskTarget, Number: 3, Size: 1 << 40},
		admin.RemoveLUN{Target: diskTarget, Number: 3},
		admin.AddAccount{Target: diskTarget, User: "u", SecretFile: "/s/u", Initiators: []string{host}, Mutual: true},
		admin.RemoveAccount{Target: diskTarget, User: "u", Mutual: true},
		admin.AddACL{Target: diskTarget, Initiators: []string{host}, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}},
		admin.RemoveACL{Target: diskTarget, Initiators: []string{host}, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Open: true},
		admin.AddPortal{Addr: netip.MustParseAddrPort("[2001:db8::1]:3260"), Group: 0},
		admin.RemovePortal{Addr: netip.MustParseAddrPort("192.0.2.1:3260"), Force: admin.Force{Force: true}},
		admin.AddPool{Name: "fast", Path: "/srv/fast"},
		admin.RemovePool{Name: "fast", Force: admin.Force{Force: true}},
		admin.ExportFile{Target: diskTarget, Path: "/srv/fast/a.img", Initiator: host, Account: "host-1", LUN: -1, Thin: true, ReadOnly: true},
		admin.UnexportFile{Target: diskTarget, Path: "/srv/fast/a.img", Initiator: host, Force: admin.Force{Force: true}},
		admin.Prune{},
	}
}

// Every Op arrives as it was sent, and every kind of Op is tried.
func TestOpsTravel(t *testing.T) {
	n := &fakeNode{cfg: fullConfig()}
	c := serveFake(t, n, Options{})
	sent := everyOp()
	must.Get(c.Do(t.Context(), sent...))(t)
	must.Be(t, len(n.ops) == len(sent), "%d ops arrived of %d", len(n.ops), len(sent))
	tried := map[reflect.Type]bool{}
	for i, op := range sent {
		tried[reflect.TypeOf(op)] = true
		check.That(t, reflect.DeepEqual(n.ops[i], op), "arrived\n%#v, sent\n%#v", n.ops[i], op)
	}
	for _, f := range opForms() {
		check.That(t, tried[f.op], "%s was not tried", f.name)
	}
}

// The configuration arrives as the daemon has it, apart from secrets and positions.
func TestConfigTravels(t *testing.T) {
	n := &fakeNode{cfg: fullConfig()}
	n.cfg.Targets[0].Access.Accounts[0].Secret = []byte("0123456789abcdef")
	c := serveFake(t, n, Options{})
	got := must.Get(c.ReadConfig(t.Context()))(t)
	if want := fullConfig(); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
	got = must.Get(serveFake(t, &fakeNode{cfg: &config.Config{}}, Options{}).ReadConfig(t.Context()))(t)
	check.That(t, reflect.DeepEqual(got, &config.Config{}), "an empty configuration arrives as %+v", got)
}

// The client's errors are those of package admin.
func TestErrorsTravel(t *testing.T) {
	for _, err := range []error{
		admin.ErrNotFound, admin.ErrExists, admin.ErrFileOwned, admin.ErrInUse, admin.ErrBusy, admin.ErrInvalid, ErrUnavailable, context.DeadlineExceeded,
	} {
		n := &fakeNode{cfg: fullConfig(), err: &wrapped{err}}
		_, got := serveFake(t, n, Options{}).Do(t.Context(), admin.RemovePool{Name: "x"})
		check.That(t, errors.Is(got, err) && got.Error() == (&wrapped{err}).Error(), "%v arrives as %v", err, got)
	}
	ps := config.Problems{{At: config.Where{File: "f.toml", Line: 3, Col: 7}, Text: "is wrong"}, {Text: "is odd", Warning: true}}
	_, got := serveFake(t, &fakeNode{cfg: fullConfig(), err: ps}, Options{}).Apply(t.Context(), true, false)
	var back config.Problems
	must.Be(t, errors.As(got, &back) && errors.Is(got, admin.ErrInvalid), "problems arrive as %v", got)
	check.Equal(t, back.Error(), ps.Error(), "problems")
}

type wrapped struct{ err error }

func (w *wrapped) Error() string { return "target iqn.x: " + w.err.Error() }
func (w *wrapped) Unwrap() error { return w.err }

// Plans, sessions and filters arrive.
func TestAnswersTravel(t *testing.T) {
	plan := admin.Plan{
		Steps:   []admin.Step{{Verb: admin.Change, Kind: admin.KindLUN, Target: diskTarget, Name: "3", Fields: []string{"read_only"}}},
		Restart: []string{"cores"}, Warnings: []string{"thin"},
	}
	sessions := []admin.Session{{
		Target: diskTarget, Initiator: host, ISID: "80123456789a", TSIH: 7, Account: "host-1", Since: time.Unix(1e9, 0).UTC(),
		Connections: []admin.Connection{{CID: 1, Remote: "192.0.2.9:1", Local: "192.0.2.1:3260", Loop: 2}},
	}}
	n := &fakeNode{cfg: fullConfig(), plan: plan, sessions: sessions}
	c := serveFake(t, n, Options{})
	got := must.Get(c.Apply(t.Context(), true, true))(t)
	want := plan
	want.DryRun = true
	check.That(t, reflect.DeepEqual(*got, want) && n.dryRun && n.force, "plan %+v, dry run %v, force %v", got, n.dryRun, n.force)
	f := admin.SessionFilter{Target: diskTarget, Initiator: host, Account: "host-1", TSIH: 7, CID: ptr(uint16(0))}
	list := must.Get(c.Sessions(t.Context(), f))(t)
	check.That(t, reflect.DeepEqual(list, sessions) && reflect.DeepEqual(n.filter, f), "sessions %+v by %+v", list, n.filter)
	n.filter = admin.SessionFilter{}
	list = must.Get(c.Kick(t.Context(), f, false))(t)
	check.That(t, reflect.DeepEqual(list, sessions) && reflect.DeepEqual(n.filter, f) && !n.force, "kicked %+v by %+v, force %v", list, n.filter, n.force)
	must.OK(t, c.Forget(t.Context(), "/srv/a.img"))
	check.Equal(t, n.forgot, "/srv/a.img", "forgot")
}
