package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// fakeNode answers what a test sets, and records what it was asked.
type fakeNode struct {
	mu       sync.Mutex
	cfg      *config.Config
	plan     admin.Plan
	err      error
	sessions []admin.Session
	held     chan struct{} // if not nil, Do waits for it

	ops    []admin.Op
	dryRun bool
	force  bool
	filter admin.SessionFilter
	forgot string
	ctxErr error // of Do's context when it ended
}

func (n *fakeNode) Do(ctx context.Context, ops ...admin.Op) (*admin.Plan, error) {
	if n.held != nil {
		<-n.held
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ops, n.ctxErr = append(n.ops, ops...), ctx.Err()
	p := n.plan
	return &p, n.err
}

func (n *fakeNode) Apply(_ context.Context, dryRun, force bool) (*admin.Plan, error) {
	n.dryRun, n.force = dryRun, force
	p := n.plan
	p.DryRun = dryRun
	return &p, n.err
}

func (n *fakeNode) Config() *config.Config { return n.cfg }

func (n *fakeNode) Sessions(_ context.Context, f admin.SessionFilter) ([]admin.Session, error) {
	n.filter = f
	return n.sessions, n.err
}

func (n *fakeNode) Kick(_ context.Context, f admin.SessionFilter, force bool) ([]admin.Session, error) {
	n.filter, n.force = f, force
	return n.sessions, n.err
}

func (n *fakeNode) Forget(_ context.Context, which string) error {
	n.forgot = which
	return n.err
}

const (
	diskTarget = "iqn.2026-11.com.example:disk"
	host       = "iqn.1993-08.org.debian:01:host-1"
)

// fullConfig has every key.
func fullConfig() *config.Config {
	return &config.Config{
		File: "/etc/ringtgt/ringtgt.toml",
		Server: config.Server{
			State: "/var/lib/ringtgt", Control: "/run/ringtgt/control.sock", Cores: "0-3", Buffers: 64 << 20, Poll: -1, ZeroCopy: "auto",
			Steering: "off", XDP: []config.Interface{{Name: "eth0"}}, LogLevel: slog.LevelWarn, LogFormat: "json",
			LoginTimeout: 7 * time.Second, NOPInterval: -1, NOPTimeout: 9 * time.Second, StrictLogin: true,
			Group: "ringtgt", Readers: "monitors", SpaceWarning: 7,
		},
		Metrics:   config.Metrics{Listen: netip.MustParseAddrPort("127.0.0.1:9260"), Stages: true, Hosts: []string{"node1.example.com"}},
		API:       config.API{Listen: netip.MustParseAddrPort("192.0.2.1:3262"), Cert: "/c", Key: "/k", ClientCA: "/ca"},
		Discovery: config.Access{Accounts: []config.Account{{User: "finder", SecretFile: "/s/finder"}}},
		Portals:   []config.Portal{{Addr: netip.MustParseAddrPort("192.0.2.1:3260"), Group: 1}, {Addr: netip.MustParseAddrPort("[2001:db8::1]:3260"), Group: 2}},
		Pools:     []config.Pool{{Name: "fast", Path: "/srv/fast"}},
		Targets: []config.Target{{
			Name: diskTarget, Alias: "the disks", Groups: []uint16{1, 2},
			Access: config.Access{
				Accounts:   []config.Account{{User: "host-1", SecretFile: "/s/host-1", Initiators: []string{host}}},
				Mutual:     &config.Account{User: "storage", SecretFile: "/s/storage"},
				Algorithms: []string{"sha256"}, Initiators: []string{host, "iqn.2008-11.org.linux-kvm*"},
				Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
			},
			Redirect: &config.Redirect{Address: "198.51.100.1:3260", Permanent: true},
			Limits: config.Limits{
				Window: 64, MaxConnections: 4, MaxRecvDataSegmentLength: 4096, MaxBurstLength: 65536, FirstBurstLength: 32768,
				InitialR2T: true, NoImmediateData: true,
			},
			QoS: []config.InitiatorQoS{{Initiators: []string{host}, QoS: config.QoS{ReadIOPS: 100}}},
			LUNs: []config.LUN{
				{Number: 0, Kind: backend.KindFile, Path: "/srv/a.img", Size: 10 << 30, BlockSize: 4096, PhysicalBlock: 8192, ReadOnly: true, Thin: true,
					Removable: true, Direct: backend.DirectOn, Serial: "S1", ID: "id1", SanitizeRate: 1 << 20,
					Exports: []config.Export{{Initiators: []string{host}, Accounts: []string{"host-1"}, Number: 5}},
					QoS:     config.QoS{ReadIOPS: 1, WriteIOPS: 2, ReadBytes: 3, WriteBytes: 4, Burst: 500 * time.Millisecond}},
				{Number: 1, Kind: backend.KindBlock, Path: "/dev/mapper/x"},
				{Number: 2, Kind: backend.KindMemory, Size: 1 << 30},
				{Number: 3, Kind: backend.KindNull, Size: 1 << 30},
			},
		}},
	}
}

// as serves h to a caller.
func as(access control.Access, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(control.WithCaller(r.Context(), control.Caller{Name: "uid 1000, pid 7", Access: access})))
	})
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// serveFake serves a node over HTTP and returns a client.
func serveFake(t *testing.T, n *fakeNode, o Options) *Client {
	t.Helper()
	o.Node = n
	if o.Log == nil {
		o.Log = quiet()
	}
	srv := httptest.NewServer(as(control.AccessChange, New(o)))
	t.Cleanup(srv.Close)
	return NewClient(srv.URL, http.DefaultTransport)
}

// send sends one request to a server for node and returns the answer.
func send(t *testing.T, s http.Handler, access control.Access, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	as(access, s).ServeHTTP(w, r)
	return w
}
